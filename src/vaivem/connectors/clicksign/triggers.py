"""What can start a rule: documents completed, signed, refused, cancelled, past their deadline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from typing_extensions import override

from vaivem.connectors.clicksign import client
from vaivem.connectors.clicksign.objects import (
    DOCUMENT_FIELDS,
    ENVELOPE_FIELDS,
    EVENT_FIELDS,
    REFUSAL_FIELDS,
    SIGNER_FIELDS,
    envelope_data,
    listed_document,
)
from vaivem.connectors.clicksign.samples import moved_sample, sample
from vaivem.connectors.clicksign.steps import CHANGES, NOT_TOLD, STATES_OF, step_of
from vaivem.connectors.sdk import Connection, Event, Reader, Trigger
from vaivem.connectors.sdk.documents import STEP_FIELDS, DocumentMoved, Step
from vaivem.core.fields import Field, FieldType, Option

PER = Field(
    "per",
    FieldType.OPTION,
    label_key="fields.per",
    help_key="fields.per.help",
    options=(Option("document"), Option("envelope")),
    sample="document",
)


class DocumentTrigger(Trigger):
    """A webhook of one kind, used as it came: it holds the document and its signers."""

    object: ClassVar[str] = "document"

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        """Return the event's, the document's and the signers' fields."""
        return EVENT_FIELDS + DOCUMENT_FIELDS + SIGNER_FIELDS


class DocumentCompleted(DocumentTrigger):
    """All have signed and the signed file is ready.

    With ``per: envelope`` the rule runs once, when the last document of the envelope is closed. Which
    envelope it is must be known (`objects.envelope_id`); a document that does not say is worked by itself.
    """

    key = "document_completed"
    kinds = frozenset({"document_closed"})
    options = (PER,)
    sample = sample("document_closed")

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        """Return the usual fields and the envelope's, which only ``per: envelope`` reads."""
        return super().fields(connection) + ENVELOPE_FIELDS

    @override
    def record(self, event: Event, options: Mapping[str, Any]) -> str:
        """Return the envelope where the rule counts by it, so that its documents share a lane."""
        return _envelope(event, options) or event.record

    @override
    def once_key(self, event: Event, options: Mapping[str, Any]) -> str | None:
        """Return the envelope: documents that one signature closes are each reported, a moment apart."""
        envelope = _envelope(event, options)
        return f"envelope_closed:{envelope}" if envelope else None

    @override
    async def scope(
        self, reader: Reader, event: Event, options: Mapping[str, Any]
    ) -> Mapping[str, Any] | None:
        """Return the event's data; by envelope, None until none of its documents is open any more."""
        envelope = _envelope(event, options)
        if not envelope:
            return event.data
        found = [listed_document(row) async for row in client.each(reader, client.list_documents(envelope))]
        if any(document["status"] in ("draft", "running") for document in found):
            return None
        resource = client.one(await reader.read(client.get_envelope(envelope)))
        documents = [{key: one[key] for key in ("key", "filename", "status")} for one in found]
        return {**event.data, "envelope": {**envelope_data(resource), "documents": documents}}


class SignerSigned(DocumentTrigger):
    """One signer signed one document."""

    key = "signer_signed"
    kinds = frozenset({"sign"})
    sample = sample("sign")


class SignerRefused(DocumentTrigger):
    """A signer refused, with reasons."""

    key = "signer_refused"
    kinds = frozenset({"refusal"})
    sample = sample("refusal")

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        """Return the usual fields and why the signer refused."""
        return super().fields(connection) + REFUSAL_FIELDS


class DocumentCancelled(DocumentTrigger):
    """A person cancelled a document."""

    key = "document_cancelled"
    kinds = frozenset({"cancel"})
    sample = sample("cancel")


class DeadlineReached(DocumentTrigger):
    """The deadline passed: the document is closed if somebody signed, else cancelled (`document.status`)."""

    key = "deadline_reached"
    kinds = frozenset({"deadline"})
    sample = sample("deadline")


class Moved(DocumentMoved):
    """A document made a step: sent, opened, signed, refused, at an end. The vendor's events in common words.

    It has no event for sending: a signer added to a running document is one who was sent it, whoever acts had
    been, and the first delivery whose document is running tells it of the others. A
    deadline is an end without completion only if nobody had signed: the document is cancelled.
    """

    object: ClassVar[str] = "document"
    kinds = frozenset(STATES_OF) | CHANGES
    prefix = "clicksign-integration"
    mark = "Clicksign_Envelope"
    sample = moved_sample(prefix, mark)

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        told = tuple(one for one in STEP_FIELDS if one.key not in NOT_TOLD)
        return told + EVENT_FIELDS + DOCUMENT_FIELDS + SIGNER_FIELDS

    @override
    def step(self, event: Event) -> Step | None:
        return step_of(event.kind, event.data)


def _envelope(event: Event, options: Mapping[str, Any]) -> str | None:
    """Return the envelope that the rule counts by: None when it counts by document, or none is known."""
    if options.get("per") != "envelope":
        return None
    known = event.data.get("envelope", {}).get("id")
    return str(known) if known else None


TRIGGERS = (
    DocumentCompleted(),
    SignerSigned(),
    SignerRefused(),
    DocumentCancelled(),
    DeadlineReached(),
    Moved(),
)
