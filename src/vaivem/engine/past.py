"""Deliveries of a backfill: marked, so that their runs leave out what would reach people."""

from __future__ import annotations

from vaivem.connectors.sdk import Delivery

HEADER = "vaivem-backfill"


def allowed(delivery: Delivery | None, *, bulk: bool) -> frozenset[str] | None:
    """Return the steps that reach people and may be done in a run of the past; None for any other run.

    The mark counts on bulk only, which nobody but we make: a sender's header of that name says nothing.
    """
    if not bulk or delivery is None or HEADER not in delivery.headers:
        return None
    return frozenset(delivery.headers[HEADER].split(",")[1:])
