"""Bulk imports: checked and queued at once, worked later, without webhooks."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from vaivem.simulators.activecampaign.account import IMPORT, QUIET_IMPORT, Account
from vaivem.simulators.activecampaign.contacts import SUBSCRIBED, UNSUBSCRIBED, Contacts, is_email, text_of
from vaivem.simulators.activecampaign.problems import ProblemError
from vaivem.simulators.activecampaign.times import utc_text
from vaivem.simulators.kit.tables import Record

MOST_CONTACTS = 250
MOST_BYTES = 400_000
PER_MINUTE = 100


class Imports:
    """The queue of imports of one account."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def queue(self, data: Record, size: int) -> Record:
        """Take an import; 400 with the reasons when it cannot be taken."""
        contacts = data.get("contacts")
        if not isinstance(contacts, list) or not contacts:
            raise _refused("JSON payload did not pass validation. 'contacts' is required.", [])
        if len(contacts) > MOST_CONTACTS or size > MOST_BYTES:
            raise _refused(
                f"Up to {MOST_CONTACTS} contacts and {MOST_BYTES} bytes may be imported at once.", []
            )
        reasons = [
            {"contact": place, "failureReason": f"Field '{field}' incorrect format"}
            for place, one in enumerate(contacts)
            if (field := _wrong_field(one))
        ]
        if reasons:
            raise _refused("JSON payload did not pass validation. No contacts were imported.", reasons)
        minute_ago = utc_text(self._account.now() - timedelta(minutes=1))
        if sum(one["cdate"] > minute_ago for one in self._account["imports"]) >= PER_MINUTE:
            raise _refused(
                "Rate limit exceeded.", [f"Up to {PER_MINUTE} imports may be requested per minute."]
            )
        due = utc_text(self._account.now() + timedelta(seconds=self._account.quirks.import_seconds))
        quiet = bool(data.get("exclude_automations"))
        batch = {"contacts": contacts, "quiet": quiet, "due": due, "status": "waiting"}
        made = self._account.add("imports", {**batch, "success": [], "failure": []}, str(uuid4()))
        return {
            "Success": 1,
            "queued_contacts": len(contacts),
            "batchId": made["id"],
            "message": "Contact import queued",
        }

    def work_due(self, *, everything: bool = False) -> None:
        """Work what is due."""
        now = self._account.now_text()
        waiting = [one for one in self._account["imports"] if one["status"] == "waiting"]
        for batch in waiting:
            if everything or batch["due"] <= now:
                done = [self._take(one, quiet=batch["quiet"]) for one in batch["contacts"]]
                changes = {"status": "completed", "success": done, "contacts": []}
                self._account.change("imports", batch, {**changes, "count": len(done)})

    def info(self, batch_id: str) -> Record:
        """How far an import is."""
        if not batch_id:
            raise ProblemError(400, {"success": 0, "message": "'batchId' is a required field."})
        batch = self._account["imports"].get(batch_id)
        if batch is None:
            raise ProblemError(400, {"success": 0, "message": "The batchId is not known."})
        return {key: batch[key] for key in ("status", "success", "failure")}

    def overview(self) -> Record:
        """Imports by day, those that wait and those that are done."""
        return {"outstanding": self._days("waiting"), "recentlyCompleted": self._days("completed")}

    def _days(self, status: str) -> list[Record]:
        days: dict[str, list[int]] = {}
        for one in self._account["imports"]:
            if one["status"] == status:
                days.setdefault(one["cdate"][:10], []).append(one.get("count", len(one["contacts"])))
        return [
            {"forDate": day, "batches": str(len(counts)), "contacts": str(sum(counts))}
            for day, counts in days.items()
        ]

    def _take(self, one: Record, *, quiet: bool) -> str:
        """One contact; tags are made by name. No webhook is for this source, automations are."""
        account, contacts = self._account, Contacts(self._account)
        source = QUIET_IMPORT if quiet or one.get("exclude_automations") else IMPORT
        known: Record = {"email": one["email"]}
        names = {"first_name": "firstName", "last_name": "lastName", "phone": "phone"}
        known |= {key: one[name] for name, key in names.items() if name in one}
        known["fieldValues"] = [
            {"field": field.get("id"), "value": field.get("value")} for field in one.get("fields") or []
        ]
        contact, _values, _new = contacts.sync(known, source)
        for name in one.get("tags") or []:
            tag = contacts.tag_named(text_of(name)) or contacts.make_tag({"tag": name})
            contacts.add_tag(contact["id"], tag["id"], source)
        for key, status in (("subscribe", SUBSCRIBED), ("unsubscribe", UNSUBSCRIBED)):
            for wish in one.get(key) or []:
                if text_of(wish.get("listid")) in account["lists"]:
                    joined = {"contact": contact["id"], "list": wish["listid"], "status": status}
                    contacts.set_list(joined, source)
        return str(contact["id"])


def _wrong_field(one: Any) -> str:
    """The field of an imported contact that has a wrong form; "" when all are right."""
    if not isinstance(one, dict) or not is_email(one.get("email")):
        return "email"
    tags = one.get("tags") or []
    if not isinstance(tags, list) or not all(isinstance(tag, str) and tag.strip() for tag in tags):
        return "tags"
    for name in ("fields", "subscribe", "unsubscribe"):
        parts = one.get(name) or []
        if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
            return name
    return ""


def _refused(text: str, reasons: list[Any]) -> ProblemError:
    return ProblemError(400, {"success": 0, "message": text, "failureReasons": reasons})
