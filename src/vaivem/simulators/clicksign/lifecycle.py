"""The life of an envelope: activated, signed or refused, closed or cancelled, overtaken by its deadline."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

from vaivem.simulators.clicksign.notifier import Notifier
from vaivem.simulators.clicksign.problems import Error, forbidden, model_error, unprocessable
from vaivem.simulators.clicksign.records import Account, Record
from vaivem.simulators.clicksign.values import stamp
from vaivem.simulators.kit.clock import Clock

# The signed file is ready a moment after the document closed; `document_closed` says so.
PREPARING_SECONDS = 0.3
LARGEST_NUMBER_OF_REMINDERS = 3


class Lifecycle:
    """Every change of state, from the API and from the pages alike."""

    def __init__(self, account: Account, clock: Clock, notifier: Notifier) -> None:
        self._account = account
        self._clock = clock
        self._notifier = notifier

    # -- sending

    def activate(self, envelope: Record) -> None:
        """From draft to running; 422 with every rule that is not met. Tells nobody."""
        problems = self._unready(envelope)
        if problems:
            raise unprocessable(*problems)
        envelope["status"] = "running"
        envelope["modified"] = self._notifier.now()
        self._account.running[envelope["id"]] = None
        for document in self._account.parts(envelope, "documents"):
            document["status"] = "running"
            document["modified"] = envelope["modified"]
        envelope["group"] = min(signer["group"] for signer in self._account.parts(envelope, "signers"))

    def notify(self, envelope: Record, message: str | None, only: Record | None = None) -> list[Record]:
        """Send the signature requests of the active group; ``{"signer_id", "notified"}`` of each signer."""
        if envelope["status"] != "running":
            raise forbidden("envelope não está com status running")
        text = message if message is not None else envelope["default_message"]
        summary = []
        for signer in [only] if only else self._account.parts(envelope, "signers"):
            waiting = signer["group"] == envelope["group"] and not self._done(signer)
            notified = waiting and self._notifier.request_signature(signer, text, self._clock.now())
            summary.append({"signer_id": signer["id"], "notified": notified})
        self._plan_reminder(envelope)
        return summary

    def _unready(self, envelope: Record) -> list[Error]:
        if envelope["status"] != "draft":
            return [model_error("status", f"não pode ser alterado de {envelope['status']} para running")]
        documents = self._account.parts(envelope, "documents")
        signers = self._account.parts(envelope, "signers")
        problems = []
        if not documents:
            problems.append(model_error("status", "envelope deve possuir ao menos um documento"))
        if not signers:
            problems.append(model_error("status", "envelope deve possuir ao menos um signatário"))
        if envelope["deadline_at"] <= self._notifier.now():
            problems.append(model_error("deadline_at", "deve ser uma data futura"))
        for document in documents:
            for signer in signers:
                problems += self._missing_requirements(document, signer)
        return problems

    def _missing_requirements(self, document: Record, signer: Record) -> list[Error]:
        found = {r["action"] for r in self._account.requirements_of(document["id"], signer["id"])}
        texts = {"agree": "requisito de qualificação", "provide_evidence": "requisito de autenticação"}
        return [
            model_error("status", f"signatário {signer['name']} não possui {text} em {document['filename']}")
            for action, text in texts.items()
            if action not in found
        ]

    # -- the signer's acts

    def pending(self, document: Record) -> list[Record]:
        """Those who may sign ``document`` now, in order."""
        envelope = self._account["envelopes"][document["envelope"]]
        if document["status"] != "running" or envelope["paused"]:
            return []
        return [
            signer
            for signer in self._account.signers_of(document)
            if document["id"] not in signer["signed"]
            and document["id"] not in signer["refused"]
            and signer["group"] == envelope["group"]
        ]

    def start_signing(self, signer: Record) -> None:
        """The signer opens the flow."""
        for document in self._documents_of(signer):
            if document["status"] == "running" and document["id"] not in signer["signed"]:
                data = self._by_signer(document, signer, "signer")
                self._notifier.emit(document, "signature_started", data)

    def sign(self, document: Record, signer: Record) -> None:
        """The signer signs one document; the last signature closes it if it closes by itself."""
        if all(waiting["id"] != signer["id"] for waiting in self.pending(document)):
            raise unprocessable(model_error("signer", "não pode assinar este documento agora"))
        envelope = self._account["envelopes"][document["envelope"]]
        signer["signed"][document["id"]] = self._notifier.now()
        data = {**self._by_signer(document, signer, "signer"), "secret_hmac": None}
        self._notifier.emit(document, "sign", data)
        all_signed = all(document["id"] in s["signed"] for s in self._account.signers_of(document))
        if all_signed and envelope["auto_close"]:
            self._finish(document, "closed")
            self._notifier.emit(document, "auto_close", None)
            self._prepare(document)
        self._advance_group(envelope)

    def refuse(self, document: Record, signer: Record, reasons: list[str], comment: str | None) -> None:
        """The signer refuses; the envelope pauses where it was made to."""
        if not signer["refusable"]:
            raise unprocessable(model_error("refusable", "signatário não pode recusar"))
        if all(waiting["id"] != signer["id"] for waiting in self.pending(document)):
            raise unprocessable(model_error("signer", "não pode recusar este documento agora"))
        envelope = self._account["envelopes"][document["envelope"]]
        signer["refused"][document["id"]] = self._notifier.now()
        envelope["paused"] = envelope["block_after_refusal"]
        data = self._by_signer(document, signer, "refusal")
        refusal = {"reasons": reasons, "comment": comment}
        self._notifier.emit(document, "refusal", {**data, "refusal": refusal})

    # -- the account's acts

    def close(self, document: Record) -> None:
        """Finish by hand."""
        if document["status"] != "running":
            raise unprocessable(model_error("status", "documento não pode ser finalizado"))
        self._finish(document, "closed")
        self._notifier.emit(document, "close", self._notifier.actor())
        self._prepare(document)

    def cancel(self, document: Record) -> None:
        """Cancel by hand."""
        if document["status"] != "running":
            raise unprocessable(model_error("status", "documento não pode ser cancelado"))
        self._finish(document, "canceled")
        self._notifier.emit(document, "cancel", self._notifier.actor())
        self._prepare(document)

    # -- time

    def tick(self) -> None:
        """Deadlines, reminders, and signed files that became ready while nobody was looking."""
        now = self._clock.now()
        text = stamp(now)
        for envelope_id in list(self._account.running):
            envelope = self._account["envelopes"][envelope_id]
            if envelope["deadline_at"] <= text:
                self._reach_deadline(envelope)
            elif envelope["next_reminder"] and envelope["next_reminder"] <= text:
                self._remind(envelope)
        for document_id, due in list(self._account.settings.setdefault("preparing", {}).items()):
            if due <= text:
                self._file_ready(document_id)

    def _reach_deadline(self, envelope: Record) -> None:
        for document in self._account.parts(envelope, "documents"):
            if document["status"] != "running":
                continue
            some = any(document["id"] in s["signed"] for s in self._account.signers_of(document))
            outcome = (envelope["deadline_partial_signature_action"] or "closed") if some else "canceled"
            self._finish(document, outcome)
            self._notifier.emit(document, "deadline", {"reached_at": envelope["deadline_at"]})
            self._prepare(document)

    def _remind(self, envelope: Record) -> None:
        for signer in self._account.parts(envelope, "signers"):
            wanted = signer["communicate_events"]["signature_reminder"] == "email" and signer["notified_at"]
            if wanted and signer["group"] == envelope["group"] and not self._done(signer):
                self._notifier.mail(signer["email"], "reminder", "email", envelope["id"], signer["id"], None)
        envelope["reminders"] += 1
        self._plan_reminder(envelope)

    def _plan_reminder(self, envelope: Record) -> None:
        days = envelope["remind_interval"]
        if not days or envelope["reminders"] >= LARGEST_NUMBER_OF_REMINDERS:
            envelope["next_reminder"] = None
        else:
            envelope["next_reminder"] = stamp(self._clock.now() + timedelta(days=days))

    # -- inside

    def _finish(self, document: Record, status: str) -> None:
        document["status"] = status
        document["finished"] = document["modified"] = self._notifier.now()
        envelope = self._account["envelopes"][document["envelope"]]
        statuses = {d["status"] for d in self._account.parts(envelope, "documents")}
        if "running" not in statuses:
            envelope["status"] = "closed" if "closed" in statuses else "canceled"
            envelope["modified"] = document["modified"]
            self._account.running.pop(envelope["id"], None)

    def _prepare(self, document: Record) -> None:
        due = self._clock.now() + timedelta(seconds=PREPARING_SECONDS)
        self._account.settings.setdefault("preparing", {})[document["id"]] = stamp(due)
        asyncio.get_running_loop().call_later(PREPARING_SECONDS, self._file_ready, document["id"])

    def _file_ready(self, document_id: str) -> None:
        preparing = self._account.settings.setdefault("preparing", {})
        if preparing.pop(document_id, None) is None:
            return
        document = self._account["documents"][document_id]
        document["signed_ready"] = True
        document["modified"] = self._notifier.now()
        if document["status"] == "closed":
            self._notifier.emit(document, "document_closed", {"account": self._notifier.actor()["account"]})
        envelope = self._account["envelopes"][document["envelope"]]
        self._tell_finished(envelope, document)

    def _tell_finished(self, envelope: Record, document: Record) -> None:
        if document["status"] != "closed":
            return
        for signer in self._account.signers_of(document):
            channel = signer["communicate_events"]["document_signed"]
            to = signer["email"] if channel == "email" else signer["phone_number"]
            self._notifier.mail(to, "finished", channel, envelope["id"], signer["id"], None)
        for watcher in self._account.parts(envelope, "signature_watchers"):
            self._notifier.mail(watcher["email"], "finished", "email", envelope["id"], None, None)

    def _advance_group(self, envelope: Record) -> None:
        """The next group's turn comes when all of this one have signed; it is told without being asked."""
        signers = self._account.parts(envelope, "signers")
        waiting = [signer for signer in signers if not self._done(signer)]
        if not waiting:
            return
        group = min(signer["group"] for signer in waiting)
        if group <= envelope["group"]:
            return
        envelope["group"] = group
        now: datetime = self._clock.now()
        for signer in waiting:
            if signer["group"] == group:
                self._notifier.request_signature(signer, envelope["default_message"], now)

    def _documents_of(self, signer: Record) -> list[Record]:
        documents = self._account["documents"]
        return [documents[document_id] for document_id in signer["list_keys"]]

    def _done(self, signer: Record) -> bool:
        """Whether nothing is left for this signer: each of their documents is signed, refused or over."""
        documents = self._account["documents"]
        return all(
            d in signer["signed"] or d in signer["refused"] or documents[d]["status"] != "running"
            for d in signer["list_keys"]
        )

    def _by_signer(self, document: Record, signer: Record, kind: str) -> dict[str, Any]:
        payloads, base_url = self._notifier.payloads, self._notifier.base_url
        shape = payloads.refusing_signer if kind == "refusal" else payloads.signed_signer
        return {"signer": shape(document, signer, base_url), "account": self._notifier.actor()["account"]}
