"""Notes and activities: once each, on what the rule says."""

from __future__ import annotations

import pytest
from tests.connectors.pipedrive.recorded import said, step

from vaivem.core.errors import RecordError

TEXT = "Assinou o contrato\n<Ana & Rui>"


async def test_a_note_is_escaped_and_hangs_on_the_deal() -> None:
    context = step(
        "add_note",
        {"notes.create": said({"id": 7, "add_time": "2026-11-24 12:00:01"})},
        {"note.deal": "9", "note.text": TEXT},
    )
    outcome = await context.run()
    assert context.vendor.last("notes.create").json == {
        "content": "Assinou o contrato<br>&lt;Ana &amp; Rui&gt;",
        "deal_id": 9,
    }
    assert outcome.records[0].url == "https://padaria.pipedrive.com/deal/9"


async def test_a_lost_note_is_known_by_its_words() -> None:
    there = [
        {"id": 6, "content": "Outra", "add_time": "2026-11-24 12:00:00"},
        {
            "id": 5,
            "content": "<p>Assinou o contrato<br>&lt;Ana &amp; Rui&gt;</p>",
            "add_time": "2026-11-24 12:00:00",
        },
    ]
    context = step(
        "add_note", {"notes.list": said(there)}, {"note.deal": "9", "note.text": TEXT}, lost=["notes.create"]
    )
    assert (await context.run()).records[0].id == "5"
    old = [{"id": 5, "content": TEXT, "add_time": "2026-11-20 12:00:00"}]
    again = step(
        "add_note",
        {"notes.list": said(old), "notes.create": said({"id": 8, "add_time": "2026-11-24 12:00:01"})},
        {"note.deal": "9", "note.text": TEXT},
        lost=["notes.create"],
    )
    assert (await again.run()).records[0].id == "8"


async def test_an_activity_of_a_person_names_its_participant() -> None:
    context = step(
        "add_activity",
        {"activities.create": said({"id": 70, "add_time": "2026-11-24T12:00:01Z"})},
        {
            "activity.deal": "9",
            "activity.person": "12",
            "activity.subject": "Ligar",
            "activity.type": "call",
            "activity.due_date": "2026-11-30",
            "activity.owner": "1001",
        },
    )
    await context.run()
    assert context.vendor.last("activities.create").json == {
        "subject": "Ligar",
        "type": "call",
        "due_date": "2026-11-30",
        "owner_id": 1001,
        "deal_id": 9,
        "participants": [{"person_id": 12, "primary": True}],
    }


async def test_a_lost_activity_is_known_by_subject_and_day() -> None:
    there = [{"id": 71, "subject": "Ligar", "due_date": "2026-11-30", "add_time": "2026-11-24T12:00:01Z"}]
    context = step(
        "add_activity",
        {"activities.list": said(there)},
        {"activity.person": "12", "activity.subject": "Ligar", "activity.due_date": "2026-11-30"},
        lost=["activities.create"],
    )
    assert (await context.run()).records[0].id == "71"
    assert ("person_id", "12") in context.vendor.last("activities.list").query


async def test_what_hangs_on_nothing_is_refused() -> None:
    with pytest.raises(RecordError) as refused:
        await step("add_note", {}, {"note.text": "Oi"}).run()
    assert refused.value.code == "nothing_to_hang_on"
