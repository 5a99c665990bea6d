"""The vendor's deliveries (webhooks 2.0): one subscription for each kind of record, all to one address.

https://pipedrive.readme.io/docs/guide-for-webhooks-v2
Deliveries are not signed: they carry the HTTP Basic pair that we chose, and come to an address that nobody
can guess. Ten failed first tries ban a subscription for half an hour, and what happens meanwhile is lost.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from typing_extensions import override

from vaivem.connectors.pipedrive import client
from vaivem.connectors.pipedrive.custom_values import OBJECTS
from vaivem.connectors.pipedrive.records import Record, changed, record_from
from vaivem.connectors.sdk import (
    Call,
    Connection,
    Delivery,
    Event,
    Reader,
    Reply,
    Subscriptions,
    Webhooks,
    Writer,
    as_documented,
)
from vaivem.core.errors import RecordError, SignatureError, UnreadableError
from vaivem.core.likeness import moment_of

PASSWORD_BYTES = 32
ACTIONS = ("create", "change", "delete")
OLD_ACTIONS = {"added": "create", "updated": "change", "deleted": "delete"}  # webhooks 1.0
MAX_PAGES = 20


class PipedriveWebhooks(Webhooks):
    """Deliveries of Pipedrive."""

    unreadable = Reply(200)  # a failure counts towards a ban

    @override
    def verify(self, delivery: Delivery, connection: Connection) -> None:
        given = delivery.headers.get("authorization", "").strip().encode()
        proved = False
        for user, password in _pairs(connection):
            proved |= hmac.compare_digest(_basic(user, password).encode(), given)
        if not proved:
            raise SignatureError(detail=f"HTTP Basic is {'wrong' if given else 'missing'}")

    @override
    def is_probe(self, delivery: Delivery, connection: Connection) -> bool:
        return delivery.body.strip() in (b"", b"{}")

    @override
    def parse(self, delivery: Delivery, connection: Connection) -> list[Event]:
        try:
            body = orjson.loads(delivery.body)
        except orjson.JSONDecodeError as error:
            raise UnreadableError(detail=str(error)) from error
        meta = body.get("meta") if isinstance(body, Mapping) else None
        if not isinstance(meta, Mapping):
            raise UnreadableError(detail="no meta")
        with as_documented():
            return [_event(connection, body, meta)]

    @override
    async def ensure(self, writer: Writer, address: str, kinds: Sequence[str]) -> Subscriptions:
        """Have one subscription for each kind of record. There is no call to change one: it is made anew."""
        known = _pairs(writer.connection)
        user, password = known[0] if known else ("vaivem", secrets.token_urlsafe(PASSWORD_BYTES))
        ours = await self._ours(writer, address)
        ids: list[str] = []
        mended: list[str] = []
        for object_key in dict.fromkeys(kind.partition(".")[0] for kind in kinds):
            there = [hook for hook in ours if hook.get("event_object") == object_key]
            sound = [hook for hook in there if _is_sound(hook, user, password)]
            for hook in [one for one in there if one not in sound[:1]]:
                await _delete(writer, hook)
                mended.append(object_key)
            if sound:
                ids.append(str(sound[0]["id"]))
                continue
            made = await writer.send(client.create_webhook(address, object_key, user, password))
            ids.append(str(client.one(made).get("id", "")))
        return Subscriptions(tuple(ids), {"user": user, "password": password}, tuple(dict.fromkeys(mended)))

    @override
    async def remove(self, writer: Writer, address: str) -> None:
        for hook in await self._ours(writer, address):
            await _delete(writer, hook)

    @override
    async def missed(self, reader: Reader, since: datetime, until: datetime) -> list[Delivery]:
        """Read what was changed between two moments: records that were made, deals that were won or lost.

        A list costs 10 tokens for 500 records. What was deleted, or which field was changed, it tells not.
        """
        found: list[Delivery] = []
        for object_key in OBJECTS:
            call: Call | None = client.changed(object_key, since, until)
            for _ in range(MAX_PAGES):
                if call is None:
                    break
                answer = await reader.read(call)
                for row in client.rows(answer):
                    found += _made_up(reader.connection, object_key, row, since)
                call = client.following(call, answer)
        return found

    @staticmethod
    async def _ours(reader: Reader, address: str) -> list[Mapping[str, Any]]:
        rows = client.rows(await reader.read(client.webhooks()))
        return [row for row in rows if row.get("subscription_url") == address]


async def _delete(writer: Writer, hook: Mapping[str, Any]) -> None:
    try:
        await writer.send(client.delete_webhook(str(hook["id"])))
    except RecordError as error:
        if error.code != "record_not_found":
            raise


def _is_sound(hook: Mapping[str, Any], user: str, password: str) -> bool:
    """Whether a subscription is on, of the newer kind, and carries our pair."""
    pair = (hook.get("http_auth_user"), hook.get("http_auth_password"))
    whole = hook.get("event_action") == "*" and str(hook.get("version", "")).startswith("2")
    return bool(hook.get("is_active")) and whole and pair == (user, password)


def _pairs(connection: Connection) -> list[tuple[str, str]]:
    kept = connection.credentials.get("webhook") or {}
    return [(str(kept["user"]), str(kept["password"]))] if kept.get("password") else []


def _basic(user: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def _event(connection: Connection, body: Mapping[str, Any], meta: Mapping[str, Any]) -> Event:
    object_key = str(meta.get("entity") or meta.get("object") or "")
    action = str(meta.get("action") or "")
    action = OLD_ACTIONS.get(action, action)
    now, before = body.get("data", body.get("current")), body.get("previous")
    shown = now if isinstance(now, Mapping) else before if isinstance(before, Mapping) else {}
    record_id = str(meta.get("entity_id") or shown.get("id") or meta.get("id") or "")
    kind = f"{object_key}.{action}"
    if not object_key or not record_id:
        raise UnreadableError(detail="no entity and entity_id in meta")
    data: dict[str, Any] = {
        "event": {
            "name": kind,
            "at": meta.get("timestamp") if isinstance(meta.get("timestamp"), str) else None,
            "user": str(meta.get("user_id") or ""),
            "caught_up": bool(body.get("caught_up")),
        },
        "previous": dict(before) if isinstance(before, Mapping) else {},
    }
    terms: tuple[str, ...] = (record_id,)
    told, version = None, None
    title = str(shown.get("title") or shown.get("name") or "")
    if object_key in OBJECTS:
        record = record_from(connection, object_key, {"id": record_id, **shown})
        data[object_key] = record
        terms = _terms(record)
        version = moment_of(record["updated_at"])
        told = changed(connection, object_key, shown, before) if action == "change" else None
    return Event(
        kind=kind,
        object=object_key,
        record=record_id,
        same=_same(meta),
        data=data,
        title=title,
        occurred=moment_of(meta.get("timestamp")) if isinstance(meta.get("timestamp"), str) else None,
        terms=terms,
        changed=told,
        version=version,
    )


def _same(meta: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what a delivery's tries have in common: the event's id, in 2.0 a UUID."""
    event_id = str(meta.get("id") or "")
    return (event_id,) if "-" in event_id else ()


def _terms(record: Record) -> tuple[str, ...]:
    found = [record["id"], record.get("name") or record.get("title")]
    found += [*record.get("emails", ()), *record.get("phones", ())]
    return tuple(str(term) for term in found if term)


def _made_up(
    connection: Connection, object_key: str, row: Mapping[str, Any], since: datetime
) -> list[Delivery]:
    """Return the deliveries that a record's changes would have caused: it was made, or changed."""
    made = moment_of(row.get("add_time"))
    actions = ["create"] if made and made >= since else []
    if not actions or row.get("update_time") != row.get("add_time"):
        actions.append("change")
    headers = {"content-type": "application/json"}
    for pair in _pairs(connection):
        headers["authorization"] = _basic(*pair)
    at = str(row.get("update_time"))
    return [
        Delivery("POST", "", "", headers, orjson.dumps(_caught_up(object_key, row, action, at)))
        for action in actions
    ]


def _caught_up(object_key: str, row: Mapping[str, Any], action: str, changed: str) -> dict[str, Any]:
    meta = {
        "action": action,
        "entity": object_key,
        "entity_id": str(row.get("id")),
        "id": f"caught-up-{object_key}-{row.get('id')}-{action}-{changed}",
        "timestamp": changed,
        "version": "2.0",
    }
    return {"meta": meta, "data": dict(row), "previous": None, "caught_up": True}
