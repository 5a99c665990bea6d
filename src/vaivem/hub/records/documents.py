"""Documents for signature, with what became of each recipient; read-only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from vaivem.connectors.sdk.documents import HALF
from vaivem.engine.ids import time_of
from vaivem.hub.history.detail import find_run
from vaivem.hub.history.filters import Shown
from vaivem.hub.history.lines import Badge, reasons, waits
from vaivem.hub.history.names import Names
from vaivem.hub.history.rows import fetch
from vaivem.hub.messages import Explained, ended
from vaivem.hub.shell.clock import now as clock_now

MOST_DOCUMENTS, MOST_EVENTS = 100, 200


@dataclass(frozen=True, slots=True)
class Document:
    """A document. `run_id` is the run that made it, 0: none of ours.

    `own` is how far one of its recipients is, "" when none is meant.
    """

    conn: int
    document: str
    name: str
    url: str
    sender: str
    state: str
    sent_at: datetime | None
    completed_at: datetime | None
    run_id: int
    own: str = ""


@dataclass(frozen=True, slots=True)
class Recipient:
    """One of a document's recipients. `person` is who it is, None when that is not known any more."""

    recipient: str
    name: str
    email: str
    state: str
    sent_at: datetime | None
    opened_at: datetime | None
    ended_at: datetime | None
    person: int | None


@dataclass(frozen=True, slots=True)
class Told:
    """An event that told of a document. `recipient` "": of all of them."""

    event_id: int
    state: str
    recipient: str

    @property
    def at(self) -> datetime:
        """When it came."""
        return time_of(self.event_id)


DOCUMENT = "d.conn, d.document, d.name, d.url, d.sender, d.state, d.sent_at, d.completed_at, d.run_id"


def documents_of(ws: int, records: Sequence[int]) -> list[Document]:
    """Return the documents that these records are recipients of, the newest first."""
    query = (
        f"select {DOCUMENT}, r.state"  # noqa: S608 - fixed parts only
        " from document_recipient r join document d on d.ws = r.ws and d.conn = r.conn"
        " and d.document = r.document where r.ws = %(ws)s and r.record_id = any(%(ids)s)"
        " order by d.told desc, d.conn, d.document, r.recipient limit %(n)s"
    )
    return fetch(query, {"ws": ws, "ids": list(records), "n": MOST_DOCUMENTS}, Document)


def document_one(ws: int, conn: int, document: str) -> Document | None:
    """Return a document of this workspace."""
    query = (
        f"select {DOCUMENT} from document d where d.ws = %(ws)s and d.conn = %(conn)s and d.document = %(id)s"  # noqa: S608 - fixed parts only
    )
    return next(iter(fetch(query, {"ws": ws, "conn": conn, "id": document}, Document)), None)


def recipients_of(ws: int, conn: int, document: str) -> list[Recipient]:
    """Return a document's recipients by name."""
    query = (
        "select r.recipient, r.name, r.email, r.state, r.sent_at, r.opened_at, r.ended_at, k.person"
        " from document_recipient r left join known_record k on k.ws = r.ws and k.id = r.record_id"
        " where r.ws = %(ws)s and r.conn = %(conn)s and r.document = %(id)s order by r.name, r.recipient"
    )
    return fetch(query, {"ws": ws, "conn": conn, "id": document}, Recipient)


def told_of(ws: int, conn: int, document: str) -> list[Told]:
    """Return the events that told of a document, in the order in which they came."""
    query = (
        "select event_id, state, recipient from document_event"
        " where ws = %(ws)s and conn = %(conn)s and document = %(id)s"
        " order by event_id, recipient limit %(n)s"
    )
    return fetch(query, {"ws": ws, "conn": conn, "id": document, "n": MOST_EVENTS}, Told)


def lacks(row: Document, names: Names) -> list[Explained]:
    """Say what kept the run that made a document from making it whole, or that it still is about to."""
    found = find_run(names.workspace.pk, row.run_id) if row.state == HALF and row.run_id else None
    if found is None:
        return []
    run = found.run
    why = reasons(run, names) if run.code else []
    if run.shown is not Shown.WAITING:
        return why
    return [Explained(ended(waits(run, names, clock_now())), why[0].next if why else "")]


def document_state(state: str) -> Badge:
    """Say how far a document is. What one recipient did says nothing of the others."""
    words = {
        "half": Badge("bad", "bad", _("Not whole")),
        "draft": Badge("off", "pencil", _("Draft")),
        "sent": Badge("wait", "clock", _("Sent")),
        "opened": Badge("wait", "clock", _("Opened")),
        "completed": Badge("wait", "clock", _("Signed by some")),
        "declined": Badge("bad", "bad", _("Refused")),
        "voided": Badge("off", "x", _("Cancelled")),
        "closed": Badge("ok", "ok", _("Completed")),
    }
    return words.get(state, Badge("off", "sign", _("Changed")))


def recipient_state(state: str) -> Badge:
    """Say how far one recipient is."""
    if state == "voided":
        return document_state(state)
    words = {
        "half": Badge("bad", "bad", _("Not in the document")),
        "draft": Badge("off", "pencil", _("Not sent yet")),
        "sent": Badge("wait", "clock", _("Not opened yet")),
        "opened": Badge("wait", "clock", _("Opened")),
        "completed": Badge("ok", "ok", _("Signed")),
        "declined": Badge("bad", "bad", _("Refused")),
    }
    return words.get(state, Badge("off", "sign", _("Changed")))
