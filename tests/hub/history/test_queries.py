"""The history's lists: what is found, in which order, page by page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.hub.past import Past
from tests.hub.workplace import Workplace


@pytest.fixture
def past(workplace: Workplace) -> Past:
    return Past(workplace)


def ids(past: Past, **filters: Any) -> list[int]:
    from vaivem.hub.history.filters import Filters, Shown
    from vaivem.hub.history.queries import runs

    rules = filters.pop("rules", None)
    if "status" in filters:
        filters["status"] = Shown(filters["status"])
    found: list[int] = []
    before = None
    while True:
        page = runs(past.ws, Filters(**filters), before=before, rules=rules, limit=2)
        found += [row.id for row in page.rows]
        before = page.next
        if before is None:
            return found


def mixed(past: Past) -> dict[str, int]:
    return {
        "done": past.run(),
        "failed": past.run(status=2, code="record_refused"),
        "nothing": past.run(status=3, code="filtered"),
        "stopped": past.run(status=4),
        "queued": past.item(),
        "retry": past.waiting(),
        "decision": past.waiting("decision", "several_matches"),
        "last": past.run(),
    }


def test_all_runs_come_newest_first_whether_they_have_ended_or_not(past: Past) -> None:
    made = mixed(past)
    assert ids(past) == sorted(made.values(), reverse=True)


@pytest.mark.parametrize(
    ("status", "names"),
    [
        ("done", ["last", "done"]),
        ("failed", ["failed"]),
        ("nothing", ["nothing"]),
        ("stopped", ["stopped"]),
        ("waiting", ["retry", "queued"]),
        ("needs_you", ["decision"]),
    ],
)
def test_each_status_has_its_own(past: Past, status: str, names: list[str]) -> None:
    made = mixed(past)
    assert ids(past, status=status) == [made[name] for name in names]


def test_rules_and_times_narrow(past: Past) -> None:
    old = past.run(rule=7, id=past.id(timedelta(days=3)))
    of_seven, of_eight = past.run(rule=7), past.item(rule=8)
    past.run(rule=9)
    assert ids(past, rules=[7, 8]) == [of_eight, of_seven, old]
    assert ids(past, rules=[7], since=past.now - timedelta(days=1)) == [of_seven]
    assert ids(past, rules=[7], until=past.now - timedelta(days=1)) == [old]
    assert ids(past, rules=[]) == []


def test_nothing_of_another_workspace_is_seen(past: Past) -> None:
    from vaivem.hub.history.detail import find_event, find_run

    run = past.run()
    other = past.workplace.site.stranger.workspaces.get().pk
    assert find_run(other, run) is None
    event = find_run(past.ws, run).run.event_id
    assert find_event(other, event) is None
    past.ws = other
    assert ids(past) == []
    assert ids(past, text="duarte") == []


@pytest.mark.parametrize(
    "typed",
    [
        "Duarte",
        "duarte contrato",
        "MARINA@duarte.example",
        "123.456.789-09",
        "12345678909",
        "(11) 95555-0177",
    ],
)
def test_a_run_is_found_by_people_documents_and_numbers(past: Past, typed: str) -> None:
    found_by = ("marina@duarte.example", "123.456.789-09", "+55 11 95555-0177")
    run = past.run(event=past.event("Contrato Duarte", found_by=found_by))
    past.run(event=past.event("Contrato Lemos"))
    assert ids(past, text=typed) == [run]


def test_a_search_goes_through_all_pages_and_with_other_filters(past: Past) -> None:
    failed = [past.run(status=2, event=past.event("Contrato Duarte")) for _ in range(3)]
    waiting = past.waiting(event=past.event("Contrato Duarte"))
    done = past.run(event=past.event("Contrato Duarte"), rule=5)
    assert ids(past, text="contrato") == sorted([*failed, waiting, done], reverse=True)
    assert ids(past, text="contrato", status="failed") == failed[::-1]
    assert ids(past, text="contrato", status="waiting") == [waiting]
    assert ids(past, text="contrato", rules=[5]) == [done]
    assert ids(past, text="nada disso") == []
    assert ids(past, text="???") == []


@pytest.mark.parametrize("text", ["duarte", "contrato duarte"])
def test_a_search_looks_further_window_by_window(
    past: Past, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    from vaivem.hub.history import searching

    monkeypatch.setattr(searching, "WINDOW", 2)
    oldest = past.run(status=2, event=past.event("Contrato Duarte"))
    for _ in range(5):
        past.run(event=past.event("Contrato Duarte"))
    assert ids(past, text=text, status="failed") == [oldest]
    assert len(ids(past, text=text)) == 6


@pytest.mark.parametrize("status", [None, "failed"])
def test_a_search_that_takes_long_says_how_far_it_looked_and_goes_on(
    past: Past, monkeypatch: pytest.MonkeyPatch, status: str | None
) -> None:
    from vaivem.hub.history import searching
    from vaivem.hub.history.filters import Filters, Shown
    from vaivem.hub.history.queries import runs

    oldest = past.run(status=2, event=past.event("Zanetti Duarte"))
    for _ in range(6):
        past.run(status=2, event=past.event("Duarte"))
        past.run(status=2, event=past.event("Zanetti"))
    monkeypatch.setattr(searching, "WINDOW", 2)
    monkeypatch.setattr(searching, "SECONDS", 0.0)
    filters = Filters(text="duarte zanetti", status=Shown(status) if status else None)
    found, before, rounds = [], None, 0
    while True:
        page = runs(past.ws, filters, before=before)
        found += [row.id for row in page.rows]
        before, rounds = page.next, rounds + 1
        if before is None:
            break
        assert page.partial
    assert found == [oldest]
    assert rounds > 1


@pytest.mark.parametrize("limit", [1, 2, 3, 50])
def test_pages_of_a_search_hold_every_run_once(past: Past, limit: int) -> None:
    from vaivem.hub.history.filters import Filters
    from vaivem.hub.history.queries import runs

    made = set()
    for _ in range(4):
        event = past.event("Contrato Duarte")
        made |= {past.run(rule, event=event) for rule in (1, 2)}
    repeated = past.run(1, event=event, replay_of=min(made), id=past.id() + (5 << 40))
    past.sql("insert into replay (ws, asked, made, touched) values (%s, '{}', vv_now(), vv_now())", past.ws)
    past.sql(
        "insert into replay_run (ws, replay, run_id, event_id, rule, new_id)"
        " select ws, 1, replay_of, event_id, rule, id from run where id = %s",
        repeated,
    )
    found: list[int] = []
    before = None
    while True:
        page = runs(past.ws, Filters(text="duarte"), before=before, limit=limit)
        found += [row.id for row in page.rows]
        before = page.next
        if before is None:
            break
    assert sorted(found) == sorted(made | {repeated})


def test_why_a_run_waits_is_told(past: Past) -> None:
    from vaivem.hub.history.filters import Filters
    from vaivem.hub.history.queries import runs

    crm = past.workplace.crm.pk
    past.insert("gate", conn=crm, ws=past.ws, state=2, code="credentials_refused")
    first = past.item(lane=77, seq=1, lane_state=2)
    second = past.item(lane=77, seq=2)
    paused = past.item(lane_state=3)
    held = past.item(gate=crm)
    retry = past.waiting()
    rows = {row.id: row for row in runs(past.ws, Filters()).rows}
    assert (rows[first].state, rows[first].ahead) == ("running", 0)
    assert (rows[second].state, rows[second].ahead) == ("queued", 1)
    assert rows[paused].state == "rule_paused"
    assert (rows[held].state, rows[held].code, rows[held].conn) == ("held", "credentials_refused", crm)
    assert (rows[retry].state, rows[retry].code, rows[retry].conn, rows[retry].tries) == (
        "retry", "vendor_unavailable", crm, 2,
    )  # fmt: skip


def test_new_runs_are_counted_with_the_same_filters(past: Past) -> None:
    from vaivem.hub.history.filters import Filters, Shown
    from vaivem.hub.history.queries import newer_runs

    seen = past.run()
    past.run(status=2)
    past.item(rule=3)
    assert newer_runs(past.ws, Filters(), seen) == 2
    assert newer_runs(past.ws, Filters(status=Shown.FAILED), seen) == 1
    assert newer_runs(past.ws, Filters(), seen, rules=[3]) == 1


def test_events_that_no_rule_took_have_a_list_of_their_own(past: Past) -> None:
    from vaivem.hub.history.filters import Filters
    from vaivem.hub.history.queries import events, tab_counts

    unused = [past.event(f"Solto {n}", items=0) for n in range(3)]
    past.run(event=past.event("Usado"))
    page = events(past.ws, Filters(), unused=True, limit=2)
    assert [row.id for row in page.rows] == unused[:0:-1]
    rest = events(past.ws, Filters(), unused=True, limit=2, before=page.next)
    assert ([row.id for row in rest.rows], rest.next) == ([unused[0]], None)
    assert [row.title for row in events(past.ws, Filters(text="solto 1"), unused=True).rows] == ["Solto 1"]
    assert events(past.ws, Filters(connection=past.workplace.crm.pk)).rows == []
    assert tab_counts(past.ws, 0) == {"unused": 3, "rejected": 0}


def test_rejected_deliveries_wait_until_they_are_settled(past: Past) -> None:
    from vaivem.hub.history.filters import Filters
    from vaivem.hub.history.queries import rejected, rejected_one

    first, second = past.rejected(), past.rejected("xml_entities_refused", b"<a/>")
    assert [row.id for row in rejected(past.ws, Filters()).rows] == [second, first]
    found = rejected_one(past.ws, second)
    assert found is not None
    assert (found.code, found.body, found.headers) == (
        "xml_entities_refused", b"<a/>", {"content-type": "text/plain"},
    )  # fmt: skip
    past.sql("update rejected set state = 2 where id = %s", second)
    assert rejected_one(past.ws, second) is None


def test_a_run_is_shown_with_all_that_is_kept_of_it(past: Past) -> None:
    from vaivem.hub.history.detail import find_run, runs_of_event

    run = past.waiting("decision", "several_matches", lane=5)
    past.item(lane=5, seq=2)
    past.call(run, 1001, name="contacts.find", write=False, method="GET")
    past.call(run, 1002, **{"try": 2, "status": 0, "response": None, "code": "vendor_timed_out"})
    asked = past.decision(run, "choice", object="contact", candidates=[{"id": "1"}, {"id": "2"}])
    detail = find_run(past.ws, run)
    assert detail is not None
    assert [(call.n, call.attempt, call.place, call.code) for call in detail.calls] == [
        (1001, 1, 1, ""), (1002, 2, 1, "vendor_timed_out"),
    ]  # fmt: skip
    assert detail.received is not None
    assert detail.received.body.startswith(b'{"event"')
    assert detail.open_decision is not None
    assert (detail.open_decision.id, detail.behind) == (asked, 1)
    assert runs_of_event(past.ws, detail.run.event_id) == [run]
    assert find_run(past.ws, run + 10**6) is None


@pytest.mark.parametrize(
    "query",
    [
        {"status": "x"},
        {"rule": "-1"},
        {"period": "ever"},
        {"from": "ontem"},
        {"to": "9999-12-31"},
        {"rule": "²"},
    ],
)
def test_a_filter_that_cannot_be_read_is_refused(query: dict[str, str], past: Past) -> None:
    from vaivem.hub.history.filters import FilterError, read_filters

    with pytest.raises(FilterError):
        read_filters(query, now=past.now, zone="America/Sao_Paulo")


def test_days_are_the_workspaces_own(past: Past) -> None:
    from datetime import UTC, datetime

    from vaivem.hub.history.filters import read_filters

    now = datetime(2026, 11, 20, 1, 30, tzinfo=UTC)  # still the 19th in São Paulo
    today = read_filters({"period": "today"}, now=now, zone="America/Sao_Paulo")
    assert today.since == datetime(2026, 11, 19, 3, tzinfo=UTC)
    day = read_filters({"from": "2026-11-17", "to": "2026-11-18"}, now=now, zone="America/Sao_Paulo")
    assert (day.since, day.until) == (
        datetime(2026, 11, 17, 3, tzinfo=UTC), datetime(2026, 11, 19, 3, tzinfo=UTC),
    )  # fmt: skip


def test_no_list_is_shared_among_processes(past: Past) -> None:
    """Starting them takes longer than a first page, and takes the cores from the engine."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    past.run()
    with CaptureQueriesContext(connection) as asked:
        assert ids(past)
    with connection.cursor() as cursor:
        for cheap in ("parallel_setup_cost", "parallel_tuple_cost", "min_parallel_table_scan_size"):
            cursor.execute(f"set {cheap} = 0")
        cursor.execute("set debug_parallel_query = on")  # wherever it may
        plans = []
        for query in asked.captured_queries:
            cursor.execute(f"explain {query['sql']}")
            plans.append("\n".join(line for (line,) in cursor.fetchall()))
    assert plans
    assert not any("Gather" in plan for plan in plans)
