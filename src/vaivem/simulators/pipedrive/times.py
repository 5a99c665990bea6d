"""The vendor's ways to write a time. Stored times are UTC text, so that text order is time order."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("America/Sao_Paulo")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}\Z")
_CLOCK = re.compile(r"([01]?\d|2[0-4]):[0-5]\d(:[0-5]\d)?\Z")
_PLAIN = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}(:\d{2})?\Z")
_RFC = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})\Z")


def stored(moment: datetime) -> str:
    """`2026-11-19T14:42:00.123Z`: how every time is kept, and how webhooks write `update_time`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def rfc(text: str | None) -> str | None:
    """`2026-11-19T14:42:00Z`, as API v2 writes it."""
    return text and f"{text[:19]}Z"


def plain(text: str | None) -> str | None:
    """`2026-11-19 14:42:00`, as API v1 writes it."""
    return text and f"{text[:10]} {text[11:19]}"


def local_date(text: str | None) -> str | None:
    """The day in the account's own time zone."""
    return text and datetime.fromisoformat(text).astimezone(ZONE).date().isoformat()


def read_rfc(text: str) -> str:
    """Return an RFC 3339 time as stored text; ValueError when it is none."""
    if not _RFC.match(text):
        raise ValueError(text)
    return stored(datetime.fromisoformat(text))


def read_time(text: str) -> str:
    """Return an RFC 3339 time or `YYYY-MM-DD HH:MM:SS` (UTC) as stored text; or ValueError."""
    if _PLAIN.match(text):
        return stored(datetime.fromisoformat(text).replace(tzinfo=UTC))
    return read_rfc(text)


def read_date(text: str) -> str:
    """Return a `YYYY-MM-DD` date unchanged; ValueError when it is none."""
    if not _DATE.match(text):
        raise ValueError(text)
    return date.fromisoformat(text).isoformat()


def read_clock(text: str) -> str:
    """Return `HH:MM[:SS]` as `HH:MM:SS`; ValueError when it is none."""
    if not _CLOCK.match(text):
        raise ValueError(text)
    return text if text.count(":") == 2 else f"{text}:00"
