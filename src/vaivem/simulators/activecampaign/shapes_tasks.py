"""Tasks and their types as the API answers them."""

from vaivem.simulators.activecampaign.tasks import RELATED
from vaivem.simulators.activecampaign.times import local_text
from vaivem.simulators.kit.tables import Record

_LINKS = (
    "activities",
    "automation",
    "dealTasktype",
    "doneAutomation",
    "notes",
    "owner",
    "taskNotifications",
    "user",
    "assignee",
)


def task_shape(task: Record, base: str, *, whole: bool) -> Record:
    """A task. `whole`: as it is read by itself, where its status is a text and no title an empty one."""
    key, owners = task["id"], {kind: sent for sent, kind in RELATED.items()}
    shown = {
        "id": key,
        "duedate": local_text(task["duedate"]),
        "edate": local_text(task["edate"]),
        "status": int(task["status"]),
        "title": task["title"],
        "note": task["note"],
        "relid": task["relid"],
        "reltype": task["reltype"],
        "dealTasktype": task["dealTasktype"],
        "cdate": local_text(task["cdate"]),
        "udate": local_text(task["udate"]),
        "automation": None,
        "doneAutomation": None,
        "user": task["user"],
        "assignee": task["assignee"],
        "owner": {"type": owners[task["reltype"]], "id": task["relid"]},
        "outcomeId": None,
        "outcomeInfo": None,
        "links": {name: f"{base}/dealTasks/{key}/{name}" for name in _LINKS},
    }
    if not whole:
        return shown
    alone = {"status": task["status"], "title": task["title"] or "", "duration": "0"}
    return {**shown, **alone, "donedate": local_text(task["donedate"])}


def task_type_shape(one: Record) -> Record:
    """A task's type; those that every account has from its first day have no times."""
    return {
        "cdate": None,
        "defduration": "0",
        "id": one["id"],
        "links": [],
        "status": one["status"],
        "title": one["title"],
        "udate": None,
    }
