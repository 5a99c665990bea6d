"""Two spellings of one address, number, document or moment."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import pytest

from vaivem.core.fields import FieldType
from vaivem.core.likeness import (
    bare_document,
    document_spellings,
    document_type,
    has_address,
    has_number,
    made_since,
    moment_of,
    oldest,
    same_name,
)

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("label", "type_"),
    [
        ("CPF", FieldType.CPF),
        ("cnpj", FieldType.CNPJ),
        ("CPF/CNPJ", FieldType.CPF_CNPJ),
        ("CPF ou CNPJ", FieldType.CPF_CNPJ),
        ("CPF do sócio", None),
        ("", None),
    ],
)
def test_a_text_field_is_a_document_by_its_whole_name(label: str, type_: FieldType | None) -> None:
    assert document_type(label) is type_


def test_a_document_is_written_with_and_without_its_mask() -> None:
    assert document_spellings("52998224725") == ("52998224725", "529.982.247-25")
    assert document_spellings("12ABC34501DE35") == ("12ABC34501DE35", "12.ABC.345/01DE-35")
    assert document_spellings("123") == ("123",)
    assert bare_document("12.abc.345/01de-35") == "12ABC34501DE35"
    assert bare_document(None) == ""


def test_addresses_and_numbers_are_compared_as_people_write_them() -> None:
    assert has_address(["ANA@X.example"], "ana@x.example")
    assert not has_address(["mariana@x.example"], "ana@x.example")
    assert has_number(["(11) 91234-5678"], "+5511912345678")
    assert not has_number(["(11) 91234-5679", "ramal 3"], "+5511912345678")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-24T09:00:00-03:00", NOON),
        ("2026-11-24 12:00:00", NOON),
        ("2026-11-24T12:00:00.000Z", NOON),
        ("soon", None),
        (None, None),
    ],
)
def test_a_moment_is_in_utc(text: Any, moment: datetime | None) -> None:
    assert moment_of(text) == moment


@pytest.mark.parametrize(
    ("made", "since"),
    [("2026-11-24T11:50:00Z", True), ("2026-11-24T11:40:00Z", False), (None, True), ("nonsense", True)],
)
def test_a_clock_behind_ours_is_forgiven(made: Any, since: bool) -> None:
    assert made_since(made, NOON) is since


def test_names_are_compared_without_accents_case_and_blanks() -> None:
    assert same_name(" João  da Silva ", "joao da silva")
    assert same_name(None, "")
    assert not same_name("João", "Joana")


def test_the_oldest_is_the_same_one_in_any_order() -> None:
    records = [
        {"id": "10", "created_at": "2026-01-02"},
        {"id": "9", "created_at": "2026-01-02"},
        {"id": "1", "created_at": "2026-01-03"},
    ]
    for order in permutations(records):
        assert oldest(order) == records[1]
    assert oldest([]) is None
