"""Notes and tasks on a deal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from vaivem.connectors.rd_station_crm.client import api_for
from vaivem.connectors.rd_station_crm.finding import first_page
from vaivem.connectors.rd_station_crm.objects import TASK_TYPES, choice, field, live, web_address
from vaivem.connectors.rd_station_crm.records import Record
from vaivem.connectors.sdk import Action, ActionContext, Connection, Findable, Outcome, RecordRef
from vaivem.core.fields import Field, FieldType
from vaivem.core.likeness import made_since, oldest
from vaivem.core.sameness import same_value

MAX_NOTE_LENGTH = 524_288


class AddNote(Action):
    """Add a note to a deal."""

    key = "add_note"
    object = "note"

    @override
    def adds(self, options: Mapping[str, Any]) -> bool:
        return True

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return (
            field("note.deal", FieldType.RECORD, required=True),
            field("note.text", FieldType.LONG_TEXT, required=True, min_length=2, max_length=MAX_NOTE_LENGTH),
            live(connection, "note.user", "users"),
        )

    @override
    async def run(self, context: ActionContext) -> Outcome:
        api, values = api_for(context.connection), context.values.group("note")
        deal, text = str(values["deal"]), str(values["text"])
        user = values["user"] or context.connection.settings.get("default_owner")

        async def find() -> Record | None:
            notes = await first_page(context, api.notes(deal), api.read_notes)
            return oldest(
                note
                for note in notes
                if note.get("deal") in (None, deal)
                and str(note["text"]).strip() == text.strip()
                and made_since(note.get("created_at"), context.now)
            )

        call = api.note_add(deal, text, user)
        made = await context.write(call, Findable(find, sure=api.sees_all), api.read_note)
        note = {"text": text} | made  # a person who settled a doubt told the id alone
        url = web_address(context.connection, "deal", deal)
        return Outcome((RecordRef("note", note["id"], "created", "", url),), {"note": note | {"deal": deal}})


class AddTask(Action):
    """Add a task to a deal."""

    key = "add_task"
    object = "task"

    @override
    def adds(self, options: Mapping[str, Any]) -> bool:
        return True

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return (
            field("task.deal", FieldType.RECORD, required=True),
            field("task.name", required=True, min_length=3),
            choice("task.type", *TASK_TYPES),
            field("task.due", FieldType.DATETIME, required=True),
            live(connection, "task.owner", "users"),
            field("task.description", FieldType.LONG_TEXT),
        )

    @override
    async def run(self, context: ActionContext) -> Outcome:
        api = api_for(context.connection)
        wanted = context.values.group("task").to_create()
        wanted.setdefault("type", "task")
        owner = context.connection.settings.get("default_owner")
        if owner:
            wanted.setdefault("owner", owner)

        async def find() -> Record | None:
            tasks = await first_page(context, api.tasks(wanted["deal"]), api.read_tasks)
            return oldest(
                task
                for task in tasks
                if _is_it(task, wanted) and made_since(task.get("created_at"), context.now)
            )

        call = api.task_add(wanted)
        made = await context.write(call, Findable(find, sure=api.sees_all), api.read_task)
        task = wanted | made  # a person who settled a doubt told the id alone
        url = web_address(context.connection, "deal", wanted["deal"])
        ref = RecordRef("task", task["id"], "created", str(task["name"] or ""), url)
        return Outcome((ref,), {"task": task})


def _is_it(task: Record, wanted: Record) -> bool:
    same_deal = task["deal"] in (None, wanted["deal"])
    same_text = task["name"] == wanted["name"] and task["type"] == wanted["type"]
    return same_deal and same_text and same_value(FieldType.DATETIME, task["due"], wanted["due"])
