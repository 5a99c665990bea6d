"""What a step's outcome says of the records that it wrote or read, noted behind the live path."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from vaivem.connectors.sdk import Connector, Outcome

WROTE = ("created", "updated")


Since = Callable[[str, int, int], datetime | None]


def news_of(
    conn: int, connector: Connector, outcome: Outcome, since: Since, *, looked: bool = False
) -> Iterator[dict[str, Any]]:
    """Yield ``{conn, object, id, wrote, looked, at, data}`` for each person, company and deal of an outcome.

    And for what is kept for one of them, with whose it is (``of``: object and id). `data` is the record as
    the outcome shows it (`Outcome.output`). `looked`: the step does nothing but look. `at`
    (seconds of 1970) is when the first call was made by whose answer the step went (`StepContext.since`):
    what the vendor tells of a later change is newer.

    And ``{conn, document, at}`` for each step of a document that the outcome tells of (`Outcome.documents`).
    """
    objects = [record.object for record in outcome.records]
    for place, record in enumerate(outcome.records):
        before = objects[:place].count(record.object)
        at = since(record.object, before, objects.count(record.object))
        data = _shown(outcome.output, record.object, record.id)
        if data is None or at is None:
            continue
        news = {
            "conn": conn,
            "object": record.object,
            "id": record.id,
            "wrote": record.did in WROTE and not looked,
            "looked": looked,
            "at": at.timestamp(),
            "data": data,
        }
        if record.object in connector.kinds:
            yield news
        for object_key, number in (data.get("of") or {}).items():
            if object_key in connector.kinds:
                yield news | {"of": [object_key, number]}
                break
    for place, step in enumerate(outcome.documents):
        begun = since("document", place, len(outcome.documents))
        if begun is not None:
            yield {"conn": conn, "document": asdict(step), "at": begun.timestamp()}


def _shown(output: Mapping[str, Any], object_key: str, number: str) -> Mapping[str, Any] | None:
    """Return a record out of an outcome: under its object, or in the list of several of them."""
    several = output.get(f"{object_key}s")
    for one in (output.get(object_key), *(several if isinstance(several, list) else ())):
        if isinstance(one, Mapping) and str(one.get("id")) == number:
            return one
    return None
