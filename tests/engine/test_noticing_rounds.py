"""Rounds of noticing over what came, recorded deliveries of four systems; and how it is forgotten."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import asyncpg
import pytest

from tests.connectors.activecampaign import recorded as marketing
from tests.connectors.clicksign import recorded as clicksign
from tests.connectors.docusign import recorded as docusign
from tests.connectors.pipedrive import recorded as sales
from vaivem.connectors.sdk import Delivery
from vaivem.engine import noticing
from vaivem.engine.clock import Clock
from vaivem.engine.ids import id_at
from vaivem.engine.noticing import Noticing
from vaivem.engine.retention import FORGOTTEN
from vaivem.engine.statements import statement
from vaivem.engine.topology import Topology

SALES, SIGN, ENVELOPES, MARKETING = range(1, 5)
INTO = """
insert into event (ws, id, conn, kind, object, record, title, items, method, path, query, headers, body)
values ($1, $2, $3, 'k', 'o', 'r', '', 0, $4, $5, $6, $7, $8)
"""


@dataclass
class Books:
    """What was noted, and what keeps it."""

    pool: asyncpg.Pool
    clock: Clock
    rounds: Noticing
    count: int = 0

    async def came(self, conn: int, delivery: Delivery, *, ws: int = 1, ago: float = 60.0) -> None:
        """Keep a delivery as the ingest does."""
        self.count += 1
        number = id_at(self.clock.after(-ago)) + self.count
        headers = json.dumps(dict(delivery.headers)).encode()
        parts = (delivery.method, delivery.path, delivery.query, headers, delivery.body)
        await self.pool.execute(INTO, ws, number, conn, *parts)

    async def rows(self, query: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in await self.pool.fetch(query)]

    async def forget(self) -> None:
        for name in FORGOTTEN:
            await self.pool.execute(statement("people", name))


@pytest.fixture
async def books(database: str) -> AsyncIterator[Books]:
    connections = (
        (SALES, sales.connector, sales.connection()),
        (SIGN, clicksign.connector, clicksign.connection(clicksign.SECRET)),
        (ENVELOPES, docusign.connector, docusign.connection(read=False)),
        (MARKETING, marketing.connector, marketing.connection()),
    )
    lines = {
        conn: SimpleNamespace(connector=connector, connection=replace(connection, id=conn))
        for conn, connector, connection in connections
    }
    async with asyncpg.create_pool(database, min_size=1, max_size=2) as pool:
        await pool.execute(
            "insert into workspace (name, slug, zone, language, retention_days, created) "
            "values ('W', 'w', 'America/Sao_Paulo', 'en', 90, vv_now())"
        )
        # Recorded deliveries tell when they happened: it is a few days later.
        await pool.execute("update clock set shift = timestamptz '2026-12-01' - now()")
        await pool.execute(statement("chores", "make_partitions"))
        clock = Clock()
        await clock.adjust(pool)
        topology = cast("Topology", SimpleNamespace(lines=lines))
        yield Books(pool, clock, Noticing(pool, topology, clock))


async def test_a_round_notes_people_of_every_system_and_their_documents_once(books: Books) -> None:
    await books.came(SALES, sales.webhook("person.create__whole"))
    await books.came(MARKETING, marketing.webhook("contact_tag_added__one"))
    for name in ("add_signer__two", "signature_started__second_signer", "document_closed__two_signers"):
        await books.came(SIGN, clicksign.webhook(name))
    for name in ("recipient-sent", "recipient-completed", "envelope-completed"):
        await books.came(ENVELOPES, docusign.webhook(name))
    await books.rounds.run()
    known = await books.rows("select distinct conn from known_record order by 1")
    assert known == [(SALES,), (SIGN,), (ENVELOPES,), (MARKETING,)]
    assert await books.rows("select conn, state from document order by 1") == [
        (SIGN, "closed"),
        (ENVELOPES, "closed"),
    ]
    assert await books.rows("select count(*) from heard") != [(0,)]
    noted = await books.rows("select fields::text, told from known_record order by id")
    people = await books.rows("select id, name, merged from person order by id")
    await books.rounds.run()  # nothing came
    assert await books.rows("select fields::text, told from known_record order by id") == noted
    assert await books.rows("select id, name, merged from person order by id") == people


async def test_what_is_not_settled_yet_is_left_to_the_next_round(books: Books) -> None:
    await books.came(SALES, sales.webhook("person.create__whole"), ago=5)
    await books.rounds.run()
    assert await books.rows("select count(*) from known_record") == [(0,)]
    await books.pool.execute("update clock set shift = shift + interval '40 seconds'")
    await books.clock.adjust(books.pool)
    await books.rounds.run()
    assert await books.rows("select count(*) > 0 from known_record") == [(True,)]


async def test_one_that_cannot_be_noted_is_left_out_and_stops_nobody(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = sales.webhook("person.create__whole")
    note = noticing.note_record

    async def fails_once(db: Any, ws: int, sight: Any) -> int:
        monkeypatch.setattr(noticing, "note_record", note)
        await db.execute("select 1/0")
        raise AssertionError

    await books.came(SALES, replace(whole, body=b"{"))  # cannot be read any more
    await books.came(99, whole)  # of a connection that is gone
    await books.came(SALES, sales.webhook("deal.change__won"))  # fails
    await books.came(SALES, whole)
    monkeypatch.setattr(noticing, "note_record", fails_once)
    await books.rounds.run()
    found = await books.rows("select distinct object from known_record")
    assert ("person",) in found
    reached = await books.rows("select event_id from noted where ws = 1")
    assert reached == await books.rows("select max(id) from event")


async def test_more_than_a_slice_is_noted_in_one_round(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noticing, "SLICE", 2)
    for _ in range(5):
        await books.came(SALES, sales.webhook("person.create__whole"))
    await books.rounds.run()
    assert await books.rows("select count(*) from heard h join event e on e.id = h.event_id") == [(5,)]


async def test_all_of_it_is_forgotten_with_the_history(books: Books) -> None:
    await books.came(SALES, sales.webhook("person.create__whole"))
    await books.came(ENVELOPES, docusign.webhook("envelope-completed"))
    await books.rounds.run()
    await books.pool.execute(  # of a workspace whose news nobody notes
        "insert into news (ws, run_id, event_id, records) values (1, $1, 1, '[]')", id_at(books.clock.now())
    )
    await books.forget()
    tables = (
        "news",
        "known_record",
        "known_key",
        "heard",
        "person",
        "document",
        "document_recipient",
        "document_event",
    )
    for table in tables:
        assert await books.rows(f"select count(*) > 0 from {table}") == [(True,)], f"{table}: too early"  # noqa: S608
    span = timedelta(days=120)
    await books.pool.execute("update clock set shift = shift + $1", span)
    await books.forget()
    for table in tables:
        assert await books.rows(f"select count(*) from {table}") == [(0,)], table  # noqa: S608


async def test_it_leaves_the_time_to_runs_while_many_are_under_way(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    rests: list[float] = []
    sleep = asyncio.sleep

    async def rest(seconds: float) -> None:
        rests.append(seconds)

    async def short(self: Noticing, ws: int) -> bool:
        await sleep(0.05)
        return False

    monkeypatch.setattr(Noticing, "_slice", short)
    monkeypatch.setattr(noticing.asyncio, "sleep", rest)
    await books.rounds.run()
    await Noticing(books.pool, books.rounds._topology, books.clock, lambda: True).run()
    assert rests[0] >= 0.05
    assert rests[1] >= 0.45
