"""When a field goes from a value to a value."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from vaivem.core.changes import Change, Judgement, Kept, Seen, canonical, judge, restored
from vaivem.core.fields import FieldType

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
LATER = AT + timedelta(minutes=1)
CHANGED, FIRST, SAME, OTHER, LATE = (
    Judgement.CHANGED, Judgement.FIRST, Judgement.SAME, Judgement.OTHER, Judgement.LATE,
)  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "kept", "now", "expected"),
    [
        ("open", "won", "open", "won", CHANGED),
        ("open", "won", "Open", "WON", CHANGED),  # read as conditions read them
        ("open", "won", "lost", "won", OTHER),
        ("open", "won", "open", "lost", OTHER),
        ("open", "won", "open", "open", SAME),
        ("open", "won", "won", "open", OTHER),  # never backwards
        (None, "won", "lost", "won", CHANGED),
        (None, "won", None, "won", CHANGED),  # there was nothing, and we know it
        ("open", None, "open", "lost", CHANGED),
        ("open", None, "open", None, CHANGED),
        ("open", None, None, "lost", OTHER),
        (None, None, "a", "b", CHANGED),
        (None, None, "", None, SAME),
        (None, None, [], "", SAME),
        (None, "b", ["a"], ["a", "b"], CHANGED),
    ],
)
def test_from_a_value_to_a_value(before: Any, after: Any, kept: Any, now: Any, expected: Judgement) -> None:
    change = Change("deal.status", before, after)
    assert judge(change, Kept(kept, AT), Seen(now, LATER)) is expected
    assert judge(change, None, Seen(now, LATER, before=Kept(kept))) is expected, "as the vendor tells it"


def test_what_nobody_saw_before_is_no_change() -> None:
    assert judge(Change("x", None, "b"), None, Seen("b", AT)) is FIRST


def test_what_the_vendor_tells_goes_before_what_was_kept() -> None:
    change = Change("x", "a", "b")
    assert judge(change, Kept("z", AT), Seen("b", LATER, before=Kept("a"))) is CHANGED
    assert judge(change, Kept("a", AT), Seen("b", LATER, before=Kept("z"))) is OTHER


def test_what_is_older_than_what_was_seen_changes_nothing() -> None:
    change = Change("x")
    assert judge(change, Kept("b", LATER), Seen("a", AT)) is LATE
    assert judge(change, Kept("b", LATER), Seen("a", AT, before=Kept("z"))) is LATE
    assert judge(change, Kept("b", AT), Seen("a", AT)) is CHANGED, "of one second: as they came"
    assert judge(change, Kept("b"), Seen("a", AT)) is CHANGED
    assert judge(change, Kept("b", LATER), Seen("a")) is CHANGED


@pytest.mark.parametrize(
    ("kept_place", "place", "expected"), [(1, 2, CHANGED), (2, 1, LATE), (2, 2, SAME), (None, 1, LATE)]
)
def test_what_only_goes_forward_is_not_told_by_times(
    kept_place: int | None, place: int, expected: Judgement
) -> None:
    names = {1: "sent", 2: "opened", None: "other"}
    kept, now = Kept(names[kept_place], LATER), names[place]
    assert judge(Change("x"), kept, Seen(now, AT, place=place, kept_place=kept_place)) is expected


def test_values_are_read_by_the_field_s_type() -> None:
    change = Change("deal.value", "1.284,50", 2000, FieldType.MONEY)
    assert judge(change, Kept(1284.5, AT), Seen("2000.00", LATER)) is CHANGED
    phone = Change("x", None, "(11) 91234-5678", FieldType.PHONE)
    assert judge(phone, Kept("", AT), Seen("+5511912345678", LATER)) is CHANGED


@pytest.mark.parametrize("value", [None, "", "a", 1, 1.5, True, ["a", "b"], {"b": 1, "a": 2}])
def test_a_value_comes_back_as_it_was_kept(value: Any) -> None:
    assert restored(canonical(value)) == (None if value in (None, "") else value)
