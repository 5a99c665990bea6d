"""Notes on a deal, a contact or a company. Only a contact's can be looked at afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from vaivem.connectors.activecampaign import client
from vaivem.connectors.activecampaign.objects import field, web_address
from vaivem.connectors.activecampaign.records import Record
from vaivem.connectors.sdk import (
    Action,
    ActionContext,
    Answer,
    Connection,
    Findable,
    Outcome,
    RecordRef,
    Repeat,
    Unsafe,
)
from vaivem.core.errors import RecordError
from vaivem.core.fields import Field, FieldType
from vaivem.core.folding import squeeze
from vaivem.core.likeness import made_since

KINDS = {"deal": "Deal", "contact": "Subscriber", "account": "CustomerAccount"}
MOST_TEXT = 60_000  # not in the documentation


class AddNote(Action):
    """Add a note."""

    key = "add_note"
    object = "note"

    @override
    def adds(self, options: Mapping[str, Any]) -> bool:
        return True

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return (
            *(field(f"note.{target}", FieldType.RECORD) for target in KINDS),
            field("note.text", FieldType.LONG_TEXT, required=True, max_length=MOST_TEXT),
        )

    @override
    def outputs(self, connection: Connection) -> tuple[Field, ...]:
        return (field("note.id", FieldType.RECORD, sample="77"), field("note.text"))

    @override
    async def run(self, context: ActionContext) -> Outcome:
        values = context.values.group("note")
        target = next((one for one in KINDS if values.has(one)), None)
        if target is None:
            raise RecordError("nothing_to_hang_on", path="note.contact")
        record, text = str(values[target]), str(values["text"])

        async def find() -> Record | None:
            rows = client.rows(await context.read(client.contact_parts(record, "notes")), "notes")
            mine = [row for row in rows if squeeze(str(row.get("note") or "")) == squeeze(text)]
            return next((_note_of(row) for row in mine if made_since(row.get("cdate"), context.now)), None)

        # No list tells the notes of a deal or a company: whether one is there, a person sees.
        repeat: Repeat = Findable(find) if target == "contact" else Unsafe()
        made = await context.write(client.create_note(KINDS[target], record, text), repeat, _taken)
        url = web_address(context.connection, target, record)
        return Outcome((RecordRef("note", made["id"], "created", "", url),), {"note": made | {"text": text}})


def _taken(answer: Answer) -> Record:
    return _note_of(client.one(answer, "note"))


def _note_of(row: Mapping[str, Any]) -> Record:
    return {"id": str(row.get("id") or "")}
