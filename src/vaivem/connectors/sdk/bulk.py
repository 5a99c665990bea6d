"""Bulk writes: one call of a vendor that takes what many runs want written."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar

from vaivem.connectors.sdk.actions import Reader
from vaivem.connectors.sdk.calls import Answer, Call


class BulkWrite:
    """A vendor's call that takes many records at once, works them later and tells of them by a name.

    Runs of the past put their records into it (`ActionContext.write_in_bulk`). It is sent again when its
    answer was lost, whole or without what was refused, so sending the same records again must change nothing.
    What it does not take, each run writes by itself.
    """

    key: ClassVar[str]  # also what the call is named in the run's history
    most: ClassVar[int]  # records in one call
    most_bytes: ClassVar[int]  # of their JSON together

    def call(self, records: Sequence[Mapping[str, Any]]) -> Call:
        """Return the call that takes these records. Pure."""
        raise NotImplementedError

    def name(self, answer: Answer) -> str:
        """Return what the vendor calls what it has just taken; "" where its answer does not tell."""
        raise NotImplementedError

    def refused(self, answer: Answer) -> Collection[int]:
        """Return the places of the records for which the vendor refused the whole call; none: for all."""
        return ()

    async def look(
        self, reader: Reader, name: str, records: Sequence[Mapping[str, Any]]
    ) -> Sequence[Mapping[str, Any] | None] | None:
        """Return what became of each record, in their order; None while the vendor still works.

        `records` may be fewer than the call took: somebody ended the runs of the others meanwhile. Of a
        record that was not taken, or of which nothing is known: None.
        """
        raise NotImplementedError
