"""The vendor's ways to write a time. Stored times are UTC text, so that text order is time order."""

import re
from datetime import UTC, date, datetime, timedelta, timezone

BRASILIA = timezone(timedelta(hours=-3))
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}\Z")
_RDQL_TIME = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?\Z")


def utc_text(moment: datetime) -> str:
    """`2025-10-30T19:47:40.791Z`, the form of API v2 and of everything stored."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def brasilia_text(stored: str | None) -> str | None:
    """The same moment as API v1 and the webhooks' documents write it: `2025-10-30T16:47:40.791-03:00`."""
    if stored is None:
        return None
    return datetime.fromisoformat(stored).astimezone(BRASILIA).isoformat(timespec="milliseconds")


def read_time(text: str) -> str:
    """Return an ISO 8601 time (UTC when it names no zone) as stored text; ValueError when it is none."""
    moment = datetime.fromisoformat(text)
    return utc_text(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def read_rdql_time(text: str) -> str:
    """Return an RDQL time (`2023-01-01` or `2023-01-01 12:00:00`, UTC) as stored text; or ValueError."""
    if not (_DATE.match(text) or _RDQL_TIME.match(text)):
        raise ValueError(f"{text} is not a date or a date and time")
    return read_time(text)


def read_date(text: str) -> str:
    """Return a `YYYY-MM-DD` date unchanged; ValueError when it is none."""
    if not _DATE.match(text):
        raise ValueError(f"{text} is not a date")
    return date.fromisoformat(text).isoformat()


def read_brazilian_date(text: str) -> str:
    """Return a `DD/MM/AAAA` date as `YYYY-MM-DD`; ValueError when it is none."""
    day, month, year = text.split("/")
    return date(int(year), int(month), int(day)).isoformat()


def brazilian_date(stored: str) -> str:
    """Return a `YYYY-MM-DD` date as `DD/MM/AAAA`."""
    year, month, day = stored.split("-")
    return f"{day}/{month}/{year}"
