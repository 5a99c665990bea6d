"""Mapping: what a step's fields come to in a scope, and what is wrong with them."""

from __future__ import annotations

from typing import Any

import pytest

from vaivem.core.errors import Recovery
from vaivem.core.fields import Field, FieldType, WritePolicy
from vaivem.core.mapping import MappingError, resolve
from vaivem.core.rules import ActionStep, FindStep, parse_rule
from vaivem.core.values import Values

T = FieldType
Scope = dict[str, Any]

FIELDS = {
    field.key: field
    for field in (
        Field("deal.name", max_length=20, required=True, label="Nome do negócio"),
        Field("deal.stage", write=WritePolicy.CREATED),
        Field("deal.amount", T.MONEY),
        Field("deal.until", T.DATE),
        Field("contact.name", required=True),
        Field("contact.email", T.EMAIL),
        Field("contact.cpf", T.CPF),
        Field("company.name", required=True),
        Field("company.cnpj", T.CNPJ),
        Field("note", T.LONG_TEXT),
    )
}

SCOPE: Scope = {
    "document": {"filename": "Contrato", "amount": "a combinar", "total": "1.000,50"},
    "signers": [
        {"name": "Ana", "email": "ana@x.com"},
        {"name": "Beto", "email": "beto@x.com"},
        {"name": "ANA", "email": "ana@x.com"},
        {"name": "", "email": None},
    ],
    "signer": {"name": "Ana"},
}


def fill(fields: dict[str, Any], scope: Scope = SCOPE, **more: Any) -> Values:
    step = {"id": "a", "kind": "action", "connection": 1, "action": "x", "fields": fields, **more}
    rule = parse_rule({"title": "x", "when": {"connection": 1, "trigger": "t"}, "then": [step]})
    (only,) = rule.then
    assert isinstance(only, ActionStep)
    return resolve(only, FIELDS, scope)


def problems_of(fields: dict[str, Any], **more: Any) -> list[tuple[str, str]]:
    with pytest.raises(MappingError) as caught:
        fill(fields, **more)
    assert caught.value.recovery is Recovery.SKIP_RECORD
    return [(problem.path, problem.code) for problem in caught.value.problems]


def test_a_field_is_filled_from_a_path_a_text_or_a_fixed_value() -> None:
    values = fill(
        {
            "deal.name": {"text": "{{ document.filename }} – {{ signer.name }}"},
            "deal.amount": {"from": "document.total"},
            "deal.stage": {"value": "s1"},
            "note": {"from": "document.nothing"},
        }
    )
    assert values["deal.name"] == "Contrato – Ana"
    assert values.get("deal.amount") == 1000.5
    assert values["note"] is None
    assert values.get("note", "x") == "x"
    assert values.get("unmapped", 7) == 7
    assert values.has("deal.stage")
    assert not values.has("note")
    assert list(values) == ["deal.name", "deal.amount", "deal.stage", "note"]
    assert values.to_create() == {"deal.name": "Contrato – Ana", "deal.amount": 1000.5, "deal.stage": "s1"}
    assert values.notes == []


def test_a_mapping_without_a_policy_takes_the_fields() -> None:
    values = fill({"deal.name": {"value": "x", "write": "empty"}, "deal.stage": {"value": "s1"}})
    assert [(row["key"], row["policy"]) for row in values.preview()] == [
        ("deal.name", "empty"),
        ("deal.stage", "created"),
    ]


def test_all_problems_come_at_once_with_their_fields() -> None:
    assert problems_of(
        {
            "deal.name": {"from": "document.nothing"},
            "deal.amount": {"from": "document.amount"},
            "contact.email": {"value": "broken"},
            "deal.gone": {"value": 1},
        }
    ) == [
        ("deal.gone", "field_gone"),
        ("deal.amount", "bad_number"),
        ("contact.email", "bad_email"),
        ("deal.name", "required_missing"),
        ("contact.name", "required_missing"),
    ]


def test_a_required_field_that_is_bad_is_told_once() -> None:
    assert problems_of({"deal.name": {"value": "x" * 21}}) == [("deal.name", "too_long")]


def test_a_required_field_is_named_as_people_know_it() -> None:
    with pytest.raises(MappingError) as caught:
        fill({"deal.name": {"value": ""}})
    assert caught.value.problem.params == {"label": "Nome do negócio"}


def test_a_group_that_is_not_mapped_requires_nothing() -> None:
    assert not fill({"deal.name": {"value": "x"}}).has("company.name")


@pytest.mark.parametrize(
    ("on_bad", "value", "created"),
    [
        ({"on_bad": "skip"}, None, {"deal.name": "x"}),
        ({"on_bad": "as_is"}, "a combinar", {"deal.name": "x", "deal.amount": "a combinar"}),
        ({"on_bad": "use", "instead": 0}, 0, {"deal.name": "x", "deal.amount": 0}),
        ({"on_bad": "use", "instead": "1.000,50"}, 1000.5, {"deal.name": "x", "deal.amount": 1000.5}),
    ],
)
def test_a_bad_value_is_treated_as_the_rule_says(
    on_bad: dict[str, Any], value: Any, created: dict[str, Any]
) -> None:
    values = fill(
        {"deal.name": {"value": "x"}, "deal.amount": {"from": "document.amount", **on_bad, "clear": True}}
    )
    assert values["deal.amount"] == value
    assert values.to_create() == created
    assert [(note.path, note.code) for note in values.notes] == [("deal.amount", "bad_number")]
    assert values.preview()[1]["problem"]["code"] == "bad_number"


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        ("contact.cpf", "123.456.789-00", "bad_cpf"),
        ("company.cnpj", "12.ABC.345/01DE-36", "bad_cnpj"),
        ("deal.until", "31/02/2026", "bad_date"),
        ("contact.email", "ana@", "bad_email"),
        ("deal.name", "x" * 21, "too_long"),
    ],
)
def test_each_kind_of_bad_value_fails_unless_the_rule_says_otherwise(
    path: str, value: str, code: str
) -> None:
    whole = {"deal.name": {"value": "x"}, "contact.name": {"value": "Ana"}, "company.name": {"value": "X"}}

    def of(**more: Any) -> dict[str, Any]:
        return {**whole, path: {"value": value, **more}}

    assert problems_of(of()) == [(path, code)]
    as_is = fill(of(on_bad="as_is"))
    assert as_is[path] == value
    assert [(note.path, note.code) for note in as_is.notes] == [(path, code)]
    if path == "deal.name":  # a required field cannot be left out
        assert problems_of(of(on_bad="skip")) == [(path, "required_missing")]
    else:
        assert path not in fill(of(on_bad="skip")).to_create()


def test_a_bad_value_never_clears_the_target() -> None:
    mapped = {
        "deal.name": {"value": "x"},
        "deal.amount": {"from": "document.amount", "on_bad": "skip", "clear": True},
    }
    assert fill(mapped).to_update({"deal.name": "x", "deal.amount": 50}) == {}


def test_a_text_that_is_too_long_is_cut_where_the_rule_says() -> None:
    assert fill({"deal.name": {"value": "x" * 30, "max": "cut"}})["deal.name"] == "x" * 20


def test_a_template_that_fails_is_a_problem_of_its_field() -> None:
    bad = {"text": "{{ 1 | divided_by: 0 }}"}
    assert problems_of({"deal.name": bad}) == [("deal.name", "template_failed")]
    values = fill({"deal.name": {"value": "x"}, "note": {**bad, "on_bad": "skip"}})
    assert values["note"] is None
    assert [note.code for note in values.notes] == ["template_failed"]


REPEAT = {"repeat": {"contact": {"over": "signers", "as": "one"}}}
EACH = {
    "deal.name": {"value": "x"},
    "contact.name": {"text": "{{ one.name }}"},
    "contact.email": {"from": "one.email"},
}


def test_a_group_is_filled_for_each_element_of_a_list() -> None:
    values = fill(EACH, **REPEAT)
    assert [each.to_create() for each in values.each("contact")] == [
        {"name": "Ana", "email": "ana@x.com"},
        {"name": "Beto", "email": "beto@x.com"},
    ]
    assert values["contact.name"] == "Ana"
    assert values.group("contact")["email"] == "ana@x.com"
    assert values.to_create() == {"deal.name": "x"}
    assert list(values) == ["deal.name", "contact.name", "contact.email"]
    assert [row.get("index") for row in values.preview()] == [None, 0, 0, 1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize(
    ("found", "names"),
    [([], []), (None, []), ("", []), ({"name": "Solo", "email": None}, ["Solo"]), ([{"name": None}], [])],
)
def test_what_is_repeated_over_may_be_empty_or_one(found: Any, names: list[str]) -> None:
    values = fill(EACH, {"signers": found}, **REPEAT)
    assert [each["name"] for each in values.each("contact")] == names
    assert values["contact.name"] == (names[0] if names else None)
    assert values.group("contact").get("name") == values["contact.name"]


def test_a_problem_in_a_repeated_group_says_which_element() -> None:
    signers = [
        {"name": "Ana", "email": "a@x.com"},
        {"name": "", "email": "b@x.com"},
        {"name": "C", "email": "c"},
    ]
    with pytest.raises(MappingError) as caught:
        fill(EACH, {"signers": signers}, **REPEAT)
    assert [(p.path, p.code, p.params["element"]) for p in caught.value.problems] == [
        ("contact.name", "required_missing", 2),
        ("contact.email", "bad_email", 3),
    ]


def test_a_note_in_a_repeated_group_says_which_element() -> None:
    mapped = {**EACH, "contact.email": {"from": "one.email", "on_bad": "skip"}}
    values = fill(mapped, {"signers": [{"name": "Ana", "email": "x"}]}, **REPEAT)
    assert [note.params["element"] for note in values.notes] == [1]
    assert values.each("contact")[0].notes == values.notes


def test_a_repeat_of_a_group_without_mappings_is_nothing() -> None:
    assert fill({"deal.name": {"value": "x"}}, **REPEAT).each("contact") == []


def test_a_lookup_resolves_too() -> None:
    rule = parse_rule(
        {
            "title": "x",
            "when": {"connection": 1, "trigger": "t"},
            "then": [
                {
                    "id": "a",
                    "kind": "find",
                    "connection": 1,
                    "action": "f",
                    "fields": {"note": {"value": "y"}},
                }
            ],
        }
    )
    (step,) = rule.then
    assert isinstance(step, FindStep)
    assert resolve(step, {"note": FIELDS["note"]}, {})["note"] == "y"
