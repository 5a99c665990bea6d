"""What a step's outcome says of the records that it wrote, for who notes them behind the live path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from vaivem.connectors.sdk import Connector, Outcome

WROTE = ("created", "updated")


def news_of(conn: int, connector: Connector, outcome: Outcome, since: datetime) -> Iterator[dict[str, Any]]:
    """Yield ``{conn, object, id, wrote, at, data}`` for each person, company and deal of an outcome.

    `data` is the record as the outcome shows it (`Outcome.output`). `at` (seconds of 1970) is `since`, when
    the first of what the step went by was answered: what the vendor tells of a later change is newer.
    """
    for record in outcome.records:
        if record.object in connector.kinds:
            data = _shown(outcome.output, record.object, record.id)
            if data is not None:
                yield {
                    "conn": conn,
                    "object": record.object,
                    "id": record.id,
                    "wrote": record.did in WROTE,
                    "at": since.timestamp(),
                    "data": data,
                }


def _shown(output: Mapping[str, Any], object_key: str, number: str) -> Mapping[str, Any] | None:
    """Return a record out of an outcome: under its object, or in the list of several of them."""
    several = output.get(f"{object_key}s")
    for one in (output.get(object_key), *(several if isinstance(several, list) else ())):
        if isinstance(one, Mapping) and str(one.get("id")) == number:
            return one
    return None
