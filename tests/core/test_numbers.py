"""Numbers and dates as people write them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaivem.core.numbers import as_json, parse_date, parse_datetime, parse_moment, parse_number, to_cents


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("1.234,56", "1234.56"),
        ("R$ 1.234,56", "1234.56"),
        ("R$\xa01.234.567,8", "1234567.8"),
        ("-R$ 10,00", "-10.00"),
        ("R$ -10", "-10"),
        ("+5", "5"),
        ("US$ 1,234.56", "1234.56"),
        ("1,234,567", "1234567"),
        ("1,234,567.89", "1234567.89"),
        ("1.234", "1234"),
        ("1.234.567", "1234567"),
        ("1,234", "1.234"),
        ("1234.5", "1234.5"),
        ("1234,5", "1234.5"),
        (",5", "0.5"),
        (".5", ".5"),
        ("0", "0"),
        ("1 234,50", "1234.50"),
        ("100 EUR", "100"),
        (1234.56, "1234.56"),
        (7, "7"),
        (Decimal("1.10"), "1.10"),
    ],
)
def test_reads_numbers(value: Any, number: str) -> None:
    assert parse_number(value) == Decimal(number)


@pytest.mark.parametrize(
    "value",
    [
        "", "a combinar", "1.23.4", "12,34,56", "1,2,3", "1.234,", "--1", "-R$ -1", "R$ --1", "+-1", "R$",
        "1e5",
        "²", "١٢", "1,234.5x", "1.2345.678,9", "12.34,5", "10%", "5 reais\n6", None, True, [], {},
        10**15, -(10**15), 1e15, float("nan"), float("inf"), "9" * 16,
    ],
)  # fmt: skip
def test_says_what_is_no_number(value: Any) -> None:
    assert parse_number(value) is None


@given(st.decimals(min_value=-(10**12), max_value=10**12, places=2, allow_nan=False))
def test_reads_back_what_brazilians_and_americans_write(number: Decimal) -> None:
    american = f"{number:,.2f}"
    assert parse_number(american.translate(str.maketrans(",.", ".,"))) == number
    assert parse_number(f"R$ {american.translate(str.maketrans(',.', '.,'))}") == number
    assert parse_number(american) == number
    assert parse_number(str(number)) == number


@given(st.text() | st.text("0123456789.,-+R$ €", max_size=12))
def test_any_text_is_a_number_or_none(text: str) -> None:
    number = parse_number(text)
    assert number is None or number.is_finite()


def test_cents_are_rounded_as_on_invoices() -> None:
    assert [to_cents(Decimal(n)) for n in ("1.005", "1.004", "-1.005")] == [
        Decimal("1.01"),
        Decimal("1.00"),
        Decimal("-1.01"),
    ]


def test_whole_numbers_are_ints_in_json() -> None:
    assert [repr(as_json(Decimal(n))) for n in ("10.00", "10.50")] == ["10", "10.5"]


NOON_UTC = datetime(2026, 11, 19, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026-11-19", date(2026, 11, 19)),
        ("19/11/2026", date(2026, 11, 19)),
        ("9.1.2026", date(2026, 1, 9)),
        ("19-11-2026", date(2026, 11, 19)),
        ("19/11/2026 09:00", NOON_UTC),
        ("19/11/2026 às 9h00", NOON_UTC),
        ("19/11/2026, 09:00:00", NOON_UTC),
        ("2026-11-19T09:00:00-03:00", NOON_UTC),
        ("2026-11-19T09:00:00.000-0300", NOON_UTC),
        ("2026-11-19 09:00:00 -0300", NOON_UTC),
        ("2026-11-19 12:00:00 UTC", NOON_UTC),
        ("2026-11-19T12:00:00Z", NOON_UTC),
        ("2026-11-19T09:00", NOON_UTC),
        ("2026-11-19 09:00:00", NOON_UTC),
        (1795089600, NOON_UTC),
        (1795089600000, NOON_UTC),
        (1795089600.0, NOON_UTC),
        ("1795089600", NOON_UTC),
        ("1795089600000", NOON_UTC),
        (date(2026, 11, 19), date(2026, 11, 19)),
        (datetime(2026, 11, 19, 9), NOON_UTC),  # noqa: DTZ001 -- a moment without a zone is the case
        (NOON_UTC, NOON_UTC),
    ],
)
def test_reads_dates_and_moments(value: Any, moment: date) -> None:
    assert parse_moment(value) == moment


@pytest.mark.parametrize(
    "value",
    [
        "", "amanhã", "31/02/2026", "2026-13-01", "19/11/26", "2026", "20261119", "12345678909", "2026-W01",
        5,
        1e300, float("nan"), float("inf"), -1, True, None, [], {}, "0001-01-01", "9999-12-31T23:59:59Z",
        "01/01/1200",
        "2026-11-19T25:00:00", "19/11/2026 25:00", "abcd-11-19T09:00:00",
    ],
)  # fmt: skip
def test_says_what_is_no_date(value: Any) -> None:
    assert parse_moment(value) is None
    assert parse_date(value) is None
    assert parse_datetime(value) is None


@given(st.text() | st.text("0123456789/-:T. Zh", max_size=26) | st.integers() | st.floats())
def test_anything_is_a_date_or_none(value: Any) -> None:
    for found in (parse_date(value), parse_datetime(value)):
        assert found is None or 1799 <= found.year <= 3000


@given(st.datetimes(datetime(1900, 1, 1), datetime(2900, 1, 1)))  # noqa: DTZ001 -- hypothesis wants them bare
def test_moments_keep_their_instant(moment: datetime) -> None:
    aware = moment.replace(tzinfo=UTC)
    assert parse_datetime(aware.isoformat(), "Asia/Tokyo") == aware


def test_a_late_evening_in_sao_paulo_is_the_next_day_in_utc() -> None:
    assert parse_date("2026-11-20T01:30:00Z", "America/Sao_Paulo") == date(2026, 11, 19)
    assert parse_date("2026-11-20T01:30:00Z", "UTC") == date(2026, 11, 20)


def test_a_date_without_a_time_is_its_first_second_in_the_zone() -> None:
    found = parse_datetime("2026-11-19", "America/Manaus")
    assert found is not None
    assert found.isoformat() == "2026-11-19T00:00:00-04:00"
