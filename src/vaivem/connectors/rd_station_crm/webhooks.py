"""The vendor's deliveries: one subscription for each kind of event, all to the connection's one address.

Nothing is signed. With OAuth we ask for a header with a secret of ours; a personal token's webhooks carry
nothing, so there the unguessable address is the proof.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from typing_extensions import override

from vaivem.connectors.rd_station_crm.api_v2 import HOOK_HEADER, ApiV2
from vaivem.connectors.rd_station_crm.client import Api, api_for
from vaivem.connectors.rd_station_crm.envelope_v2 import rows_in
from vaivem.connectors.rd_station_crm.finding import all_pages
from vaivem.connectors.rd_station_crm.records import fields_told
from vaivem.connectors.rd_station_crm.shapes_events import deal_to_event, record_from
from vaivem.connectors.sdk import (
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
from vaivem.core.errors import SignatureError, UnreadableError
from vaivem.core.likeness import moment_of

KEY_BYTES = 32
NEAR_SECONDS = 30.0  # an event's time of a webhook and the record's time of change differ by less
HAPPENINGS = ("created", "updated", "deleted")
WATCHED = {"/deals": "deal", "/contacts": "contact", "/organizations": "organization"}


class RdStationCrmWebhooks(Webhooks):
    """Deliveries of RD Station CRM."""

    unreadable = Reply(200)  # after failures the vendor suspends an address

    @override
    def verify(self, delivery: Delivery, connection: Connection) -> None:
        if connection.method != "oauth":
            return
        given = delivery.headers.get(HOOK_HEADER.lower(), "").encode()
        matches = [hmac.compare_digest(given, key.encode()) for key in _keys(connection)]
        if not given or not any(matches):
            raise SignatureError(detail=f"{HOOK_HEADER} is {'wrong' if given else 'missing'}")

    @override
    def is_probe(self, delivery: Delivery, connection: Connection) -> bool:
        return delivery.body.strip() in (b"", b"{}")

    @override
    def parse(self, delivery: Delivery, connection: Connection) -> list[Event]:
        try:
            body = orjson.loads(delivery.body)
        except orjson.JSONDecodeError as error:
            raise UnreadableError(detail=str(error)) from error
        document = body.get("document") if isinstance(body, Mapping) else None
        name = body.get("event_name") if isinstance(body, Mapping) else None
        if not isinstance(document, Mapping) or not isinstance(name, str):
            raise UnreadableError(detail="no event_name and document")
        with as_documented():
            return [_event(_kind(name), body, document)]

    @override
    async def ensure(self, writer: Writer, address: str, kinds: Sequence[str]) -> Subscriptions:
        api = api_for(writer.connection)
        known = _keys(writer.connection)
        key = known[0] if known else secrets.token_urlsafe(KEY_BYTES)
        ours = [hook for hook in await _all(writer, api) if hook["url"] == address]
        ids: list[str] = []
        mended: list[str] = []
        for kind in kinds:
            there = [hook for hook in ours if hook["event"] == kind]
            for double in there[1:]:
                await writer.send(api.hook_delete(double["id"]))
                mended.append(f"{kind}: double")
            if not there:
                made = await writer.send(api.hook_create(kind, address, key))
                ids.append(_id_of(made.json))
                continue
            ids.append(there[0]["id"])
            if there[0]["status"] != "active":
                mended.append(f"{kind}: {there[0]['status']}")
            if there[0]["status"] != "active" or not known:
                # The vendor never shows a header's key again: one we have lost is set anew.
                await writer.send(api.hook_mend(there[0], None if known else key))
        return Subscriptions(tuple(ids), {"keys": [*known] or [key]}, tuple(mended))

    @override
    async def remove(self, writer: Writer, address: str) -> None:
        api = api_for(writer.connection)
        for hook in await _all(writer, api):
            if hook["url"] == address:
                await writer.send(api.hook_delete(hook["id"]))

    @override
    async def missed(self, reader: Reader, since: Any, until: Any) -> list[Delivery]:
        """Read what changed between two moments (UTC). API v1 cannot say: nothing comes back.

        A list and a webhook have no mark in common: the same kind, record and name at the same time are one.

        What was deleted meanwhile is not told by the vendor's lists.
        """
        if reader.connection.method != "oauth":
            return []
        api = ApiV2(reader.connection)
        found: list[Delivery] = []
        for path, object_key in WATCHED.items():
            call = api.changed_since(path, _rdql_time(since), _rdql_time(until))
            for row in await all_pages(reader, api, call, lambda answer: list(rows_in(answer))):
                document = deal_to_event(api.deal_of(row)) if object_key == "deal" else row
                found += _made_up(reader.connection, object_key, document, since)
        return found


def _keys(connection: Connection) -> list[str]:
    return [str(key) for key in (connection.credentials.get("webhook") or {}).get("keys", ())]


async def _all(writer: Writer, api: Api) -> list[Mapping[str, Any]]:
    return await all_pages(writer, api, api.hooks(), api.read_hooks)


def _id_of(body: Any) -> str:
    data = body.get("data", body) if isinstance(body, Mapping) else {}
    return str(data.get("id") or data.get("uuid") or "")


def _kind(name: str) -> str:
    """Return the wire's word: one page of the documentation writes names in capitals, and ``_delete``."""
    kind = name.lower()
    return f"{kind}d" if kind.endswith("_delete") else kind


def _event(kind: str, body: Mapping[str, Any], document: Mapping[str, Any]) -> Event:
    object_key, _, happening = kind.removeprefix("crm_").rpartition("_")
    if happening not in HAPPENINGS or not document.get("id"):
        raise UnreadableError(detail=f"{kind}: not a kind of event, or no id in its document")
    record = record_from(object_key, document)
    uuid = str(body.get("transaction_uuid") or "")
    return Event(
        kind=kind,
        object=object_key,
        record=str(document["id"]),
        same=(uuid,) if uuid else (),
        data={"event": {"name": kind, "at": body.get("event_timestamp")}, object_key: record},
        title=str(document.get("name") or ""),
        occurred=moment_of(body.get("event_timestamp")),
        terms=_terms(record),
        changed=fields_told(object_key, record) if happening == "updated" else None,
        version=moment_of(record.get("updated_at")),
        whole=True,
        near=NEAR_SECONDS if body.get("vaivem") else 0.0,
    )


def _terms(record: Mapping[str, Any]) -> tuple[str, ...]:
    found = [record.get("id"), record.get("name"), *record.get("emails", ()), *record.get("phones", ())]
    return tuple(str(term) for term in found if term)


def _rdql_time(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def _made_up(
    connection: Connection, object_key: str, document: Mapping[str, Any], since: datetime
) -> list[Delivery]:
    """Return the deliveries that a record's changes would have caused: made, and changed after that."""
    made, changed = moment_of(document.get("created_at")), document.get("updated_at")
    happenings = ["created"] if made and made >= since else []
    if not happenings or changed != document.get("created_at"):
        happenings.append("updated")
    headers = {HOOK_HEADER.lower(): key for key in _keys(connection)[:1]}
    return [
        Delivery(
            "POST",
            "",
            "",
            {"content-type": "application/json"} | headers,
            orjson.dumps(
                {
                    "event_name": f"crm_{object_key}_{happening}",
                    "event_timestamp": document.get("created_at") if happening == "created" else changed,
                    "transaction_uuid": f"{document['id']}@{changed}#{happening}",
                    "document": document,
                    "vaivem": {"caught_up": True},
                }
            ),
        )
        for happening in happenings
    ]
