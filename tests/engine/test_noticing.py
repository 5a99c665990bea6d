"""People and documents are noted from events, whatever their order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import asyncpg
import pytest

from vaivem.connectors.sdk.documents import Step
from vaivem.engine import people
from vaivem.engine.people import Sight

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


def sight(conn: int, record: str, minutes: int = 0, kind: str = "person", **data: Any) -> Sight:
    return Sight(conn, kind, record, kind, data, AT + timedelta(minutes=minutes), minutes + 1)


async def found(db: Any) -> list[tuple[str, int]]:
    rows = await db.fetch(
        "select p.name, count(r.id) from person p join known_record r on r.ws = p.ws and r.person = p.id"
        " where merged is null group by p.ws, p.id order by p.id"
    )
    return [tuple(row) for row in rows]


@pytest.fixture
async def db(database: str) -> Any:
    connection = await asyncpg.connect(database)
    yield connection
    await connection.close()


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_one_person_over_three_systems_in_any_order(db: Any, order: tuple[int, ...]) -> None:
    sights = [
        sight(1, "a", name="Marina Duarte", email="Marina@Duarte.example"),
        sight(2, "b", 1, name="Marina D.", email="marina@duarte.example", cpf="111.444.777-35"),
        sight(3, "c", 2, name="Marina Duarte", cpf="11144477735", phone="(11) 95555-0177"),
    ]
    for place in order:
        await people.note_record(db, 1, sights[place])
    assert await found(db) == [("Marina Duarte", 3)]
    whys = {row["why"] for row in await db.fetch("select why from bond")}
    assert whys == {"email", "cpf_cnpj"}


async def test_who_has_another_cpf_is_somebody_else_despite_the_address(db: Any) -> None:
    await people.note_record(db, 1, sight(1, "a", name="Ana", email="x@y.example", cpf="111.444.777-35"))
    await people.note_record(db, 1, sight(2, "b", name="Bia", email="x@y.example", cpf="529.982.247-25"))
    assert await found(db) == [("Ana", 1), ("Bia", 1)]


async def test_people_of_one_company_or_one_telephone_are_not_one_person(db: Any) -> None:
    same: dict[str, Any] = {"cpf_cnpj": "11.222.333/0001-81", "phone": "(11) 3333-4444"}
    await people.note_record(db, 1, sight(1, "a", name="Ana", **same))
    await people.note_record(db, 1, sight(1, "b", name="Bia", **same))
    assert len(await found(db)) == 2


async def test_nothing_crosses_a_workspace(db: Any) -> None:
    await people.note_record(db, 1, sight(1, "a", name="Ana", email="x@y.example"))
    await people.note_record(db, 2, sight(2, "a", name="Ana", email="x@y.example"))
    assert await found(db) == [("Ana", 1), ("Ana", 1)]


async def test_an_older_event_fills_what_is_missing_and_replaces_nothing(db: Any) -> None:
    await people.note_record(db, 1, sight(1, "a", 5, name="Ana Lima", email="new@y.example"))
    await people.note_record(db, 1, sight(1, "a", 1, name="Ana", email="old@y.example", city="Recife"))
    row = await db.fetchrow("select fields::text as fields from known_record")
    assert "Ana Lima" in row["fields"]
    assert "new@y.example" in row["fields"]
    assert "Recife" in row["fields"]


@pytest.mark.parametrize("order", list(permutations(range(4))))
async def test_a_document_ends_the_same_whatever_the_order_and_however_often(
    db: Any, order: tuple[int, ...]
) -> None:
    who = {"id": "s1", "name": "Ana", "email": "ana@y.example"}
    about = {"id": "d1", "name": "Contrato", "url": "https://x.example/d1", "sender": "Rui"}
    end = {**about, "completed_at": "2026-11-20T13:00:00Z"}
    steps = [
        Step("sent", [who], {**about, "sent_at": "2026-11-20T12:00:00Z"}, "2026-11-20T12:00:00Z"),
        Step("opened", [who], about, "2026-11-20T12:10:00Z"),
        Step("completed", [who], about, "2026-11-20T12:50:00Z"),
        Step("closed", [who], end, "2026-11-20T13:00:00Z"),
    ]
    for place in (*order, *order):
        moment = AT + timedelta(minutes=place)
        await people.note_step(db, 1, 1, steps[place], moment, place + 1)
    document = await db.fetchrow("select state, sender, sent_at, completed_at from document")
    assert tuple(document) == ("closed", "Rui", AT, AT + timedelta(hours=1))
    one = await db.fetchrow("select state, sent_at, opened_at, ended_at from document_recipient")
    assert tuple(one) == ("completed", AT, AT + timedelta(minutes=10), AT + timedelta(minutes=50))
    assert await found(db) == [("Ana", 1)]


def told(state: str, *who: str, sent: int | None = None) -> Step:
    """Return a step of the one document, for those who are named by their addresses."""
    people = [{"id": email, "name": email.partition("@")[0].title(), "email": email} for email in who]
    at = (AT + timedelta(minutes=sent)).isoformat() if sent else None
    return Step(state, people, {"id": "d1", "name": "Contrato", "sent_at": at}, at)


@pytest.mark.parametrize("order", list(permutations(range(4))))
async def test_a_draft_of_ours_is_the_document_that_is_told_of_later(db: Any, order: tuple[int, ...]) -> None:
    """Rui was put in Ana's place, and Bia's address was wrong, before it was sent by hand."""
    steps = [
        (told("draft", "ana@y.example", "bia@wrong.example"), 7),
        (told("sent", "bia@y.example", sent=10), 0),
        (told("opened", "bia@y.example", sent=11), 0),
        (told("closed", "bia@y.example", "rui@y.example", sent=12), 0),
    ]
    for place in (*order, *order):
        step, run = steps[place]
        await people.note_step(db, 1, 1, step, AT + timedelta(minutes=place), place + 1, run)
    rows = await db.fetch("select document, name, state, sent_at, run_id from document")
    assert [tuple(row) for row in rows] == [("d1", "Contrato", "closed", AT + timedelta(minutes=10), 7)]
    rows = await db.fetch("select recipient, state from document_recipient order by 1")
    assert [tuple(row) for row in rows] == [("bia@y.example", "completed"), ("rui@y.example", "completed")]
    rows = await db.fetch("select distinct event_id from document_event order by 1")
    assert [row["event_id"] for row in rows] == [2, 3, 4], "the event that made the run says nothing of it"


async def test_whose_turn_has_not_come_is_a_recipient_of_the_draft(db: Any) -> None:
    await people.note_step(db, 1, 1, told("draft", "ana@y.example", "bia@y.example"), AT, 1, 7)
    await people.note_step(db, 1, 1, told("sent", "ana@y.example", sent=5), AT + timedelta(minutes=5), 2)
    rows = await db.fetch("select recipient, state, sent_at from document_recipient order by 1")
    assert [tuple(row) for row in rows] == [
        ("ana@y.example", "sent", AT + timedelta(minutes=5)), ("bia@y.example", "draft", None),
    ]  # fmt: skip
    assert await found(db) == [("Ana", 1), ("Bia", 1)]
    rows = await db.fetch("select event_id, run_id from known_record order by record")
    assert [tuple(row) for row in rows] == [(2, 7), (0, 7)], "Bia's record no event told of yet"
