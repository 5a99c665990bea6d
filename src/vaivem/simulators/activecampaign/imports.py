"""Bulk imports: checked and queued at once, worked later and bit by bit, without webhooks."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from vaivem.simulators.activecampaign.account import Account
from vaivem.simulators.activecampaign.import_rows import Rows, is_true, wrong_field
from vaivem.simulators.activecampaign.problems import ProblemError
from vaivem.simulators.activecampaign.times import utc_text
from vaivem.simulators.kit.tables import Record

MOST_CONTACTS = 250
MOST_BYTES = 399_999
# Calls in a minute, those that bring one contact counted by themselves.
PER_MINUTE, SINGLES_PER_MINUTE = 100, 20
COMPLETED, FAILED, INTERRUPTED = "completed", "failed", "interrupted"
ENDS = (COMPLETED, FAILED, INTERRUPTED)
RECENT = timedelta(days=7)
_NOT_VALID = (
    "JSON payload did not pass validation. Please fix failure Reasons and retry. "
    "The import was not queued for processing."
)


class Imports:
    """The queue of imports of one account.

    An import keeps the moments between which it is worked (`due`, `until`), how it `ends` and at which of its
    contacts (`stop`), as the quirks were when it came; and what has become of it: the contacts worked so far
    (`place`), the ids taken with whether each is new, the addresses refused with the reason.
    """

    def __init__(self, account: Account) -> None:
        self._account = account

    def queue(self, data: Record, size: int) -> Record:
        """Take an import; 400 with the reasons when it cannot be taken, and then none of it is."""
        contacts = data.get("contacts")
        if not isinstance(contacts, list) or not contacts:
            raise _refused(_NOT_VALID, ["Field 'contacts' not found"])
        if len(contacts) > MOST_CONTACTS:
            raise _refused(_NOT_VALID, [f"Up to {MOST_CONTACTS} contacts may be imported at once."])
        if size > MOST_BYTES:
            raise _refused(_NOT_VALID, [f"A payload has {MOST_BYTES} bytes at most."])
        first = self._account.quirks.import_counts_from
        reasons = [
            {"contact": place, "failureReason": wrong}
            for place, one in enumerate(contacts, first)
            if (wrong := wrong_field(one))
        ]
        if reasons:
            raise _refused(_NOT_VALID, reasons)
        self._check_pace(len(contacts))
        made = self._account.add("imports", self._planned(data, contacts), str(uuid4()))
        return {
            self._account.quirks.import_success_key: 1,
            "queued_contacts": len(contacts),
            "batchId": made["id"],
            "message": "Contact import queued",
        }

    def work_due(self, *, everything: bool = False) -> bool:
        """Work what is due; tell whether anything was."""
        now, worked = self._account.now(), False
        for kept in [one for one in self._account["imports"] if one["status"] not in ENDS]:
            batch = _whole(kept)
            over = everything or now >= _moment(batch["until"])
            until_place = batch["stop"] if over else _reached(batch, now)
            if over or until_place > batch["place"]:
                self._work(batch, until_place, over=over)
                worked = True
        return worked

    def info(self, batch_id: str) -> Record:
        """How far an import is."""
        self.work_due()
        if not batch_id:
            raise ProblemError(400, {"success": 0, "message": "'batchId' is a required field."})
        kept = self._account["imports"].get(batch_id)
        if kept is None:
            raise ProblemError(400, {"success": 0, "message": "The batchId is not known."})
        batch = _whole(kept)
        everybody = self._account.quirks.import_success == "taken"
        return {
            "status": self._state(batch),
            "success": [contact for contact, new in batch["taken"] if new or everybody],
            "failure": [address for address, _why in batch["refused"]],
        }

    def overview(self) -> Record:
        """Imports by day: those that wait or run, and those that were completed in the last seven days."""
        self.work_due()
        since = utc_text(self._account.now() - RECENT)
        batches = list(self._all())
        done = (one for one in batches if one["status"] == COMPLETED and one["udate"] > since)
        return {
            "outstanding": _days(one for one in batches if one["status"] not in ENDS),
            "recentlyCompleted": _days(done),
        }

    def newest(self, most: int) -> list[Record]:
        """The imports that came last, the newest first, each with its `state` (False as `waiting`)."""
        self.work_due()
        found = [_whole(one) for one in list(self._account["imports"])[: -most - 1 : -1]]
        return [{**one, "state": self._state(one) or "waiting"} for one in found]

    def _planned(self, data: Record, contacts: list[Record]) -> Record:
        quirks, now = self._account.quirks, self._account.now()
        due = now + timedelta(seconds=quirks.import_seconds)
        ends, count = quirks.import_ends, len(contacts)
        return {
            "contacts": contacts,
            "count": count,
            "quiet": is_true(data.get("exclude_automations")),
            "due": utc_text(due),
            "until": utc_text(due + timedelta(seconds=quirks.import_active_seconds)),
            "ends": ends,
            "stop": count if ends == COMPLETED else max(0, min(count, quirks.import_ends_after)),
            "status": "waiting",
            "place": 0,
            "taken": [],
            "refused": [],
        }

    def _check_pace(self, count: int) -> None:
        minute_ago, single = utc_text(self._account.now() - timedelta(minutes=1)), count == 1
        recent = (one for one in self._all() if one["cdate"] > minute_ago)
        most = SINGLES_PER_MINUTE if single else PER_MINUTE
        if sum((one["count"] == 1) == single for one in recent) >= most:
            # Without a blank after the first sentence, as published.
            reason = (
                f"Up to {most} imports may be requested per minute.Please batch contacts into larger "
                "requests, or retry this request in a minute."
            )
            raise _refused("Rate limit exceeded.", [reason])

    def _work(self, batch: Record, until_place: int, *, over: bool) -> None:
        """Work contacts up to a place, and end the import when its time is over."""
        rows, taken, refused = Rows(self._account), list(batch["taken"]), list(batch["refused"])
        for one in batch["contacts"][batch["place"] : until_place]:
            why = rows.refusal(one)
            if why:
                refused.append([one["email"].strip(), why])
                continue
            contact, new = rows.take(one, quiet=batch["quiet"])
            # Of a contact that is in a call twice, the second changes the first and is told once.
            if all(contact != known for known, _new in taken):
                taken.append([contact, new])
        changes: Record = {"place": until_place, "taken": taken, "refused": refused}
        if over:
            changes |= {"status": batch["ends"], "contacts": []}
        self._account.change("imports", batch, changes)

    def _state(self, batch: Record) -> str | bool:
        """The status as the vendor has it: False for as long as none has been set."""
        if batch["status"] in ENDS:
            return str(batch["status"])
        quirks, now = self._account.quirks, self._account.now()
        due = _moment(batch["due"])
        if now >= due:
            return "active"
        if now < _moment(batch["cdate"]) + timedelta(seconds=quirks.import_status_seconds):
            return False
        return "claimed" if now >= due - timedelta(seconds=quirks.import_claimed_seconds) else "waiting"

    def _all(self) -> Iterator[Record]:
        """Every import, oldest first."""
        return (_whole(one) for one in self._account["imports"])


def _whole(batch: Record) -> Record:
    """An import of an account that an older version has kept has what is new as well."""
    count = len(batch["contacts"])
    new = {"until": batch["due"], "ends": COMPLETED, "stop": count, "count": count, "place": 0}
    return {**new, "taken": [], "refused": [], **batch}


def _reached(batch: Record, now: datetime) -> int:
    """How many contacts an import has come through by now, while it is worked."""
    begins, ends = _moment(batch["due"]), _moment(batch["until"])
    if now < begins:
        return 0
    share = (now - begins) / (ends - begins)
    return min(int(batch["stop"]), int(batch["count"] * share))


def _days(batches: Iterator[Record]) -> list[Record]:
    days: dict[str, list[int]] = {}
    for one in batches:
        days.setdefault(one["cdate"][:10], []).append(one["count"])
    return [
        {"forDate": day, "batches": str(len(counts)), "contacts": str(sum(counts))}
        for day, counts in days.items()
    ]


def _moment(stored: str) -> datetime:
    return datetime.fromisoformat(stored)


def _refused(text: str, reasons: list[Any]) -> ProblemError:
    return ProblemError(400, {"success": 0, "message": text, "failureReasons": reasons})
