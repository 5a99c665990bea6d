"""What happens to an envelope: sent, opened, signed, declined, voided, expired; each told to Connect."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from uuid import uuid4

from vaivem.simulators.docusign import people
from vaivem.simulators.docusign import tabs as tab_lists
from vaivem.simulators.docusign.account import Account, Record
from vaivem.simulators.docusign.problems import ProblemError
from vaivem.simulators.docusign.times import moment, stamp

IN_PROCESS = ("sent", "delivered")
EXPIRED = "Envelope has expired."
# kind of event, envelope, id of the recipient ("" where it is the envelope's).
Tell = Callable[[str, Record, str], None]


class Lifecycle:
    """Changes one account's envelopes. `tell` hears of each event, `settle` when an action is over."""

    def __init__(self, account: Account, tell: Tell, settle: Callable[[], None]) -> None:
        self._account = account
        self._tell = tell
        self._settle = settle

    def store(self, envelope: Record, *, send: bool, complete: bool = True) -> None:
        """Keep a new envelope, as a draft or sent at once. Raises ProblemError when it is not `complete`."""
        if send and complete:
            check_complete(envelope)
        self._account.keep(envelope)
        self._note(envelope, "Registered")
        self._happen("envelope-created", envelope)
        if send:
            self._send(envelope)
        self._settle()

    def send(self, envelope: Record) -> None:
        """Send a draft. Raises ProblemError."""
        if envelope["status"] != "created":
            raise ProblemError("ENVELOPE_INVALID_STATUS")
        check_complete(envelope)
        self._send(envelope)
        self._settle()

    def resend(self, envelope: Record) -> None:
        """Mail those again whose turn it is."""
        if envelope["status"] not in IN_PROCESS:
            raise ProblemError("ENVELOPE_NOT_IN_CORRECT_STATE")
        self._happen("envelope-resent", envelope)
        for one in envelope["recipients"]:
            if one["status"] in people.ACTIVE:
                self._happen("recipient-resent", envelope, one)
        self._settle()

    def open(self, envelope: Record, recipient: Record) -> None:
        """Somebody looks at the documents. Raises ProblemError when it is not their turn."""
        self._open(envelope, recipient)
        self._settle()

    def sign(self, envelope: Record, recipient: Record, values: Mapping[str, Any] | None = None) -> None:
        """Somebody finishes what they had to do; `values` are tabs by label. Raises ProblemError."""
        self._open(envelope, recipient)
        now = self._touch(envelope)
        for kind, tab in tab_lists.each(recipient["tabs"]):
            label = tab_lists.label_of(kind, tab)
            if values and label in values and tab.get("locked") != "true":
                tab_lists.write(kind, tab, _as_tab(kind, values[label]))
        tab_lists.fill_own(recipient["tabs"], recipient, envelope["id"], now[:10])
        recipient.update(status="completed", signed=now)
        self._note(envelope, "Signed", recipient)
        self._happen("recipient-completed", envelope, recipient)
        self._go_on(envelope)
        self._settle()

    def decline(self, envelope: Record, recipient: Record, reason: str) -> None:
        """Somebody refuses; the envelope ends there. Raises ProblemError."""
        self._open(envelope, recipient)
        now = self._touch(envelope)
        recipient.update(status="declined", declined=now, declinedReason=reason)
        self._note(envelope, "Declined", recipient)
        self._happen("recipient-declined", envelope, recipient)
        envelope.update(status="declined", declined=now, statusChanged=now)
        self._happen("envelope-declined", envelope)
        self._settle()

    def void(self, envelope: Record, reason: str) -> None:
        """The sender takes it back. Raises ProblemError."""
        if envelope["status"] not in IN_PROCESS:
            raise ProblemError("ENVELOPE_CANNOT_VOID_INVALID_STATE")
        if not reason.strip():
            raise ProblemError("INVALID_REQUEST_BODY", "voidedReason is needed.")
        now = self._touch(envelope)
        envelope.update(status="voided", voided=now, statusChanged=now, voidedReason=reason)
        self._note(envelope, "Voided")
        self._happen("envelope-voided", envelope)
        self._settle()

    def bounce(self, envelope: Record, recipient: Record, reason: str) -> None:
        """The mail to somebody comes back."""
        if recipient["status"] not in people.ACTIVE:
            raise ProblemError("ENVELOPE_NOT_IN_CORRECT_STATE")
        self._touch(envelope)
        recipient.update(status="autoresponded", autoRespondedReason=reason)
        self._happen("recipient-autoresponded", envelope, recipient)
        self._settle()

    def remark(self, kind: str, envelope: Record, recipient: Record | None = None) -> None:
        """Something that changes no state: finish later, a failed authentication."""
        self._touch(envelope)
        self._happen(kind, envelope, recipient)
        self._settle()

    def correct(self, envelope: Record, recipient: Record, name: str, email: str) -> None:
        """The sender gives somebody another name or address; who was mailed is mailed again."""
        if envelope["status"] not in (*IN_PROCESS, "created") or recipient["status"] in people.DONE:
            raise ProblemError("ENVELOPE_NOT_IN_CORRECT_STATE")
        before = (recipient["name"], recipient["email"])
        recipient.update(name=name or recipient["name"], email=email or recipient["email"])
        people.check(recipient)
        if (recipient["name"], recipient["email"]) == before:
            return
        self._touch(envelope)
        if envelope["status"] != "created":
            self._happen("envelope-corrected", envelope)
            if recipient["status"] in people.ACTIVE:
                recipient["status"] = "sent"
                self._happen("recipient-resent", envelope, recipient)
        self._settle()

    def discard(self, envelope: Record) -> None:
        """A draft is thrown away, or a finished envelope taken out of sight."""
        if envelope["status"] in IN_PROCESS:
            raise ProblemError("ENVELOPE_NOT_IN_CORRECT_STATE")
        draft = envelope["status"] == "created"
        envelope["deleted"] = self._touch(envelope)
        if draft:
            envelope.update(status="deleted", statusChanged=envelope["deleted"])
        self._happen("envelope-discard" if draft else "envelope-deleted", envelope)
        self._settle()

    def purge(self, envelope: Record) -> None:
        """The documents are taken away; what was said about them stays, in part."""
        if envelope["status"] not in ("completed", "declined", "voided"):
            raise ProblemError("ENVELOPE_NOT_IN_CORRECT_STATE")
        self._touch(envelope)
        envelope.update(purgeState="documents_purged", documents=[])
        self._happen("envelope-purge", envelope)
        self._settle()

    def expire(self, envelope: Record) -> None:
        """Nobody finished in time. Raises ProblemError."""
        self.void(envelope, EXPIRED)

    def expire_due(self) -> None:
        """Void what nobody finished in time."""
        now = self._account.stamp()
        for envelope in list(self._account.envelopes.values()):
            if envelope["status"] in IN_PROCESS and envelope["expires"] <= now:
                self.void(envelope, EXPIRED)

    # -- parts of the above

    def _send(self, envelope: Record) -> None:
        now = self._touch(envelope)
        expires = moment(now) + timedelta(days=envelope["expireDays"])
        envelope.update(status="sent", initialSent=now, sent=now, statusChanged=now, expires=stamp(expires))
        self._note(envelope, "Sent Invitations")
        if self._account.quirks.sent_recipient_first:
            self._go_on(envelope, told=False)
            self._happen("envelope-sent", envelope)
            self._finish(envelope)
        else:
            self._happen("envelope-sent", envelope)
            self._go_on(envelope)

    def _open(self, envelope: Record, recipient: Record) -> None:
        if envelope["status"] not in IN_PROCESS or recipient["status"] not in people.ACTIVE:
            raise ProblemError("ENVELOPE_NOT_IN_CORRECT_STATE")
        if recipient["status"] == "delivered":
            return
        now = self._touch(envelope)
        recipient.update(status="delivered", delivered=now)
        self._note(envelope, "Viewed", recipient)
        self._happen("recipient-delivered", envelope, recipient)
        if envelope["status"] == "sent" and self._all_looked(envelope, recipient):
            envelope.update(status="delivered", delivered=now, statusChanged=now)
            self._happen("envelope-delivered", envelope)
        if recipient["kind"] in people.LOOKERS:
            recipient.update(status="completed", signed=now)
            self._happen("recipient-completed", envelope, recipient)
            self._go_on(envelope)

    def _all_looked(self, envelope: Record, recipient: Record) -> bool:
        everybody = self._account.quirks.delivered_when == "all"
        return all(
            one["status"] in ("delivered", *people.DONE)
            for one in envelope["recipients"]
            if everybody or one["routingOrder"] == recipient["routingOrder"]
        )

    def _go_on(self, envelope: Record, *, told: bool = True) -> None:
        """Let the next ones have their turn; with nobody left, the envelope is completed."""
        while True:
            order = people.turn(envelope["recipients"])
            waiting = [
                one
                for one in envelope["recipients"]
                if one["status"] == "created" and order is not None and int(one["routingOrder"]) == order
            ]
            if not waiting:
                break
            for one in waiting:
                self._begin(envelope, one)
        if told:
            self._finish(envelope)

    def _begin(self, envelope: Record, recipient: Record) -> None:
        now = self._touch(envelope)
        recipient.update(status="sent", sent=now)
        self._happen("recipient-sent", envelope, recipient)
        if recipient["kind"] in people.COPIES:
            recipient.update(status="completed", signed=now)
            self._happen("recipient-completed", envelope, recipient)

    def _finish(self, envelope: Record) -> None:
        open_ones = people.turn(envelope["recipients"]) is not None
        bounced = any(one["status"] == "autoresponded" for one in envelope["recipients"])
        if open_ones or bounced or envelope["status"] not in IN_PROCESS:
            return
        now = self._touch(envelope)
        envelope.update(status="completed", completed=now, statusChanged=now)
        envelope["delivered"] = envelope["delivered"] or now
        self._note(envelope, "Completed")
        self._happen("envelope-completed", envelope)

    def _happen(self, kind: str, envelope: Record, recipient: Record | None = None) -> None:
        self._tell(kind, envelope, recipient["recipientId"] if recipient else "")

    def _touch(self, envelope: Record) -> str:
        envelope["lastModified"] = self._account.stamp()
        return str(envelope["lastModified"])

    def _note(self, envelope: Record, action: str, recipient: Record | None = None) -> None:
        """One line of the envelope's history."""
        sender = self._account.user(envelope["sender"]) or {"userName": "", "email": "", "userId": ""}
        who = recipient or {**sender, "name": sender["userName"]}
        envelope["audit"].append(
            {
                "logTime": self._account.stamp(),
                "Source": "Web" if recipient else "API",
                "UserName": who["name"],
                "UserId": who["userId"],
                "Action": action,
                "Message": f"{who['name']} · {action}",
                "EnvelopeStatus": envelope["status"],
                "ClientIPAddress": "192.0.2.10",
                "Information": "",
                "EventId": str(uuid4()),
            }
        )


def check_complete(envelope: Record) -> None:
    """Raise ProblemError unless the envelope has what is needed to go out."""
    recipients = envelope["recipients"]
    if not envelope["documents"] or not recipients or not envelope["subject"]:
        raise ProblemError("ENVELOPE_IS_INCOMPLETE")
    for one in recipients:
        if not one["name"]:
            raise ProblemError("ENVELOPE_IS_INCOMPLETE", f"Recipient {one['recipientId']} has no name.")
        if not one["email"] and not (one["phoneNumber"] or one["kind"] == "inPersonSigners"):
            raise ProblemError("INVALID_EMAIL_ADDRESS_FOR_RECIPIENT", f"Recipient {one['recipientId']}.")


def _as_tab(kind: str, value: Any) -> Record:
    if kind == "checkboxTabs":
        return {"selected": value}
    if kind == "radioGroupTabs":
        return {"radios": [{"value": value, "selected": "true"}]}
    return {"value": value}
