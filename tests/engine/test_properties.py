"""Guarantees 1 to 7 under any order of deliveries, crashes, faults, holds, pauses, edits and replays.

hypothesis makes up the order; workers are processes that die by SIGKILL. `VAIVEM_LONG=1` looks at more.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import HealthCheck, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.conftest import _fresh
from tests.place import data_folder
from vaivem.core.compiler import compile_rule
from vaivem.core.rules import parse_rule
from vaivem.engine import control
from vaivem.engine.crashpoints import POINTS

from .conftest import House, StubCatalog
from .inside import pass_time
from .spare import Spares
from .vendor import Vendor

LONG = bool(os.environ.get("VAIVEM_LONG"))
RECORDS = [f"r{n}" for n in range(4)]
EMAILS = [f"e{n}@example.com" for n in range(3)]
FAULTS = st.sampled_from(["lost", "lost", "refuse", 503, 500, 429])
WORKER_POINTS = [point for point in POINTS if not point.startswith(("ingest.", "oauth."))]
SETTLE_SECONDS = 90.0
LIMIT, WINDOW = 60, 5.0
FIELDS = {
    "thing.record": {"from": "record"},
    "thing.email": {"from": "email"},
}


class Town(RuleBasedStateMachine):
    """An installation with three rules, and what is known of the events that it acknowledged."""

    server: str
    template: str

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.databases: Iterator[str] = _fresh(self.server, self.template)
        self.events: list[dict[str, str]] = []
        self.versions: dict[int, int] = {}
        self.made: dict[str, int] = {}  # event -> version of the rule that took it
        self.faults: list[Any] = []
        self.calls: list[float] = []
        self.shift = 0.0
        self.told_to_do = 0
        self.replays = 0

    def go(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    @initialize()
    def begin(self) -> None:
        self.folder = ExitStack()
        folder = self.folder.enter_context(data_folder("vaivem-data-"))
        self.vendor = Vendor()
        self.vendor.fault = self.fault
        self.go(self.vendor.start())
        self.house = House(next(self.databases), folder, self.vendor)
        with self.house.db() as db:
            limits = json.dumps({"limit_calls": LIMIT, "limit_seconds": WINDOW})
            db.execute("update connection set settings = settings || %s::jsonb", (limits,))
        for action in ("put", "post_found", "post_unsafe"):
            self.versions[self.publish(action, None, 1)] = 1
        self.actions = dict(zip(self.versions, ("put", "post_found", "post_unsafe"), strict=True))
        self.go(self.house.start())
        self.spares = Spares(self.house.environment, folder)
        self.workers = [self.spares.take()]

    def publish(self, action: str, known: int | None, number: int) -> int:
        """Publish a version whose writes carry its number."""
        name = {"thing.name": {"text": "{{ delivery }}/" + str(number)}}
        step = {"id": "do", "kind": "action", "connection": 1, "action": action, "fields": FIELDS | name}
        definition = {
            "title": action,
            "when": {"connection": 1, "trigger": "thing_happened"},
            "then": [step],
        }
        if known is None:
            return self.house.rule(action, then=[step])
        compiled = compile_rule(parse_rule(definition), StubCatalog()).to_dict()
        with self.house.db() as db, db.transaction():
            db.execute(
                "insert into rule_version (rule_id, number, definition, compiled, created)"
                " values (%s, %s, %s, %s, now())",
                (known, number, json.dumps(definition), json.dumps(compiled)),
            )
            db.execute("update rule set version = %s where id = %s", (number, known))
        return known

    def fault(self, method: str, path: str, nth: int) -> Any:
        self.calls.append(time.monotonic() + self.shift)
        return self.faults.pop(0) if self.faults else None

    # What happens

    @rule(record=st.sampled_from(RECORDS), email=st.sampled_from(EMAILS), twice=st.booleans())
    def deliver(self, record: str, email: str, twice: bool) -> None:
        name = f"d{len(self.events)}"
        event = {"delivery": name, "title": name, "record": record, "email": email}
        self.events.append(event)
        self.made[event["delivery"]] = max(self.versions.values())
        assert self.go(self.house.deliver(**event)) == 200
        if twice:
            assert self.go(self.house.deliver(**event)) == 200

    @precondition(lambda self: self.events)
    @rule(data=st.data())
    def deliver_again(self, data: st.DataObject) -> None:
        assert self.go(self.house.deliver(**data.draw(st.sampled_from(self.events)))) == 200

    @rule(faults=st.lists(FAULTS, min_size=1, max_size=5))
    def stumble(self, faults: list[Any]) -> None:
        self.faults = faults

    @rule(point=st.sampled_from(WORKER_POINTS), nth=st.integers(1, 3))
    def die_at(self, point: str, nth: int) -> None:
        self.workers.append(self.spares.take(f"{point}:{nth}"))
        self.rest(0.5)

    @precondition(lambda self: len(self.workers) > 0)
    @rule(data=st.data())
    def die_now(self, data: st.DataObject) -> None:
        worker = data.draw(st.integers(0, len(self.workers) - 1))
        self.house.kill(self.workers.pop(worker))

    @precondition(lambda self: len(self.workers) < 3)
    @rule()
    def begin_work(self) -> None:
        self.workers.append(self.spares.take())

    @rule(number=st.integers(0, 2))
    def pause(self, number: int) -> None:
        self.set_state(list(self.versions)[number], "paused", control.pause_rule)

    @rule(number=st.integers(0, 2))
    def resume(self, number: int) -> None:
        self.set_state(list(self.versions)[number], "on", control.resume_rule)

    @rule()
    def edit(self) -> None:
        """Publish another version of every rule; from when the web process knows it, it takes events."""
        number = max(self.versions.values()) + 1
        for known in self.versions:
            self.publish(self.actions[known], known, number)
            self.versions[known] = number
        self.go(self.house.until(lambda: self.known(number), 20))

    def known(self, number: int) -> bool:
        """Say whether the web process gives new events to this version."""
        rules = self.house.app._topology.rules
        return all(one in rules and rules[one].version == number for one in self.versions)

    @rule()
    def hold(self) -> None:
        with self.house.db() as db, db.cursor() as cursor:
            control.hold_gate(cursor, 1, "credentials_refused", {})

    @rule()
    def reconnect(self) -> None:
        with self.house.db() as db, db.cursor() as cursor:
            control.open_gate(cursor, 1)

    @rule(seconds=st.sampled_from([1.0, 30.0, 900.0]))
    def time_passes(self, seconds: float) -> None:
        self.shift += seconds
        pass_time(self.house, seconds=seconds)

    @rule(choice=st.sampled_from(["do", "look"]))
    def answer(self, choice: str) -> None:
        """Say of writes in doubt what is so (a person looks), or, wrongly perhaps, to do them again."""
        for (number,) in self.house.rows("select id from decision where answer is null"):
            self.answer_one(number, choice)

    @rule(seconds=st.sampled_from([0.1, 0.5, 1.5]))
    def rest(self, seconds: float) -> None:
        self.go(asyncio.sleep(seconds))

    # What is so in the end

    def set_state(self, number: int, state: str, tell: Any) -> None:
        with self.house.db() as db, db.transaction(), db.cursor() as cursor:
            db.execute("update rule set state = %s where id = %s", (state, number))
            tell(cursor, number)

    def answer_one(self, number: int, choice: str) -> None:
        sent = self.house.value("select question ->> 'sent' from decision where id = %s", number)
        name = json.loads(sent)["name"]
        there = any(one["name"] == name for one in self.vendor.notes)
        self.told_to_do += choice == "do"
        answer = {"choice": "done", "record": "1"} if there and choice == "look" else {"choice": "do"}
        with self.house.db() as db, db.cursor() as cursor:
            control.answer_decision(cursor, 1, number, answer, 1)

    def come_to_rest(self) -> None:
        """Let everything be well again, and wait until nothing is left to do."""
        self.faults = []
        for number in self.versions:
            self.set_state(number, "on", control.resume_rule)
        self.reconnect()
        self.workers.append(self.spares.take())
        limit = time.monotonic() + SETTLE_SECONDS
        while self.house.value("select count(*) from item"):
            assert time.monotonic() < limit, self.house.state()
            self.answer("look")
            self.time_passes(20.0)
            self.go(asyncio.sleep(0.4))

    def check(self) -> None:
        runs = self.house.rows(
            "select e.title, r.rule, r.version, r.status, r.code from run r"
            " join event e on e.ws = r.ws and e.id = r.event_id"
        )
        titles = Counter((title, number) for title, number, *_ in runs)
        wanted = Counter((event["delivery"], one) for event in self.events for one in self.versions)
        assert titles == wanted, "each event has one run of each rule"  # 1, 2
        assert {(status, code) for *_, status, code in runs} <= {(1, "")}, runs  # 6
        for title, _, version, *_ in runs:
            assert version == self.made[title], "a run has the version of when its event came"  # 4
        for table in ("lane", "item", "intent", "claim", "pending"):
            assert self.house.value(f"select count(*) from {table}") == 0, table  # noqa: S608
        names = {event: f"{event}/{version}" for event, version in self.made.items()}
        things = Counter(one["name"] for one in self.vendor.things)
        assert things == Counter(names.values()), "one record for each event"  # 5
        notes = Counter(one["name"] for one in self.vendor.notes)
        assert set(notes) == set(names.values())
        assert sum(notes.values()) - len(notes) <= self.told_to_do, "an unsafe write was repeated"  # 5
        for record in RECORDS:
            wanted_names = [names[one["delivery"]] for one in self.events if one["record"] == record]
            self.check_order(record, wanted_names)
        self.check_limit()

    def check_order(self, record: str, wanted: list[str]) -> None:
        """Look at a record's updates: in the order of its deliveries, each maybe sent again at once (3)."""
        puts = [body["name"] for path, body in self.vendor.puts if path == f"/things/{record}"]
        assert [name for at, name in enumerate(puts) if at == 0 or puts[at - 1] != name] == wanted, puts

    def check_limit(self) -> None:
        """Look at the calls in every rolling window (7)."""
        calls = sorted(self.calls)
        for at in range(LIMIT, len(calls)):
            assert calls[at] - calls[at - LIMIT] > WINDOW - 0.5, "more calls in a window than allowed"

    def teardown(self) -> None:
        try:
            if hasattr(self, "spares"):
                self.come_to_rest()
                self.check()
        finally:
            self.close()

    def close(self) -> None:
        note(f"{len(self.events)} events, {len(self.calls)} calls")
        if hasattr(self, "spares"):
            for worker in self.workers:
                self.house.kill(worker)
            self.spares.close()
            self.go(self.house.close())
            self.go(self.vendor.stop())
            self.folder.close()
        self.runner.close()
        next(self.databases, None)


@pytest.mark.crash
@pytest.mark.timeout(3000 if LONG else 600)
def test_guarantees_hold_in_any_order_of_things(postgres_server: str, database_template: str) -> None:
    machine = type("Here", (Town,), {"server": postgres_server, "template": database_template})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=int(os.environ.get("VAIVEM_EXAMPLES", "60" if LONG else "5")),
            stateful_step_count=40 if LONG else 25,
            deadline=None,
            database=None,
            derandomize=not LONG,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
