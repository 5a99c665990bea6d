"""Tasks on a deal or a contact. Their list is asked for by whose they are, so a lost one is looked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from vaivem.connectors.activecampaign import client, finding, sales_client
from vaivem.connectors.activecampaign.objects import MOST_TITLE, field, live, web_address
from vaivem.connectors.activecampaign.records import Record
from vaivem.connectors.sdk import (
    Action,
    ActionContext,
    Answer,
    Connection,
    Findable,
    Outcome,
    RecordRef,
)
from vaivem.core.errors import RecordError
from vaivem.core.fields import Field, FieldType
from vaivem.core.folding import squeeze
from vaivem.core.likeness import made_since
from vaivem.core.sameness import same_value

# How the vendor names whose a task is, in its lists; in what is sent it has our names.
KINDS = {"deal": "Deal", "contact": "Subscriber"}
MOST_TEXT = 60_000  # not in the documentation


class AddTask(Action):
    """Add a task."""

    key = "add_task"
    object = "task"

    @override
    def adds(self, options: Mapping[str, Any]) -> bool:
        return True

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return (
            *(field(f"task.{target}", FieldType.RECORD) for target in KINDS),
            field("task.title", required=True, max_length=MOST_TITLE),
            live(connection, "task.type", "task_types", required=True),
            field("task.due", FieldType.DATETIME, required=True),
            live(connection, "task.assignee", "users"),
            field("task.text", FieldType.LONG_TEXT, max_length=MOST_TEXT),
        )

    @override
    def outputs(self, connection: Connection) -> tuple[Field, ...]:
        return (
            field("task.id", FieldType.RECORD, sample="12"),
            field("task.title"),
            field("task.due", FieldType.DATETIME),
        )

    @override
    async def run(self, context: ActionContext) -> Outcome:
        values = context.values.group("task")
        target = next((one for one in KINDS if values.has(one)), None)
        if target is None:
            raise RecordError("task_of_nobody", path="task.contact")
        record, title = str(values[target]), str(values["title"])
        body = {
            "ownerType": target,
            "relid": client.whole(record),
            "title": title,
            "note": str(values["text"] or ""),
            "duedate": values["due"],
            "dealTasktype": client.whole(str(values["type"])),
            "status": 0,
        }
        assignee = values["assignee"] or context.connection.settings.get("default_owner")
        if assignee:
            body["assignee"] = client.whole(str(assignee))

        async def find() -> Record | None:
            rows = finding.every(context, sales_client.tasks(KINDS[target], record), "dealTasks")
            async for row in rows:
                if _is_it(row, KINDS[target], body) and made_since(row.get("cdate"), context.now):
                    return _task_of(row)
            return None

        made = await context.write(sales_client.create_task(body), Findable(find), _taken)
        task = {"id": made["id"], "title": title, "due": values["due"]}
        url = web_address(context.connection, target, record)
        return Outcome((RecordRef("task", made["id"], "created", title, url),), {"task": task})


def _is_it(row: Mapping[str, Any], kind: str, body: Record) -> bool:
    """Say whether a task of the list is the one that was sent."""
    same_owner = (str(row.get("reltype")), str(row.get("relid"))) == (kind, str(body["relid"]))
    same_texts = all(squeeze(str(row.get(name) or "")) == squeeze(body[name]) for name in ("title", "note"))
    same_type = str(row.get("dealTasktype")) == str(body["dealTasktype"])
    same_time = same_value(FieldType.DATETIME, row.get("duedate"), body["duedate"])
    return same_owner and same_texts and same_type and same_time


def _taken(answer: Answer) -> Record:
    return _task_of(client.one(answer, "dealTask"))


def _task_of(row: Mapping[str, Any]) -> Record:
    return {"id": str(row.get("id") or "")}
