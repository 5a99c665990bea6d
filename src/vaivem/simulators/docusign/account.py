"""One account's data: its people, templates, envelopes, Connect configurations and keys."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import uuid4

from vaivem.simulators.docusign.quirks import Quirks
from vaivem.simulators.docusign.times import stamp

Record = dict[str, Any]

_PARTS = (
    "id",
    "number",
    "name",
    "plan",
    "connect_enabled",
    "users",
    "templates",
    "envelopes",
    "configurations",
    "hmac_keys",
    "field_definitions",
    "logs",
    "failures",
    "serial",
)


class Account:
    """The records, and how they are found. Times come from `now` (aware)."""

    def __init__(self, key: str, now: Callable[[], datetime], quirks: Quirks) -> None:
        self.key = key
        self.quirks = quirks
        self._now = now
        self.clear()

    def clear(self) -> None:
        """An account with nothing in it."""
        self.id, self.number, self.name, self.plan = str(uuid4()), "", "", ""
        self.connect_enabled = True
        self.users: list[Record] = []
        self.templates: dict[str, Record] = {}
        self.envelopes: dict[str, Record] = {}
        self.configurations: dict[str, Record] = {}
        self.hmac_keys: list[Record] = []
        self.field_definitions: Record = {"textCustomFields": [], "listCustomFields": []}
        self.logs: list[Record] = []
        # By id of the delivery: what did not arrive and may be sent again.
        self.failures: dict[str, Record] = {}
        self.serial = 0
        self._by_hook: dict[str, str] = {}
        self._by_transaction: dict[str, str] = {}

    def now(self) -> datetime:
        """The account's time, aware."""
        return self._now()

    def stamp(self) -> str:
        """The account's time as the vendor writes it."""
        return stamp(self._now())

    def number_next(self) -> int:
        """A number that was not given before: of a configuration or a custom field."""
        self.serial += 1
        return 10_000_000 + self.serial

    def user(self, user_id: str) -> Record | None:
        """The user of this id."""
        return next((user for user in self.users if user["userId"] == user_id), None)

    def user_by_email(self, email: str) -> Record | None:
        """The user who has this e-mail, in any letters."""
        return next((user for user in self.users if user["email"].lower() == email.strip().lower()), None)

    def keep(self, envelope: Record) -> None:
        """Store an envelope."""
        self.envelopes[envelope["id"]] = envelope
        for hook in envelope["hooks"]:
            self._by_hook[hook["connectId"]] = envelope["id"]
        if envelope["transactionId"]:
            self._by_transaction.setdefault(envelope["transactionId"], envelope["id"])

    def by_transaction(self, transaction_id: str) -> Record | None:
        """The first envelope that was made with this transactionId."""
        return self.envelopes.get(self._by_transaction.get(transaction_id, ""))

    def hook(self, connect_id: str) -> Record | None:
        """A configuration by its id: the account's own, or one that came with an envelope."""
        if connect_id in self.configurations:
            return self.configurations[connect_id]
        envelope = self.envelopes.get(self._by_hook.get(connect_id, ""), {"hooks": []})
        return next((hook for hook in envelope["hooks"] if hook["connectId"] == connect_id), None)

    def snapshot(self) -> Record:
        """Everything as JSON-able data."""
        return {part: getattr(self, part) for part in _PARTS}

    def restore(self, data: Record) -> None:
        """Become what a snapshot says."""
        for part in _PARTS:
            setattr(self, part, data[part])
        for envelope in self.envelopes.values():
            self.keep(envelope)
