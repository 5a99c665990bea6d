"""What a person or a program asks of the history, read from an address's query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from vaivem.core.errors import RuleError
from vaivem.engine.ids import id_at, time_of

MAX_ID = 2**63 - 1
EVENTS_FROM = 2**63  # a search that goes by events has cursors from here on
PERIODS = {"today": 0, "yesterday": 1, "7days": 6, "30days": 29}


class Shown(StrEnum):
    """How a run stands, as people filter by it."""

    DONE = "done"
    WAITING = "waiting"
    FAILED = "failed"
    NEEDS_YOU = "needs_you"
    NOTHING = "nothing"
    STOPPED = "stopped"


ENDED = {Shown.DONE: 1, Shown.FAILED: 2, Shown.NOTHING: 3, Shown.STOPPED: 4}


class FilterError(RuleError):
    """A filter that cannot be read; `path` is its name."""

    default_code = "filter_wrong"


@dataclass(frozen=True, slots=True)
class Filters:
    """A question to the history. `since` and `until` bound when the event came; None leaves a side open."""

    status: Shown | None = None
    rule: int | None = None
    connection: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str = ""

    @property
    def low(self) -> int:
        """The lowest id that counts."""
        return id_at(self.since) if self.since else 0

    @property
    def high(self) -> int:
        """The id below which all that counts is."""
        return id_at(self.until) if self.until else MAX_ID

    @property
    def ended(self) -> int | None:
        """The number of the status, where it is of runs that have ended."""
        return ENDED.get(self.status) if self.status else None

    @property
    def live_where(self) -> str:
        """What else is asked of runs that have not ended, in SQL."""
        if self.status is Shown.NEEDS_YOU:
            return " and p.state = 'decision'"
        return " and p.state is distinct from 'decision'" if self.status is Shown.WAITING else ""

    @property
    def is_waiting(self) -> bool:
        """Whether it means runs that have not ended."""
        return self.status in (Shown.WAITING, Shown.NEEDS_YOU)

    @property
    def narrowed(self) -> bool:
        """Whether anything is left out."""
        return self != Filters()


def read_filters(query: Mapping[str, str], *, now: datetime, zone: str) -> Filters:
    """Read ``status rule connection q`` and ``period`` or ``from`` and ``to``. Raises FilterError.

    Days without a time are whole days in the workspace's zone; ``to`` includes its day.
    """
    since, until = _period(query, now.astimezone(ZoneInfo(zone)))
    return Filters(
        status=_status(query.get("status", "")),
        rule=_number(query, "rule"),
        connection=_number(query, "connection"),
        since=since,
        until=until,
        text=query.get("q", "").strip()[:200],
    )


def read_cursor(text: str | None) -> int | None:
    """Read a cursor; None when there is none. Raises FilterError."""
    if not text:
        return None
    if not text.isascii() or not text.isdecimal() or int(text) > EVENTS_FROM + MAX_ID:
        raise FilterError(path="before")
    return int(text)


def cursor_time(cursor: int) -> datetime:
    """Return the moment that a cursor stands at."""
    return time_of(cursor - EVENTS_FROM if cursor >= EVENTS_FROM else cursor)


def _status(text: str) -> Shown | None:
    if not text:
        return None
    try:
        return Shown(text)
    except ValueError as error:
        raise FilterError(path="status") from error


def _number(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name, "")
    if not text:
        return None
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise FilterError(path=name)
    return int(text)


def _period(query: Mapping[str, str], now: datetime) -> tuple[datetime | None, datetime | None]:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    period = query.get("period", "")
    if period == "yesterday":
        return midnight - timedelta(days=1), midnight
    if period in PERIODS:
        return midnight - timedelta(days=PERIODS[period]), None
    if period and period != "dates":
        raise FilterError(path="period")
    return _moment(query, "from", now, 0), _moment(query, "to", now, 1)


def _moment(query: Mapping[str, str], name: str, now: datetime, whole_day: int) -> datetime | None:
    """Read a day or a moment; a day for ``to`` means its end."""
    text = query.get(name, "").strip()
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise FilterError(path=name) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=now.tzinfo)
    is_day = len(text) <= 10 and moment.time() == time()
    try:
        return moment + timedelta(days=whole_day if is_day else 0)
    except OverflowError as error:
        raise FilterError(path=name) from error
