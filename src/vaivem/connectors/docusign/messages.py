"""What a message of Connect says, whichever of its shapes it has, as events.

https://developers.docusign.com/platform/webhooks/connect/json-sim-event-model
https://developers.docusign.com/platform/webhooks/connect/legacy-message-formats
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from vaivem.connectors.docusign.happenings import ONCE, Step, people, steps_of
from vaivem.connectors.docusign.objects import (
    as_object,
    documents_data,
    envelope_data,
    instant,
    joined_tabs,
    moment,
    recipients_data,
    search_terms,
    signers_of,
)
from vaivem.connectors.docusign.xml_payloads import DEFAULT_ZONE, read_xml, summary_of
from vaivem.connectors.sdk import Connection, Delivery, Event
from vaivem.core.errors import UnreadableError

# How much an event's data hold. `WHOLE`: all. `STATE`: the list of changes, which has no fields of the
# documents. `IDS`: a message that says only which envelope; it is read before a rule works with it.
WHOLE, STATE, IDS = "whole", "state", "ids"
CAUGHT_UP = "vaivem"
# What we may have done ourselves: each by a mark of its own, since one step of a rule may do two of them.
OURS = {
    "envelope-created": "created",
    "envelope-sent": "sent",
    "recipient-sent": "sent",
    "envelope-voided": "voided",
}

Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """One message: an event (None: whatever the state tells), what it is about, the envelope's summary."""

    event: str | None
    envelope: str
    recipient: str | None
    at: str | None
    summary: Raw
    told: str


def events_of(delivery: Delivery, connection: Connection, url: str) -> list[Event]:
    """Return the events of a delivery: one, or each step that a message of the whole state tells.

    `url` is the envelope's address for people, with ``{envelope}`` in it.
    """
    message = _message(delivery, connection)
    if message is None:
        return []
    data = data_of(message.summary, message.envelope, url.format(envelope=message.envelope), message.told)
    names = people(data["recipients"])
    if message.event is None:
        steps = steps_of(data["envelope"], data["recipients"])
    else:
        steps = [_step(message.event, message, data["recipients"])]
    return [_event(message, data, step, names) for step in steps]


def _step(event: str, message: Message, recipients: list[dict[str, Any]]) -> Step:
    """Return the one step of a message, at the time when it happened: a message may be made much later."""
    index = _index(recipients, message.recipient)
    own = recipients[index].get(f"{event.removeprefix('recipient-')}_at") if index is not None else None
    return Step(event, index, own or message.at)


def data_of(summary: Raw, envelope: str, url: str, told: str) -> dict[str, Any]:
    """Return what mappings read of a summary; who the event is about is added for each event."""
    recipients = recipients_data(as_object(summary.get("recipients")))
    sender = as_object(summary.get("sender"))
    return {
        "told": told,
        "envelope": envelope_data(summary, envelope, url),
        "sender": {"name": sender.get("userName") or None, "email": sender.get("email") or None},
        "recipients": recipients,
        "signers": signers_of(recipients),
        "documents": documents_data(summary.get("envelopeDocuments")),
        "tabs": joined_tabs(recipients),
    }


def with_recipient(data: Raw, kind: str, at: str | None, recipient: str | None) -> dict[str, Any]:
    """Return the data of one event: whom it is about, else the first who signs."""
    recipients: list[dict[str, Any]] = data["recipients"]
    index = _index(recipients, recipient)
    return _about(data, kind, at, index)


def _about(data: Raw, kind: str, at: str | None, index: int | None) -> dict[str, Any]:
    recipients = data["recipients"]
    first: Raw = next(iter(data["signers"] or recipients), {})
    about = recipients[index] if index is not None else {} if _of_a_person(kind) else first
    return {**data, "event": {"name": kind, "occurred_at": at}, "recipient": about}


def _event(message: Message, data: Raw, step: Step, names: list[str]) -> Event:
    # In lower case: XML and JSON do not agree on the letters of an id.
    envelope = message.envelope.lower()
    whole = _about(data, step.kind, step.at, step.recipient)
    if _of_a_person(step.kind) and step.recipient is None and message.recipient:
        whole["recipient"] = {"id": message.recipient}
    name = whole["recipient"].get("name") if _of_a_person(step.kind) else None
    ours = OURS.get(step.kind)
    return Event(
        kind=step.kind,
        object="envelope",
        record=envelope,
        same=_same(message, data, step, names, envelope),
        data=whole,
        title=" · ".join(filter(None, (data["envelope"]["subject"], name))),
        occurred=moment(step.at),
        terms=search_terms(whole),
        changed={f"envelope.{ours}": True} if ours else None,
        version=moment(step.at),
    )


def _same(message: Message, data: Raw, step: Step, names: list[str], envelope: str) -> tuple[str, ...]:
    """Return what makes two messages one event: never the configuration, nor when the message was made."""
    who: tuple[str, ...] = ()
    if _of_a_person(step.kind):
        who = (names[step.recipient] if step.recipient is not None else f"id:{message.recipient}",)
    if step.kind in ONCE:
        return (step.kind, envelope, *who)
    shown = message.summary.get("lastModifiedDateTime") or message.summary.get("statusChangedDateTime")
    return (step.kind, envelope, *who, str(shown or message.at))


def _of_a_person(kind: str) -> bool:
    return kind.startswith("recipient-")


def _index(recipients: list[dict[str, Any]], recipient: str | None) -> int | None:
    known = (number for number, one in enumerate(recipients) if recipient and one["id"] == recipient)
    return next(known, None)


def _message(delivery: Delivery, connection: Connection) -> Message | None:
    if is_xml(delivery):
        zone = str(connection.settings.get("zone") or DEFAULT_ZONE)
        try:
            state = summary_of(read_xml(delivery.body), zone)
        except ValueError as error:
            raise UnreadableError("zone_unknown", params={"zone": zone}) from error
        return _whole_state(state, state)
    content = read_json(delivery.body)
    data, event = as_object(content.get("data")), content.get("event")
    summary = as_object(data.get("envelopeSummary"))
    if not isinstance(event, str):
        return _whole_state(summary or content, content)
    if not event.startswith(("envelope-", "recipient-")):
        return None  # a template was changed, an agreement clicked: nothing that rules start from
    told = STATE if content.get(CAUGHT_UP) else WHOLE if summary.get("recipients") else IDS
    envelope = data.get("envelopeId") or summary.get("envelopeId")
    recipient = data.get("recipientId")
    return Message(
        event=event,
        envelope=_id(envelope),
        recipient=str(recipient) if recipient else None,
        at=_when(event, summary) or instant(content.get("generatedDateTime")),
        summary=summary,
        told=told,
    )


def _whole_state(summary: Raw, content: Raw) -> Message:
    told = WHOLE if summary.get("recipients") else IDS
    at = instant(content.get("generatedDateTime"))
    return Message(None, _id(summary.get("envelopeId")), None, at, summary, told)


def _when(event: str, summary: Raw) -> str | None:
    """Return when the envelope reached the state that an event tells."""
    step = event.removeprefix("envelope-")
    return instant(summary.get(f"{step}DateTime")) if step != event else None


def _id(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise UnreadableError(detail="no envelopeId")
    return value.strip()


def is_xml(delivery: Delivery) -> bool:
    """Say whether a message is of the older kind, by what it begins with: senders err in its type."""
    return delivery.body[:200].lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<")


def read_json(body: bytes) -> dict[str, Any]:
    """Return a message's object. Raises UnreadableError."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise UnreadableError(detail=f"not JSON: {error}") from error
    if not isinstance(content, dict):
        raise UnreadableError(detail="not a JSON object")
    return content
