"""Notes and activities on a deal, a person or an organization."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from vaivem.connectors.pipedrive import client
from vaivem.connectors.pipedrive.custom_values import whole
from vaivem.connectors.pipedrive.objects import field, live, web_address
from vaivem.connectors.pipedrive.records import Record
from vaivem.connectors.sdk import Action, ActionContext, Answer, Connection, Findable, Outcome, RecordRef
from vaivem.core.errors import RecordError
from vaivem.core.fields import Field, FieldType
from vaivem.core.likeness import made_since
from vaivem.core.mapping import Values

MAX_NOTE_LENGTH = 100_000  # not in the vendor's documentation; seen in use
TARGETS = {"deal": "deal_id", "person": "person_id", "organization": "org_id"}

_TAG = re.compile(r"<[^>]*>")


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
            *_target_fields("note"),
            field("note.text", FieldType.LONG_TEXT, required=True, max_length=MAX_NOTE_LENGTH),
        )

    @override
    def outputs(self, connection: Connection) -> tuple[Field, ...]:
        return (field("note.id", FieldType.RECORD, sample="77"), field("note.text"))

    @override
    async def run(self, context: ActionContext) -> Outcome:
        values = context.values.group("note")
        targets, text = _targets(values, "note"), str(values["text"])
        words = _plain(_as_html(text))

        async def find() -> Record | None:
            answer = await context.read(client.notes(next(iter(targets.items()))))
            listed = (_made(row) for row in client.rows(answer) if _plain(row.get("content")) == words)
            return next((note for note in listed if made_since(note.get("created_at"), context.now)), None)

        body = {"content": _as_html(text), **{key: whole(value) for key, value in targets.items()}}
        made = await context.write(client.create_note(body), Findable(find), _take)
        return _outcome(context.connection, "note", made | {"text": text}, values)


class AddActivity(Action):
    """Add an activity: a call, a meeting, a task."""

    key = "add_activity"
    object = "activity"

    @override
    def adds(self, options: Mapping[str, Any]) -> bool:
        return True

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return (
            *_target_fields("activity"),
            field("activity.subject", required=True, max_length=255),
            live(connection, "activity.type", "activity_types"),
            field("activity.due_date", FieldType.DATE),
            field("activity.text", FieldType.LONG_TEXT),
            live(connection, "activity.owner", "users"),
        )

    @override
    def outputs(self, connection: Connection) -> tuple[Field, ...]:
        return (field("activity.id", FieldType.RECORD, sample="88"), field("activity.subject"))

    @override
    async def run(self, context: ActionContext) -> Outcome:
        values = context.values.group("activity")
        targets, body = _targets(values, "activity"), _activity(context.connection, values)

        async def find() -> Record | None:
            filters = next(iter(targets.items()))
            answer = await context.read(client.activities(filters))
            same = [
                _made(row)
                for row in client.rows(answer)
                if all(row.get(key) == body.get(key) for key in ("subject", "due_date"))
            ]
            return next((one for one in same if made_since(one.get("created_at"), context.now)), None)

        person = targets.pop("person_id", None)
        if person:  # the vendor mirrors the first participant in person_id
            body["participants"] = [{"person_id": whole(person), "primary": True}]
        body |= {key: whole(value) for key, value in targets.items()}
        if person:
            targets = {"person_id": person, **targets}
        made = await context.write(client.create_activity(body), Findable(find), _take)
        return _outcome(context.connection, "activity", made | {"subject": body["subject"]}, values)


def _target_fields(group: str) -> tuple[Field, ...]:
    return tuple(field(f"{group}.{target}", FieldType.RECORD) for target in TARGETS)


def _targets(values: Values, group: str) -> dict[str, str]:
    """Return what it hangs on, by the vendor's names; one at least is needed."""
    found = {theirs: str(values[ours]) for ours, theirs in TARGETS.items() if values.has(ours)}
    if not found:
        raise RecordError("nothing_to_hang_on", path=f"{group}.deal")
    return found


def _activity(connection: Connection, values: Values) -> dict[str, Any]:
    body: dict[str, Any] = {"subject": str(values["subject"])}
    owner = values["owner"] or connection.settings.get("default_owner")
    parts = {
        "type": values["type"],
        "due_date": values["due_date"],
        "note": _as_html(str(values["text"])) if values.has("text") else None,
        "owner_id": whole(owner) if owner else None,
    }
    return body | {key: value for key, value in parts.items() if value is not None}


def _outcome(connection: Connection, kind: str, made: Record, values: Values) -> Outcome:
    shown_on = next(target for target in TARGETS if values.has(target))
    url = web_address(connection, shown_on, str(values[shown_on]))
    name = str(made.get("subject") or "")
    return Outcome((RecordRef(kind, made["id"], "created", name, url),), {kind: made})


def _take(answer: Answer) -> Record:
    return _made(client.one(answer))


def _made(row: Mapping[str, Any]) -> Record:
    return {"id": str(row.get("id")), "created_at": row.get("add_time")}


def _as_html(text: str) -> str:
    """Return plain text as the vendor shows it: its notes are HTML."""
    return html.escape(text, quote=False).replace("\r\n", "\n").replace("\n", "<br>")


def _plain(content: Any) -> str:
    """Return what a note says, whatever the vendor's clean-up made of its tags and blanks."""
    return " ".join(html.unescape(_TAG.sub(" ", str(content or "").replace("&nbsp;", " "))).split())
