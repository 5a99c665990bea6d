"""History is kept as long as each workspace says, and longer where an unfinished run needs it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from vaivem.engine import retention
from vaivem.engine.ids import id_at
from vaivem.engine.retention import Retention

from .chored import chores
from .conftest import House
from .inside import pass_time, working

HISTORY = ("event", "run", "step", "term", "rejected")


async def some_history(house: House) -> None:
    """Make a finished run with a decision, a waiting one, and a rejected delivery."""
    house.vendor.fault = lambda method, path, nth: "lost" if path == "/notes" else None
    house.rule("put")
    house.rule("post_unsafe", when={"connection": 1, "trigger": "thing_happened"})
    async with working(house):
        await house.deliver(delivery="d1", name="Ana")
        await house.until(lambda: house.rows("select 1 from decision"))
        await house.until(lambda: len(house.runs()) == 1)
        await house.until(lambda: house.value("select count(*) from lane where state = 2") == 0)
    await house.send(b"not json")


def counts(house: House) -> dict[str, int]:
    return {table: house.value(f"select count(*) from {table}") for table in HISTORY}  # noqa: S608


async def retain(house: House) -> None:
    async with chores(house) as chored:
        await chored.retention.run()


async def test_nothing_goes_before_its_time(house: House) -> None:
    await some_history(house)
    before = counts(house)
    assert all(before.values())
    pass_time(house, days=89)
    await retain(house)
    assert counts(house) == before


async def test_old_history_goes_but_for_what_an_unfinished_run_needs(house: House) -> None:
    await some_history(house)
    pass_time(house, days=91)
    await retain(house)
    after = counts(house)
    assert (after["run"], after["rejected"]) == (0, 0)
    assert after["event"] == 1
    assert house.rows("select distinct name from step") == [("notes.post",)]
    assert house.value("select count(*) from decision") == 1
    async with working(house):
        with house.db() as db:
            db.execute('update decision set answer = \'{"choice": "done"}\', answered = now()')
            db.execute("update lane set due = now()")
        await house.until_idle()
    assert house.runs() == [(1, "")]
    await retain(house)
    assert counts(house)["event"] == 0
    assert house.value("select count(*) from decision") == 0


async def test_each_workspace_keeps_as_long_as_it_says(house: House) -> None:
    with house.db() as db:
        db.execute(
            "insert into workspace (name, slug, zone, language, retention_days, created)"
            " values ('V', 'v', 'America/Sao_Paulo', 'en', 400, now())"
        )
        old = id_at(house.value("select now()") - timedelta(days=10))
        for ws in (1, 2):
            db.execute(
                "insert into rejected (ws, id, conn, code, status, method, path, query, headers, body)"
                " values (%s, %s, 1, 'x', 200, '', '', '', '', '')",
                (ws, old),
            )
        db.execute("update workspace set retention_days = 5 where id = 1")
    await retain(house)
    assert house.rows("select ws from rejected") == [(2,)]


async def test_more_than_a_batch_goes_at_once(house: House) -> None:
    with house.db() as db:
        old = id_at(house.value("select now()") - timedelta(days=100))
        db.execute(
            "insert into rejected (ws, id, conn, code, status, method, path, query, headers, body)"
            " select 1, %s + n, 1, 'x', 200, '', '', '', '', '' from generate_series(1, 12000) n",
            (old,),
        )
        db.execute(
            "insert into repeated (ws, event_id, times, last, alike)"
            " select 1, %s + n, 1, now(), false from generate_series(1, 6000) n",
            (old,),
        )
    await retain(house)
    assert house.value("select count(*) from rejected") == 0
    assert house.value("select count(*) from repeated") == 0


async def test_identities_are_remembered_as_long_as_promised(house: House) -> None:
    await house.deliver(delivery="named")
    await house.deliver(name="unnamed")
    assert house.value("select count(*) from seen") == 2
    pass_time(house, days=4)
    await retain(house)
    assert house.value("select count(*) from seen where until is null") == 1
    assert house.value("select count(*) from seen") == 1
    with house.db() as db:
        db.execute("update workspace set retention_days = 1")
    pass_time(house, days=25)
    await retain(house)
    assert house.value("select count(*) from seen") == 1
    pass_time(house, days=2)
    await retain(house)
    assert house.value("select count(*) from seen") == 0


async def test_partitions_stand_ahead_and_go_when_they_are_empty(house: House) -> None:
    def weeks() -> list[int]:
        names = house.rows("select relname from pg_class where relname ~ '^event_w[0-9]+$'")
        return sorted(int(name.removeprefix("event_w")) for (name,) in names)

    first = weeks()[0]
    now = int(house.value("select extract(epoch from vv_now()) / 604800"))
    await house.deliver(delivery="d1")
    pass_time(house, days=42)
    await retain(house)
    assert weeks()[-1] >= now + 6 + 3
    assert first not in weeks()
    assert now in weeks()  # the event is in it
    there = house.value("select vv_now()") - timedelta(seconds=5)
    await house.until(lambda: house.app._clock.now() > there)
    assert await house.deliver(delivery="d2") == 200
    pass_time(house, days=60)
    await retain(house)
    assert now not in weeks()
    assert house.value("select count(*) from event") == 1


async def test_a_week_that_nobody_keeps_is_dropped_as_it_is(house: House) -> None:
    with house.db() as db:
        old = house.value("select vv_now()") - timedelta(days=100)
        db.execute("select vv_make_partitions(%s, %s)", (old, old))
        db.execute(
            "insert into event (ws, id, conn, kind, object, record, title, items, method, path, query,"
            " headers, body) values (1, %s, 1, 'thing', 'thing', 'r', '', 0, '', '', '', '', '')",
            (id_at(old),),
        )
        db.execute(
            "create function refuse() returns trigger language plpgsql as $$ begin raise 'row by row'; end $$"
        )
        db.execute("create trigger refuse before delete on event for each row execute function refuse()")
        week = int(old.timestamp() // 604800)
    await retain(house)
    assert not house.rows("select 1 from pg_class where relname = %s", f"event_w{week}")
    assert house.value("select count(*) from event") == 0


async def test_a_partition_in_use_stays_for_another_night(house: House) -> None:
    pass_time(house, days=42)
    async with chores(house) as chored:
        await chored.retention.make_partitions()
        name = house.value("select min(relname) from pg_class where relname ~ '^run_w[0-9]+$'")
        with house.db() as db, db.transaction():
            db.execute(f'lock table "{name}" in access share mode')
            await Retention(chored.pool, chored.clock)._drop([name])
        assert house.rows("select 1 from pg_class where relname = %s", name)
        await Retention(chored.pool, chored.clock)._drop([name], only_empty=True)
    assert not house.rows("select 1 from pg_class where relname = %s", name)


async def test_links_of_connections_long_gone_are_forgotten(house: House) -> None:
    with house.db() as db:
        db.execute("insert into link values (1, 1, 'thing', 'k', '7', 1, now())")
        db.execute("update connection set removed = now()")
    pass_time(house, days=29)
    await retain(house)
    assert house.value("select count(*) from link") == 1
    pass_time(house, days=2)
    await retain(house)
    assert house.value("select count(*) from link") == 0


async def test_deliveries_are_forgotten_some_pages_at_a_time(house: House) -> None:
    with house.db() as db:
        now = house.value("select vv_now()")
        old, young = id_at(now - timedelta(days=400)), id_at(now)
        db.execute(
            "insert into seen (ws, conn, key, event_id, until) select 1, 1, sha256(n::text::bytea),"
            " case n %% 2 when 0 then %s else %s end + n,"
            " case n %% 4 when 0 then vv_now() - interval '1 day' end"
            " from generate_series(1, 40000) n",
            (old, young),
        )
        db.execute("create table gone_at_once (number int, transaction bigint)")
        db.execute(
            "create function count_gone() returns trigger language plpgsql as $$ begin"
            " insert into gone_at_once select count(*), txid_current() from gone; return null; end $$"
        )
        db.execute(
            "create trigger count_gone after delete on seen referencing old table as gone"
            " for each statement execute function count_gone()"
        )
    await retain(house)
    assert house.value("select count(*) from seen") == 20_000
    assert house.value("select min(event_id) from seen") > young
    numbers = [number for (number,) in house.rows("select number from gone_at_once")]
    assert sum(numbers) == 20_000
    assert max(numbers) <= 5000
    assert house.value("select count(distinct transaction) from gone_at_once") == len(numbers) >= 4


async def test_old_words_are_each_read_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 100)
    with house.db() as db:
        young = house.value("select vv_now()")
        old = young - timedelta(days=100)
        db.execute("select vv_make_partitions(%s, %s)", (old, old))
        # The week is kept for another workspace's words.
        db.execute(
            "insert into workspace (name, slug, zone, language, retention_days, created)"
            " values ('V', 'v', 'America/Sao_Paulo', 'en', 400, now())"
        )
        db.execute(
            "insert into term select 1 + n %% 2, n, %s + n from generate_series(1, 6000) n",
            (id_at(old),),
        )
        db.execute("analyze term")

    def read() -> int:
        return int(
            house.value(
                "select coalesce(sum(idx_tup_read), 0) from pg_stat_user_indexes where relname ~ '^term_w'"
            )
        )

    before = read()
    await retain(house)
    assert house.rows("select ws, count(*) from term group by 1") == [(2, 3000)]
    await house.until(lambda: read() - before >= 3000)
    # Found once and deleted once; from the start again for each batch it would be 45,000 and more.
    assert read() - before < 15_000


async def test_a_week_is_looked_through_before_it_is_locked(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "LOCK_TRIES", 2)
    with house.db() as db:
        old = house.value("select vv_now()") - timedelta(days=60)
        db.execute("select vv_make_partitions(%s, %s)", (old, old))
        week = int(old.timestamp() // 604800)
        db.execute(
            "insert into term select 1, n, %s from generate_series(1, 50000) n",
            (id_at(old),),
        )
        db.execute("delete from term where event_id = %s", (id_at(old),))
    name = f"term_w{week}"
    async with chores(house) as chored:
        chore = Retention(chored.pool, chored.clock)
        with house.db() as reader, reader.transaction():
            # It is in use until the reader ends.
            reader.execute(f'select 1 from "{name}" limit 1')  # noqa: S608
            assert house.value(f"select pg_relation_size('{name}')") > 1_000_000
            await chore._drop([name], only_empty=True)
        assert house.rows("select 1 from pg_class where relname = %s", name)
        await chore._drop([name], only_empty=True)
    assert not house.rows("select 1 from pg_class where relname = %s", name)


async def test_old_rows_are_walked_to_in_their_week_alone(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list of what goes, looked for in every week, cost seconds for each batch with millions of rows."""
    monkeypatch.setattr(retention, "BATCH", 100)
    with house.db() as db:
        young = house.value("select vv_now()")
        old = young - timedelta(days=100)
        db.execute("select vv_make_partitions(%s, %s)", (old, young))
        # The week is kept for another workspace's rows.
        db.execute(
            "insert into workspace (name, slug, zone, language, retention_days, created)"
            " values ('V', 'v', 'America/Sao_Paulo', 'en', 400, now())"
        )
        for at in (old, young):
            rows = "select 1 + n %% 2 as ws, %(id)s + n as id, n from generate_series(1, 2000) n"
            given = {"id": id_at(at)}
            db.execute(
                "insert into event (ws, id, conn, kind, object, record, title, items, method, path, query, headers, body)"  # noqa: E501, S608
                f" select ws, id, 1, 'thing', 'thing', 'r', '', 1, '', '', '', '', '' from ({rows}) x",
                given,
            )
            db.execute(
                "insert into run (ws, id, event_id, rule, version, status, calls, finished)"  # noqa: S608
                f" select ws, id, id, 1, 1, 1, 0, now() from ({rows}) x",
                given,
            )
            db.execute(
                "insert into step (ws, run_id, n, try, step, name, conn, write, done, method, url, status, ms, at)"  # noqa: E501, S608
                f" select ws, id, k, 1, 's', 's', 1, false, true, '', '', 200, 1, now()"
                f" from ({rows}) x, generate_series(1, 3) k",
                given,
            )
        db.execute(
            "insert into known_record (ws, conn, object, record, kind, told, event_id)"
            " select ws, 1, 'o', 'r', 'person', now(), 0 from generate_series(1, 2) ws"
        )
        db.execute(
            "insert into heard select e.ws, k.id, e.id from event e join known_record k on k.ws = e.ws"
        )
        db.execute("analyze")
        # The oldest event is that of a run that has not ended.
        db.execute(
            "insert into item (ws, lane, seq, run_id, event_id, rule, version)"
            " select 1, 1, 1, min(id), min(id), 1, 1 from event where ws = 1"
        )

    def read() -> int:
        tables = "relname ~ '^(event|run|step|heard)(_w|$)'"
        return int(
            house.value(
                f"select sum(n) from (select idx_tup_read as n from pg_stat_user_indexes where {tables}"  # noqa: S608
                f" union all select seq_tup_read from pg_stat_user_tables where {tables}) x"
            )
        )

    before = read()
    await retain(house)
    # 6,000 rows went: each was found once and deleted once. A batch may read so small a week whole.
    await house.until(lambda: read() - before >= 6_000)
    assert read() - before < 40_000
    left = "select ws, count(*) from {} group by 1 order by 1"
    assert house.rows(left.format("event")) == [(1, 1001), (2, 2000)]
    assert house.rows(left.format("run")) == [(1, 1000), (2, 2000)]
    assert house.rows(left.format("step")) == [(1, 3003), (2, 6000)]
    assert house.rows(left.format("heard")) == [(1, 1000), (2, 2000)]
