"""What can start a rule: what becomes of an envelope, and what each of its recipients does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from typing_extensions import override

from vaivem.connectors.docusign import client
from vaivem.connectors.docusign.links import envelope_address
from vaivem.connectors.docusign.messages import STATE, WHOLE, data_of, with_recipient
from vaivem.connectors.docusign.objects import ENVELOPE_FIELDS, EVENT_FIELDS, RECIPIENT_FIELDS, SIGNER_TYPES
from vaivem.connectors.docusign.samples import moved_sample, sample
from vaivem.connectors.docusign.steps import CHANGES, GROUPS, STATES_OF, lists_of, step_of
from vaivem.connectors.sdk import Connection, Event, NotReadError, Reader, Trigger
from vaivem.connectors.sdk.documents import STEP_FIELDS, DocumentMoved, Step
from vaivem.core.fields import Field, FieldType, Option

FIELDS = EVENT_FIELDS + ENVELOPE_FIELDS + RECIPIENT_FIELDS

WHO = Field(
    "who",
    FieldType.OPTION,
    label_key="fields.who",
    help_key="fields.who.help",
    options=(Option("signers"), Option("everybody")),
    sample="signers",
)

GROUPS_OF_PEOPLE = Field(
    "groups",
    FieldType.OPTIONS,
    label_key="fields.groups",
    help_key="fields.groups.help",
    options=tuple(Option(group) for group in GROUPS),
)

# Everything that the vendor tells of an envelope or of a recipient.
EVERY_KIND = frozenset(
    {
        "envelope-created", "envelope-sent", "envelope-resent", "envelope-delivered", "envelope-completed",
        "envelope-declined", "envelope-voided", "envelope-corrected", "envelope-deleted", "recipient-sent",
        "recipient-resent", "recipient-delivered", "recipient-completed", "recipient-declined",
        "recipient-authenticationfailed", "recipient-autoresponded", "recipient-reassign",
        "recipient-delegate",
    }
)  # fmt: skip


class EnvelopeTrigger(Trigger):
    """A message about an envelope: used as it came, for it holds recipients and fields.

    One that holds less (a configuration made by hand, the list of changes) has its envelope read once.
    """

    object: ClassVar[str] = "envelope"

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return FIELDS

    @override
    async def scope(
        self, reader: Reader, event: Event, options: Mapping[str, Any]
    ) -> Mapping[str, Any] | None:
        """Return the event's data, or the envelope's as it is read now."""
        return await whole_data(reader, event)


async def whole_data(reader: Reader, event: Event) -> Mapping[str, Any]:
    """Return an event's data, or the envelope's as it is read now where the message holds less."""
    if event.data["told"] == WHOLE:
        return event.data
    connection, envelope = reader.connection, str(event.data["envelope"]["id"])
    try:
        read = client.one(await reader.read(client.get_envelope(connection, envelope, event.occurred)))
    except NotReadError:
        if event.data["told"] != STATE:
            raise
        return event.data  # recipients and states; the documents' fields are missing
    url = envelope_address(connection).format(envelope=envelope)
    told = event.data["event"]
    data = data_of(read, envelope, url, WHOLE)
    return with_recipient(data, told["name"], told["occurred_at"], event.data["recipient"].get("id"))


class RecipientTrigger(EnvelopeTrigger):
    """A message about one recipient. Unless the rule says so, only those who sign count."""

    options = (WHO,)

    @override
    def accepts(self, event: Event, options: Mapping[str, Any]) -> bool:
        """Let through whoever the rule is about; where the message does not say, `scope` finds out."""
        return _is_meant(event.data["recipient"], options, unknown=True)

    @override
    async def scope(
        self, reader: Reader, event: Event, options: Mapping[str, Any]
    ) -> Mapping[str, Any] | None:
        data = await super().scope(reader, event, options)
        return data if data and _is_meant(data["recipient"], options, unknown=False) else None


def _is_meant(recipient: Mapping[str, Any], options: Mapping[str, Any], *, unknown: bool) -> bool:
    kind = recipient.get("kind")
    if options.get("who") == "everybody":
        return True
    return kind in SIGNER_TYPES if kind else unknown


class EnvelopeSent(EnvelopeTrigger):
    """An envelope went to its first recipient."""

    key = "envelope_sent"
    kinds = frozenset({"envelope-sent"})
    sample = sample("envelope-sent")


class EnvelopeDelivered(EnvelopeTrigger):
    """All recipients have opened it; the vendor's word for that is "delivered"."""

    key = "envelope_delivered"
    kinds = frozenset({"envelope-delivered"})
    sample = sample("envelope-delivered")


class EnvelopeCompleted(EnvelopeTrigger):
    """All are done."""

    key = "envelope_completed"
    kinds = frozenset({"envelope-completed"})
    sample = sample("envelope-completed")


class EnvelopeDeclined(EnvelopeTrigger):
    """One refused, and so the envelope is over."""

    key = "envelope_declined"
    kinds = frozenset({"envelope-declined"})
    sample = sample("envelope-declined")


class EnvelopeVoided(EnvelopeTrigger):
    """The sender took it back, or its time ran out."""

    key = "envelope_voided"
    kinds = frozenset({"envelope-voided"})
    sample = sample("envelope-voided")


class RecipientSent(RecipientTrigger):
    """It is a recipient's turn."""

    key = "recipient_sent"
    kinds = frozenset({"recipient-sent"})
    sample = sample("recipient-sent")


class RecipientDelivered(RecipientTrigger):
    """A recipient opened it."""

    key = "recipient_delivered"
    kinds = frozenset({"recipient-delivered"})
    sample = sample("recipient-delivered")


class RecipientCompleted(RecipientTrigger):
    """A recipient is done: has signed, mostly."""

    key = "recipient_completed"
    kinds = frozenset({"recipient-completed"})
    sample = sample("recipient-completed")


class RecipientDeclined(RecipientTrigger):
    """A recipient refused."""

    key = "recipient_declined"
    kinds = frozenset({"recipient-declined"})
    sample = sample("recipient-declined")


class EnvelopeChanged(EnvelopeTrigger):
    """Anything at all. What we did ourselves does not count, or a rule could start itself for ever."""

    key = "envelope_changed"
    kinds = EVERY_KIND
    stops_echoes = True
    sample = sample("envelope-sent")


class Moved(DocumentMoved):
    """An envelope made a step: sent, opened, signed, refused, at an end. The messages in common words."""

    object: ClassVar[str] = "envelope"
    kinds = frozenset(STATES_OF) | CHANGES
    options = (*DocumentMoved.options, GROUPS_OF_PEOPLE)
    prefix = "docusign-integration"
    mark = "DocuSign_Envelope"
    sample = moved_sample(prefix, mark)

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return STEP_FIELDS + FIELDS

    @override
    def step(self, event: Event) -> Step | None:
        return step_of(event.kind, event.data)

    @override
    def accepts(self, event: Event, options: Mapping[str, Any]) -> bool:
        """Let a step through that is followed, of whoever the rule is about; `scope` finds out the rest."""
        kind = event.data["recipient"].get("kind") if event.kind.startswith("recipient-") else None
        return (kind is None or kind in _lists(options)) and super().accepts(event, options)

    @override
    async def scope(
        self, reader: Reader, event: Event, options: Mapping[str, Any]
    ) -> Mapping[str, Any] | None:
        data, lists = await whole_data(reader, event), _lists(options)
        if event.kind.startswith("recipient-") and data["recipient"].get("kind") not in lists:
            return None
        step = step_of(event.kind, data, lists)
        return {**data, "step": self.told(step, options)} if step else None


def _lists(options: Mapping[str, Any]) -> frozenset[str]:
    """Return the vendor's lists of recipients that count. Rules of before said `who`."""
    everybody = options.get("who") == "everybody" and not options.get("groups")
    return lists_of(GROUPS if everybody else options.get("groups") or ())


TRIGGERS = (
    EnvelopeSent(),
    EnvelopeDelivered(),
    EnvelopeCompleted(),
    EnvelopeDeclined(),
    EnvelopeVoided(),
    RecipientSent(),
    RecipientDelivered(),
    RecipientCompleted(),
    RecipientDeclined(),
    Moved(),
    EnvelopeChanged(),
)
