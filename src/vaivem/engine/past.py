"""Deliveries of a backfill: marked, so that their runs leave out what would reach people.

The mark says which backfill brought the delivery, and which steps that reach people are done all the same:
``12,enrol``. Where a later one made up for a step, the mark names that one too, and the version of the rule
by which the step is done: ``12+15,enrol,mail@3``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from vaivem.connectors.sdk import Delivery

HEADER = "vaivem-backfill"


def mark(backfill: int, steps: Iterable[str]) -> str:
    """Return the mark of a backfill's deliveries."""
    return ",".join((str(backfill), *steps))


def allowed(delivery: Delivery | None, *, bulk: bool) -> Mapping[str, int | None] | None:
    """Return the steps that reach people and may be done in a run of the past; None for any other run.

    With each, the version of the rule by which it is done: None for the run's own. The mark counts on bulk
    only, which nobody but we make: a sender's header of that name says nothing.
    """
    if not bulk or delivery is None or HEADER not in delivery.headers:
        return None
    steps = (one.partition("@") for one in delivery.headers[HEADER].split(",")[1:])
    return {step: int(version) if version else None for step, _, version in steps}


def is_of(delivery: Delivery, backfill: int) -> bool:
    """Say whether this backfill brought a delivery of bulk, or made up for something of it."""
    return str(backfill) in delivery.headers.get(HEADER, "").partition(",")[0].split("+")


def made_up(marked: str, backfill: int, steps: Iterable[str], version: int) -> str:
    """Return a mark with more steps, for this backfill and by this version of the rule."""
    first, *others = marked.split(",")
    return ",".join((f"{first}+{backfill}", *others, *(f"{step}@{version}" for step in steps)))
