"""How fast the history answers with ten million runs in it, and what deleting old ones costs the flow.

    python bench/history.py lay   --folder DIR [--runs 10000000] [--days 180]
    python bench/history.py ask   --folder DIR
    python bench/history.py thin  --folder DIR
    python bench/history.py clean --folder DIR

`lay` starts an embedded PostgreSQL in DIR and fills it: one workspace with nine tenths of the runs and thirty small
ones, people who return, rules of all sizes, failures that come in bunches, and some needles: a rule with three
runs, a failure five months back. `ask` measures each filter's first page through the real view, cold pages of the
application apart. `thin` deletes the oldest while rows like new events are written by SQL (not by web and worker), and
compares their commits with a time without. About 2.5 GB a million runs.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from vaivem.cli.migration import migrate_apart
from vaivem.core.identity import term_hash
from vaivem.engine.ids import id_at
from vaivem.postgres import EmbeddedServer

BIG = 1
SMALL = 30
RULES = 40
PEOPLE = 200_000
FIRST = [
    "João",
    "Maria",
    "José",
    "Ana",
    "Antônio",
    "Francisca",
    "Carlos",
    "Paulo",
    "Adriana",
    "Pedro",
    "Lucas",
    "Luiz",
    "Marcos",
    "Luís",
    "Gabriel",
    "Rafael",
]
FIRST += [
    "Marina",
    "Helena",
    "Beatriz",
    "Fernanda",
    "Juliana",
    "Patrícia",
    "Camila",
    "Larissa",
    "Bruno",
    "Felipe",
    "Eduardo",
    "Ricardo",
    "Igor",
    "Sérgio",
]
LAST = [f"Sobrenome{number}" for number in range(600)] + [
    "Silva",
    "Santos",
    "Souza",
    "Oliveira",
    "Duarte",
    "Zanetti",
]
RARE_RULE, BROKEN_RULE, QUIET_RULE = 40, 39, 38
LIMIT_MS = 300
NEEDLE_DAYS = 153  # how far back the needles lie: a shorter history has none


def main() -> int:
    """Run one of the commands."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=["lay", "ask", "thin", "clean"])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--runs", type=int, default=10_000_000)
    parser.add_argument("--days", type=int, default=180)
    parser.add_argument("--repeat", type=int, default=3)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    given.folder.chmod(0o755)
    server = EmbeddedServer(given.folder)
    dsn = server.start()
    try:
        if given.command != "clean":
            migrate_apart(dsn)
        if given.command == "lay":
            lay(dsn, given.runs, given.days)
        elif given.command == "ask":
            return ask(dsn, given.folder, given.repeat)
        elif given.command == "thin":
            thin(dsn, given.days)
    finally:
        server.leave()
        if given.command == "clean":
            shutil.rmtree(given.folder)
    return 0


# Laying down


def lay(dsn: str, runs: int, days: int) -> None:
    """Fill an empty database."""
    now = datetime.now(UTC)
    with psycopg.connect(dsn, autocommit=True) as db:
        db.execute("alter system set max_wal_size = '8GB'")
        db.execute("select pg_reload_conf()")
        db.execute("set synchronous_commit = off")
        db.execute("set work_mem = '256MB'")
        db.execute(
            "select vv_make_partitions(%s, %s)", (now - timedelta(days=days + 8), now + timedelta(days=22))
        )
        _control_plane(db)
        _people(db)
        week = timedelta(days=7)
        begin = now - timedelta(days=days)
        while begin < now:
            end = min(begin + week, now)
            share = int(runs * (end - begin) / timedelta(days=days))
            started = time.monotonic()
            _week(db, begin, end, share)
            print(f"{begin:%Y-%m-%d}: {share} runs in {time.monotonic() - started:.0f} s", flush=True)
            begin = end
        if days >= NEEDLE_DAYS:
            _needles(db, now)
        db.execute("vacuum analyze")
        print(
            db.execute("select pg_size_pretty(pg_database_size(current_database()))").fetchone(), flush=True
        )


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
                " values (%s, %s, %s, %s, %s, 'token', 'working', '', '{}', '{}', '{}', %s, '{}', true, true, now(), false)",
                (conn, number, "webhook" if conn % 2 else "http", f"C{conn}", f"c{conn}", f"hook{conn}"),
            )
    for rule in range(1, RULES + 1):
        _rule(db, rule, BIG)
    for small in range(2, SMALL + 2):
        _rule(db, RULES + small, small)


def _rule(db: psycopg.Connection[Any], rule: int, ws: int) -> None:
    pairs = f'{{"connections": [["{ws * 2 - 1}", {ws * 2 - 1}], ["{ws * 2}", {ws * 2}]]}}'
    db.execute(
        "insert into rule (id, workspace_id, title, state, version, on_since, draft, recipe, created, updated)"
        " values (%s, %s, %s, 'on', 1, now(), '{}', '', now(), now())",
        (rule, ws, f"Rule {rule}"),
    )
    db.execute(
        "insert into rule_version (rule_id, number, definition, compiled, created) values (%s, 1, '{}', %s, now())",
        (rule, pairs),
    )


def _people(db: psycopg.Connection[Any]) -> None:
    """Keep people with the hashes they are found by, for the big workspace."""
    chance = random.Random(7)
    db.execute("create unlogged table lay_person (id int primary key, name text, hashes bigint[])")
    rows = []
    for number in range(PEOPLE):
        # Names are as unevenly spread as in life.
        first, last = chance.choice(FIRST), LAST[min(int(chance.expovariate(1 / 120)), len(LAST) - 1)]
        terms = [fold(first), fold(last), f"p{number}@example.com", f"{number:011d}", f"55119{number:08d}"]
        rows.append((number, f"{first} {last}", [term_hash(BIG, term) for term in terms]))
    with db.cursor() as cursor, cursor.copy("copy lay_person from stdin") as copy:
        for row in rows:
            copy.write_row(row)


def fold(text: str) -> str:
    """Return a word as search folds it."""
    from vaivem.core.folding import fold as folded

    return folded(text)


def _week(db: psycopg.Connection[Any], begin: datetime, end: datetime, share: int) -> None:
    milliseconds = int((end - begin).total_seconds() * 1000)
    db.execute("drop table if exists lay")
    db.execute(
        """
        create unlogged table lay as
        select id, id + 1 as run_id, ws, person, p, (case when bad then 2 when p < 0.06 then 3 else 1 end)::smallint as status,
          case when ws > 1 then 40 + ws else 1 + floor(37 * power(p, 3))::int end as rule
        from (
          select ((%(from)s + (n::bigint * %(ms)s / %(share)s)) << 22) + (n %% 1000) * 4 as id,
            case when random() < 0.9 then 1 else 2 + floor(random() * 30)::int end as ws,
            floor(power(random(), 2) * %(people)s)::int as person, random() as p,
            -- failures come in bunches: one hour in forty has most of them
            random() < case when (n * 168 / %(share)s) %% 40 = 0 then 0.3 else 0.003 end as bad
          from generate_series(1, %(share)s) n offset 0) x
        """,
        {"from": int(begin.timestamp() * 1000), "ms": milliseconds, "share": share, "people": PEOPLE},
    )
    db.execute(
        """
        insert into event (ws, id, conn, kind, object, record, title, items, method, path, query, headers, body)
        select l.ws, l.id, l.ws * 2 - 1, 'received', 'delivery', 'doc-' || l.id, 'Contrato ' || p.name, (l.p < 0.98)::int, 'POST', '', '',
          '{"content-type": "application/json"}'::bytea,
          convert_to('{"name": "' || p.name || '", "email": "p' || p.id || '@example.com", "document": "doc-' || l.id || '"}', 'UTF8')
        from lay l join lay_person p on p.id = l.person
        """
    )
    db.execute(
        """
        insert into run (ws, id, event_id, rule, version, status, code, params, records, calls, finished)
        select ws, run_id, id, rule, 1, status, case status when 2 then 'record_refused' when 3 then 'filtered' else '' end,
          '{}', case status when 1 then '[{"conn": "2", "object": "deal", "id": "d", "did": "created", "name": "x"}]' else '[]' end::jsonb, 3,
          to_timestamp((id >> 22) / 1000.0) + interval '1 second'
        from lay where p < 0.98 order by run_id
        """
    )
    # Each finished run's three exchanges, and what tells a delivery that comes again, as the engine leaves them.
    db.execute(
        """
        insert into step (ws, run_id, n, try, step, name, conn, write, done, method, url, status, request, response, code, ms, at)
        select l.ws, l.run_id, 1000 * k, 1, (array['person', 'person', 'deal'])[k], (array['contacts.find', 'contacts.put', 'deals.create'])[k],
          l.ws * 2, k > 1, true, 'POST', 'https://api.example.com/' || (array['search', 'contacts', 'deals'])[k], 200,
          convert_to('{"name": "' || p.name || '", "email": "p' || p.id || '@example.com"}', 'UTF8'),
          convert_to('{"id": ' || p.id || '}', 'UTF8'), '', 40, to_timestamp((l.id >> 22) / 1000.0) + k * interval '200 ms'
        from lay l join lay_person p on p.id = l.person, generate_series(1, 3) k
        where l.p < 0.98 and l.status = 1 order by l.run_id, k
        """
    )
    db.execute(
        "insert into seen (ws, conn, key, event_id)"
        " select ws, ws * 2 - 1, sha256(convert_to('doc-' || id, 'UTF8')), id from lay"
    )
    db.execute(
        "insert into term (ws, hash, event_id) select ws, hash, id from ("
        " select l.ws, unnest(p.hashes || %s::bigint || hashint8extended(l.id, 1)) as hash, l.id"
        " from lay l join lay_person p on p.id = l.person) t order by ws, hash, id on conflict do nothing",
        (term_hash(BIG, "contrato"),),
    )


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


# Asking

QUESTIONS = {
    "everything": "",
    "status done": "status=done",
    "status failed": "status=failed",
    "status waiting": "status=waiting",
    "status needs you": "status=needs_you",
    "status nothing": "status=nothing",
    "status stopped (one, 5 months back)": "status=stopped",
    "the largest rule": "rule=1",
    "a rule with three runs": f"rule={RARE_RULE}",
    "failed of the largest rule": "rule=1&status=failed",
    "stopped of the largest rule (one)": "rule=1&status=stopped",
    "failed of a rule that failed once": f"rule={BROKEN_RULE}&status=failed",
    "failed of a rule that never failed": f"rule={QUIET_RULE}&status=failed",
    "a connection": "connection=1",
    "failed at a connection": "connection=2&status=failed",
    "stopped at a connection (one)": "connection=2&status=stopped",
    "today": "period=today",
    "yesterday, failed": "period=yesterday&status=failed",
    "seven days of a rule with three runs": f"period=7days&rule={RARE_RULE}",
    "30 days, stopped (none)": "period=30days&status=stopped",
    "a month long ago": "period=dates&from={month}&to={month_end}",
    "a month long ago, failed": "period=dates&from={month}&to={month_end}&status=failed",
    "e-mail": "q=p4711@example.com",
    "CPF": "q=00000004711",
    "CPF with mask": "q=000.000.047-11",
    "phone": "q=%2B55+11+9000-04711",
    "a word in every title": "q=contrato",
    "a first name": "q=joao",
    "a rare surname": "q=zanetti",
    "two common words": "q=maria+silva",
    "a common and a rare word": "q=maria+zanetti",
    "three words": "q=contrato+joao+zanetti",
    "no such word": "q=inexistente",
    "a common word and one that is nowhere": "q=contrato+inexistente",
    "word in every title, failed": "q=contrato&status=failed",
    "word in every title, stopped (one)": "q=contrato&status=stopped",
    "first name, stopped (none)": "q=joao&status=stopped",
    "first name, rule with three runs": f"q=joao&rule={RARE_RULE}",
    "first name, rule that failed once, failed": f"q=joao&rule={BROKEN_RULE}&status=failed",
    "first name, failed, yesterday": "q=joao&status=failed&period=yesterday",
    "word in every title, a connection": "q=contrato&connection=2",
    "two words, failed, a month long ago": "q=maria+silva&status=failed&period=dates&from={month}&to={month_end}",
}


def ask(dsn: str, folder: Path, repeat: int) -> int:
    """Print how long each first page takes; the exit code says whether all hold."""
    client, base = _browser(dsn, folder)
    month = (datetime.now(UTC) - timedelta(days=120)).date()
    dates = {"month": month.isoformat(), "month_end": (month + timedelta(days=30)).isoformat()}
    pages = {name: f"{base}history/?{query.format(**dates)}" for name, query in QUESTIONS.items()}
    pages["events without a rule"] = f"{base}history/events/"
    pages["refused deliveries"] = f"{base}history/rejected/"
    pages["home"] = base
    client.get(pages["everything"])  # the application's own first time
    print(f"{'':44} first   best   rows")
    slow = []
    for name, address in pages.items():
        taken, rows = [], 0
        for _ in range(repeat):
            begun = time.perf_counter()
            answer = client.get(address)
            taken.append((time.perf_counter() - begun) * 1000)
            assert answer.status_code == 200, (name, answer.status_code)  # noqa: S101
            rows = answer.content.count(b'class="when"')
        mark = "" if max(taken) < LIMIT_MS else "  SLOW"
        slow += [name] if mark else []
        print(f"{name:44} {taken[0]:5.0f}  {min(taken):5.0f}  {rows:5}{mark}", flush=True)
    print(f"{len(pages) - len(slow)} of {len(pages)} under {LIMIT_MS} ms")
    return 1 if slow else 0


def _browser(dsn: str, folder: Path) -> tuple[Any, str]:
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "vaivem.hub.settings", "VAIVEM_DATA_DIR": str(folder), "VAIVEM_DSN": dsn,
        "DATABASE_URL": dsn,
    }  # fmt: skip
    import django

    django.setup()
    from django.test import Client

    from vaivem.hub.workspaces.models import Member, Membership, Role

    member = Member.objects.filter(email="bench@example.com").first()
    if member is None:
        member = Member.objects.create_user("bench@example.com", None, language="pt-br", name="Bench")
    Membership.objects.get_or_create(member=member, workspace_id=BIG, defaults={"role": Role.OWNER})
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(member, "allauth.account.auth_backends.AuthenticationBackend")
    return client, "/w/w1/"


# Deleting


def thin(dsn: str, days: int) -> None:
    """Delete the oldest tenth as the retention chore does, while events are written, and print both."""
    import asyncio

    from vaivem.engine.clock import Clock

    quiet = _flow(dsn, lambda: time.sleep(15))

    async def work() -> None:
        import asyncpg

        from vaivem.engine.retention import Retention

        async with asyncpg.create_pool(dsn, min_size=1, max_size=2) as pool:
            await pool.execute("update workspace set retention_days = $1", int(days * 0.9))
            clock = Clock()
            await clock.adjust(pool)
            begun = time.monotonic()
            await Retention(pool, clock).run()
            print(f"deleting took {time.monotonic() - begun:.0f} s")

    busy = _flow(dsn, lambda: asyncio.run(work()))
    for name, taken in (("without", quiet), ("while deleting", busy)):
        ordered = sorted(taken)
        print(
            f"{name}: {len(ordered)} commits of 20 events, median {statistics.median(ordered):.1f} ms,"
            f" p99 {ordered[int(len(ordered) * 0.99)]:.1f} ms, most {ordered[-1]:.0f} ms"
        )


def _flow(dsn: str, meanwhile: Any) -> list[float]:
    """Write events as ingest does, 20 a commit, 50 commits a second, while something else goes on."""
    taken: list[float] = []
    over = threading.Event()

    def write() -> None:
        with psycopg.connect(dsn, autocommit=True) as db:
            number = id_at(datetime.now(UTC))
            while not over.is_set():
                begun = time.perf_counter()
                db.execute(
                    "with e as (insert into event (ws, id, conn, kind, object, record, title, items, method, path, query,"
                    " headers, body) select 1, %(n)s + g, 1, 'received', 'delivery', 'flow', 'flow', 0, 'POST', '', '',"
                    " '{}', '{}' from generate_series(1, 20) g returning id), s as (insert into seen (ws, conn, key, event_id)"
                    " select 1, 1, int8send(id), id from e),"
                    " r as (insert into run (ws, id, event_id, rule, version, status, params, records, calls, finished)"
                    " select 1, id, id, 1, 1, 1, '{}', '[]', 1, now() from e)"
                    " insert into term select 1, hashint8extended(id, k), id from e, generate_series(1, 6) k",
                    {"n": number},
                )
                taken.append((time.perf_counter() - begun) * 1000)
                number += 32
                time.sleep(max(0.0, 0.02 - (time.perf_counter() - begun)))

    writer = threading.Thread(target=write)
    writer.start()
    meanwhile()
    over.set()
    writer.join()
    return taken


if __name__ == "__main__":
    sys.exit(main())
