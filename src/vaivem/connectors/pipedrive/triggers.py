"""What a rule can start from.

A webhook says what changed and holds the record's main fields only. So a record is read again (1 token), and
with it its person and organization; the webhook tells which happening it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from typing_extensions import override

from vaivem.connectors.pipedrive import finding
from vaivem.connectors.pipedrive.objects import output
from vaivem.connectors.pipedrive.records import Record, earlier
from vaivem.connectors.pipedrive.trigger_fields import deleted_fields_of, deleted_sample, fields_of, sample
from vaivem.connectors.sdk import Connection, Event, Reader, Trigger
from vaivem.core.fields import Field, FieldType
from vaivem.core.likeness import moment_of
from vaivem.core.paths import read

Scope = Mapping[str, Any]


class _Deleted(Trigger):
    """A record is gone: its id and its last name are all there is."""

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return deleted_fields_of(self.object)

    @override
    def once_key(self, event: Event, options: Mapping[str, Any]) -> str | None:
        return f"deleted:{event.record}"


class _There(Trigger):
    """A record that is there: read whole, with what belongs to it."""

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return fields_of(self.object, connection)

    @override
    async def scope(self, reader: Reader, event: Event, options: Mapping[str, Any]) -> Scope | None:
        record = await finding.one(reader, self.object, event.record)
        if record is None:
            return None
        found: dict[str, Any] = {self.object: record}
        if self.object == "deal" and (person := await finding.one(reader, "person", record["person"])):
            found["person"] = person
        organization = record.get("organization") or found.get("person", {}).get("organization")
        if self.object != "organization" and (one := await finding.one(reader, "organization", organization)):
            found["organization"] = one
        shown = {key: output(reader.connection, key, value) for key, value in found.items()}
        missing: dict[str, Any] = {key: {} for key in ("person", "organization") if self._reads(key)}
        return {"event": event.data["event"], **missing, **shown}

    def _reads(self, key: str) -> bool:
        return key == "organization" or self.object in ("deal", "person")


class _Made(_There):
    """A record was made: once for each record, however often it is reported."""

    @override
    def happened(self, event: Event) -> datetime | None:
        """Return when it was made: a look back lists it by its last change."""
        made = event.data[self.object]["created_at"] if event.data["event"]["caught_up"] else None
        return moment_of(made) or event.occurred

    @override
    def once_key(self, event: Event, options: Mapping[str, Any]) -> str | None:
        return f"created:{event.record}"


class _Updated(_There):
    """A record was changed. What only a look back found says nothing of what changed, and is not taken."""

    stops_echoes = True

    @override
    def told_change(self, connection: Connection, event: Event, path: str) -> tuple[Any, Any] | None:
        """Read both out of the event: it holds the fields that were changed as they were."""
        previous = event.data["previous"]
        if not previous:
            return None
        now: Record = event.data[self.object]
        both = (earlier(connection, self.object, now, previous), now)
        shown = ({self.object: output(connection, self.object, one)} for one in both)
        before, after = (read(one, path) for one in shown)
        return before, after

    @override
    def accepts(self, event: Event, options: Mapping[str, Any]) -> bool:
        return not event.data["event"]["caught_up"]


class PersonCreated(_Made):
    """A person was made."""

    key = "person_created"
    object = "person"
    kinds = frozenset({"person.create"})
    sample = sample("person", "person.create")


class PersonUpdated(_Updated):
    """A person was changed."""

    key = "person_updated"
    object = "person"
    changes = ("person",)
    kinds = frozenset({"person.change"})
    sample = sample("person", "person.change")


class PersonDeleted(_Deleted):
    """A person was deleted."""

    key = "person_deleted"
    object = "person"
    kinds = frozenset({"person.delete"})
    sample = deleted_sample("person", "person.delete")


class OrganizationCreated(_Made):
    """An organization was made."""

    key = "organization_created"
    object = "organization"
    kinds = frozenset({"organization.create"})
    sample = sample("organization", "organization.create")


class OrganizationUpdated(_Updated):
    """An organization was changed."""

    key = "organization_updated"
    object = "organization"
    changes = ("organization",)
    kinds = frozenset({"organization.change"})
    sample = sample("organization", "organization.change")


class OrganizationDeleted(_Deleted):
    """An organization was deleted."""

    key = "organization_deleted"
    object = "organization"
    kinds = frozenset({"organization.delete"})
    sample = deleted_sample("organization", "organization.delete")


class DealCreated(_Made):
    """A deal was made."""

    key = "deal_created"
    object = "deal"
    kinds = frozenset({"deal.create"})
    sample = sample("deal", "deal.create")


class DealUpdated(_Updated):
    """A deal was changed."""

    key = "deal_updated"
    object = "deal"
    changes = ("deal",)
    kinds = frozenset({"deal.change"})
    sample = sample("deal", "deal.change")


class DealDeleted(_Deleted):
    """A deal was deleted."""

    key = "deal_deleted"
    object = "deal"
    kinds = frozenset({"deal.delete"})
    sample = deleted_sample("deal", "deal.delete")


class _Closed(_There):
    """A deal came into a status. Closed again after a reopening, it has another time and counts anew."""

    object = "deal"
    kinds = frozenset({"deal.create", "deal.change"})
    status: ClassVar[str]
    time: ClassVar[str]

    @override
    def accepts(self, event: Event, options: Mapping[str, Any]) -> bool:
        if event.data["deal"]["status"] != self.status:
            return False
        before: Mapping[str, Any] = event.data["previous"]
        made_so = event.kind == "deal.create" or event.data["event"]["caught_up"]
        return bool(made_so or before.get("status", self.status) != self.status)

    @override
    def happened(self, event: Event) -> datetime | None:
        """Return when it was closed, for a deal that is listed or was made so; else when its status changed.

        A status that is changed today counts today, whatever day a person gives it.
        """
        if event.kind == "deal.create" or event.data["event"]["caught_up"]:
            return self._closed(event) or event.occurred
        return event.occurred

    @override
    def once_key(self, event: Event, options: Mapping[str, Any]) -> str | None:
        closed = self._closed(event)
        at = closed.isoformat(timespec="seconds") if closed else ""
        return f"{self.status}:{event.record}:{at}"

    def _closed(self, event: Event) -> datetime | None:
        deal: Record = event.data["deal"]
        return moment_of(deal[self.time] or deal["closed_at"])


class DealWon(_Closed):
    """A deal was won."""

    key = "deal_won"
    status = "won"
    time = "won_at"
    sample = sample("deal", "deal.change", status="won", won_at="2026-11-23T17:40:02Z")


class DealLost(_Closed):
    """A deal was lost."""

    key = "deal_lost"
    status = "lost"
    time = "lost_at"
    sample = sample("deal", "deal.change", status="lost", lost_reason="Preço", lost_at="2026-11-23T17:40:02Z")


class DealStageChanged(_There):
    """A deal came into a stage: any of a pipeline, or a chosen one."""

    key = "deal_stage_changed"
    object = "deal"
    kinds = frozenset({"deal.change"})
    options = (
        Field(key="pipeline", type=FieldType.OPTION, label_key="fields.deal.pipeline", source="pipelines"),
        Field(
            key="stage",
            type=FieldType.OPTION,
            label_key="fields.deal.stage",
            source="stages",
            depends_on="pipeline",
        ),
    )
    sample = sample("deal", "deal.change", stage="5", stage_name="Negociação")

    @override
    def accepts(self, event: Event, options: Mapping[str, Any]) -> bool:
        deal: Record = event.data["deal"]
        if "stage_id" not in event.data["previous"]:
            return False
        wanted = {key: str(options[key]) for key in ("pipeline", "stage") if options.get(key)}
        return all(deal[key] == value for key, value in wanted.items())


TRIGGERS: tuple[Trigger, ...] = (
    DealWon(),
    DealLost(),
    DealStageChanged(),
    DealCreated(),
    DealUpdated(),
    DealDeleted(),
    PersonCreated(),
    PersonUpdated(),
    PersonDeleted(),
    OrganizationCreated(),
    OrganizationUpdated(),
    OrganizationDeleted(),
)
