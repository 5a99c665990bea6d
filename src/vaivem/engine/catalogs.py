"""The vendor's lists that forms and rules need (pipelines, owners, custom fields): read whole, kept."""

from __future__ import annotations

from typing import Any

from vaivem.connectors.sdk import Connector, Reader


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
