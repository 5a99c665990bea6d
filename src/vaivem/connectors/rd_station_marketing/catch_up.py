"""A bounded look back: which leads converted meanwhile, and what stands on their timelines.

No list tells what changed since a moment. The segmentation of all leads can be sorted by the last conversion;
the leads that converted are read with their conversions and opportunities, ten events a page.
An opportunity of a lead that did not convert in that time cannot be found.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from vaivem.connectors.rd_station_marketing import client
from vaivem.connectors.sdk import Delivery, Reader
from vaivem.core.errors import RecordError
from vaivem.core.folding import fold
from vaivem.core.likeness import moment_of

MAX_PAGES = 20  # of 125 leads: 2,500 in the time of one look, the latest
KINDS = {"CONVERSION": "WEBHOOK.CONVERTED", "OPPORTUNITY": "WEBHOOK.MARKED_OPPORTUNITY"}
ALL_LEADS = "todos os contatos da base de leads"


async def missed(reader: Reader, since: datetime, until: datetime) -> list[Delivery]:
    """Return the conversions and opportunities between two moments as deliveries in the webhook's shape."""
    segmentation = await _all_leads(reader)
    found: list[Delivery] = []
    for uuid in await _converted(reader, segmentation, since) if segmentation else ():
        found += await _of_lead(reader, uuid, since, until)
    return found


async def _all_leads(reader: Reader) -> str:
    """Return the id of the vendor's own segmentation of all leads, "" when there is none."""
    for page in range(1, MAX_PAGES + 1):
        rows = client.rows(await reader.read(client.segmentations(page)), "segmentations", "contacts")
        standard = [row for row in rows if row.get("standard")]
        named = [row for row in standard if fold(str(row.get("name", ""))) == ALL_LEADS]
        if named:
            return str(named[0]["id"])
        if len(rows) < client.PAGE_SIZE:
            return ""
    return ""


async def _converted(reader: Reader, segmentation: str, since: datetime) -> list[str]:
    """Return the leads whose last conversion is not before a moment, the latest first."""
    found: list[str] = []
    for page in range(1, MAX_PAGES + 1):
        rows = client.rows(await reader.read(client.segmentation_leads(segmentation, page)), "contacts")
        late = [row for row in rows if _is_after(row.get("last_conversion_date"), since)]
        found += [str(row["uuid"]) for row in late if row.get("uuid")]
        if len(late) < client.PAGE_SIZE:
            break
    return found


async def _of_lead(reader: Reader, uuid: str, since: datetime, until: datetime) -> list[Delivery]:
    events: list[Mapping[str, Any]] = []
    for kind in KINDS:
        events += await _events(reader, uuid, kind, since, until)
    if not events:
        return []
    try:
        contact = dict((await reader.read(client.lead("uuid", uuid))).json or {})
        contact["funnel"] = (await reader.read(client.funnel(uuid))).json or {}
    except RecordError as error:
        if error.code != "record_not_found":
            raise
        return []  # deleted since
    return [_delivery(event, contact) for event in reversed(events)]


async def _events(
    reader: Reader, uuid: str, kind: str, since: datetime, until: datetime
) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for page in range(1, MAX_PAGES + 1):
        rows = client.rows(await reader.read(client.lead_events(uuid, kind, page)), "events")
        inside = [row for row in rows if _is_after(_time_of(row), since)]
        found += [{**row, "kind": kind} for row in inside if not _is_after(_time_of(row), until)]
        if not rows or len(inside) < len(rows):
            break
    return found


def _time_of(row: Mapping[str, Any]) -> Any:
    return row.get("event_timestamp") or row.get("created_at")


def _is_after(value: Any, moment: datetime) -> bool:
    found = moment_of(value)
    return found is not None and found >= moment


def _delivery(event: Mapping[str, Any], contact: Mapping[str, Any]) -> Delivery:
    identifier = event.get("event_identifier") or (event.get("payload") or {}).get("conversion_identifier")
    opportunity = event["kind"] == "OPPORTUNITY"
    body = {
        "event_type": KINDS[event["kind"]],
        "entity_type": "CONTACT",
        "event_identifier": "default" if opportunity else identifier,
        "timestamp": _time_of(event),
        "event_timestamp": _time_of(event),
        "contact": contact,
        "caught_up": True,
    }
    return Delivery("POST", "", "", {"content-type": "application/json"}, orjson.dumps(body))
