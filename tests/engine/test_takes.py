"""Which events a rule takes: from the moment on at which it was switched on, by when it really happened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from typing_extensions import override

from vaivem.connectors.sdk import Event, Trigger
from vaivem.engine.intake import takes

MOMENT = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
LATER = MOMENT + timedelta(minutes=5)
TICK = timedelta(microseconds=1)
DAY = timedelta(days=1)


class _Closed(Trigger):
    """What a vendor tells with every later change too, by when it was closed."""

    key, object, kinds = "closed", "thing", frozenset({"changed"})

    @override
    def happened(self, event: Event) -> datetime | None:
        return event.data.get("closed") or event.occurred


def taken(occurred: datetime | None, closed: datetime | None = None, since: datetime | None = MOMENT) -> bool:
    use: Any = SimpleNamespace(on_since=since, trigger=_Closed(), options={})
    return takes(use, Event("changed", "thing", "1", (), {"closed": closed}, occurred=occurred))


@pytest.mark.parametrize(
    ("occurred", "closed", "is_taken"),
    [
        (MOMENT - TICK, None, False),
        (MOMENT, None, True),
        (MOMENT + TICK, None, True),
        (None, None, True),  # nobody knows: rather twice looked at than lost
        (LATER, MOMENT - TICK, False),  # closed before, and changed after
        (LATER, MOMENT, True),
        (None, MOMENT - TICK, False),
    ],
)
def test_a_rule_takes_what_happened_from_its_moment_on(
    occurred: datetime | None, closed: datetime | None, is_taken: bool
) -> None:
    assert taken(occurred, closed) is is_taken


def test_what_happened_long_before_it_is_told_was_taken_then_or_never() -> None:
    """What a rule was started for is remembered for 30 days at the least."""
    assert taken(LATER, LATER - 29 * DAY, since=LATER - 400 * DAY)
    assert not taken(LATER, LATER - 31 * DAY, since=LATER - 400 * DAY)
    assert not taken(LATER, LATER - 31 * DAY, since=None)
