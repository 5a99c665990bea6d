"""What a rule can start from.

A deal's event is thin, so the deal is read again, with its contacts and its organization. The vendor has no
event for "won" or "enters a stage": one kind, "updated", reports them and every later change as well. So each
of these triggers says by `once_key` which happening an event reports, and a rule runs once for each.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from typing_extensions import override

from vaivem.connectors.rd_station_crm import finding
from vaivem.connectors.rd_station_crm.client import Api, api_for
from vaivem.connectors.rd_station_crm.objects import contact_output, deal_output, organization_output
from vaivem.connectors.rd_station_crm.records import Record
from vaivem.connectors.rd_station_crm.trigger_fields import (
    deleted_fields_of,
    deleted_sample,
    fields_of,
    sample,
)
from vaivem.connectors.sdk import Connection, Event, Reader, Trigger
from vaivem.core.fields import Field, FieldType
from vaivem.core.likeness import moment_of

MAX_CONTACTS = 10

Scope = Mapping[str, Any]


class _Deleted(Trigger):
    """A record is gone: its id and its last name are all there is."""

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return deleted_fields_of(self.object)


class _Made(Trigger):
    """A record was made: once for each record, however often it is reported."""

    @override
    def once_key(self, event: Event, options: Mapping[str, Any]) -> str | None:
        return f"created:{event.record}"


class _ContactTrigger(Trigger):
    object = "contact"
    snapshot = True

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return fields_of("contact", connection)

    @override
    async def scope(self, reader: Reader, event: Event, options: Mapping[str, Any]) -> Scope | None:
        contact: Record | None = event.data["contact"]
        if event.late or _must_read(reader.connection, event.data["contact"], "emails"):
            api = api_for(reader.connection)
            contact = await finding.one(reader, api.contact(event.record), api.read_contact)
        if contact is None:
            return None
        return {"event": event.data["event"], "contact": contact_output(reader.connection, contact)}


class ContactCreated(_Made, _ContactTrigger):
    """A contact was made."""

    key = "contact_created"
    kinds = frozenset({"crm_contact_created"})
    sample = sample("contact", "crm_contact_created")


class ContactUpdated(_ContactTrigger):
    """A contact was changed."""

    key = "contact_updated"
    changes = ("contact",)
    stops_echoes = True
    kinds = frozenset({"crm_contact_updated"})
    sample = sample("contact", "crm_contact_updated")


class ContactDeleted(_Deleted):
    """A contact was deleted."""

    key = "contact_deleted"
    object = "contact"
    kinds = frozenset({"crm_contact_deleted"})
    sample = deleted_sample("contact", "crm_contact_deleted")


class _OrganizationTrigger(Trigger):
    object = "organization"
    snapshot = True

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return fields_of("organization", connection)

    @override
    async def scope(self, reader: Reader, event: Event, options: Mapping[str, Any]) -> Scope | None:
        organization: Record | None = event.data["organization"]
        if event.late or _must_read(reader.connection, event.data["organization"], "segments"):
            api = api_for(reader.connection)
            call = api.organization(event.record)
            organization = await finding.one(reader, call, api.read_organization)
        if organization is None:
            return None
        shown = organization_output(reader.connection, organization)
        return {"event": event.data["event"], "organization": shown}


class OrganizationCreated(_Made, _OrganizationTrigger):
    """An organization was made."""

    key = "organization_created"
    kinds = frozenset({"crm_organization_created"})
    sample = sample("organization", "crm_organization_created")


class OrganizationUpdated(_OrganizationTrigger):
    """An organization was changed."""

    key = "organization_updated"
    changes = ("organization",)
    stops_echoes = True
    kinds = frozenset({"crm_organization_updated"})
    sample = sample("organization", "crm_organization_updated")


class OrganizationDeleted(_Deleted):
    """An organization was deleted."""

    key = "organization_deleted"
    object = "organization"
    kinds = frozenset({"crm_organization_deleted"})
    sample = deleted_sample("organization", "crm_organization_deleted")


class _DealTrigger(Trigger):
    object = "deal"
    kinds = frozenset({"crm_deal_updated"})

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return fields_of("deal", connection)

    @override
    async def scope(self, reader: Reader, event: Event, options: Mapping[str, Any]) -> Scope | None:
        api, connection = api_for(reader.connection), reader.connection
        deal = await finding.one(reader, api.deal(event.record), api.read_deal)
        if deal is None:
            return None
        contacts = await _contacts(reader, api, deal)
        organization = None
        if deal["organization"]:
            call = api.organization(deal["organization"])
            organization = await finding.one(reader, call, api.read_organization)
        deal |= {"contacts": [contact["id"] for contact in contacts], "names": _names(event, deal)}
        return {
            "event": event.data["event"],
            "deal": deal_output(connection, deal),
            "contacts": [contact_output(connection, contact) for contact in contacts],
            "contact": contact_output(connection, contacts[0]) if contacts else {},
            "organization": organization_output(connection, organization) if organization else {},
        }


class DealCreated(_Made, _DealTrigger):
    """A deal was made."""

    key = "deal_created"
    kinds = frozenset({"crm_deal_created"})
    sample = sample("deal", "crm_deal_created")


class DealUpdated(_DealTrigger):
    """A deal was changed."""

    key = "deal_updated"
    changes = ("deal",)
    stops_echoes = True
    sample = sample("deal", "crm_deal_updated")


class DealDeleted(_Deleted):
    """A deal was deleted."""

    key = "deal_deleted"
    object = "deal"
    kinds = frozenset({"crm_deal_deleted"})
    sample = deleted_sample("deal", "crm_deal_deleted")


class _DealStatus(_DealTrigger):
    """A deal got a status. Closed again after a reopening, it has another time of closing and counts anew."""

    status: ClassVar[str]
    kinds = frozenset({"crm_deal_created", "crm_deal_updated"})

    @override
    def accepts(self, event: Event, options: Mapping[str, Any]) -> bool:
        return bool(event.data["deal"].get("status") == self.status)

    @override
    def happened(self, event: Event) -> datetime | None:
        """Return when the deal was closed: every later change of it tells its status again."""
        return moment_of(event.data["deal"].get("closed_at")) or event.occurred

    @override
    def once_key(self, event: Event, options: Mapping[str, Any]) -> str | None:
        closed = moment_of(event.data["deal"].get("closed_at"))
        at = closed.isoformat(timespec="seconds") if closed else ""
        return f"{self.status}:{event.record}:{at}"


class DealWon(_DealStatus):
    """A deal was won."""

    key = "deal_won"
    status = "won"
    sample = sample("deal", "crm_deal_updated", status="won", closed_at="2026-11-23T17:40:02.000Z")


class DealLost(_DealStatus):
    """A deal was lost."""

    key = "deal_lost"
    status = "lost"
    sample = sample(
        "deal",
        "crm_deal_updated",
        status="lost",
        closed_at="2026-11-23T17:40:02.000Z",
        lost_reason="5f0c1d2e3b4a59001a6b7c8d",
        lost_reason_name="Preço",
    )


class DealPaused(_DealStatus):
    """A deal was paused: once for each deal, as the vendor does not say when."""

    key = "deal_paused"
    status = "paused"
    sample = sample("deal", "crm_deal_updated", status="paused")


class DealStageEntered(_DealTrigger):
    """A deal came into a stage: once for each deal and stage, as the vendor does not say from where."""

    key = "deal_stage_entered"
    kinds = frozenset({"crm_deal_created", "crm_deal_updated"})
    options = (
        Field(
            key="pipeline",
            type=FieldType.OPTION,
            label_key="fields.deal.pipeline",
            required=True,
            source="pipelines",
        ),
        Field(
            key="stage",
            type=FieldType.OPTION,
            label_key="fields.deal.stage",
            required=True,
            source="stages",
            depends_on="pipeline",
        ),
    )
    sample = sample("deal", "crm_deal_updated")

    @override
    def accepts(self, event: Event, options: Mapping[str, Any]) -> bool:
        # A stage belongs to one funnel; older deliveries may leave the funnel out.
        stage = event.data["deal"].get("stage")
        return bool(stage and stage == options.get("stage"))

    @override
    def once_key(self, event: Event, options: Mapping[str, Any]) -> str | None:
        return f"stage:{event.record}:{event.data['deal'].get('stage')}"


TRIGGERS: tuple[Trigger, ...] = (
    DealWon(),
    DealStageEntered(),
    DealCreated(),
    DealUpdated(),
    DealLost(),
    DealPaused(),
    DealDeleted(),
    ContactCreated(),
    ContactUpdated(),
    ContactDeleted(),
    OrganizationCreated(),
    OrganizationUpdated(),
    OrganizationDeleted(),
)


def _must_read(connection: Connection, record: Mapping[str, Any], proof: str) -> bool:
    """Say whether the event is not enough: its own fields are keyed otherwise, or its document is bare."""
    by_slug = connection.method == "oauth" and connection.settings.get("custom_field_key") != "id"
    return not by_slug or proof not in record


def _names(event: Event, deal: Record) -> Record:
    """Return the names of the deal's relations: the answer's own, else the event's if it means the same."""
    told = event.data["deal"]
    names = told.get("names", {})
    same = {key: name for key, name in names.items() if told.get(key) == deal.get(key)}
    return same | dict(deal["names"])


async def _contacts(reader: Reader, api: Api, deal: Record) -> list[Record]:
    """Return a deal's contacts, MAX_CONTACTS of them at most: each may take a call."""
    call = api.deal_contacts(deal["id"])
    if call is not None:
        return (await finding.first_page(reader, call, api.read_contacts))[:MAX_CONTACTS]
    found = [
        await finding.one(reader, api.contact(contact), api.read_contact)
        for contact in deal["contacts"][:MAX_CONTACTS]
    ]
    return [contact for contact in found if contact is not None]
