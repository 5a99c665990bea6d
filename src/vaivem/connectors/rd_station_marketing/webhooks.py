"""The vendor's deliveries: one subscription for each kind of event, all to the connection's one address.

https://developers.rdstation.com/reference/webhooks and /webhooks-payload-mkt. Nothing is signed and no header
can be asked for, so the address that nobody can guess is the only proof. Making a subscription has the vendor
try the address; a second one of the same address and kind is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from typing_extensions import override

from vaivem.connectors.rd_station_marketing import catch_up, client
from vaivem.connectors.rd_station_marketing.leads import lead_from, output
from vaivem.connectors.rd_station_marketing.triggers import CONVERTED
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
from vaivem.core.errors import RecordError, UnreadableError
from vaivem.core.likeness import moment_of

STAGES = {"0": "Lead", "1": "Qualified Lead", "2": "Client"}  # of the older payload


class RdStationMarketingWebhooks(Webhooks):
    """Deliveries of RD Station Marketing."""

    unreadable = Reply(200)  # a repeat would be as unreadable

    @override
    def verify(self, delivery: Delivery, connection: Connection) -> None:
        """Nothing to check: whoever knows the address may deliver."""

    @override
    def is_probe(self, delivery: Delivery, connection: Connection) -> bool:
        return delivery.body.strip() in (b"", b"{}", b"null")

    @override
    def parse(self, delivery: Delivery, connection: Connection) -> list[Event]:
        try:
            body = orjson.loads(delivery.body)
        except orjson.JSONDecodeError as error:
            raise UnreadableError(detail=str(error)) from error
        if not isinstance(body, Mapping):
            raise UnreadableError(detail="not a JSON object")
        if isinstance(body.get("leads"), list):
            with as_documented():
                return [_older_event(connection, row) for row in body["leads"]]
        contact = body.get("contact")
        if not isinstance(contact, Mapping) or not contact.get("uuid") or not body.get("event_type"):
            raise UnreadableError(detail="no event_type, or no contact with a uuid")
        with as_documented():
            return [_event(connection, body, contact)]

    @override
    async def ensure(self, writer: Writer, address: str, kinds: Sequence[str]) -> Subscriptions:
        ours = await self._ours(writer, address)
        ids: list[str] = []
        mended: list[str] = []
        for kind in kinds:
            there = [hook for hook in ours if hook.get("event_type") == kind]
            if not there:
                there = [await self._make(writer, address, kind)]
            elif not _is_sound(there[0], kind):
                await writer.send(client.update_webhook(str(there[0]["uuid"]), address, kind))
                mended.append(kind.partition(".")[2].lower())
            ids.append(str(there[0].get("uuid") or ""))
        return Subscriptions(tuple(ids), {}, tuple(mended))

    async def _make(self, writer: Writer, address: str, kind: str) -> Mapping[str, Any]:
        try:
            made: Mapping[str, Any] = (await writer.send(client.create_webhook(address, kind))).json or {}
        except RecordError as error:
            # Made meanwhile (a restart while the answer was under way): then it is in the list now.
            ours = await self._ours(writer, address)
            there = [hook for hook in ours if hook.get("event_type") == kind]
            if error.code != "webhook_taken" or not there:
                raise
            return there[0]
        return made

    @override
    async def remove(self, writer: Writer, address: str) -> None:
        for hook in await self._ours(writer, address):
            try:
                await writer.send(client.delete_webhook(str(hook["uuid"])))
            except RecordError as error:
                if error.code != "record_not_found":
                    raise

    @override
    async def missed(self, reader: Reader, since: datetime, until: datetime) -> list[Delivery]:
        """Read the leads that converted between two moments, and their events, as deliveries."""
        return await catch_up.missed(reader, since, until)

    @staticmethod
    async def _ours(reader: Reader, address: str) -> list[Mapping[str, Any]]:
        listed = client.rows(await reader.read(client.webhooks()), "webhooks")
        return [hook for hook in listed if hook.get("url") == address]


def _is_sound(hook: Mapping[str, Any], kind: str) -> bool:
    """Whether a subscription is on, tells every event of its kind, and with the company and the funnel."""
    relations = {"COMPANY", "CONTACT_FUNNEL"} <= set(hook.get("include_relations") or ())
    return hook.get("status", "active") == "active" and relations and not hook.get("event_identifiers")


def _event(connection: Connection, body: Mapping[str, Any], contact: Mapping[str, Any]) -> Event:
    kind, identifier = str(body["event_type"]), str(body.get("event_identifier") or "")
    at = body.get("event_timestamp") or body.get("timestamp")
    happened = moment_of(at)
    lead = output(connection, lead_from(contact))
    return Event(
        kind=kind,
        object="lead",
        record=lead["id"],
        same=same(lead["id"], kind, identifier, happened),
        data={
            "event": {"identifier": identifier, "at": at},
            "lead": lead,
            "company": {"name": None, **(contact.get("company") or {})},
            "funnel": funnel_of(contact.get("funnel") or {}),
        },
        title=" · ".join(filter(None, (lead["name"] or lead["email"], identifier))),
        occurred=happened,
        terms=_terms(lead, contact.get("company") or {}),
    )


def same(uuid: str, kind: str, identifier: str, happened: datetime | None) -> tuple[str, ...]:
    """Return what an event is, told by a webhook or read from the timeline: to the second."""
    if happened is None:
        return ()
    return (uuid, kind, identifier, happened.isoformat(timespec="seconds"))


def funnel_of(funnel: Mapping[str, Any]) -> dict[str, Any]:
    """Return a lead's place in the funnel as rules read it."""
    plain = {key: funnel.get(key) for key in ("lifecycle_stage", "opportunity", "fit", "interest", "origin")}
    return plain | {"owner_email": funnel.get("contact_owner_email")}


def _older_event(connection: Connection, row: Any) -> Event:
    """Return the event in one lead of the 1.x payload: booleans and numbers may be texts there."""
    if not isinstance(row, Mapping) or not (row.get("uuid") or row.get("id")):
        raise UnreadableError(detail="a lead without uuid and id")
    last = row.get("last_conversion") or {}
    content = last.get("content") or {}
    identifier = str(content.get("identificador") or last.get("source") or "")
    stage = str(row.get("lead_stage") or "")
    own = {str(label): value for label, value in (row.get("custom_fields") or {}).items()}
    contact = {
        **{key: row.get(key) for key in ("email", "name", "job_title", "bio", "website", "personal_phone",
                                         "mobile_phone", "city", "state", "tags")},
        **_own_by_label(connection, own),
        "uuid": str(row.get("uuid") or row.get("id")),
        "company": {"name": row.get("company")},
        "funnel": {
            "lifecycle_stage": STAGES.get(stage, stage),
            "opportunity": str(row.get("opportunity")).lower() == "true",
            "contact_owner_email": row.get("user"),
            "interest": row.get("interest"),
        },
    }  # fmt: skip
    at = last.get("created_at") or row.get("created_at")
    body = {"event_type": CONVERTED, "event_identifier": identifier, "event_timestamp": at}
    return _event(connection, body, contact)


def _own_by_label(connection: Connection, own: Mapping[str, Any]) -> dict[str, Any]:
    keys = {field.label: field.key.partition(".custom.")[2] for field in connection.custom_fields("lead")}
    return {keys[label]: value for label, value in own.items() if label in keys}


def _terms(lead: Mapping[str, Any], company: Mapping[str, Any]) -> tuple[str, ...]:
    found: Iterable[Any] = (
        lead["id"],
        lead["name"],
        *lead["emails"],
        lead["personal_phone"],
        lead["mobile_phone"],
        company.get("name"),
    )
    return tuple(str(term) for term in found if term)
