"""Normalised values: keys and search terms."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaivem.core.folding import fold
from vaivem.core.identity import (
    MatchKey,
    match_keys,
    normalise_cnpj,
    normalise_cpf,
    normalise_cpf_cnpj,
    normalise_email,
    normalise_name,
    normalise_phone,
    parse_email,
    query_terms,
    search_terms,
    term_hash,
)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ana@example.com", "ana@example.com"),
        (" Ana.Lima+x@EXAMPLE.Com.BR ", "Ana.Lima+x@example.com.br"),
        ("joão@exämple.com", "joão@exämple.com"),
        ("a@b-c.d1.co", "a@b-c.d1.co"),
    ],
)
def test_reads_addresses(text: str, address: str) -> None:
    assert parse_email(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "", "ana", "ana@", "@example.com", "ana@example", "ana@@example.com", "ana example.com",
        "ana@exa mple.com",
        "ana@.com", "ana@example..com", "ana@-a.com", "ana@a-.com", ".ana@a.com", "ana.@a.com", "a..b@a.com",
        "ana@127.0.0.1", "Ana <ana@a.com>", "a,b@a.com", "a@b.com,c@d.com", "x" * 65 + "@a.com",
        "a@" + "b" * 250 + ".com",
    ],
)  # fmt: skip
def test_refuses_what_is_no_address(text: str) -> None:
    assert parse_email(text) is None
    assert normalise_email(text) is None


def test_addresses_are_the_same_in_other_letters() -> None:
    assert normalise_email("ANA@Example.com") == normalise_email("ana@example.COM")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("(11) 95555-0142", "+5511955550142"),
        ("11955550142", "+5511955550142"),
        ("+55 11 95555-0142", "+5511955550142"),
        ("5511955550142", "+5511955550142"),
        ("+1 212 555 0142", "+12125550142"),
        ("95555-0142", None),
        ("", None),
        ("abc", None),
        ("+55 00 95555-0142", None),
    ],
)
def test_phones(text: str, number: str | None) -> None:
    assert normalise_phone(text) == number


@pytest.mark.parametrize(
    ("text", "cpf", "cnpj"),
    [
        ("123.456.789-09", "12345678909", None),
        ("12345678909", "12345678909", None),
        ("123.456.789-00", None, None),
        ("111.111.111-11", None, None),
        ("11.222.333/0001-81", None, "11222333000181"),
        ("12.abc.345/01de-35", None, "12ABC34501DE35"),
        ("12.ABC.345/01DE-36", None, None),
        ("", None, None),
        ("abc", None, None),
    ],
)
def test_cpf_and_cnpj(text: str, cpf: str | None, cnpj: str | None) -> None:
    assert (normalise_cpf(text), normalise_cnpj(text)) == (cpf, cnpj)
    assert normalise_cpf_cnpj(text) == (cpf or cnpj)


@given(st.text("0123456789", min_size=9, max_size=9))
def test_every_cpf_with_right_check_digits_is_taken_with_and_without_mask(stem: str) -> None:
    digits = stem
    for _ in range(2):
        weights = range(len(digits) + 1, 1, -1)
        rest = sum(int(d) * w for d, w in zip(digits, weights, strict=True)) % 11
        digits += str(0 if rest < 2 else 11 - rest)
    masked = f"{digits[:3]}.{digits[3:6]}.{digits[6:9]}-{digits[9:]}"
    expected = None if len(set(digits)) == 1 else digits
    assert normalise_cpf(digits) == normalise_cpf(masked) == expected


@given(st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=12, max_size=12))
def test_every_alphanumeric_cnpj_with_right_check_digits_is_taken(stem: str) -> None:
    number = stem
    for weights in ((5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2), (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)):
        rest = sum((ord(c) - 48) * w for c, w in zip(number, weights, strict=True)) % 11
        number += str(0 if rest < 2 else 11 - rest)
    if stem == "0" * 12:
        assert normalise_cnpj(number) is None
    elif len(set(number)) > 1:
        assert normalise_cnpj(number.lower()) == number
        assert normalise_cnpj(number[:-1] + str((int(number[-1]) + 1) % 10)) is None


def test_names_are_compared_without_accents_case_and_blanks() -> None:
    assert normalise_name("  JOÃO   da Conceição ") == normalise_name("joao da conceicao")
    assert normalise_name("Ana") != normalise_name("Anna")


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


def test_match_keys_come_surest_first() -> None:
    keys = match_keys(
        "person",
        phone="(11) 95555-0142",
        email=["ANA@x.com", "ana@X.com", "broken"],
        code=" Abc 1 ",
        cpf_cnpj="123.456.789-09",
    )
    assert [str(key) for key in keys] == [
        "cpf_cnpj:12345678909",
        "code:abc 1",
        "email:ana@x.com",
        "phone:+5511955550142",
    ]


@pytest.mark.parametrize(
    ("kind", "values", "keys"),
    [
        ("person", {}, ()),
        ("person", {"email": None, "phone": "95555-0142", "cpf_cnpj": "1"}, ()),
        ("deal", {"code": 7, "email": "a@b.com"}, (MatchKey("code", "7"),)),
    ],
)
def test_what_is_not_valid_makes_no_key(
    kind: str, values: dict[str, Any], keys: tuple[MatchKey, ...]
) -> None:
    assert match_keys(kind, **values) == keys


def test_an_unknown_match_key_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(TypeError, match="mail"):
        match_keys("person", mail="a@b.com")


STORED = search_terms(
    [
        "João Pedro da Silva",
        "ANA@Example.com",
        "123.456.789-09",
        "(11) 95555-0142",
        "+55 21 98888-0011",
        "Contrato – Padaria Três Irmãos.pdf",
        "db4a2cf7-0e51-4c1b-9a57",
        "Maria-Clara",
        4711,
        None,
        True,
        "",
        "—",
    ]
)


@pytest.mark.parametrize(
    "typed",
    [
        "joao", "JOÃO silva", "silva joão", "ana@example.com", "12345678909", "123.456.789-09", "11955550142",
        "(11) 95555-0142", "+55 11 95555-0142", "21 98888-0011", "+5521988880011", "padaria tres",
        "“Padaria”",
        "irmãos.pdf", "irmaos", "db4a2cf7-0e51-4c1b-9a57", "clara", "maria-clara", "4711",
    ],
)  # fmt: skip
def test_what_is_typed_finds_what_is_stored(typed: str) -> None:
    assert query_terms(typed)
    assert query_terms(typed) <= STORED


@pytest.mark.parametrize("typed", ["maria silveira", "98765432100", "db4a2cf7", "bruno@example.com"])
def test_what_is_not_stored_is_not_found(typed: str) -> None:
    assert not query_terms(typed) <= STORED


def test_terms_are_limited() -> None:
    assert len(search_terms([" ".join(f"w{n}" for n in range(500))])) == 60


@given(st.integers(0, 2**62), st.text())
def test_hashes_fit_a_bigint_and_never_change(workspace: int, text: str) -> None:
    assert -(2**63) <= term_hash(workspace, text) < 2**63
    assert term_hash(workspace, text) == term_hash(workspace, text)


def test_hashes_are_stable_between_versions_and_differ_between_workspaces() -> None:
    assert term_hash(1, "joao") == -2146058722845462877
    assert term_hash(1, "joao") != term_hash(2, "joao")
