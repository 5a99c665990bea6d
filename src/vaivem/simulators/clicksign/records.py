"""The account's records: plain dictionaries by id, with the few indexes the hot calls need."""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections.abc import Mapping
from typing import Any

from vaivem.simulators.clicksign.problems import not_found

Record = dict[str, Any]

TABLES = (
    "envelopes",
    "documents",
    "signers",
    "requirements",
    "signature_watchers",
    "events",
    "webhooks",
    "templates",
    "folders",
    "users",
    "memberships",
    "acceptance_term_whatsapps",
    "auto_signature_terms",
    "mails",
)


class Account:
    """Everything the account holds. An envelope lists the ids of its parts; a part names its envelope."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[str, Record]] = {table: {} for table in TABLES}
        self.files: dict[str, bytes] = {}
        self.tokens: dict[str, Record] = {}
        self.settings: Record = {}
        self.clear()

    def clear(self) -> None:
        """An empty account with the vendor's own defaults."""
        for table in self.tables.values():
            table.clear()
        self.files.clear()
        self.tokens.clear()
        self.settings = {
            "name": "",
            "key": "",
            "api_user": None,
            "envelopes_enabled": True,
            "templates_enabled": True,
            "lenient_bearer": True,
            "blocked": False,
        }
        self.envelope_ids_by_name: dict[str, dict[str, None]] = {}
        self.signer_by_key: dict[str, str] = {}
        self.webhook_by_endpoint: dict[str, str] = {}
        self.running: dict[str, None] = {}

    def __getitem__(self, table: str) -> dict[str, Record]:
        return self.tables[table]

    def find(self, table: str, record_id: str) -> Record:
        """The record; the vendor's 404 where there is none."""
        try:
            return self.tables[table][record_id]
        except KeyError:
            raise not_found(record_id) from None

    def find_in(self, table: str, record_id: str, envelope: Record) -> Record:
        """The record, if it is a part of ``envelope``."""
        record = self.find(table, record_id)
        if record["envelope"] != envelope["id"]:
            raise not_found(record_id)
        return record

    def parts(self, envelope: Record, table: str) -> list[Record]:
        """The envelope's records of one table, oldest first."""
        records = self.tables[table]
        return [records[record_id] for record_id in envelope[table]]

    def requirements_of(self, document_id: str, signer_id: str) -> list[Record]:
        """What ``signer_id`` has to do on ``document_id``."""
        envelope = self.tables["envelopes"][self.tables["documents"][document_id]["envelope"]]
        found = self.parts(envelope, "requirements")
        return [r for r in found if r["document"] == document_id and r["signer"] == signer_id]

    def signers_of(self, document: Record) -> list[Record]:
        """The signers who have to agree to ``document``, in signing order."""
        envelope = self.tables["envelopes"][document["envelope"]]
        requirements = self.parts(envelope, "requirements")
        ids = {
            r["signer"] for r in requirements if r["document"] == document["id"] and r["action"] == "agree"
        }
        signers = [s for s in self.parts(envelope, "signers") if s["id"] in ids]
        return sorted(signers, key=lambda s: s["group"])

    def add(self, table: str, record: Record) -> Record:
        """Keep a new record and put it into its envelope and the indexes."""
        self.tables[table][record["id"]] = record
        if table in ("documents", "signers", "requirements", "signature_watchers"):
            self.tables["envelopes"][record["envelope"]][table].append(record["id"])
        self._index(table, record)
        return record

    def remove(self, table: str, record: Record) -> None:
        """Drop a record, its place in its envelope, and its parts."""
        del self.tables[table][record["id"]]
        if table == "envelopes":
            self.running.pop(record["id"], None)
            self._forget_name(record)
            for part in ("documents", "signers", "requirements", "signature_watchers"):
                for record_id in record[part]:
                    del self.tables[part][record_id]
        elif table == "webhooks":
            del self.webhook_by_endpoint[record["endpoint"]]
        elif "envelope" in record:
            envelope = self.tables["envelopes"][record["envelope"]]
            envelope[table].remove(record["id"])
            for requirement in self.parts(envelope, "requirements"):
                if table in ("documents", "signers") and requirement[table[:-1]] == record["id"]:
                    self.remove("requirements", requirement)
            if table == "documents":
                for signer in self.parts(envelope, "signers"):
                    signer["list_keys"].pop(record["id"], None)

    def rename_envelope(self, envelope: Record, name: str) -> None:
        """Change the name and its index."""
        self._forget_name(envelope)
        envelope["name"] = name
        self._index("envelopes", envelope)

    def keep_file(self, content: bytes) -> str:
        """Keep a file's bytes; equal files are kept once."""
        key = hashlib.sha256(content).hexdigest()
        self.files[key] = content
        return key

    def snapshot(self) -> Record:
        """All of it, JSON-able."""
        return {
            "tables": {name: list(table.values()) for name, table in self.tables.items()},
            "files": {key: base64.b64encode(content).decode() for key, content in self.files.items()},
            "tokens": self.tokens,
            "settings": self.settings,
        }

    def restore(self, data: Mapping[str, Any]) -> None:
        """Take back a ``snapshot`` and build the indexes anew."""
        self.clear()
        self.files.update({key: base64.b64decode(text) for key, text in data["files"].items()})
        self.tokens.update(data["tokens"])
        self.settings = dict(data["settings"])
        for name, records in data["tables"].items():
            for record in records:
                self.tables[name][record["id"]] = record
                self._index(name, record)

    def _index(self, table: str, record: Record) -> None:
        if table == "envelopes":
            self.envelope_ids_by_name.setdefault(record["name"], {})[record["id"]] = None
            if record["status"] == "running":
                self.running[record["id"]] = None
        elif table == "signers":
            self.signer_by_key[record["key"]] = record["id"]
        elif table == "webhooks":
            self.webhook_by_endpoint[record["endpoint"]] = record["id"]

    def _forget_name(self, envelope: Record) -> None:
        ids = self.envelope_ids_by_name[envelope["name"]]
        del ids[envelope["id"]]
        if not ids:
            del self.envelope_ids_by_name[envelope["name"]]


def new_id() -> str:
    """A UUID of version 4, as every id of the vendor is."""
    return str(uuid.uuid4())
