"""Looks leads up: by code, by the link with the event's record, by each address. Nothing here writes."""

from __future__ import annotations

from vaivem.connectors.rd_station_marketing import client
from vaivem.connectors.rd_station_marketing.leads import Lead, lead_from
from vaivem.connectors.sdk import ActionContext, Reader
from vaivem.core.errors import RecordError
from vaivem.core.mapping import Values


async def one(reader: Reader, kind: str, value: str) -> Lead | None:
    """Return the lead with this ``uuid`` or ``email``, None when the vendor has none."""
    try:
        answer = await reader.read(client.lead(kind, value))
    except RecordError as error:
        if error.code != "record_not_found":
            raise
        return None
    return lead_from(answer.json or {})


async def meant(reader: Reader, values: Values) -> Lead | None:
    """Return the lead that a rule means: by its code where there is one, else by each of its addresses."""
    if values.has("uuid") and (lead := await one(reader, "uuid", str(values["uuid"]))):
        return lead
    for address in addresses(values):
        if lead := await one(reader, "email", address):
            return lead
    return None


async def linked_or_meant(context: ActionContext, values: Values) -> Lead | None:
    """Return the lead that a rule means: by its code, by its link with the event's record, by its addresses.

    The link holds when the address was changed on either side, and where a deal has no person.
    """
    if not values.has("uuid"):
        linked = await context.linked("lead", *addresses(values))
        if linked and (lead := await one(context, "uuid", linked)):
            return lead
    return await meant(context, values)


def addresses(values: Values) -> list[str]:
    """Return the addresses that a rule names, each once."""
    found = values["email"]
    listed = found if isinstance(found, list) else [found] if found else []
    return list(dict.fromkeys(str(address).lower() for address in listed))
