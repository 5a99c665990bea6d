"""The editor's example: one of the trigger's latest events, or the built-in one until there is any."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from asgiref.sync import async_to_sync
from django.conf import settings
from django.core.cache import cache
from django.db import connection as database

from vaivem.connectors.sdk import Delivery, Event, Trigger
from vaivem.connectors.sdk.registry import get_connector
from vaivem.core.errors import VaivemError
from vaivem.engine.direct import DirectCaller
from vaivem.engine.ids import time_of
from vaivem.hub.connections.models import Connection
from vaivem.hub.rules.catalog import WorkspaceCatalog, as_seen
from vaivem.hub.rules.editing.form import mapping_of
from vaivem.vault import Vault, VaultError

MOST = 12
KEPT_SECONDS = 1800
LOOKED_AT = 20_000  # events of the workspace: a rare kind must not make the page slow
LATEST = """
select id, title from (
  select id, title, kind, conn from event where ws = %(ws)s order by id desc limit %(looked_at)s) e
where conn = %(conn)s and kind = any(%(kinds)s) order by id desc limit %(most)s"""
ONE = """
select id, kind, part, method, path, query, headers, body from event
where ws = %(ws)s and conn = %(conn)s and id = %(id)s"""


@dataclass(frozen=True, slots=True)
class Past:
    """An event that happened, to choose as the example."""

    id: int
    title: str

    @property
    def at(self) -> datetime:
        """When it arrived."""
        return time_of(self.id)


@dataclass(frozen=True, slots=True)
class Sample:
    """What the form's preview is filled with. `event` is None for the built-in example.

    `problem` says why the chosen event could not be used, in a code.
    """

    scope: Mapping[str, Any]
    event: int | None
    past: tuple[Past, ...] = ()
    problem: str = ""


def sample_for(definition: Mapping[str, Any], catalog: WorkspaceCatalog, wanted: str) -> Sample:
    """Return the example for a draft: the event that is `wanted`, else the latest, else the built-in one."""
    when = mapping_of(definition.get("when"))
    row, trigger = _trigger(when, catalog)
    if row is None or trigger is None:
        return Sample({}, None)
    past = latest(row, trigger)
    chosen = next((one.id for one in past if str(one.id) == wanted), None)
    if wanted == "builtin" or not past:
        return Sample(trigger.sample, None, past)
    event = chosen or past[0].id
    options = {str(key): value for key, value in mapping_of(when.get("options")).items()}
    key = (
        f"rule-example:{row.pk}:{event}:{trigger.key}:{orjson.dumps(options, option=orjson.OPT_SORT_KEYS)!r}"
    )
    scope: Mapping[str, Any] | None = cache.get(key.replace(" ", "_")[:240])
    if scope is None:
        try:
            scope = scope_of(row, trigger, event, options)
        except VaivemError as error:
            return Sample(trigger.sample, None, past, error.code)
        if scope is None:
            return Sample(trigger.sample, None, past, "not_yet")
        cache.set(key.replace(" ", "_")[:240], scope, KEPT_SECONDS)
    return Sample(scope, event, past)


def latest(row: Connection, trigger: Trigger, most: int = MOST) -> tuple[Past, ...]:
    """Return the newest events of a trigger's kinds, newest first."""
    given: dict[str, int | list[str]] = {
        "ws": row.workspace_id,
        "conn": row.pk,
        "kinds": sorted(trigger.kinds),
        "most": most,
        "looked_at": LOOKED_AT,
    }
    with database.cursor() as cursor:
        cursor.execute(LATEST, given)
        return tuple(Past(number, title) for number, title in cursor.fetchall())


def scope_of(
    row: Connection, trigger: Trigger, event: int, options: Mapping[str, Any]
) -> Mapping[str, Any] | None:
    """Return what mappings read of an event, as a run would; a thin event is read again at the vendor."""
    found = _event(row, event)
    if found is None:
        return None
    try:
        credentials = Vault.from_folder(settings.VAIVEM.data_dir).open(bytes(row.credentials or b""))
    except VaultError:
        credentials = {}
    return _read(as_seen(row, credentials), trigger, found, options)


@async_to_sync
async def _read(
    seen: Any, trigger: Trigger, event: Event, options: Mapping[str, Any]
) -> Mapping[str, Any] | None:
    async with DirectCaller(settings.VAIVEM, seen) as caller:
        return await trigger.scope(caller, event, options)


def _event(row: Connection, number: int) -> Event | None:
    webhooks = get_connector(row.connector).webhooks
    with database.cursor() as cursor:
        cursor.execute(ONE, {"ws": row.workspace_id, "conn": row.pk, "id": number})
        kept = cursor.fetchone()
    if kept is None or webhooks is None:
        return None
    _, _, part, method, path, query, headers, body = kept
    delivery = Delivery(method, path, query, orjson.loads(bytes(headers)), bytes(body))
    events = webhooks.parse(delivery, as_seen(row))
    return events[part] if part < len(events) else None


def _trigger(when: Mapping[str, Any], catalog: WorkspaceCatalog) -> tuple[Connection | None, Trigger | None]:
    ref = when.get("connection", "")
    row, connector = catalog.connection(ref), catalog.connector(ref)
    if row is None or connector is None:
        return None, None
    try:
        return row, connector.trigger(str(when.get("trigger") or ""))
    except KeyError:
        return row, None
