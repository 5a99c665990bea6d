"""What deliveries of a system without a fixed shape teach: its fields, from the last few."""

from __future__ import annotations

import json
from typing import Any

from django.db import connection as database

from vaivem.connectors.sdk import Delivery
from vaivem.connectors.sdk.registry import get_connector
from vaivem.core.errors import ReconnectError, VaivemError
from vaivem.core.fields import Field
from vaivem.engine.ingest import unpacked
from vaivem.hub.connections.lines import as_connection
from vaivem.hub.connections.models import Connection

SAMPLES = 10


def learnt_fields(row: Connection) -> list[Field]:
    """Return the fields that the last deliveries had, and keep them for the rules' forms."""
    connector = get_connector(row.connector)
    samples = last_samples(row)
    if not samples:
        return []
    found = connector.learn_fields(samples)
    told = [field.to_dict() for field in found]
    if told != (row.catalog or {}).get("fields", {}).get("event"):
        row.catalog = {**row.catalog, "fields": {**row.catalog.get("fields", {}), "event": told}}
        Connection.objects.filter(pk=row.pk).update(catalog=row.catalog)
    return found


def last_samples(row: Connection, number: int = SAMPLES) -> list[dict[str, Any]]:
    """Return the data of the last events, the newest last; one that cannot be read is left out."""
    connector = get_connector(row.connector)
    webhooks = connector.webhooks
    if webhooks is None:
        return []
    try:
        connection = as_connection(row)
    except ReconnectError:  # the connection's page says so
        return []
    samples: list[dict[str, Any]] = []
    for part, method, path, query, headers, body in _last_deliveries(row, number):
        delivery = Delivery(method, path, query, json.loads(bytes(headers)), bytes(body))
        try:
            events = webhooks.parse(unpacked(delivery, webhooks.max_bytes), connection)
        except VaivemError:  # it was kept as it came, and is listed where deliveries are looked after
            continue
        if part < len(events):
            samples.append(dict(events[part].data))
    return samples[::-1]


def _last_deliveries(row: Connection, number: int) -> list[tuple[Any, ...]]:
    with database.cursor() as cursor:
        cursor.execute(
            "select part, method, path, query, headers, body from event where ws = %s and conn = %s"
            " order by id desc limit %s",
            [row.workspace_id, row.pk, number],
        )
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found
