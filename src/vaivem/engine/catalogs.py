"""The vendor's lists that forms and rules need (pipelines, owners, custom fields): read whole, kept."""

from __future__ import annotations

from typing import Any

import asyncpg

from vaivem.connectors.sdk import Connector, Reader
from vaivem.engine.statements import statement

SUSPECTED_MINUTES = 120  # between two reads for what a vendor refused: each costs calls


async def suspect(pool: asyncpg.Pool, conn: int) -> None:
    """Have a connection's lists read soon: what a rule names may be gone, as the vendor refused a write.

    The rule is marked then and not hours later. At most once in two hours: most refusals have other reasons.
    """
    await pool.execute(statement("chores", "suspect_lists"), f"lists/{conn}", conn, SUSPECTED_MINUTES)


async def read_catalog(connector: Connector, reader: Reader) -> dict[str, Any]:
    """Read all live lists and custom fields of a connection.

    A list named ``stages/<pipelines>`` is read once for each option of the list ``pipelines``.
    """
    lists: dict[str, list[dict[str, Any]]] = {}
    for source in connector.lists:
        name, _, parent = source.partition("/<")
        if not parent:
            lists[source] = [option.to_dict() for option in await connector.live_list(reader, source)]
            continue
        for option in lists.get(parent.rstrip(">"), ()):
            place = f"{name}/{option['value']}"
            lists[place] = [found.to_dict() for found in await connector.live_list(reader, place)]
    fields = {
        object_key: [field.to_dict() for field in await connector.custom_fields(reader, object_key)]
        for object_key in connector.objects
    }
    return {"lists": lists, "fields": fields}
