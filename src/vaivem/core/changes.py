"""When a field goes from a value to a value: judged from what was there before and what is there now.

What was there before, the vendor's event tells, or it is what was kept when the record was last seen.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from vaivem.core.comparing import comparison
from vaivem.core.fields import FieldType
from vaivem.core.numbers import DEFAULT_ZONE
from vaivem.core.operators import Operator
from vaivem.core.values import is_empty


@dataclass(frozen=True, slots=True)
class Change:
    """What a rule waits for. None: from (or to) whatever it is. `type` is the field's own, where known."""

    field: str
    before: Any = None
    after: Any = None
    type: FieldType | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A field's value when its record was last seen."""

    value: Any
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """A field's value as an event tells it. `before`: what the vendor says was there, None where it does not.

    `place` and `kept_place` say how far along both values are, for fields that only go forward (the state of
    a document); None for others, where the times decide which is newer.
    """

    value: Any
    at: datetime | None = None
    before: Kept | None = None
    place: int | None = None
    kept_place: int | None = None


class Judgement(StrEnum):
    """What an event says of a change; all but the first begin no run, and history shows why."""

    CHANGED = "changed"
    FIRST = "change_first_seen"  # nobody knows what was there before
    SAME = "change_none"
    OTHER = "change_another"  # from or to another value than the rule says
    LATE = "change_late"  # something newer of the record was seen


def judge(wanted: Change, kept: Kept | None, seen: Seen, *, zone: str = DEFAULT_ZONE) -> Judgement:
    """Judge what an event tells of a field. What is `LATE` must not be kept; everything else is."""
    if kept is not None and _is_late(kept, seen):
        return Judgement.LATE
    before = seen.before or kept
    if before is None:
        return Judgement.FIRST
    if same(before.value, seen.value):
        return Judgement.SAME
    ends = ((wanted.before, before.value), (wanted.after, seen.value))
    fits = all(_fits(expected, value, wanted.type, zone) for expected, value in ends)
    return Judgement.CHANGED if fits else Judgement.OTHER


def _is_late(kept: Kept, seen: Seen) -> bool:
    if seen.place is not None and seen.kept_place is not None:
        return seen.place < seen.kept_place
    return seen.at is not None and kept.at is not None and seen.at < kept.at


def same(one: Any, other: Any) -> bool:
    """Say whether two values are the same; nothing, an empty text and an empty list are."""
    return canonical(one) == canonical(other)


def canonical(value: Any) -> str:
    """Return the form of a value that is kept and compared."""
    return "" if is_empty(value) else json.dumps(value, sort_keys=True, default=str, ensure_ascii=False)


def restored(text: str) -> Any:
    """Return the value whose `canonical` form was kept."""
    return json.loads(text) if text else None


def _fits(expected: Any, value: Any, type_: FieldType | None, zone: str) -> bool:
    if expected is None:
        return True
    compare = comparison(Operator.EQUALS, expected, type_)
    values = value if isinstance(value, list | tuple) else [value]
    return any(not is_empty(one) and compare(one, {}, zone) for one in values)
