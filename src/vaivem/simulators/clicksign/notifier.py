"""What the vendor tells others: webhooks to subscribers, messages to signers and watchers."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson

from vaivem.simulators.clicksign.files import file_links
from vaivem.simulators.clicksign.payloads import Payloads
from vaivem.simulators.clicksign.records import Account, Record, new_id
from vaivem.simulators.clicksign.values import stamp
from vaivem.simulators.kit.clock import Clock
from vaivem.simulators.kit.webhooks import Webhooks

KEPT_MAILS = 5_000


def sign_body(secret: str, body: bytes) -> str:
    """The value of ``Content-Hmac``: HMAC-SHA256 over the raw body, the secret's text as key."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


class Notifier:
    """Writes events into the account and sends them on."""

    def __init__(
        self, account: Account, clock: Clock, webhooks: Webhooks, base_url: Callable[[], str]
    ) -> None:
        self._account = account
        self._clock = clock
        self._webhooks = webhooks
        self._base_url = base_url
        self.payloads = Payloads(account)

    @property
    def base_url(self) -> str:
        """Where signers' links and downloads lead."""
        return self._base_url()

    def now(self) -> str:
        return stamp(self._clock.now())

    def actor(self) -> Record:
        """``user`` and ``account`` of an event that somebody of the account caused."""
        settings = self._account.settings
        users = self._account["users"]
        user = users.get(str(settings["api_user"])) or next(iter(users.values()), {"email": "", "name": ""})
        return {"user": {"email": user["email"], "name": user["name"]}, "account": {"key": settings["key"]}}

    def emit(self, document: Record, name: str, data: Any) -> Record:
        """Record an event of a document and send it to every active webhook that wants it."""
        event = {
            "id": new_id(),
            "name": name,
            "data": data,
            "created": self.now(),
            "document": document["id"],
        }
        self._account["events"][event["id"]] = event
        document["events"].append(event["id"])
        document["modified"] = event["created"]
        self._deliver(name, lambda: self._document_body(event, document))
        return event

    def emit_acceptance(self, acceptance: Record) -> None:
        """Send a WhatsApp acceptance's event; its body has ``acceptance`` in place of ``document``."""
        name = f"acceptance_term_{acceptance['status']}"
        body = {
            "event": {"name": name, "data": None, "occurred_at": self.now()},
            "acceptance": {
                "key": acceptance["id"],
                "name": acceptance["title"],
                "sender_name": self._account.settings["name"],
                "sender_phone": acceptance["sender_phone"],
                "content": acceptance["message"],
                "status": acceptance["status"],
                "signer_phone": acceptance["signer_phone"],
                "signer_name": acceptance["signer_name"],
                "sent_at": acceptance["sent_at"],
                "created_at": acceptance["created"],
                "messages": [],
            },
        }
        self._deliver(name, lambda: body)

    def request_signature(self, signer: Record, message: str | None, at: datetime) -> bool:
        """Send the signer their link and code; False where they are not to be told."""
        channel = signer["communicate_events"]["signature_request"]
        if channel == "none":
            return False
        to = signer["email"] if channel == "email" else signer["phone_number"]
        self.mail(to, "request", channel, signer["envelope"], signer["id"], message)
        signer["notified_at"] = stamp(at)
        return True

    def mail(
        self,
        to: str | None,
        kind: str,
        channel: str,
        envelope_id: str,
        signer_id: str | None,
        text: str | None,
    ) -> None:
        """Put a message into the mailbox page."""
        mails = self._account["mails"]
        mail: Record = {
            "id": new_id(),
            "to": to or "",
            "kind": kind,
            "channel": channel,
            "envelope": envelope_id,
            "signer": signer_id,
            "message": text,
            "created": self.now(),
        }
        mails[mail["id"]] = mail
        if len(mails) > KEPT_MAILS:
            del mails[next(iter(mails))]

    def _document_body(self, event: Record, document: Record) -> Record:
        base_url = self.base_url
        files = file_links(base_url, document, self._clock.now())
        return self.payloads.body(event, document, base_url, files)

    def _deliver(self, name: str, body: Callable[[], Record]) -> None:
        """The body is built once, and only where somebody wants it."""
        raw: bytes | None = None
        for hook in self._account["webhooks"].values():
            if hook["status"] != "active" or name not in hook["events"]:
                continue
            raw = raw or orjson.dumps(body())
            headers = {
                "Content-Type": "application/json",
                "Accept": "application/json",
                "Event": name,
                "Content-Hmac": sign_body(hook["secret"], raw),
            }
            self._webhooks.send(name, hook["endpoint"], raw, headers, hook["id"])
