"""The webhook's body: the shape of API v1, with ``key`` for ``id`` and ``_at`` names, for envelopes too."""

from __future__ import annotations

import hashlib
from typing import Any

from vaivem.simulators.clicksign.records import Account, Record
from vaivem.simulators.clicksign.values import stamp_utc


class Payloads:
    """Builds payloads from an account. ``base_url`` is where the signer's links lead."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def body(self, event: Record, document: Record, base_url: str, files: dict[str, str]) -> Record:
        """The whole delivery: what happened, and the document as it stands now."""
        return {"event": _event(event), "document": self._document(document, base_url, files)}

    def signed_signer(self, document: Record, signer: Record, base_url: str) -> Record:
        """``event.data.signer`` of ``sign``: here ``sign_as`` is a text."""
        return {
            "sign_as": self._roles(document, signer)[0],
            "key": signer["id"],
            "email": signer["email"],
            "name": signer["name"],
            "birthday": signer["birthday"],
            "documentation": signer["documentation"],
            "has_documentation": signer["has_documentation"],
            "created_at": signer["created"],
            "auths": self.auths(document, signer),
            **{f"{name}_enabled": name in self.auths(document, signer) for name in _EVIDENCE},
            "communicate_by": signer["communicate_events"]["signature_request"],
            "phone_number": signer["phone_number"],
            "phone_number_hash": _hash(signer["phone_number"]),
            "list_key": signer["list_keys"][document["id"]],
            "url": f"{base_url}/sign/{signer['key']}",
            "address": "10.0.5.179",
            "validation": {
                "status": "conferred" if signer["documentation"] else "cpf_empty",
                "name": signer["name"],
            },
            "latitude": None,
            "longitude": None,
        }

    def refusing_signer(self, document: Record, signer: Record, base_url: str) -> Record:
        """``event.data.signer`` of ``refusal``: the same, but ``sign_as`` is a list."""
        return {**self.signed_signer(document, signer, base_url), "sign_as": self._roles(document, signer)}

    def listed_signer(self, document: Record, signer: Record, base_url: str) -> Record:
        """A signer as ``document.signers`` has it."""
        return {
            "list_key": signer["list_keys"].get(document["id"]),
            "key": signer["id"],
            "request_signature_key": signer["key"],
            "email": signer["email"],
            "name": signer["name"],
            "has_documentation": signer["has_documentation"],
            "documentation": signer["documentation"],
            "birthday": signer["birthday"],
            "phone_number": signer["phone_number"],
            "sign_as": self._roles(document, signer)[0],
            "delivery": signer["communicate_events"]["signature_request"],
            "refusable": signer["refusable"],
            "url": f"{base_url}/sign/{signer['key']}",
            "auths": self.auths(document, signer),
            "created_at": signer["created"],
        }

    def auths(self, document: Record, signer: Record) -> list[str]:
        """How ``signer`` proves who they are on ``document``."""
        requirements = self._account.requirements_of(document["id"], signer["id"])
        return [r["auth"] for r in requirements if r["action"] == "provide_evidence"]

    def _roles(self, document: Record, signer: Record) -> list[str]:
        requirements = self._account.requirements_of(document["id"], signer["id"])
        return [r["role"] for r in requirements if r["action"] == "agree"] or ["sign"]

    def _document(self, document: Record, base_url: str, files: dict[str, str]) -> Record:
        account, envelope = self._account, self._account["envelopes"][document["envelope"]]
        downloads = {"original_file_url": files["original"]}
        if "signed" in files:
            downloads.update(signed_file_url=files["signed"], ziped_file_url=files["ziped"])
        groups = {signer["group"] for signer in account.parts(envelope, "signers")}
        return {
            "key": document["id"],
            "account_key": account.settings["key"],
            "path": document["path"],
            "filename": document["filename"],
            "uploaded_at": stamp_utc(document["created"]),
            "updated_at": stamp_utc(document["modified"]),
            "finished_at": stamp_utc(document["finished"]) if document["finished"] else None,
            "deadline_at": envelope["deadline_at"],
            "status": document["status"],
            "auto_close": envelope["auto_close"],
            "locale": envelope["locale"],
            "metadata": document["metadata"],
            "sequence_enabled": len(groups) > 1,
            "signable_group": envelope["group"] if len(groups) > 1 else None,
            "remind_interval": envelope["remind_interval"],
            "block_after_refusal": envelope["block_after_refusal"],
            "preview": False,
            "downloads": downloads,
            "template": document["template"],
            "signers": [self.listed_signer(document, s, base_url) for s in account.signers_of(document)],
            "events": [_event(account["events"][event_id]) for event_id in document["events"]],
            "attachments": [],
            "links": {"self": f"{base_url}/envelopes/{envelope['id']}"},
        }


_EVIDENCE = ("selfie", "handwritten", "official_document", "liveness", "facial_biometrics")


def _event(event: Record) -> Record:
    return {"name": event["name"], "data": event["data"], "occurred_at": event["created"]}


def _hash(value: Any) -> str | None:
    return hashlib.sha256(str(value).encode()).hexdigest() if value else None
