"""Automations: a contact is let in, or its entry is ended. Let in again it would get everything twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from typing_extensions import override

from vaivem.connectors.activecampaign import client, finding
from vaivem.connectors.activecampaign.objects import field, label, live, option, output, ref, who_fields
from vaivem.connectors.activecampaign.records import Record
from vaivem.connectors.activecampaign.trigger_fields import outputs_of
from vaivem.connectors.sdk import Action, ActionContext, Answer, Connection, Findable, Keyed, Outcome
from vaivem.core.fields import Field, FieldType
from vaivem.core.likeness import made_since

AGAIN = option("again", "never", "finished")
NOT_OVER = frozenset({"", "0", "None"})


def _is_over(entry: Mapping[str, Any]) -> bool:
    """Say whether a contact is through with an automation, or was taken out of it."""
    left = str(entry.get("remdate") or "")
    return bool(left and not left.startswith("0000")) or str(entry.get("completed")) not in NOT_OVER


async def _entries(context: ActionContext, contact_id: str, automation: str) -> list[Mapping[str, Any]]:
    rows = await finding.parts(context, contact_id, "contactAutomations")
    return [row for row in rows if str(row.get("automation")) == automation]


def _entry_of(row: Mapping[str, Any]) -> Record:
    return {"id": str(row.get("id") or "")}


def _taken(answer: Answer) -> Record:
    return _entry_of(client.one(answer, "contactAutomation"))


def _fields(connection: Connection) -> tuple[Field, ...]:
    return (*who_fields(), live(connection, "contact.automation", "automations", required=True))


def _outputs(connection: Connection) -> tuple[Field, ...]:
    of_entry = (
        field("entry.id", FieldType.RECORD, sample="31"),
        field("entry.automation_name", sample="Boas-vindas"),
    )
    return (*outputs_of(connection, "contact"), *of_entry)


def _outcome(connection: Connection, contact: Record, automation: str, entry: str, did: str) -> Outcome:
    name = label(connection, "automations", automation)
    shown = {
        "contact": output(connection, "contact", contact) | {"did": did},
        "entry": {"id": entry, "automation": automation, "automation_name": name},
    }
    return Outcome((ref(connection, "contact", contact, did),), shown)


class EnrolInAutomation(Action):
    """Let a contact into an automation: once, unless the step says that it may after it was through."""

    key = "enrol_in_automation"
    object = "contact"
    options: ClassVar[tuple[Field, ...]] = (AGAIN,)

    @override
    def reaches(self, options: Mapping[str, Any]) -> bool:
        """An automation may send mails."""
        return True

    @override
    def adds(self, options: Mapping[str, Any]) -> bool:
        return options.get("again") == "finished"

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return _fields(connection)

    @override
    def outputs(self, connection: Connection) -> tuple[Field, ...]:
        return _outputs(connection)

    @override
    async def run(self, context: ActionContext) -> Outcome:
        contact, automation = await finding.meant(context), str(context.values["contact.automation"])
        async with context.claim("entry", f"contact:{contact['id']}/{automation}"):
            before = await _entries(context, contact["id"], automation)
            may_again = context.options.get("again") == "finished"
            standing = [row for row in before if not (may_again and _is_over(row))]
            if standing:
                held = str(standing[-1].get("id") or "")
                return _outcome(context.connection, contact, automation, held, "kept")
            known = {str(row.get("id")) for row in before}

            async def find() -> Record | None:
                now = await _entries(context, contact["id"], automation)
                new = [row for row in now if str(row.get("id")) not in known]
                made = (row for row in new if made_since(row.get("adddate"), context.now))
                return next((_entry_of(row) for row in made), None)

            entry = await context.write(client.enrol(contact["id"], automation), Findable(find), _taken)
        return _outcome(context.connection, contact, automation, entry["id"], "updated")


class LeaveAutomation(Action):
    """End what a contact still has before it in an automation."""

    key = "leave_automation"
    object = "contact"

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return _fields(connection)

    @override
    def outputs(self, connection: Connection) -> tuple[Field, ...]:
        return _outputs(connection)

    @override
    async def run(self, context: ActionContext) -> Outcome:
        contact, automation = await finding.meant(context), str(context.values["contact.automation"])
        running = [row for row in await _entries(context, contact["id"], automation) if not _is_over(row)]
        for row in running:
            await self._end(context, contact["id"], automation, _entry_of(row))
        entry = str(running[-1].get("id") or "") if running else ""
        return _outcome(context.connection, contact, automation, entry, "updated" if running else "kept")

    @staticmethod
    async def _end(context: ActionContext, contact_id: str, automation: str, entry: Record) -> None:
        async def is_over() -> Record | None:
            now = await _entries(context, contact_id, automation)
            running = {str(row.get("id")) for row in now if not _is_over(row)}
            return None if entry["id"] in running else entry

        gone = Keyed(f"entry:{entry['id']}", is_over)
        await context.write(client.end_entry(entry["id"]), gone, lambda answer: entry)
