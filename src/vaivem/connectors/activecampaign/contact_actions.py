"""What a rule can do with contacts, and their tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from typing_extensions import override

from vaivem.connectors.activecampaign import client, finding
from vaivem.connectors.activecampaign.associating import settle_association
from vaivem.connectors.activecampaign.imports import import_contact
from vaivem.connectors.activecampaign.objects import (
    contact_fields,
    field,
    output,
    ref,
    tags_field,
    who_fields,
)
from vaivem.connectors.activecampaign.records import (
    Record,
    body_for,
    contact_from,
    contact_written,
    flat,
    not_told,
)
from vaivem.connectors.activecampaign.tagging import add_tags, each_once, remove_tags
from vaivem.connectors.activecampaign.trigger_fields import outputs_of
from vaivem.connectors.sdk import Action, ActionContext, Answer, Connection, Idempotent, Outcome
from vaivem.core.errors import RecordError, SkipError
from vaivem.core.fields import Field, FieldType
from vaivem.core.identity import normalise_email
from vaivem.core.likeness import has_address
from vaivem.core.mapping import Values

APART = frozenset({"id", "tags", "account", "job_title"})  # written by calls of their own


@dataclass(frozen=True, slots=True)
class Settled:
    """A contact that is there, and what was done: ``created``, ``updated`` or ``kept``.

    `tagged`: it went by the import, which put the tags on as well.
    """

    contact: Record
    did: str
    tagged: bool = False


async def settle_contact(context: ActionContext, values: Values, tags: Sequence[str] = ()) -> Settled:
    """Find, create or update one contact. A new one of the past is imported with others, and gets its `tags`.

    Raises RecordError ``contact_has_no_email`` where a new one has none, ``contact_not_there`` for an id that
    the vendor does not know.
    """
    number, email = str(values["id"] or ""), str(values["email"] or "")
    if not number and not email:
        raise RecordError("contact_has_no_email", path="contact.email")
    claims = [f"email:{normalise_email(email) or email}"] if email else []
    claims += [f"id:{number}"] if number else []
    async with context.claim("contact", *claims) as claim:
        contact = await _found(context, number, email, claim.known)
        if contact is None and number:
            raise RecordError("contact_not_there", params={"contact": number}, path="contact.id")
        if contact is not None:
            settled = await _update(context, contact, values)
        else:
            settled = await _create(context, _apart_from(values.to_create()), tags)
        if email and settled.contact["id"] != claim.known:
            context.remember("contact", claims[0], settled.contact["id"])
        return settled


async def _found(context: ActionContext, number: str, email: str, known: str | None) -> Record | None:
    """Return the contact of an id, else of an address: at once where we know whose it was and still is."""
    if number:
        return await finding.contact(context, number)
    before = await finding.contact(context, known)
    if before is not None and has_address([str(before["email"] or "")], email):
        return before
    return await finding.contact_by_email(context, email)


async def _update(context: ActionContext, contact: Record, values: Values) -> Settled:
    changes = _apart_from(values.to_update(flat(contact)))
    if not changes:
        return Settled(contact, "kept")
    return Settled(await _write(context, contact, changes), "updated")


async def _create(context: ActionContext, values: Record, tags: Sequence[str]) -> Settled:
    imported = await import_contact(context, values, tags)
    if imported is not None:
        return Settled(imported, "created", tagged=True)
    return Settled(await _write(context, {}, values), "created")


def _apart_from(changes: Mapping[str, Any]) -> Record:
    return {key: value for key, value in changes.items() if key not in APART}


async def _write(context: ActionContext, before: Record, changes: Record) -> Record:
    """Write a contact: by its id where it is known, so that its address can be among the changes."""
    connection = context.connection
    body = body_for(connection, "contact", changes)
    call = client.update_contact(before["id"], body) if before else client.sync_contact(body)
    leaves = partial(contact_written, connection)
    return await context.write(call, Idempotent(), partial(_taken, connection, before), leaves=leaves)


def _taken(connection: Connection, before: Record, answer: Answer) -> Record:
    """Return the contact as the answer shows it, with what it was before where the answer does not tell."""
    body = answer.json or {}
    contact = contact_from(connection, body)
    custom = {**before.get("custom", {}), **contact["custom"]}
    kept = {key: before.get(key) for key in ("lists", "account") if before and not contact[key]}
    return {**contact, **kept, **not_told(before, "contact", client.one(answer, "contact")), "custom": custom}


def _outcome(connection: Connection, contact: Record, did: str, **more: Any) -> Outcome:
    shown = {"contact": output(connection, "contact", contact) | {"did": did, **more}}
    return Outcome((ref(connection, "contact", contact, did),), shown)


class CreateOrUpdateContact(Action):
    """Make a contact be there, with tags and its company if the rule has them."""

    key = "create_or_update_contact"
    tags = ("contact.tags",)
    object = "contact"
    groups: ClassVar[tuple[str, ...]] = ("contact",)

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return contact_fields(connection)

    @override
    def outputs(self, connection: Connection) -> tuple[Field, ...]:
        told = outputs_of(connection, "contact")
        example = {one.key.partition(".")[2]: one.sample for one in told}
        return (*told, field("contacts", FieldType.LIST, sample=[example]))

    @override
    async def run(self, context: ActionContext) -> Outcome:
        """Do it for each element of a repeated group; later steps read the first, and all as ``contacts``."""
        people = context.values.each("contact")
        if not people:
            raise SkipError("nobody_here")
        done = [await self._one(context, values) for values in people]
        shown = [one.output["contact"] for one in done]
        records = tuple(record for one in done for record in one.records)
        return Outcome(records, {"contact": shown[0], "contacts": shown})

    @staticmethod
    async def _one(context: ActionContext, values: Values) -> Outcome:
        tags = each_once(values["tags"] or ())
        settled = await settle_contact(context, values, tags)
        contact, did = settled.contact, settled.did
        new = did == "created"
        added = tags if settled.tagged else await add_tags(context, contact["id"], tags, new=new)
        joined = await settle_association(context, contact, values)
        if joined:
            contact["account"] = str(values["account"])
        changed = did == "kept" and (added or joined)
        did = "updated" if changed else did
        return _outcome(context.connection, contact, did, tags_added=added, tags_on=tags)


class FindContact(Action):
    """Look for a contact by its id or its address."""

    key = "find_contact"
    object = "contact"
    reads_only = True

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return who_fields()

    @override
    def outputs(self, connection: Connection) -> tuple[Field, ...]:
        return outputs_of(connection, "contact")

    @override
    async def run(self, context: ActionContext) -> Outcome:
        try:
            contact = await finding.meant(context)
        except RecordError as error:
            if error.code != "contact_not_there":
                raise
            return Outcome(())
        return _outcome(context.connection, contact, "found")


class AddTags(Action):
    """Put tags on a contact that is there."""

    key = "add_tags"
    tags = ("contact.tags",)
    object = "contact"

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return (*who_fields(), tags_field(connection, "contact.tags", required=True, sample=["cliente"]))

    @override
    def outputs(self, connection: Connection) -> tuple[Field, ...]:
        return outputs_of(connection, "contact")

    @override
    async def run(self, context: ActionContext) -> Outcome:
        contact = await finding.meant(context)
        tags = list(context.values["contact.tags"])
        added = await add_tags(context, contact["id"], tags)
        did = "updated" if added else "kept"
        return _outcome(context.connection, contact, did, tags_added=added, tags_on=tags)


class RemoveTags(Action):
    """Take tags off a contact that is there."""

    key = "remove_tags"
    object = "contact"

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        # A tag that is not there is on nobody: nothing to make.
        names = tags_field(connection, "contact.tags", required=True, sample=["proposta"])
        return (*who_fields(), names)

    @override
    def outputs(self, connection: Connection) -> tuple[Field, ...]:
        return outputs_of(connection, "contact")

    @override
    async def run(self, context: ActionContext) -> Outcome:
        contact = await finding.meant(context)
        tags = list(context.values["contact.tags"])
        removed = await remove_tags(context, contact["id"], tags)
        did = "updated" if removed else "kept"
        return _outcome(context.connection, contact, did, tags_removed=removed, tags_off=tags)
