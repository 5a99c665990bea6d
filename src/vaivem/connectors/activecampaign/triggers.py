"""What a rule can start from: what the vendor has an event for. It has none for a contact that was made.

A webhook holds the main fields, with money and own fields in forms of their own. So the record is read again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from typing_extensions import override

from vaivem.connectors.activecampaign import client, finding
from vaivem.connectors.activecampaign.objects import label, output
from vaivem.connectors.activecampaign.records import Record
from vaivem.connectors.activecampaign.trigger_fields import LIST, TAG, beside, fields_of, sample
from vaivem.connectors.sdk import Connection, Event, Reader, Trigger
from vaivem.core.errors import RecordError
from vaivem.core.fields import Field, FieldType
from vaivem.core.folding import fold
from vaivem.core.likeness import moment_of

Scope = Mapping[str, Any]
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)  # where nothing is said
_READ = {"contact": finding.contact, "account": finding.account, "deal": finding.deal}


class _There(Trigger):
    """A record that is there: read whole, with what belongs to it."""

    more: ClassVar[tuple[Field, ...]] = ()

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return fields_of(self.object, connection, *self.more)

    @override
    async def scope(self, reader: Reader, event: Event, options: Mapping[str, Any]) -> Scope | None:
        record = await _READ[self.object](reader, event.record)
        if record is None:
            return None
        found: dict[str, Record] = {self.object: record}
        for name in beside(self.object):
            number = record[name] or found.get("contact", {}).get(name)
            if number and (other := await _READ[name](reader, number)):
                found[name] = other
        shown = {name: output(reader.connection, name, one) for name, one in found.items()}
        if "contact" in found:
            shown["contact"] |= await _named(reader, found["contact"])
        missing: dict[str, Any] = {name: {} for name in beside(self.object)}
        return {**missing, **shown, **self.told(reader.connection, event)}

    def told(self, connection: Connection, event: Event) -> Mapping[str, Any]:
        """Return what the event itself says."""
        return {"event": event.data["event"]}


async def _named(reader: Reader, contact: Record) -> dict[str, Any]:
    """Return the names of a contact's tags and of the lists that it gets."""
    tags = [await _tag_name(reader, tag) for tag in await finding.contact_tags(reader, contact["id"])]
    lists = [label(reader.connection, "lists", one) or one for one in contact["lists"]]
    return {"tags": [name for name in tags if name], "lists": lists}


async def _tag_name(reader: Reader, tag: str) -> str:
    """Return a tag's name: out of the copy of the list, else from the vendor."""
    if known := label(reader.connection, "tag_ids", tag):
        return known
    try:
        return str(client.one(await reader.read(client.tag(tag)), "tag").get("tag") or "")
    except RecordError as error:
        if error.code != "record_not_found":
            raise
        return ""  # removed from everybody since


class _ListTrigger(_There):
    """A contact's place on a list: any, or a chosen one."""

    object = "contact"
    more = LIST
    options = (
        Field("list", FieldType.OPTION, label_key="fields.list", help_key="fields.list.help", source="lists"),
    )

    @override
    def accepts(self, event: Event, options: Mapping[str, Any]) -> bool:
        wanted = options.get("list")
        return not wanted or str(wanted) == event.data["list"]["id"]

    @override
    def told(self, connection: Connection, event: Event) -> Mapping[str, Any]:
        number = event.data["list"]["id"]
        named = {"id": number, "name": label(connection, "lists", number)}
        return {"event": event.data["event"], "list": named}


class ContactSubscribed(_ListTrigger):
    """A contact joined a list."""

    key = "contact_subscribed"
    kinds = frozenset({"subscribe"})
    sample = sample("contact", "subscribe") | {"list": {"id": "1", "name": "Novidades"}}


class ContactUnsubscribed(_ListTrigger):
    """A contact left a list."""

    key = "contact_unsubscribed"
    kinds = frozenset({"unsubscribe"})
    sample = sample("contact", "unsubscribe", lists=[]) | {"list": {"id": "1", "name": "Novidades"}}


class _TagTrigger(_There):
    """A contact's tag: any, or chosen ones."""

    object = "contact"
    more = TAG
    options = (
        Field(
            "tags",
            FieldType.OPTIONS,
            label_key="fields.tags",
            help_key="fields.tags.help",
            source="tags",
            allow_new_option=True,
        ),
    )

    @override
    def accepts(self, event: Event, options: Mapping[str, Any]) -> bool:
        wanted = {fold(str(one)) for one in options.get("tags") or ()}
        return not wanted or fold(event.data["tag"]["name"]) in wanted

    @override
    def told(self, connection: Connection, event: Event) -> Mapping[str, Any]:
        return {"event": event.data["event"], "tag": event.data["tag"]}


class TagAdded(_TagTrigger):
    """A contact got a tag."""

    key = "tag_added"
    kinds = frozenset({"contact_tag_added"})
    sample = sample("contact", "contact_tag_added") | {"tag": {"name": "cliente"}}


class TagRemoved(_TagTrigger):
    """A contact lost a tag."""

    key = "tag_removed"
    kinds = frozenset({"contact_tag_removed"})
    sample = sample("contact", "contact_tag_removed") | {"tag": {"name": "proposta"}}


class ContactUpdated(_There):
    """A contact was changed."""

    key = "contact_updated"
    object = "contact"
    changes = ("contact",)
    kinds = frozenset({"update"})
    stops_echoes = True
    sample = sample("contact", "update")


class AccountCreated(_There):
    """A company was made: once for each, however often it is told."""

    key = "account_created"
    object = "account"
    kinds = frozenset({"account_add"})
    sample = sample("account", "account_add")

    @override
    def once_key(self, event: Event, options: Mapping[str, Any]) -> str | None:
        return f"created:{event.record}"


class AccountUpdated(_There):
    """A company was changed."""

    key = "account_updated"
    object = "account"
    changes = ("account",)
    kinds = frozenset({"account_update"})
    sample = sample("account", "account_update")


class DealCreated(_There):
    """A deal was made: once for each, however often it is told."""

    key = "deal_created"
    object = "deal"
    kinds = frozenset({"deal_add"})
    sample = sample("deal", "deal_add")

    @override
    def once_key(self, event: Event, options: Mapping[str, Any]) -> str | None:
        return f"created:{event.record}"


class DealUpdated(_There):
    """A deal was changed."""

    key = "deal_updated"
    object = "deal"
    changes = ("deal",)
    kinds = frozenset({"deal_update"})
    stops_echoes = True
    sample = sample("deal", "deal_update")


class _Closed(_There):
    """A deal came into a status. The vendor keeps no time of it, so that each deal counts once."""

    object = "deal"
    kinds = frozenset({"deal_add", "deal_update"})
    status: ClassVar[str]

    @override
    def accepts(self, event: Event, options: Mapping[str, Any]) -> bool:
        if event.data["deal"]["status"] != self.status:
            return False
        found_so = event.kind == "deal_add" or event.data["event"]["caught_up"]
        return bool(found_so or "status" in event.data["updated"])

    @override
    def happened(self, event: Event) -> datetime | None:
        """Return when the status changed; of a deal that a look back found, the earliest it may have been.

        A won deal that was edited is listed like one that was won. It was closed after it was made: so one
        made after the rule began counts, and an older one, which may have been won long ago, does not.
        """
        if not event.data["event"]["caught_up"]:
            return event.occurred
        return moment_of(event.data["deal"]["created_at"]) or LONG_AGO

    @override
    def once_key(self, event: Event, options: Mapping[str, Any]) -> str | None:
        return f"{self.status}:{event.record}"


class DealWon(_Closed):
    """A deal was won."""

    key = "deal_won"
    status = "won"
    sample = sample("deal", "deal_update", status="won")


class DealLost(_Closed):
    """A deal was lost."""

    key = "deal_lost"
    status = "lost"
    sample = sample("deal", "deal_update", status="lost")


class DealStageChanged(_There):
    """A deal came into a stage: any of a pipeline, or a chosen one."""

    key = "deal_stage_changed"
    object = "deal"
    kinds = frozenset({"deal_update"})
    stage_names: ClassVar[frozenset[str]] = frozenset({"stage", "stageid", "stage_id", "stage_title"})
    options = (
        Field("pipeline", FieldType.OPTION, label_key="fields.deal.pipeline", source="pipelines"),
        Field(
            "stage", FieldType.OPTION, label_key="fields.deal.stage", source="stages", depends_on="pipeline"
        ),
    )
    sample = sample("deal", "deal_update", stage="5", stage_name="Negociação")

    @override
    def accepts(self, event: Event, options: Mapping[str, Any]) -> bool:
        if not self.stage_names & set(event.data["updated"]):
            return False
        wanted = {key: str(options[key]) for key in ("pipeline", "stage") if options.get(key)}
        return all(event.data["deal"][key] == value for key, value in wanted.items())


TRIGGERS: tuple[Trigger, ...] = (
    TagAdded(),
    TagRemoved(),
    ContactSubscribed(),
    ContactUnsubscribed(),
    ContactUpdated(),
    DealWon(),
    DealLost(),
    DealStageChanged(),
    DealCreated(),
    DealUpdated(),
    AccountCreated(),
    AccountUpdated(),
)
