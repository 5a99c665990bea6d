"""One account's data: leads with their timeline, fields, segmentations, flows, webhooks."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from uuid import uuid4

from vaivem.simulators.rd_station_marketing.fields import standard_fields
from vaivem.simulators.rd_station_marketing.quirks import Quirks
from vaivem.simulators.rd_station_marketing.times import utc_text

Record = dict[str, Any]

_PARTS = (
    "name",
    "users",
    "leads",
    "fields",
    "segmentations",
    "workflows",
    "webhooks",
    "api_keys",
    "forms",
    "queue",
    "dropped",
    "serial",
)


class Account:
    """The records, and the few ways in which they come, go and are found. Times come from `now` (aware)."""

    def __init__(self, key: str, now: Callable[[], datetime], quirks: Quirks) -> None:
        self.key = key
        self.quirks = quirks
        self._now = now
        self.clear()

    def clear(self) -> None:
        """An account without leads, with the vendor's own fields."""
        self.name = ""
        self.users: list[Record] = []
        self.leads: dict[str, Record] = {}
        self.by_email: dict[str, str] = {}
        self.fields: dict[str, Record] = {field["uuid"]: field for field in standard_fields()}
        self.segmentations: list[Record] = []
        self.workflows: list[Record] = []
        self.webhooks: dict[str, Record] = {}
        self.api_keys: list[Record] = []
        self.forms: list[Record] = []
        # Events that were accepted and are not worked yet, and those that came to nothing.
        self.queue: list[Record] = []
        self.dropped: list[Record] = []
        self.serial = 0

    def now(self) -> datetime:
        """The account's time, aware."""
        return self._now()

    def now_text(self) -> str:
        """The account's time as stored text."""
        return utc_text(self._now())

    def field_by_key(self, key: str) -> Record | None:
        """The definition of `name` or `cf_…`."""
        return next((field for field in self.fields.values() if field["api_identifier"] == key), None)

    def user(self, email: str) -> Record | None:
        """The user of the account who has this e-mail."""
        return next((user for user in self.users if user["email"] == email), None)

    def lead(self, email: str) -> Record | None:
        """The lead of this e-mail, in any letters."""
        key = self.by_email.get(email.strip().lower())
        return self.leads[key] if key else None

    def add_lead(self, email: str) -> Record:
        """A new lead that has nothing but its e-mail."""
        self.serial += 1
        now = self.now_text()
        lead: Record = {
            "uuid": str(uuid4()),
            "id": 100_000 + self.serial,
            "email": email.strip().lower(),
            "values": {},
            "tags": [],
            "legal_bases": [],
            "extra_emails": [],
            "company": {},
            "funnel": {
                "lifecycle_stage": "Lead",
                "opportunity": False,
                "contact_owner_email": None,
                "fit": 0,
                "interest": 0,
                "origin": "",
            },
            "available_for_mailing": True,
            "created_at": now,
            "updated_at": now,
            "last_conversion": None,
            "events": [],
        }
        self.leads[lead["uuid"]] = lead
        self.by_email[lead["email"]] = lead["uuid"]
        return lead

    def change_email(self, lead: Record, email: str) -> None:
        """Give a lead another e-mail; nobody else may have it."""
        del self.by_email[lead["email"]]
        lead["email"] = email.strip().lower()
        self.by_email[lead["email"]] = lead["uuid"]

    def remove_lead(self, lead: Record) -> None:
        """Take a lead away with its timeline."""
        del self.leads[lead["uuid"]]
        del self.by_email[lead["email"]]

    def newest_leads(self) -> Iterator[Record]:
        """The leads, last made first."""
        yield from reversed(self.leads.values())

    def snapshot(self) -> Record:
        """Everything as JSON-able data."""
        return {part: getattr(self, part) for part in _PARTS}

    def restore(self, data: Record) -> None:
        """Become what a snapshot says."""
        for part in _PARTS:
            setattr(self, part, data[part])
        self.by_email = {lead["email"]: uuid for uuid, lead in self.leads.items()}
