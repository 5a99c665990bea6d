"""What a rule can do with envelopes: make a draft from a template, send it, void it, read it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar

from typing_extensions import override

from vaivem.connectors.docusign import client, drafts
from vaivem.connectors.docusign.links import envelope_address
from vaivem.connectors.docusign.messages import WHOLE, data_of
from vaivem.connectors.docusign.objects import ENVELOPE_FIELDS, field, instant, moment
from vaivem.connectors.docusign.templates import read_roles
from vaivem.connectors.sdk import (
    Action,
    ActionContext,
    Answer,
    Connection,
    Findable,
    Outcome,
    RecordRef,
    Written,
)
from vaivem.core.errors import RecordError, UncertainError
from vaivem.core.fields import Field, FieldType, Option

Kept = dict[str, Any]

SENDING = Field(
    "sending",
    FieldType.OPTION,
    label_key="fields.sending",
    help_key="fields.sending.help",
    options=(Option("draft"), Option("send")),
    sample="draft",
)
MADE = (
    field("envelope.id", FieldType.RECORD, "a70a5ef2-0b1c-4e0d-9f57-5a2c7f3b1e94"),
    field("envelope.status", sample="created"),
    field("envelope.url", FieldType.URL, "https://app.docusign.com/documents/details/a70a5ef2"),
)
FOUND = (
    *ENVELOPE_FIELDS,
    field("signers", FieldType.LIST),
    field("recipients", FieldType.LIST),
)


class CreateEnvelope(Action):
    """A draft from a template. It is sent only where the rule says so, by a write of its own.

    A draft whose answer was lost is found by its transaction id.
    """

    key = "create_envelope"
    object = "envelope"
    groups = ("signer",)
    options: ClassVar[tuple[Field, ...]] = (SENDING,)

    @override
    def reaches(self, options: Mapping[str, Any]) -> bool:
        """A new paper for each document of the past is hardly meant."""
        return True

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        templates = connection.options("templates")
        return (
            field(
                "envelope.template", FieldType.OPTION, required=True, source="templates", options=templates
            ),
            field("envelope.subject", max_length=100),
            field("envelope.message", FieldType.LONG_TEXT, max_length=10_000),
            *connection.custom_fields("envelope"),
            *(one for group in drafts.GROUPS for one in _person_fields(group)),
            *connection.custom_fields("tab"),
        )

    @override
    def outputs(self, connection: Connection) -> tuple[Field, ...]:
        return MADE

    @override
    async def run(self, context: ActionContext) -> Outcome:
        earlier = context.made("envelope")
        if earlier is not None:  # a second paper for the same thing would be worse than an old one
            return _outcome(context.connection, {"id": earlier, "status": None}, "kept")
        connection, values = context.connection, context.values
        roles = await read_roles(context, str(values["envelope.template"]))
        taken = drafts.assign(drafts.people_of(values), roles)
        sends = context.options.get("sending") == "send"
        if sends:
            drafts.require_complete(taken, roles)
        body = drafts.body_of(values, connection, roles, taken)
        transaction = drafts.transaction_of(context, body)

        async def find() -> Kept | None:
            answer = await context.read(client.by_transaction(connection, transaction))
            rows = client.rows(answer, "envelopeTransactionStatuses") or client.rows(answer, "envelopes")
            ids = [str(row["envelopeId"]) for row in rows if _is_made(row, transaction)]
            return {"id": ids[0], "status": "created", "changed": None, "did": "created"} if ids else None

        made = await context.write(
            client.create_envelope(connection, {**body, "transactionId": transaction}),
            Findable(find),
            _made,
            leaves=_left,
        )
        subject = str(body.get("emailSubject") or "")
        about = {
            "id": made["id"],
            "name": subject or _template(connection, str(values["envelope.template"])),
            "url": envelope_address(connection).format(envelope=made["id"]),
            "sender": (connection.account.get("details") or {}).get("user"),
        }
        if sends:
            context.so_far(*drafts.steps_of(taken, about, half=True))
            made = await _send(context, made["id"])
        outcome = _outcome(connection, made, "created", subject)
        told = drafts.steps_of(taken, about, made["changed"] if sends else None, sent=sends)
        return replace(outcome, documents=told)


class SendEnvelope(Action):
    """Send a draft. The vendor refuses to send an envelope twice."""

    key = "send_envelope"
    object = "envelope"

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return (field("envelope.id", FieldType.RECORD, required=True),)

    @override
    def outputs(self, connection: Connection) -> tuple[Field, ...]:
        return MADE

    @override
    def adds(self, options: Mapping[str, Any]) -> bool:
        """Sent is sent: done again, it would only be refused."""
        return True

    @override
    async def run(self, context: ActionContext) -> Outcome:
        sent = await _send(context, str(context.values["envelope.id"]))
        return _outcome(context.connection, sent, "updated")


class VoidEnvelope(Action):
    """Take back an envelope that is under way. Its recipients are told, with the reason."""

    key = "void_envelope"
    object = "envelope"

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return (
            field("envelope.id", FieldType.RECORD, required=True),
            field("envelope.reason", required=True, max_length=200),
        )

    @override
    def outputs(self, connection: Connection) -> tuple[Field, ...]:
        return MADE

    @override
    def adds(self, options: Mapping[str, Any]) -> bool:
        """Voided is voided: done again, it would only be refused."""
        return True

    @override
    async def run(self, context: ActionContext) -> Outcome:
        envelope, reason = str(context.values["envelope.id"]), str(context.values["envelope.reason"])
        call = client.void_envelope(context.connection, envelope, reason)
        voided = await context.write(
            call, _found_as(context, envelope, "voided"), _changed(envelope, "voided"), leaves=_left
        )
        return _outcome(context.connection, voided, "updated")


class FindEnvelope(Action):
    """Read an envelope with its recipients, fields and documents; the vendor allows it four times an hour."""

    key = "find_envelope"
    object = "envelope"
    reads_only = True

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return (field("envelope.id", FieldType.RECORD, required=True),)

    @override
    def outputs(self, connection: Connection) -> tuple[Field, ...]:
        return FOUND

    @override
    async def run(self, context: ActionContext) -> Outcome:
        envelope = str(context.values["envelope.id"])
        try:
            answer = await context.read(client.get_envelope(context.connection, envelope))
        except RecordError as error:
            if error.code != "record_not_found":
                raise
            return Outcome(())
        url = envelope_address(context.connection).format(envelope=envelope)
        data = data_of(client.one(answer), envelope, url, WHOLE)
        shown = {key: value for key, value in data.items() if key != "told"}
        name = data["envelope"]["subject"] or ""
        return Outcome((RecordRef("envelope", envelope, "found", name, url),), shown)


def _template(connection: Connection, template: str) -> str:
    """Return what people call a template; its subject, which the vendor takes then, is not read."""
    return next((one.label for one in connection.options("templates") if str(one.value) == template), "")


async def _send(context: ActionContext, envelope: str) -> Kept:
    call = client.send_envelope(context.connection, envelope)
    repeat = _found_as(context, envelope, "sent", "delivered", "completed", "declined", "voided")
    return await context.write(call, repeat, _changed(envelope, "sent"), leaves=_left)


def _found_as(context: ActionContext, envelope: str, *states: str) -> Findable:
    """Return how a change in doubt is settled: by the list of states, which is no read of the envelope."""

    async def find() -> Kept | None:
        answer = await context.read(client.status_of(context.connection, envelope))
        for row in client.rows(answer, "envelopes"):
            state = str(row.get("status") or "").lower()
            if str(row.get("envelopeId") or "").lower() == envelope.lower() and state in states:
                changed = instant(row.get("statusChangedDateTime"))
                return {"id": envelope, "status": state, "changed": changed, "did": states[0]}
        return None

    return Findable(find)


def _person_fields(group: str) -> tuple[Field, ...]:
    return (
        Field(
            f"{group}.role", FieldType.OPTION, label_key=f"fields.{group}.role", help_key="fields.role.help",
            source="roles", depends_on="envelope.template", group=group,
        ),
        Field(f"{group}.name", label_key=f"fields.{group}.name", max_length=100, group=group),
        Field(f"{group}.email", FieldType.EMAIL, label_key=f"fields.{group}.email", group=group),
    )  # fmt: skip


def _is_made(row: Mapping[str, Any], transaction: str) -> bool:
    """Say whether a row tells of the envelope of our transaction; what was not made has an error there."""
    told = row.get("transactionId")
    return bool(row.get("envelopeId")) and told in (None, transaction) and not _refusal(row)


def _made(answer: Answer) -> Kept:
    content = _accepted(answer)
    if not content.get("envelopeId"):
        raise UncertainError("vendor_answer_unexpected", params={"call": "envelopes.create"})
    return {
        "id": str(content["envelopeId"]),
        "status": str(content.get("status") or "created").lower(),
        "changed": instant(content.get("statusDateTime")),
        "did": "created",
    }


def _changed(envelope: str, status: str) -> Callable[[Answer], Kept]:
    def take(answer: Answer) -> Kept:
        _accepted(answer)
        return {"id": envelope, "status": status, "changed": _vendor_time(answer), "did": status}

    return take


def _accepted(answer: Answer) -> Mapping[str, Any]:
    """Return an answer's content. The vendor may refuse within an answer of success: raises RecordError."""
    content = client.one(answer)
    refusal = _refusal(content)
    if refusal:
        raise RecordError("record_refused", params={"message": refusal}, detail=refusal)
    return content


def _refusal(content: Mapping[str, Any]) -> str:
    details = content.get("errorDetails")
    if not isinstance(details, Mapping) or str(details.get("errorCode") or "SUCCESS").upper() == "SUCCESS":
        return ""
    return str(details.get("message") or details["errorCode"])


def _vendor_time(answer: Answer) -> str | None:
    """Return the vendor's time of an answer that holds none: what we did was not later."""
    try:
        return parsedate_to_datetime(answer.headers.get("date", "")).isoformat()
    except ValueError:
        return None


def _left(kept: Kept) -> Written:
    """Return what a write left, as `messages` marks the event that tells of it."""
    marks = {f"envelope.{kept['did']}": True}
    return Written("envelope", kept["id"].lower(), marks, moment(kept.get("changed")))


def _outcome(connection: Connection, kept: Kept, did: str, name: str = "") -> Outcome:
    url = envelope_address(connection).format(envelope=kept["id"])
    shown = {"envelope": {"id": kept["id"], "status": kept["status"], "url": url, "did": did}}
    return Outcome((RecordRef("envelope", kept["id"], did, name, url),), shown)


ACTIONS = (CreateEnvelope(), SendEnvelope(), VoidEnvelope(), FindEnvelope())
