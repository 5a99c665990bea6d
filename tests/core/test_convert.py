"""Conversion: a table for each type, and no value that raises."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaivem.core.convert import Converted, convert
from vaivem.core.fields import Field, FieldType, Option
from vaivem.core.steps import OnBad

T = FieldType
STAGES = (Option("s1", "Novo"), Option("s2", "Contrato Assinado"), Option(7, "Ganho"))
TAGS = (Option("1", "Solar"), Option("2", "Rural, grande"))


@pytest.mark.parametrize(
    ("type_", "value", "result"),
    [
        (T.TEXT, "  a \n b ", "a b"),
        (T.TEXT, 1234.0, "1234"),
        (T.TEXT, 1234.5, "1234.5"),
        (T.TEXT, 10**20, "100000000000000000000"),
        (T.TEXT, True, "true"),
        (T.TEXT, False, "false"),
        (T.TEXT, ["a ", " b", "", None], "a, b"),
        (T.TEXT, [{}, None], None),
        (T.TEXT, "a\x00b", "ab"),
        (T.TEXT, "\x00", None),
        (T.LONG_TEXT, " a\r\nb\rc ", "a\nb\nc"),
        (T.INTEGER, "1.234", 1234),
        (T.NUMBER, "1,5", 1.5),
        (T.NUMBER, [None, "2"], 2),
        (T.MONEY, "R$ 1.234,565", 1234.57),
        (T.MONEY, 0, 0),
        (T.BOOLEAN, "Não", False),
        (T.BOOLEAN, 1, True),
        (T.BOOLEAN, False, False),
        (T.DATE, "19/11/2026", "2026-11-19"),
        (T.DATE, "2026-11-20T01:00:00Z", "2026-11-19"),
        (T.DATETIME, "2026-11-20T01:00:00.123Z", "2026-11-19T22:00:00-03:00"),
        (T.DATETIME, "19/11/2026", "2026-11-19T00:00:00-03:00"),
        (T.EMAIL, " Ana@EXAMPLE.com ", "Ana@example.com"),
        (T.EMAIL, "mailto:ana@example.com", "ana@example.com"),
        (T.EMAIL, ["ana@example.com", "b@example.com"], "ana@example.com"),
        (T.PHONE, "(11) 95555-0142", "+5511955550142"),
        (T.PHONE, 11955550142, "+5511955550142"),
        (T.CPF, "123.456.789-09", "12345678909"),
        (T.CNPJ, "12.abc.345/01de-35", "12ABC34501DE35"),
        (T.CPF_CNPJ, "11.222.333/0001-81", "11222333000181"),
        (T.RECORD, 12, "12"),
        (T.RECORD, " abc ", "abc"),
        (T.RECORD, {"id": "abc", "name": "x"}, "abc"),
        (T.URL, "https://app.example/a?b=1", "https://app.example/a?b=1"),
        (T.LIST, "a; b,c\na", ["a", "b", "c"]),
        (T.LIST, [1, 1, {"a": 1}, " "], [1, {"a": 1}]),
        (T.LIST, 5, [5]),
        (T.OBJECT, {"a": 1}, {"a": 1}),
        (T.TEXT, None, None),
        (T.MONEY, "   ", None),
        (T.LIST, [], None),
        (T.LIST, [""], None),
    ],
)
def test_converts(type_: FieldType, value: Any, result: Any) -> None:
    assert convert(value, Field("f", type_)) == Converted(result)


@pytest.mark.parametrize(
    ("type_", "value", "code"),
    [
        (T.TEXT, {"a": 1}, "bad_text"),
        (T.TEXT, [{"a": 1}], "bad_text"),
        (T.INTEGER, "1,5", "bad_integer"),
        (T.INTEGER, "um", "bad_number"),
        (T.NUMBER, True, "bad_number"),
        (T.MONEY, "a combinar", "bad_number"),
        (T.BOOLEAN, "talvez", "bad_boolean"),
        (T.DATE, "31/02/2026", "bad_date"),
        (T.DATETIME, "amanhã", "bad_date"),
        (T.EMAIL, "ana@", "bad_email"),
        (T.PHONE, "95555-0142", "phone_no_area_code"),
        (T.PHONE, "5555-0142", "phone_no_area_code"),
        (T.PHONE, "123", "bad_phone"),
        (T.PHONE, "+12345678", "bad_phone"),
        (T.CPF, "123.456.789-00", "bad_cpf"),
        (T.CNPJ, "12.ABC.345/01DE-36", "bad_cnpj"),
        (T.CPF_CNPJ, "1", "bad_cpf_cnpj"),
        (T.RECORD, {"name": "x"}, "bad_record"),
        (T.RECORD, True, "bad_record"),
        (T.RECORD, 1.5, "bad_record"),
        (T.URL, "app.example", "bad_url"),
        (T.URL, "javascript://x", "bad_url"),
        (T.URL, "http://[x", "bad_url"),
        (T.URL, "http://a b", "bad_url"),
        (T.OBJECT, "a", "bad_object"),
        (T.OBJECT, ["a"], "bad_object"),
    ],
)
def test_says_what_is_wrong(type_: FieldType, value: Any, code: str) -> None:
    field = Field("deal.f", type_, label="Campo")
    converted = convert(value, field)
    assert converted.value is None
    assert converted.problem is not None
    assert (converted.problem.code, converted.problem.path) == (code, "deal.f")
    assert converted.problem.params["label"] == "Campo"
    assert convert(value, field, on_bad=OnBad.AS_IS).value == value
    assert convert(value, field, on_bad="skip").value is None


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ("s2", "s2"),
        ("contrato ASSINADO", "s2"),
        ("S1", "s1"),
        (7, 7),
        ("7", 7),
        ("ganho", 7),
        (["", "novo"], "s1"),
    ],
)
def test_an_option_is_taken_by_value_or_label(value: Any, result: Any) -> None:
    assert convert(value, Field("f", T.OPTION, options=STAGES)) == Converted(result)


def test_an_unknown_option_lists_the_choices() -> None:
    problem = convert("Perdido", Field("f", T.OPTION, options=(*STAGES, Option("s9")))).problem
    assert problem is not None
    assert problem.code == "unknown_option"
    assert problem.params == {"value": "Perdido", "choices": ["Novo", "Contrato Assinado", "Ganho", "s9"]}


def test_new_options_pass_where_the_vendor_makes_them() -> None:
    assert convert(" Nova ", Field("f", T.OPTION, options=STAGES, allow_new_option=True)).value == "Nova"


def test_a_live_list_that_was_never_read_refuses_nothing() -> None:
    assert convert("x1", Field("f", T.OPTION, source="stages")).value == "x1"
    assert convert("x1", Field("f", T.OPTION, source="stages", options=STAGES)).problem is not None


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ("solar; 2", ["1", "2"]),
        ("rural, GRANDE", ["2"]),
        (["Solar", "solar", None], ["1"]),
        ([" "], None),
    ],
)
def test_several_options(value: Any, result: Any) -> None:
    assert convert(value, Field("f", T.OPTIONS, options=TAGS)) == Converted(result)


def test_one_unknown_option_of_several_is_a_problem() -> None:
    assert convert("solar, lunar", Field("f", T.OPTIONS, options=TAGS)).problem is not None


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ("a@x.com; b@x.com, a@x.com", ["a@x.com", "b@x.com"]),
        (["a@x.com", "", None], ["a@x.com"]),
        ([None], None),
    ],
)
def test_a_field_for_many_takes_one_or_several(value: Any, result: Any) -> None:
    assert convert(value, Field("f", T.EMAIL, many=True)) == Converted(result)


@pytest.mark.parametrize(
    ("value", "cut", "result", "code"),
    [
        ("abcd", False, "abcd", None),
        ("abcde", False, None, "too_long"),
        ("abc de", True, "abc", None),
        ("a", False, None, "too_short"),
    ],
)
def test_lengths(value: str, cut: bool, result: str | None, code: str | None) -> None:
    converted = convert(value, Field("f", max_length=4, min_length=2), cut=cut)
    assert converted.value == result
    assert (converted.problem.code if converted.problem else None) == code


def test_long_values_are_shown_short() -> None:
    problem = convert("x" * 5000, Field("f", T.EMAIL)).problem
    assert problem is not None
    assert len(problem.params["value"]) == 121


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.text("0123456789-/.:,@ RT+", max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@given(ANYTHING, st.sampled_from(FieldType), st.booleans(), st.booleans())
def test_no_value_raises_and_what_comes_out_is_json(
    value: Any, type_: FieldType, many: bool, cut: bool
) -> None:
    converted = convert(value, Field("f", type_, options=STAGES, many=many, max_length=5), cut=cut)
    json.dumps(converted.value)
    assert converted.problem is None or converted.value is None


@given(ANYTHING, st.sampled_from(FieldType))
def test_a_converted_value_converts_to_itself(value: Any, type_: FieldType) -> None:
    field = Field("f", type_, options=STAGES)
    once = convert(value, field).value
    assert repr(convert(once, field).value) == repr(once)
