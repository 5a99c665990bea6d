"""Tasks on a contact or a deal, and their types."""

from datetime import datetime, timedelta

from vaivem.simulators.activecampaign.account import Account
from vaivem.simulators.activecampaign.contacts import text_of
from vaivem.simulators.activecampaign.problems import bad_request
from vaivem.simulators.activecampaign.times import read_time, utc_text
from vaivem.simulators.kit.tables import Record

TODO, DONE = "0", "1"
# What the vendor calls whose a task is: in what is sent, and in what comes back.
RELATED = {"contact": "Subscriber", "deal": "Deal"}
_TABLES = {"Subscriber": "contacts", "Deal": "deals"}
_LASTS = timedelta(minutes=15)  # as in the vendor's examples


def tasks_of(account: Account, kind: str, record_id: str) -> list[Record]:
    """The tasks of a record, by the vendor's name of its kind: those to do first, the next due first."""
    found = account["tasks"].find("about", (kind, record_id))
    return sorted(found, key=lambda task: (task["status"], task["duedate"]))


def next_of(account: Account, kind: str, record_id: str) -> Record | None:
    """The task that is to be done next."""
    return next((one for one in tasks_of(account, kind, record_id) if one["status"] == TODO), None)


def remove_tasks(account: Account, kind: str, record_id: str) -> None:
    """Take the tasks of a record away with it."""
    for task in tasks_of(account, kind, record_id):
        account["tasks"].remove(task["id"])


class Tasks:
    """The only place where tasks are written. Whatever does not fit is refused without a word: 400."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def create(self, data: Record, user: str, source: str) -> Record:
        """A new task; without `assignee` it is of the user who made it."""
        start = {"ownerType": "deal", "status": TODO, "assignee": user, "title": None, "note": ""}
        values = self._values({**start, "duedate": None, "dealTasktype": None, "relid": None, **data})
        task = self._account.add("tasks", {"user": user, "donedate": None, **values})
        self._tell(task, "add", source)
        return task

    def change(self, task: Record, data: Record, source: str) -> Record:
        """Change what is sent; the end moves with the due date."""
        owner = next(sent for sent, kind in RELATED.items() if kind == task["reltype"])
        changes = self._values({"ownerType": owner, "relid": task["relid"], **data})
        ended = changes.get("status") == DONE != task["status"]
        if "status" in changes:
            changes["donedate"] = self._account.now_text() if ended else task["donedate"]
        if changes.get("status") == TODO:
            changes["donedate"] = None
        task = self._account.change("tasks", task, changes)
        if ended:
            self._tell(task, "complete", source)
        return task

    def _values(self, data: Record) -> Record:
        """What is sent as it is stored."""
        values = self._related(data)
        if "duedate" in data:
            values["duedate"] = _moment(data["duedate"])
            values["edate"] = _moment(data.get("edate") or _later(values["duedate"]))
        for name, table in (("dealTasktype", "task_types"), ("assignee", "users")):
            if name in data:
                values[name] = text_of(data[name])
                if values[name] not in self._account[table]:
                    raise bad_request()
        if "status" in data:
            values["status"] = text_of(data["status"])
            if values["status"] not in (TODO, DONE):
                raise bad_request()
        texts = {name: text_of(data[name]) for name in ("title", "note") if data.get(name) is not None}
        return {**values, **({"title": None} if "title" in data else {}), **texts}

    def _related(self, data: Record) -> Record:
        kind, key = RELATED.get(text_of(data["ownerType"])), text_of(data["relid"])
        if kind is None or key not in self._account[_TABLES[kind]]:
            raise bad_request()
        return {"reltype": kind, "relid": key}

    def _tell(self, task: Record, what: str, source: str) -> None:
        record = self._account[_TABLES[task["reltype"]]].get(task["relid"])
        if task["reltype"] == "Deal":
            self._account.tell(f"deal_task_{what}", source, deal=record, task=task)
        elif what == "add":  # there is no event for a contact's task that is done
            self._account.tell("contact_task_add", source, contact=record, task=task)


def _moment(value: object) -> str:
    moment = read_time(text_of(value))
    if moment is None:
        raise bad_request()
    return moment


def _later(moment: str) -> str:
    return utc_text(datetime.fromisoformat(moment) + _LASTS)
