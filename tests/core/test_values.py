"""Values: groups, and what is written to a record that exists."""

from __future__ import annotations

from typing import Any

import pytest

from vaivem.core.errors import RecordError
from vaivem.core.fields import Field, FieldType, WritePolicy
from vaivem.core.sameness import same_value
from vaivem.core.values import Filled, Values, is_empty

T = FieldType
P = WritePolicy


def one(type_: FieldType, value: Any, write: WritePolicy = P.ALWAYS, **more: Any) -> Values:
    clear = more.pop("clear", False)
    return Values({"f": Filled(Field("f", type_, **more), value, write, clear)})


@pytest.mark.parametrize(
    ("write", "value", "clear", "current", "changes"),
    [
        (P.CREATED, "new", False, {}, {}),
        (P.CREATED, "new", False, {"f": "old"}, {}),
        (P.CREATED, None, True, {"f": "old"}, {}),
        (P.ALWAYS, "new", False, {}, {"f": "new"}),
        (P.ALWAYS, "new", False, {"f": "old"}, {"f": "new"}),
        (P.ALWAYS, "new", False, {"f": " new "}, {}),
        (P.ALWAYS, "New", False, {"f": "new"}, {"f": "New"}),
        (P.ALWAYS, None, False, {"f": "old"}, {}),
        (P.ALWAYS, None, True, {"f": "old"}, {"f": None}),
        (P.ALWAYS, None, True, {"f": ""}, {}),
        (P.ALWAYS, None, True, {}, {}),
        (P.EMPTY, "new", False, {"f": "old"}, {}),
        (P.EMPTY, "new", False, {"f": " "}, {"f": "new"}),
        (P.EMPTY, "new", False, {}, {"f": "new"}),
        (P.EMPTY, None, True, {"f": "old"}, {}),
    ],
)
def test_write_policies(
    write: WritePolicy, value: Any, clear: bool, current: dict[str, Any], changes: dict[str, Any]
) -> None:
    assert one(T.TEXT, value, write, clear=clear).to_update(current) == changes


@pytest.mark.parametrize(
    ("type_", "value", "current", "changed"),
    [
        (T.MONEY, 1234.5, "1.234,50", False),
        (T.MONEY, 0, 0.0, False),
        (T.MONEY, 0, None, True),
        (T.NUMBER, 5, "cinco", True),
        (T.DATE, "2026-11-19", "2026-11-19T00:00:00Z", False),
        (T.DATE, "2026-11-19", "19/11/2026", False),
        (T.DATE, "2026-11-19", "2026-11-20", True),
        (T.DATE, "2026-11-19", "?", True),
        (T.DATETIME, "2026-11-19T12:00:00+00:00", "2026-11-19T09:00:00.5-03:00", False),
        (T.DATETIME, "2026-11-19T12:00:00+00:00", "2026-11-19T09:01:00-03:00", True),
        (T.EMAIL, "Ana@x.com", "ana@X.com", False),
        (T.EMAIL, "ana@x.com", "beto@x.com", True),
        (T.PHONE, "+5511955550142", "(11) 95555-0142", False),
        (T.CPF, "12345678909", "123.456.789-09", False),
        (T.CNPJ, "12ABC34501DE35", "12.abc.345/01de-35", False),
        (T.OPTION, "7", 7, False),
        (T.RECORD, "7", 7, False),
        (T.BOOLEAN, True, False, True),
        (T.BOOLEAN, False, False, False),
        (T.OBJECT, {"a": 1}, {"a": 1}, False),
        (T.OBJECT, {"a": 1}, {"a": 2}, True),
        (T.OBJECT, {"a": [1, True]}, {"a": ["1", True]}, False),
    ],
)
def test_a_target_is_written_only_when_it_differs(
    type_: FieldType, value: Any, current: Any, changed: bool
) -> None:
    assert one(type_, value).to_update({"f": current}) == ({"f": value} if changed else {})


@pytest.mark.parametrize(
    ("type_", "value", "current", "result"),
    [
        (T.EMAIL, "new@x.com", ["old@x.com"], ["old@x.com", "new@x.com"]),
        (T.EMAIL, "OLD@x.com", ["old@x.com"], None),
        (T.PHONE, "+5511955550142", ["(11) 95555-0142"], None),
        (T.LIST, ["Solar", "vip"], ["VIP", "x"], ["VIP", "x", "Solar"]),
        (T.LIST, ["a", "A"], None, ["a"]),
        (T.LIST, ["a"], "b", ["b", "a"]),
        (T.LIST, ["a"], "", ["a"]),
        (T.LIST, [{"id": 1}], [{"id": "1"}], None),
        (T.OPTIONS, ["1", "2"], [2], [2, "1"]),
    ],
)
def test_lists_are_added_to(type_: FieldType, value: Any, current: Any, result: list[Any] | None) -> None:
    assert one(type_, value).to_update({"f": current}) == ({} if result is None else {"f": result})


def test_a_field_for_many_is_a_list_even_where_the_record_has_none() -> None:
    assert one(T.EMAIL, ["a@x.com"], many=True).to_update({}) == {"f": ["a@x.com"]}


def test_an_empty_list_target_is_filled_and_a_full_one_left_by_the_policy_empty() -> None:
    assert one(T.LIST, ["a"], P.EMPTY).to_update({"f": []}) == {"f": ["a"]}
    assert one(T.LIST, ["a"], P.EMPTY).to_update({"f": ["b"]}) == {}


@pytest.mark.parametrize("value", [None, "", "  ", [], (), {}])
def test_what_is_empty(value: Any) -> None:
    assert is_empty(value)


@pytest.mark.parametrize("value", [0, 0.0, False, "0", [None], {"a": None}])
def test_what_is_not_empty(value: Any) -> None:
    assert not is_empty(value)


def test_nothing_is_not_the_same_as_the_word_none() -> None:
    assert not same_value(T.TEXT, None, "None")
    assert same_value(T.TEXT, None, None)


def test_groups_lose_their_prefix_and_keep_their_order() -> None:
    filled = Filled(Field("x"), "v", P.ALWAYS)
    empty = Filled(Field("x"), None, P.ALWAYS)
    values = Values({"deal.name": filled, "deal.cf.a": filled, "contact.name": empty, "title": filled})
    assert values.group("deal").to_create() == {"name": "v", "cf.a": "v"}
    assert list(values.group("contact")) == ["name"]
    assert values.each("contact") == []
    assert [each.to_create() for each in values.each("deal")] == [{"name": "v", "cf.a": "v"}]
    assert list(values.group("nothing")) == []


def test_elements_are_equal_whatever_the_case_of_their_letters() -> None:
    def element(*tags: str) -> dict[str, Filled]:
        return {"tags": Filled(Field("tags", T.LIST), list(tags), P.ALWAYS)}

    values = Values({}, {"contact": (element("a", "b"), element("A", "B"), element("a"))})
    assert [each["tags"] for each in values.each("contact")] == [["a", "b"], ["a"]]


def test_preview_rows() -> None:
    filled = Filled(Field("f"), "v", P.EMPTY, source="signer.name")
    assert Values({"f": filled}).preview() == [
        {"key": "f", "value": "v", "policy": "empty", "from": "signer.name", "problem": None}
    ]


@pytest.mark.parametrize(
    ("type_", "write", "by", "current", "result"),
    [
        (T.NUMBER, P.RAISE, 0.2, 0.1, 0.3),
        (T.INTEGER, P.RAISE, 5, "10", 15),
        (T.MONEY, P.LOWER, 12.5, "R$ 10,00", -2.5),
        (T.NUMBER, P.RAISE, 5, None, 5),
        (T.NUMBER, P.LOWER, 5, "", -5),
        (T.NUMBER, P.RAISE, 0, 7, None),
        (T.NUMBER, P.RAISE, None, 7, None),
    ],
)
def test_a_number_is_raised_or_lowered_by_what_stands_there(
    type_: FieldType, write: WritePolicy, by: Any, current: Any, result: Any
) -> None:
    values = one(type_, by, write)
    assert values.to_update({"f": current}) == ({} if result is None else {"f": result})
    assert values.counts is (by is not None)
    assert values.without_counting().to_update({"f": current}) == {}


def test_a_new_record_begins_at_nothing_and_a_text_is_no_number() -> None:
    assert one(T.NUMBER, 5, P.LOWER).to_create() == {"f": -5}
    with pytest.raises(RecordError) as refused:
        one(T.NUMBER, 5, P.RAISE).to_update({"f": "many"})
    assert (refused.value.code, refused.value.params) == ("bad_number", {"value": "many"})
