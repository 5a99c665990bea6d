"""Learning a tool's fields from samples."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.connectors.webhook.test_webhooks import ORDER, connector, one, post

from vaivem.connectors.sdk import Connection
from vaivem.connectors.webhook.learning import MOST_FIELDS, learn_fields
from vaivem.core.availability import known_paths
from vaivem.core.fields import Field, FieldType
from vaivem.core.paths import read, split_path


def learned(*bodies: Any) -> dict[str, Field]:
    return {field.key: field for field in learn_fields([{"body": body, "query": {}} for body in bodies])}


def test_an_orders_fields() -> None:
    found = {field.key: field.type for field in learn_fields([one(post()).data])}
    assert found == {
        "body.evento": FieldType.TEXT,
        "body.id": FieldType.TEXT,
        "body.pedido.id": FieldType.INTEGER,
        "body.pedido.valor": FieldType.NUMBER,
        "body.pedido.pago_em": FieldType.DATETIME,
        "body.pedido.itens": FieldType.LIST,
        "body.pedido.itens[].sku": FieldType.TEXT,
        "body.pedido.itens[].quantidade": FieldType.INTEGER,
        "body.pedido.itens[].obs": FieldType.TEXT,
        "body.cliente.nome": FieldType.TEXT,
        "body.cliente.email": FieldType.EMAIL,
        "body.cliente.telefone": FieldType.PHONE,
        "body.cliente.cpf": FieldType.CPF,
        "body.cliente.ativo": FieldType.BOOLEAN,
    }


@pytest.mark.parametrize(
    ("values", "type_"),
    [
        (("a",), FieldType.TEXT),
        (("x" * 201,), FieldType.LONG_TEXT),
        (("a\nb", "a"), FieldType.LONG_TEXT),
        ((1, 2.5), FieldType.NUMBER),
        ((1, "a"), FieldType.TEXT),
        ((1, None), FieldType.INTEGER),
        ((True, False), FieldType.BOOLEAN),
        (("2026-11-19", "2026-11-19T11:00:00Z"), FieldType.DATETIME),
        (("19/11/2026",), FieldType.DATE),
        (("https://example.com/a", "https://b"), FieldType.URL),
        (("a@b.co", "nobody"), FieldType.TEXT),
        (("529.982.247-25",), FieldType.CPF),
        (("529.982.247-26",), FieldType.TEXT),  # wrong check digits: some other number
        (("529.982.247-25", "11.222.333/0001-81"), FieldType.CPF_CNPJ),
        (("52998224725",), FieldType.TEXT),  # eleven digits may be anything
        (([1], [2]), FieldType.LIST),
        (([1], "a"), FieldType.OBJECT),
        (({"b": 1}, "a"), FieldType.OBJECT),
        (("a", {"b": 1}), FieldType.OBJECT),
    ],
)
def test_types_are_guessed_and_joined(values: tuple[Any, ...], type_: FieldType) -> None:
    assert learned(*({"a": value} for value in values))["body.a"].type is type_


def test_a_field_missing_somewhere_is_optional() -> None:
    found = learned({"a": 1, "b": 1, "c": 1}, {"a": 2, "b": None}, {"a": 3, "b": "", "c": {}})
    assert [found[key].required for key in ("body.a", "body.b", "body.c")] == [True, False, False]


def test_the_latest_value_is_the_sample() -> None:
    found = learned({"a": 1}, {"a": 2}, {"a": None})
    assert found["body.a"].sample == 2
    assert len(learned({"a": "x" * 5000})["body.a"].sample) == 300


def test_what_never_had_a_value_is_no_field() -> None:
    assert learned({"a": None, "b": "", "c": {}, "d": {"e": None}}) == {}


def test_labels_are_paths_as_people_read_them() -> None:
    found = learned({"cliente": {"e-mail": "a@b.co"}, "itens": [{"sku": 1}]})
    assert found["body.cliente.e-mail"].label == "cliente › e-mail"
    assert found["body.itens[].sku"].label == "itens › sku"


def test_names_with_signs_are_written_so_that_they_can_be_read() -> None:
    body = {"valor total": 1, "a.b": {"c[0]": "x"}, 'q"uote': 1, " ": 2, "it's": 3}
    found = learned(body)
    assert set(found) == {"body.valor total", 'body["a.b"]["c[0]"]', 'body["it\'s"]'}
    assert read({"body": body}, 'body["a.b"]["c[0]"]') == "x"
    assert found['body["a.b"]["c[0]"]'].label == "a.b › c[0]"


def test_queries_are_learned_too() -> None:
    fields = learn_fields([{"body": {}, "query": {"id": "7"}}])
    assert [field.key for field in fields] == ["query.id"]


def test_nothing_learned_from_nothing() -> None:
    assert learn_fields([]) == []


def test_there_is_an_end_to_learning() -> None:
    assert len(learned({f"f{n}": n for n in range(MOST_FIELDS + 50)})) == MOST_FIELDS
    deep: Any = 1
    for _ in range(30):
        deep = {"a": deep}
    assert learned(deep) == {}


def test_what_was_learned_is_what_the_trigger_offers() -> None:
    rows = [field.to_dict() for field in learn_fields([json_body(ORDER)])]
    there = Connection(
        9, 1, "webhook", "Loja", "none", catalog={"fields": {"event": json.loads(json.dumps(rows))}}
    )
    offered = {field.key: field for field in connector.trigger("received").fields(there)}
    assert offered["body.cliente.email"].type is FieldType.EMAIL
    assert {"event.name", "event.method", "body", "query"} <= set(offered)
    assert "body.cliente.email" in known_paths(tuple(offered.values()))


def json_body(body: bytes) -> dict[str, Any]:
    return {"body": json.loads(body), "query": {}}


CONTENT = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=15,
)


@given(st.lists(st.dictionaries(st.text(max_size=6), CONTENT, max_size=4), max_size=3))
def test_any_content_gives_fields_that_can_be_read_and_kept(bodies: list[dict[str, Any]]) -> None:
    for field in learn_fields([{"body": body, "query": {}} for body in bodies]):
        split_path(field.key)
        assert Field.from_dict(json.loads(json.dumps(field.to_dict()))) == field
