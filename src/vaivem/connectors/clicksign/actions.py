"""What a rule can do with documents: make a draft from a template, and send one for signing.

Each write says how it is found again when its answer was lost: the envelope by its name while it is empty,
the document by its metadata, a signer by who it is; a requirement is refused a second time by the vendor.
Only the notification cannot be looked up: in doubt, a person decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

from typing_extensions import override

from vaivem.connectors.clicksign import client, drafts
from vaivem.connectors.clicksign.objects import FIRST, field, listed_document, listed_signer
from vaivem.connectors.clicksign.sendings import activation
from vaivem.connectors.sdk import (
    Action,
    ActionContext,
    Answer,
    Connection,
    Delivery,
    Findable,
    Keyed,
    Outcome,
    RecordRef,
    Unsafe,
)
from vaivem.core.errors import Problem, RecordError
from vaivem.core.fields import Field, FieldType, Option
from vaivem.core.values import Values

Kept = dict[str, Any]
MARK = "vaivem"

SENDING = Field(
    "sending", FieldType.OPTION, label_key="fields.sending", help_key="fields.sending.help",
    options=(Option("draft"), Option("activate"), Option("send")), sample="draft",
)  # fmt: skip
BLANKS = Field(
    "blanks", FieldType.OPTION, label_key="fields.blanks", help_key="fields.blanks.help",
    options=(Option("stop"), Option("allow")), sample="stop",
)  # fmt: skip
TELLING = Field(
    "telling", FieldType.OPTION, label_key="fields.telling", help_key="fields.telling.help",
    options=(Option("notify"), Option("quiet")), sample="notify",
)  # fmt: skip


class CreateEnvelope(Action):
    """A draft envelope with a document from a template, its signers and what each has to do."""

    key = "create_envelope"
    object = "envelope"
    groups = ("signer",)
    options: ClassVar[tuple[Field, ...]] = (SENDING, BLANKS)

    @override
    def reaches(self, options: Mapping[str, Any]) -> bool:
        """A new paper for each document of the past is hardly meant."""
        return True

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        templates = connection.options("templates")
        return (
            Field(
                "envelope.template", FieldType.OPTION, label_key="fields.envelope.template", required=True,
                source="templates", options=templates,
            ),
            Field("envelope.name", label_key="fields.envelope.name", required=True, max_length=200),
            Field("document.filename", label_key="fields.document.filename", max_length=200),
            Field(
                "envelope.subject", label_key="fields.envelope.subject", max_length=drafts.LONGEST_SUBJECT
            ),
            field("envelope.message", FieldType.LONG_TEXT),
            field("envelope.deadline_at", FieldType.DATETIME),
            *connection.custom_fields("variable"),
            *(one for group in drafts.GROUPS for one in drafts.person_fields(group)),
        )  # fmt: skip

    @override
    def outputs(self, connection: Connection) -> tuple[Field, ...]:
        return drafts.MADE

    @override
    def refuses(
        self, connection: Connection, values: Values, options: Mapping[str, Any]
    ) -> tuple[Problem, ...]:
        try:
            _checked(connection, values, options)
        except RecordError as error:
            return tuple(error.problems)
        return ()

    @override
    async def run(self, context: ActionContext) -> Outcome:
        earlier = context.made("envelope")
        if earlier is not None:  # a second paper for the same thing would be worse than an old one
            return _outcome(context, earlier, "", "", "kept")
        values, template = context.values, str(context.values["envelope.template"])
        sending = context.options.get("sending", "draft")
        filled, people = _checked(context.connection, values, context.options)
        name = str(values["envelope.name"])
        async with context.claim("envelope", f"name:{name.casefold()}"):
            envelope = await _envelope(context, drafts.envelope_of(values))
            filename = drafts.filename_of(str(values.get("document.filename", name)))
            source = {"key": template, "data": filled}
            document = await _document(context, envelope, filename, source, people)
        keys: list[str] = []
        context.so_far(drafts.half_made(document, filename, people, keys))
        for number, person in enumerate(people, start=1):
            keys.append(await _signer(context, envelope, document, person, number))
            context.so_far(drafts.half_made(document, filename, people, keys))
        sent_at = await _activate(context, envelope) if sending != "draft" else None
        if sending == "send":
            await _notify(context, envelope)
        status = "draft" if sending == "draft" else "running"
        outcome = _outcome(context, envelope, status, document, "created", name)
        told = drafts.steps_of(document, filename, [*zip(keys, people, strict=True)], sent_at)
        return replace(outcome, documents=told)


class SendEnvelope(Action):
    """Activate a draft and, unless the rule says not to, ask its signers to sign."""

    key = "send_envelope"
    object = "envelope"
    options: ClassVar[tuple[Field, ...]] = (TELLING,)

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return (Field("envelope.id", FieldType.RECORD, label_key="fields.envelope.id", required=True),)

    @override
    def outputs(self, connection: Connection) -> tuple[Field, ...]:
        return drafts.MADE[:2]

    @override
    def adds(self, options: Mapping[str, Any]) -> bool:
        """Sent is sent: done again, signers would be asked once more."""
        return True

    @override
    async def run(self, context: ActionContext) -> Outcome:
        envelope = str(context.values["envelope.id"])
        await _activate(context, envelope)
        if context.options.get("telling", "notify") == "notify":
            await _notify(context, envelope)
        return _outcome(context, envelope, "running", "", "updated")


def _checked(
    connection: Connection, values: Values, options: Mapping[str, Any]
) -> tuple[dict[str, str], list[drafts.Person]]:
    """Return the variables and who signs. Raises RecordError for what must not become a document."""
    template, blanks = str(values["envelope.template"]), options.get("blanks") == "allow"
    filled = drafts.variables(values, connection, template, blanks=blanks)
    people = drafts.people_of(values)
    if options.get("sending", "draft") != "draft" and not people:
        raise RecordError("nobody_to_sign", path="signer.name")
    return filled, people


async def _envelope(context: ActionContext, attributes: Mapping[str, Any]) -> str:
    """Make the envelope, or find the one whose making was not answered: a draft of that name, still empty.

    Its name is claimed meanwhile, so no other run of ours has an empty draft of it; an old one that was left
    empty is as good.
    """

    async def find() -> str | None:
        async for row in client.each(context, client.drafts_named(str(attributes["name"]))):
            if not [one async for one in client.each(context, client.list_documents(row["id"]))]:
                return str(row["id"])
        return None

    return await context.write(client.create_envelope(attributes), Findable(find), _id)


async def _document(
    context: ActionContext,
    envelope: str,
    filename: str,
    template: Mapping[str, Any],
    people: Sequence[drafts.Person],
) -> str:
    """Add the document; what we wrote into its metadata finds it again, and tells who is asked first."""
    first = {FIRST: people[0].email or people[0].name} if people else {}
    metadata = {"envelope_id": envelope, MARK: context.reference, **first}

    async def find() -> str | None:
        async for row in client.each(context, client.list_documents(envelope)):
            if (row.get("attributes", {}).get("metadata") or {}).get(MARK) == context.reference:
                return str(row["id"])
        return None

    call = client.create_document(envelope, filename, template, metadata)
    return await context.write(call, Findable(find), _id)


async def _signer(
    context: ActionContext, envelope: str, document: str, person: drafts.Person, group: int
) -> str:
    """Add a signer with what is asked of every one, and return its key.

    They agree in a role, and prove who they are.
    """

    async def find() -> str | None:
        async for row in client.each(context, client.list_signers(envelope)):
            if person.is_signer(row.get("attributes", {})):
                return str(row["id"])
        return None

    call = client.create_signer(envelope, person.attributes(group))
    signer = await context.write(call, Findable(find), _id)
    wanted = ({"action": "agree", "role": person.role}, {"action": "provide_evidence", "auth": person.proof})
    for attributes in wanted:
        await _requirement(context, envelope, (document, signer, group), attributes)
    return signer


async def _requirement(
    context: ActionContext, envelope: str, whose: tuple[str, str, int], attributes: Mapping[str, str]
) -> str:
    """Add one requirement; the vendor refuses the same one of a signer and document a second time.

    It may refuse for another reason as well, and its list does not say whose a requirement is: that of the
    third signer is there when there are three of its kind.
    """
    document, signer, number = whose

    async def find() -> str | None:
        rows = [row async for row in client.each(context, client.list_requirements(envelope))]
        alike = [row for row in rows if row.get("attributes", {}).get("action") == attributes["action"]]
        return str(alike[number - 1]["id"]) if len(alike) >= number else None

    key = f"{document}:{signer}:{attributes['action']}"
    call = client.create_requirement(envelope, document, signer, attributes)
    return await context.write(call, Keyed(key, find), _id)


async def _activate(context: ActionContext, envelope: str) -> str:
    """Let it be signed, and return the vendor's time of it.

    That those whose turn is first were sent it is told: the vendor tells nobody.
    """

    async def find() -> str | None:
        row = client.one(await context.read(client.get_envelope(envelope)))
        return _modified(row) if row.get("attributes", {}).get("status") != "draft" else None

    call = client.activate_envelope(envelope)
    at = await context.write(call, Findable(find), lambda answer: _modified(client.one(answer)))
    await context.tell(partial(_sent, context, envelope, at))
    return at


async def _sent(context: ActionContext, envelope: str, at: str) -> Delivery | None:
    rows = [row async for row in client.each(context, client.list_signers(envelope))]
    documents = [row async for row in client.each(context, client.list_documents(envelope))]
    groups = [int(row.get("attributes", {}).get("group") or 1) for row in rows]
    turn = [row for row, group in zip(rows, groups, strict=True) if group == min(groups)]
    if not turn or not documents:
        return None
    people, first = ([listed_signer(row) for row in found] for found in (rows, turn))
    return activation(envelope, [listed_document(row) for row in documents], people, first, at)


def _modified(resource: Mapping[str, Any]) -> str:
    return str(resource.get("attributes", {}).get("modified") or "")


async def _notify(context: ActionContext, envelope: str) -> str:
    return await context.write(client.notify_signers(envelope), Unsafe(), lambda answer: envelope)


def _id(answer: Answer) -> str:
    return str(client.one(answer)["id"])


def _outcome(
    context: ActionContext, envelope: str, status: str, document: str, did: str, name: str = ""
) -> Outcome:
    shown: Kept = {"envelope": {"id": envelope, "status": status or None, "did": did}}
    if document:
        shown["document"] = {"key": document}
    return Outcome((RecordRef("envelope", envelope, did, name),), shown)


ACTIONS = (CreateEnvelope(), SendEnvelope())
