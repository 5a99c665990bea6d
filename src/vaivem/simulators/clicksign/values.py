"""The vendor's formats: instants in São Paulo time, CPF, telephone, names."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone

# The vendor writes every instant of API v3 with this offset; Brazil has had no summer time since 2019.
SAO_PAULO = timezone(timedelta(hours=-3))

_CPF = re.compile(r"\d{3}\.\d{3}\.\d{3}-\d{2}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PHONE = re.compile(r"[1-9]\d{9,10}")


def stamp(instant: datetime) -> str:
    """``2024-02-29T09:17:36.418-03:00``; texts of this form sort as their instants do."""
    return instant.astimezone(SAO_PAULO).isoformat(timespec="milliseconds")


def stamp_utc(text: str) -> str:
    """A stamp as the webhook's ``_at`` fields have it: ``2025-03-13T14:28:02.235Z``."""
    instant = datetime.fromisoformat(text).astimezone(UTC)
    return instant.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def read_instant(text: object) -> datetime | None:
    """An ISO 8601 instant; without offset it is São Paulo's. None where it is not one."""
    if not isinstance(text, str):
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=SAO_PAULO)


def is_date(text: object) -> bool:
    """Whether it is a date as ``YYYY-MM-DD``."""
    if not isinstance(text, str) or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def is_cpf(text: object) -> bool:
    """A CPF with its mask and right check digits."""
    if not isinstance(text, str) or not _CPF.fullmatch(text):
        return False
    digits = [int(c) for c in text if c.isdigit()]
    if len(set(digits)) == 1:
        return False
    return digits[9:] == cpf_check_digits(digits[:9])


def cpf_check_digits(first_nine: list[int]) -> list[int]:
    """The two check digits."""
    digits = list(first_nine)
    for _ in range(2):
        weights = range(len(digits) + 1, 1, -1)
        rest = sum(d * w for d, w in zip(digits, weights, strict=True)) * 10 % 11
        digits.append(rest % 10)
    return digits[9:]


def masked_cpf(first_nine: int) -> str:
    """A valid CPF, masked, from its first nine digits."""
    text = f"{first_nine:09d}"
    text += "".join(map(str, cpf_check_digits([int(c) for c in text])))
    return f"{text[:3]}.{text[3:6]}.{text[6:9]}-{text[9:]}"


def is_email(text: object) -> bool:
    return isinstance(text, str) and _EMAIL.fullmatch(text) is not None


def is_phone(text: object) -> bool:
    """Area code and number, 10 or 11 digits, no country code."""
    return isinstance(text, str) and _PHONE.fullmatch(text) is not None


def is_full_name(text: object) -> bool:
    """At least two words and no digit."""
    return isinstance(text, str) and len(text.split()) >= 2 and not any(c.isdigit() for c in text)
