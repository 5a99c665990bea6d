"""What messages missed, by the list of changes: one bounded look, never a read of single envelopes.

The list tells states and times of envelopes and of their recipients. So each step that was reached becomes a
message in the vendor's own shape, marked as ours; one that had come before is the same event.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any

import orjson

from vaivem.connectors.docusign import client
from vaivem.connectors.docusign.happenings import Step, steps_of
from vaivem.connectors.docusign.messages import CAUGHT_UP, STATE, data_of
from vaivem.connectors.docusign.objects import moment
from vaivem.connectors.sdk import Delivery, Reader

PAGES = 10
# A person's step does not always change the envelope's state, by which the list is asked: it is found when
# the next change is, up to so long after.
STEPS_SINCE = timedelta(days=7)


async def missed(
    reader: Reader, since: datetime, until: datetime, first: datetime | None = None
) -> list[Delivery]:
    """Return the steps of envelopes that changed between two moments, oldest first.

    `first` is how old a step of theirs may be: a week before, unless it is told.
    """
    earliest = first or since - STEPS_SINCE
    page = partial(client.changed, reader.connection, since, until)
    found: list[tuple[datetime, Delivery]] = []
    for row in await client.each(reader, range(PAGES), page, "envelopes"):
        envelope = row.get("envelopeId")
        if not isinstance(envelope, str) or not envelope:
            continue
        data = data_of(row, envelope, "", STATE)
        for step in steps_of(data["envelope"], data["recipients"]):
            when = moment(step.at)
            if when is not None and earliest <= when <= until:
                found.append((when, _message(row, step, data["recipients"])))
    found.sort(key=lambda pair: pair[0])
    return [delivery for _, delivery in found]


def _message(row: Any, step: Step, recipients: list[dict[str, Any]]) -> Delivery:
    data = {"envelopeId": row["envelopeId"], "envelopeSummary": row}
    if step.recipient is not None:
        data["recipientId"] = recipients[step.recipient]["id"]
    body = {
        "event": step.kind,
        "generatedDateTime": step.at,
        "data": data,
        CAUGHT_UP: {"caught_up": True},
    }
    return Delivery("POST", "", "", {"content-type": "application/json"}, orjson.dumps(body))
