"""What a rule can do with custom objects, and with the one that keeps documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from typing_extensions import override

from vaivem.connectors.activecampaign.custom_objects import (
    CONTACT_RELATION,
    NAMESPACES,
    STATE_NAMES,
    STATES,
    Record,
    record,
    relation,
    save,
)
from vaivem.connectors.activecampaign.objects import choice, field, label, live, web_address
from vaivem.connectors.sdk import Action, ActionContext, Connection, Outcome, RecordRef
from vaivem.core.errors import RuleError, SkipError
from vaivem.core.fields import Field, FieldType
from vaivem.core.likeness import moment_of
from vaivem.core.mapping import Values

FIXED = ("object", "external_id", *NAMESPACES)
# A document can be voided after somebody signed, and never the other way round: that is the last word.
_ORDER = {"sent": 1, "opened": 2, "completed": 3, "declined": 3, "voided": 4}
ENDED = "closed"  # the whole document is completed, and so is every recipient's
CHANGED = "changed"  # something else became of it: the status stays
REMEMBERED, SEPARATOR = ("status", "sent-at", "completed-at"), "|"
_BY_NAME = {name: state for state, name in STATE_NAMES.items()}


class SaveObjectRecord(Action):
    """Make a record of a custom object be there, by its external id."""

    key = "save_object_record"
    object = "record"

    @override
    def available(self, connection: Connection) -> bool:
        return bool(connection.options("objects"))

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return (
            live(connection, "record.object", "objects", required=True),
            field("record.external_id", required=True, max_length=255, sample="contrato-2026-114"),
            *(field(f"record.{name}", FieldType.RECORD) for name in NAMESPACES),
            *connection.custom_fields("record"),
        )

    @override
    def outputs(self, connection: Connection) -> tuple[Field, ...]:
        return (
            field("record.id", FieldType.RECORD, sample="1fba0c3e"),
            field("record.external_id", sample="contrato-2026-114"),
        )

    @override
    async def run(self, context: ActionContext) -> Outcome:
        values = context.values.group("record")
        schema, external = str(values["object"]), str(values["external_id"])
        belongs = _belongs(context.connection, schema, values)
        async with context.claim("record", f"{schema}/{external}"):
            before = await record(context, schema, external)
            kept = before["values"] if before else {}
            held = {f"{schema}.{number}": value for number, value in kept.items()}
            wanted = values.to_update(held) if before else values.to_create()
            changes = _of_schema(schema, wanted)
            whose = {name: str(values[name]) for name in NAMESPACES if values.has(name)}
            if before and not changes and not _joins(before, belongs):
                return _outcome(context.connection, schema, before, "kept", whose)
            every = {**kept, **changes}
            joined = {**(before["belongs"] if before else {}), **belongs}
            made = await save(context, schema, external, every, joined)
        return _outcome(context.connection, schema, made, "updated" if before else "created", whose)


def _belongs(connection: Connection, schema: str, values: Values) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in NAMESPACES:
        if values.has(name):
            number = relation(connection, schema, name)
            if number is None:
                raise RuleError("object_has_no_relation", params={"object": name}, path=f"record.{name}")
            found[number] = [str(values[name])]
    return found


def _of_schema(schema: str, changes: Record) -> Record:
    """Return what changes by the vendor's field ids; raises RuleError for a field of another object."""
    own: Record = {}
    for key, value in changes.items():
        if key in FIXED:
            continue
        of, _, number = key.partition(".")
        if of != schema:
            raise RuleError("field_of_other_object", params={"field": number}, path=f"record.{key}")
        own[number] = value
    return own


def _joins(before: Record, belongs: dict[str, list[str]]) -> bool:
    return any(before["belongs"].get(name) != ids for name, ids in belongs.items())


def _outcome(
    connection: Connection, schema: str, made: Record, did: str, whose: Mapping[str, str]
) -> Outcome:
    name = f"{label(connection, 'objects', schema)} {made['external_id']}".strip()
    shown = {key: made[key] for key in ("id", "external_id")} | {"name": name, "of": whose, "did": did}
    return Outcome((RecordRef("record", made["id"], did, name),), {"record": shown})


class SaveDocument(Action):
    """Keep a document for signature at a contact: one record for each document and recipient.

    Its status goes forward only, so that events which come late or in another order change nothing. What
    somebody edited at the account is put right with the next event: its status and times are reckoned from
    those that were written last, which are remembered with the record's key.
    """

    key = "save_document"
    object = "document"
    groups: ClassVar[tuple[str, ...]] = ("document",)

    @override
    def available(self, connection: Connection) -> bool:
        return bool(connection.settings.get("document_object"))

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return (
            field("document.key", FieldType.RECORD, required=True, sample="db4a2cf7-0e51"),
            field("document.recipient", FieldType.RECORD, sample="916487c8-3f0a"),
            field("document.contact", FieldType.RECORD, required=True),
            choice("document.status", *STATES, ENDED, CHANGED, required=True),
            field("document.name", max_length=255, sample="Contrato Padaria Lima"),
            field("document.sender", max_length=255, sample="Bia Souza"),
            field("document.url", FieldType.URL),
            field("document.sent_at", FieldType.DATETIME),
            field("document.completed_at", FieldType.DATETIME),
        )

    @override
    def outputs(self, connection: Connection) -> tuple[Field, ...]:
        return (
            field("document.id", FieldType.RECORD, sample="1fba0c3e"),
            choice("document.status", *STATES, sample="completed"),
        )

    @override
    async def run(self, context: ActionContext) -> Outcome:
        """Do it for each element of a repeated group; later steps read the first."""
        schema = str(context.connection.settings.get("document_object") or "")
        if not schema:
            raise RuleError("no_document_object")
        people = context.values.each("document")
        if not people:
            raise SkipError("nobody_here")
        done = [await self._one(context, schema, values) for values in people]
        shown = [one.output["document"] for one in done]
        records = tuple(record for one in done for record in one.records)
        return Outcome(records, {"document": shown[0], "documents": shown})

    async def _one(self, context: ActionContext, schema: str, values: Values) -> Outcome:
        recipient = values["recipient"] or values["contact"]
        external = f"{values['key']}:{recipient}"
        belongs = {CONTACT_RELATION: [str(values["contact"])]}
        key = f"{schema}/{external}"
        async with context.claim("document", key) as claim:
            before = await record(context, schema, external)
            every = _document(values, before["values"] if before else {}, claim.known)
            told = SEPARATOR.join(str(every.get(name) or "") for name in REMEMBERED)
            if before and every == before["values"] and not _joins(before, belongs):
                # A write whose answer was lost is there as well, and what was written last is this.
                context.remember("document", key, told)
                return self._outcome(context.connection, values, before, "kept")
            made = await save(context, schema, external, every, belongs, remember={key: lambda _: told})
        return self._outcome(context.connection, values, made, "updated" if before else "created")

    @staticmethod
    def _outcome(connection: Connection, values: Values, made: Record, did: str) -> Outcome:
        status = _BY_NAME.get(str(made["values"].get("status")), str(values["status"]))
        contact, name = str(values["contact"]), str(values["name"] or "")
        url = web_address(connection, "contact", contact)
        shown = {"id": made["id"], "status": status, "name": name, "of": {"contact": contact}, "did": did}
        return Outcome((RecordRef("document", made["id"], did, name, url),), {"document": shown})


def _document(values: Values, before: Record, written: str | None) -> Record:
    """Return all of a document's values. Of its name, sender and link what the event says counts.

    The status never goes back and a time stays as it was first told: both as they were `written` last; as the
    record has them, where that is not known.
    """
    known = dict(zip(REMEMBERED, written.split(SEPARATOR), strict=False)) if written else before
    texts = {"document": values["name"], "sender": values["sender"], "link": values["url"]}
    times = {"sent-at": values["sent_at"], "completed-at": values["completed_at"]}
    told = {number: value for number, value in texts.items() if value is not None}
    for number, value in times.items():
        moment, held = known.get(number) or value, before.get(number)
        told[number] = (
            held if held and moment_of(held) == moment_of(moment) else moment
        )  # as the account writes it
    status = str(values["status"])
    old = _BY_NAME.get(str(known.get("status")), "")
    new = {ENDED: "completed", CHANGED: "sent"}.get(status, status)
    reached = new if _ORDER.get(new, 0) > _ORDER.get(old, 0) else old
    every = {**before, **told, "status": STATE_NAMES[reached]}
    return {number: value for number, value in every.items() if value is not None}
