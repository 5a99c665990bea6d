"""Numbers and dates as people in Brazil write them, read into plain values."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

DEFAULT_ZONE = "America/Sao_Paulo"
MAX_DIGITS = 15  # what a JSON number carries exactly

_CURRENCY = re.compile(
    r"^(?P<sign>[-+]?)\s*(?:R\$|US\$|BRL|USD|EUR|\$|€)?\s*(?P<rest>.*?)\s*(?:BRL|USD|EUR|€)?$"
)
_GROUPED_DOTS = re.compile(r"\d{1,3}(?:\.\d{3})+")
_GROUPED_COMMAS = re.compile(r"\d{1,3}(?:,\d{3})+")
_SIMPLE = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,2})?")  # most of what programs send
_PLAIN = re.compile(r"\d+(?:\.\d+)?|\.\d+")


def parse_number(value: Any) -> Decimal | None:
    """Return a number from "1.234,56", "R$ 1.234,56", "1,234.56" or a number; None when it is none.

    What could be both is read as Brazilian: "1.234" is one thousand two hundred and thirty-four, "1,234" is
    one and a bit. Numbers that JSON cannot carry exactly (over 15 digits before the point) are none.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return Decimal(value) if abs(value) < 10**MAX_DIGITS else None
    if isinstance(value, float | Decimal):
        return _within_range(Decimal(str(value)))
    if not isinstance(value, str):
        return None
    if _SIMPLE.fullmatch(value):
        return Decimal(value)
    found = _CURRENCY.match(value.strip().replace("\xa0", " "))
    if found is None:
        return None
    digits = _with_point(found["rest"].replace(" ", ""))
    if digits is None or not digits.isascii() or (found["sign"] and digits[0] in "+-"):
        return None
    return _within_range(Decimal(found["sign"] + digits))


def _with_point(text: str) -> str | None:
    """Return digits with a decimal point and nothing else, or None."""
    if text[:1] in ("+", "-"):  # "R$ -10"
        rest = _with_point(text[1:])
        return text[0] + rest if rest and rest[0] not in "+-" else None
    whole, comma, fraction = text.rpartition(",")
    if comma and "." not in fraction:
        if _GROUPED_COMMAS.fullmatch(text) and text.count(",") > 1:
            return text.replace(",", "")
        grouped = _GROUPED_DOTS.fullmatch(whole)
        plain = whole.replace(".", "") if grouped else whole
        return f"{plain or '0'}.{fraction}" if (plain + fraction).isdecimal() and fraction else None
    if comma:
        whole, _, fraction = text.rpartition(".")
        fits = _GROUPED_COMMAS.fullmatch(whole) and fraction.isdecimal()
        return f"{whole.replace(',', '')}.{fraction}" if fits else None
    if _GROUPED_DOTS.fullmatch(text):
        return text.replace(".", "")
    return text if _PLAIN.fullmatch(text) else None


def _within_range(number: Decimal) -> Decimal | None:
    if not number.is_finite() or abs(number) >= Decimal(10) ** MAX_DIGITS:
        return None
    return number


def to_cents(number: Decimal) -> Decimal:
    """Round to two places, halves away from zero, as invoices do."""
    return number.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)


def as_json(number: Decimal) -> int | float:
    """Return a number for JSON: an int when it is whole."""
    return int(number) if number == number.to_integral_value() else float(number)


_DATE_BR = re.compile(
    r"(\d{1,2})[/.\-](\d{1,2})[/.\-](\d{4})(?:[ T,]+(?:às\s+)?(\d{1,2})[:h](\d{2})(?::(\d{2}))?)?h?"
)
_DATE_ISO = re.compile(r"\d{4}-\d{2}-\d{2}")
_BLANK_BEFORE_OFFSET = re.compile(r"\s+(?=[+-]\d{2}:?\d{2}$)")
_EPOCH = re.compile(r"\d{10}(?:\d{3})?(?:\.\d+)?")
_FIRST_YEAR, _LAST_YEAR = 1800, 2999  # others are slips of the keyboard
_EARLIEST_EPOCH, _LATEST_EPOCH = 10**8, 10**11  # seconds; above it they are milliseconds


@lru_cache(maxsize=256)
def zone_info(zone: str) -> ZoneInfo:
    """Return a time zone by name; raises ZoneInfoNotFoundError or ValueError."""
    return ZoneInfo(zone)


def parse_moment(value: Any, zone: str = DEFAULT_ZONE) -> datetime | date | None:
    """Return a date, or a moment with its zone, from what vendors and people write; None when it is neither.

    ISO 8601 with or without offset, ``dd/mm/yyyy`` with or without time, seconds or milliseconds since 1970.
    A time without an offset is taken to be in `zone`.
    """
    moment = _read_moment(value, zone)
    return moment if moment is not None and _FIRST_YEAR <= moment.year <= _LAST_YEAR else None


def _read_moment(value: Any, zone: str) -> datetime | date | None:
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=zone_info(zone))
    if isinstance(value, date):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _from_epoch(value)
    if not isinstance(value, str):
        return None
    try:
        return _parse_text(value.strip(), zone)
    except ValueError:
        return None


def _parse_text(text: str, zone: str) -> datetime | date | None:
    if _DATE_ISO.fullmatch(text):
        return date.fromisoformat(text)
    if found := _DATE_BR.fullmatch(text):
        day, month, year, hour, minute, second = found.groups()
        plain = date(int(year), int(month), int(day))
        if hour is None:
            return plain
        return datetime.combine(plain, time(int(hour), int(minute), int(second or 0)), zone_info(zone))
    if _EPOCH.fullmatch(text):
        return _from_epoch(float(text))
    if len(text) < 16 or text[4] != "-":
        return None  # fromisoformat also takes week dates and bare digits, which here are more likely ids
    moment = datetime.fromisoformat(_BLANK_BEFORE_OFFSET.sub("", text.replace(" UTC", "+00:00")))
    return moment if moment.tzinfo else moment.replace(tzinfo=zone_info(zone))


def _from_epoch(number: float) -> datetime | None:
    if not _EARLIEST_EPOCH <= number < _LATEST_EPOCH * 1000:
        return None
    seconds = number / 1000 if number >= _LATEST_EPOCH else number
    return datetime.fromtimestamp(seconds, UTC)


def parse_date(value: Any, zone: str = DEFAULT_ZONE) -> date | None:
    """Return the calendar day in `zone` of a date or a moment, or None."""
    moment = parse_moment(value, zone)
    return moment.astimezone(zone_info(zone)).date() if isinstance(moment, datetime) else moment


def parse_datetime(value: Any, zone: str = DEFAULT_ZONE) -> datetime | None:
    """Return a moment in `zone`; a date without a time is its first second there. None when it is neither."""
    moment = parse_moment(value, zone)
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        return datetime.combine(moment, time(), zone_info(zone))
    return moment.astimezone(zone_info(zone))
