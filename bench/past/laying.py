"""Lays a history down: weeks side by side, each written whole before its indexes, and none of it in the log.

Rows are as the engine leaves them and stand in the order of their time, as they would have come. What the log
(WAL) is spared, PostgreSQL allows for tables that are made in the same transaction while `wal_level` is minimal;
the settings for it are taken back at the end, so that what is measured runs as an installation does.
"""

from __future__ import annotations

import queue
import random
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from vaivem.cli.migration import migrate_apart
from vaivem.core.folding import fold
from vaivem.core.identity import term_hash
from vaivem.engine.ids import SHIFT, id_at
from vaivem.postgres import EmbeddedServer

BIG = 1
SMALL = 30
RULES = 40
RARE_RULE, BROKEN_RULE, QUIET_RULE = 40, 39, 38
PEOPLE = 200_000  # at ten million runs; fewer runs are of fewer people
FEWEST_PEOPLE = 5000
NEEDLE_DAYS = 153  # how far back the needles lie: a shorter history has none
WEEK = 604_800_000  # milliseconds of a partition
HANDS = 2  # connections that lay side by side
TABLES = ("event", "run", "step", "term")
WHOLE = ("seen", "heard")  # not parted by weeks: filled at the end
WHILE_LAYING = {
    "wal_level": "minimal", "max_wal_senders": "0", "shared_buffers": "'512MB'", "autovacuum": "off",
    "maintenance_work_mem": "'512MB'", "checkpoint_timeout": "'15min'",
}  # fmt: skip

FIRST = [
    "João", "Maria", "José", "Ana", "Antônio", "Francisca", "Carlos", "Paulo", "Adriana", "Pedro", "Lucas", "Luiz", "Marcos", "Luís", "Gabriel",
    "Rafael", "Marina", "Helena", "Beatriz", "Fernanda", "Juliana", "Patrícia", "Camila", "Larissa", "Bruno", "Felipe", "Eduardo", "Ricardo", "Igor", "Sérgio",
]  # fmt: skip
LAST = [f"Sobrenome{number}" for number in range(600)]
LAST += ["Silva", "Santos", "Souza", "Oliveira", "Duarte", "Zanetti"]

CHANCES = """
create temp table lay as
select id, ws, person, p, status, case when ws > 1 then {rules} + ws else 1 + floor(37 * power(p, 3))::int end as rule
from (
  select id, ws, person, p, (case when bad then 2 when p < 0.06 then 3 else 1 end)::smallint as status from (
    select (({begin} + (n - 1)::bigint * {length} / {share}) << {shift}) + (n % 1000) * 4 as id,
      case when random() < 0.9 then 1 else 2 + floor(random() * {small})::int end as ws,
      floor(power(random(), 2) * {people})::int as person, random() as p,
      -- failures come in bunches: one hour in forty has most of them
      random() < case when (n::bigint * 168 / {share}) % 40 = 0 then 0.3 else 0.003 end as bad
    from generate_series(1, {share}) n offset 0) x offset 0) y
"""

# What goes into each table; a run has its event's id and one more, and only events that a rule took have one.
ROWS = {
    "event": (
        "ws, id, conn, kind, object, record, title, bulk, items, part, method, path, query, headers, body",
        """
        select l.ws, l.id, l.ws * 2 - 1, 'received', 'delivery', 'doc-' || l.id, 'Contrato ' || p.name, false,
          (l.p < 0.98)::int::smallint, 0::smallint, 'POST', '', '', '{"content-type": "application/json"}'::bytea,
          convert_to('{"name": "' || p.name || '", "email": "p' || p.id || '@example.com", "document": "doc-' || l.id || '"}', 'UTF8')
        from lay l join lay_person p on p.id = l.person order by l.id
        """,
    ),
    "run": (
        "ws, id, event_id, rule, version, status, code, params, records, calls, tries, finished",
        """
        select ws, id + 1, id, rule, 1, status, case status when 2 then 'record_refused' when 3 then 'filtered' else '' end,
          '{}'::jsonb,
          case status when 1 then '[{"conn": "2", "object": "deal", "id": "d", "did": "created", "name": "x"}]' else '[]' end::jsonb,
          3::smallint, 0, to_timestamp((id >> 22) / 1000.0) + interval '1 second'
        from lay where p < 0.98 order by id
        """,
    ),
    "step": (
        "ws, run_id, n, try, step, name, conn, write, done, method, url, status, request, response, code, ms, at",
        """
        select l.ws, l.id + 1, 1000 * k, 1::smallint, (array['person', 'person', 'deal'])[k],
          (array['contacts.find', 'contacts.put', 'deals.create'])[k], l.ws * 2, k > 1, true, 'POST',
          'https://api.example.com/' || (array['search', 'contacts', 'deals'])[k], 200::smallint,
          convert_to('{"name": "' || p.name || '", "email": "p' || p.id || '@example.com"}', 'UTF8'),
          convert_to('{"id": ' || p.id || '}', 'UTF8'), '', 40, to_timestamp((l.id >> 22) / 1000.0) + k * interval '200 ms'
        from lay l join lay_person p on p.id = l.person, generate_series(1, 3) k
        where l.p < 0.98 and l.status = 1 order by l.id, k
        """,
    ),
    "term": (
        "ws, hash, event_id",
        """
        select l.ws, unnest(p.hashes || {contract}::bigint || hashint8extended(l.id, 1)), l.id
        from (select * from lay order by id) l join lay_person p on p.id = l.person
        """,
    ),
    "seen": (
        "ws, conn, key, event_id",
        "select ws, ws * 2 - 1, decode(md5('doc-' || id), 'hex'), id from lay order by id",
    ),
    "heard": ("ws, record_id, event_id", "select ws, (person + 1)::bigint, id from lay where ws = 1 order by id"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Week:
    """A partition's week: its number and how many events it gets between two moments (milliseconds)."""

    number: int
    begin: int
    end: int
    share: int


def lay(server: EmbeddedServer, runs: int, days: int) -> None:
    """Fill the folder's empty database with about `runs` runs of the last `days` days."""
    dsn = server.dsn
    migrate_apart(dsn)
    with psycopg.connect(dsn, autocommit=True) as db:
        if db.execute("select exists (select 1 from event)").fetchone() != (False,):
            raise SystemExit("There is a history in this folder already: clean it first.")
        for name, value in WHILE_LAYING.items():
            db.execute(f"alter system set {name} = {value}")
    dsn = _again(server)
    try:
        with psycopg.connect(dsn, autocommit=True) as db:
            _lay(db, dsn, runs, days)
    finally:
        with psycopg.connect(server.dsn, autocommit=True) as db:
            db.execute("drop table if exists lay_person")
            db.execute("alter system reset all")
        dsn = _again(server)
    with psycopg.connect(dsn, autocommit=True) as db:
        db.execute("checkpoint")
        [size] = db.execute("select pg_size_pretty(pg_database_size(current_database()))").fetchone() or ("",)
        print(f"{size} in all", flush=True)


def _again(server: EmbeddedServer) -> str:
    server.leave()
    return server.start()


def _lay(db: psycopg.Connection[Any], dsn: str, runs: int, days: int) -> None:
    now = datetime.now(UTC)
    begun = time.monotonic()
    people = min(PEOPLE, max(FEWEST_PEOPLE, runs // 50))
    _control_plane(db)
    _people(db, people, now, days)
    weeks = _weeks(now, days, runs)
    for week in weeks:
        for table in TABLES:
            db.execute(f"drop table if exists {table}_w{week.number}")
    [files] = db.execute("show data_directory").fetchone() or ("",)
    _side_by_side(dsn, weeks, people, Path(files))
    for table in WHOLE:
        _fill(db, table, [Path(files) / f"lay_{table}_{week.number}" for week in weeks])
        print(f"{table}: {time.monotonic() - begun:.0f} s so far", flush=True)
    db.execute("select vv_make_partitions(%s, %s)", (now - timedelta(days=8), now + timedelta(days=22)))
    if days >= NEEDLE_DAYS:
        _needles(db, now)
    # What is laid counts as noted already: the people of a living installation are noted as events come.
    db.execute("insert into noted (ws, event_id) select ws, max(id) from event group by ws")
    for (table,) in db.execute(
        "select relname from pg_class where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace"
    ).fetchall():
        db.execute(f'analyze "{table}"')
    print(f"laid in {time.monotonic() - begun:.0f} s", flush=True)


def _weeks(now: datetime, days: int, runs: int) -> list[Week]:
    first, last = (int(at.timestamp() * 1000) for at in (now - timedelta(days=days), now))
    found = []
    for number in range(first // WEEK, last // WEEK + 1):
        begin, end = max(first, number * WEEK), min(last, (number + 1) * WEEK)
        share = runs * (end - begin) // (last - first)
        if share:
            found.append(Week(number, begin, end, share))
    return found


# Weeks


def _side_by_side(dsn: str, weeks: Iterable[Week], people: int, files: Path) -> None:
    left: queue.SimpleQueue[Week] = queue.SimpleQueue()
    for week in weeks:
        left.put(week)
    failed: list[BaseException] = []

    def work() -> None:
        try:
            with psycopg.connect(dsn, autocommit=True) as db:
                while not failed:
                    week = left.get_nowait()
                    begun = time.monotonic()
                    _week(db, week, people, files)
                    print(f"week {week.number}: {week.share} in {time.monotonic() - begun:.0f} s", flush=True)
        except queue.Empty:
            return
        except BaseException as error:  # noqa: BLE001 - told to the one who waits
            failed.append(error)

    hands = [threading.Thread(target=work) for _ in range(HANDS)]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()
    if failed:
        raise failed[0]


def _week(db: psycopg.Connection[Any], week: Week, people: int, files: Path) -> None:
    db.execute("set work_mem = '128MB'")
    db.execute("drop table if exists lay")
    db.execute(
        CHANCES.format(
            begin=week.begin, length=week.end - week.begin, share=week.share, shift=SHIFT, rules=RULES, small=SMALL,
            people=people,
        )
    )  # fmt: skip
    db.execute("analyze lay")
    for table in TABLES:
        file = files / f"lay_{table}_{week.number}"
        columns = _write_out(db, table, file)
        name = f"{table}_w{week.number}"
        with db.transaction():
            # Made and filled in one transaction: neither logged nor to be looked through again by a vacuum.
            db.execute(f"create table {name} (like {table} including defaults including storage)")
            db.execute(f"copy {name} ({columns}) from '{file}' (format binary, freeze)")
            _index(db, table, name)
            low = (week.number * WEEK) << SHIFT
            db.execute(
                f"alter table {table} attach partition {name}"
                f" for values from ({low}) to ({((week.number + 1) * WEEK) << SHIFT})"
            )
        file.unlink()
    for table in WHOLE:
        _write_out(db, table, files / f"lay_{table}_{week.number}")


def _write_out(db: psycopg.Connection[Any], table: str, file: Path) -> str:
    columns, rows = ROWS[table]
    rows = rows.replace("{contract}", str(term_hash(BIG, "contrato")))
    db.execute(f"copy ({rows}) to '{file}' (format binary)")
    return columns


def _index(db: psycopg.Connection[Any], table: str, name: str) -> None:
    """Give a table the indexes of the parted one, built after its rows."""
    rows = db.execute(
        "select pg_get_indexdef(indexrelid), indisprimary, (select string_agg(attname, ', ' order by place)"
        "  from unnest(indkey) with ordinality k(attnum, place) join pg_attribute a on a.attrelid = indrelid"
        "  and a.attnum = k.attnum) from pg_index where indrelid = %s::regclass",
        (table,),
    ).fetchall()
    for definition, primary, columns in rows:
        if primary:
            db.execute(f"alter table {name} add primary key ({columns})")
        else:
            _, _, how = definition.partition(" USING ")
            db.execute(f"create index on {name} using {how}")


def _fill(db: psycopg.Connection[Any], table: str, files: Iterable[Path]) -> None:
    """Fill a table that is not parted from its weeks' files: what guards it is built after its rows."""
    guards = db.execute(
        "select conname, pg_get_constraintdef(oid) from pg_constraint where conrelid = %s::regclass and contype in ('p', 'f')",
        (table,),
    ).fetchall()
    indexes = db.execute(
        "select i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) from pg_index i where i.indrelid = %s::regclass"
        " and not i.indisprimary",
        (table,),
    ).fetchall()
    with db.transaction():
        for name, _ in guards:
            db.execute(f'alter table {table} drop constraint "{name}"')
        for name, _ in indexes:
            db.execute(f"drop index {name}")
        db.execute(f"truncate {table}")
        for file in files:
            db.execute(f"copy {table} ({ROWS[table][0]}) from '{file}' (format binary, freeze)")
        for name, definition in guards:
            db.execute(f'alter table {table} add constraint "{name}" {definition}')
        for _, definition in indexes:
            db.execute(definition)
    for file in files:
        file.unlink()


# The rest of an installation


def _control_plane(db: psycopg.Connection[Any]) -> None:
    for number in range(1, SMALL + 2):
        db.execute(
            "insert into workspace (id, name, slug, zone, language, retention_days, created)"
            " values (%s, %s, %s, 'America/Sao_Paulo', 'pt-br', 365, now())",
            (number, f"W{number}", f"w{number}"),
        )
        for conn in (number * 2 - 1, number * 2):
            db.execute(
                "insert into connection (id, workspace_id, connector, name, slug, method, state, credentials, settings, account,"
                " catalog, hook, subscription, wants_hook, catch_up, created, test_account)"
                " values (%s, %s, %s, %s, %s, 'token', 'working', '', '{}', '{}', '{}', %s, '{}', false, false, now(), false)",
                (conn, number, "webhook" if conn % 2 else "http", f"C{conn}", f"c{conn}", f"hook{conn}"),
            )
    for rule in range(1, RULES + 1):
        _rule(db, rule, BIG)
    for small in range(2, SMALL + 2):
        _rule(db, RULES + small, small)
    for table in ("workspace", "connection", "rule"):
        db.execute(f"select setval(pg_get_serial_sequence('{table}', 'id'), (select max(id) from {table}))")


def _rule(db: psycopg.Connection[Any], rule: int, ws: int) -> None:
    pairs = f'{{"connections": [["{ws * 2 - 1}", {ws * 2 - 1}], ["{ws * 2}", {ws * 2}]]}}'
    db.execute(
        "insert into rule (id, workspace_id, title, state, version, on_since, draft, recipe, created, updated)"
        " values (%s, %s, %s, 'paused', 1, now(), '{}', '', now(), now())",
        (rule, ws, f"Rule {rule}"),
    )
    db.execute(
        "insert into rule_version (rule_id, number, definition, compiled, created) values (%s, 1, '{}', %s, now())",
        (rule, pairs),
    )


def _people(db: psycopg.Connection[Any], people: int, now: datetime, days: int) -> None:
    """Keep people with the hashes they are found by, and as the Records pages know them, for the big workspace."""
    chance = random.Random(7)
    db.execute("create unlogged table lay_person (id int primary key, name text, hashes bigint[])")
    with db.cursor() as cursor, cursor.copy("copy lay_person from stdin") as copy:
        for number in range(people):
            # Names are as unevenly spread as in life.
            first, last = chance.choice(FIRST), LAST[min(int(chance.expovariate(1 / 120)), len(LAST) - 1)]
            terms = [
                fold(first),
                fold(last),
                f"p{number}@example.com",
                f"{number:011d}",
                f"55119{number:08d}",
            ]
            copy.write_row((number, f"{first} {last}", [term_hash(BIG, term) for term in terms]))
    db.execute("analyze lay_person")
    told = "to_timestamp(%(now)s - power((hashint4(id) & 1023) / 1024.0, 8) * %(span)s)"
    given = {"now": now.timestamp(), "span": days * 86400.0}
    db.execute(
        f"insert into person (id, ws, kind, name, at) overriding system value select id + 1, 1, 'person', name, {told} from lay_person",
        given,
    )
    db.execute(
        "insert into known_record (id, ws, conn, object, record, kind, person, fields, told, event_id) overriding system value"
        " select id + 1, 1, 1, 'contact', 'p' || id, 'person', id + 1, jsonb_build_object("
        f"  'name', jsonb_build_array(name, extract(epoch from {told})),"
        f"  'email', jsonb_build_array('p' || id || '@example.com', extract(epoch from {told}))), {told}, 0 from lay_person",
        given,
    )
    db.execute(
        "insert into known_key (ws, key, record_id, told) select 1, k, id + 1, "
        f"{told} from lay_person, unnest(array['email:p' || id || '@example.com', 'phone:+55119' || id, 'name:' || lower(name)]) k",
        given,
    )
    for table in ("person", "known_record"):
        db.execute(f"select setval(pg_get_serial_sequence('{table}', 'id'), (select max(id) from {table}))")


def _needles(db: psycopg.Connection[Any], now: datetime) -> None:
    """A rule with three runs, rules that failed once long ago, a person with two documents."""

    def run(days: float, rule: int, status: int, *terms: str) -> None:
        number = id_at(now - timedelta(days=days)) + 7
        db.execute(
            "insert into event (ws, id, conn, kind, object, record, title, items, method, path, query, headers, body)"
            " values (1, %s, 1, 'received', 'delivery', %s, 'Agulha', 1, 'POST', '', '', '{}', '{}')",
            (number, f"needle-{number}"),
        )
        db.execute(
            "insert into run (ws, id, event_id, rule, version, status, params, records, calls, finished)"
            " values (1, %s, %s, %s, 1, %s, '{}', '[]', 1, now())",
            (number + 1, number, rule, status),
        )
        for term in terms:
            db.execute("insert into term values (1, %s, %s)", (term_hash(BIG, term), number))

    for days in (20.3, 80.3, 150.3):
        run(days, RARE_RULE, 1, "contrato", "joao")
    run(151, BROKEN_RULE, 2, "contrato", "agulha", "joao")
    run(152, 1, 4, "contrato")
    for number in range(200):
        run(1.1 + number / 2, QUIET_RULE, 1)
