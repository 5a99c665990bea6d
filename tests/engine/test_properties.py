"""Guarantees 1 to 7 under any order of deliveries, deaths, faults, holds, pauses, edits, retries and replays.

hypothesis makes up the order. Most of it is worked in steps, by workers of the test's own process
(`stepped.py`): many orders in little time. Then workers are processes that die by SIGKILL.
`VAIVEM_LONG=1` looks at more, `VAIVEM_EXAMPLES` says at how many.
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
from hypothesis import HealthCheck, Phase, note, settings
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
from vaivem.engine.lane_keys import lane_key
from vaivem.engine.outbound import Outbound

from .conftest import House, StubCatalog
from .inside import pass_time
from .promises import PLANS, Ledger, Past, Promises, definitions
from .repeating import ask
from .spare import Spares
from .stepped import Stepped, dying_at, in_steps

LONG = bool(os.environ.get("VAIVEM_LONG"))
RECORDS = [f"r{n}" for n in range(3)]
EMAILS = [f"e{n}@example.com" for n in range(3)]
FAULTS = st.sampled_from(["lost", "lost", 503, 503, "refuse", 500, 429, 422, 401])
WORKER_POINTS = [point for point in POINTS if not point.startswith(("ingest.", "oauth."))]
MIDST = ["call.before_send", "call.after_send", "journal.before_outcome", "journal.after_outcome"]
SETTLE_SECONDS = 90.0


class Town(RuleBasedStateMachine):
    """An installation with three rules, and what is known of the events that it acknowledged."""

    server: str
    template: str
    limit, window = 60, 5.0  # calls, seconds

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.databases: Iterator[str] = _fresh(self.server, self.template)
        self.vendor = Ledger()
        self.promises = Promises(self.vendor)
        self.rules: dict[str, int] = {}
        self.version = 1
        self.open = False

    def go(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    @initialize()
    def begin(self) -> None:
        self.stack = ExitStack()
        folder = self.stack.enter_context(data_folder("vaivem-data-"))
        self.go(self.vendor.start())
        self.house = House(next(self.databases), folder, self.vendor)
        with self.house.db() as db:
            limits = json.dumps({"limit_calls": self.limit, "limit_seconds": self.window})
            db.execute("update connection set settings = settings || %s::jsonb", (limits,))
        self.rules = {name: self.house.rule(name, then=then) for name, then in definitions(1).items()}
        self.go(self.house.start())
        self.open = True

    # What happens

    @rule(
        record=st.sampled_from(RECORDS), email=st.sampled_from(EMAILS), twice=st.booleans(),
        number=st.integers(1, 3),
    )  # fmt: skip
    def deliver(self, record: str, email: str, twice: bool, number: int) -> None:
        for _ in range(number):
            name = f"d{len(self.promises.events)}"
            event = {"delivery": name, "title": name, "record": record, "email": email}
            self.promises.events[name] = event
            self.promises.made[name] = self.version
            for _ in range(1 + twice):
                assert self.go(self.house.deliver(**event)) == 200

    @precondition(lambda self: self.promises.events)
    @rule(data=st.data())
    def deliver_again(self, data: st.DataObject) -> None:
        event = self.promises.events[data.draw(st.sampled_from(sorted(self.promises.events)))]
        assert self.go(self.house.deliver(**event)) == 200

    @rule(faults=st.lists(FAULTS, min_size=1, max_size=5))
    def stumble(self, faults: list[Any]) -> None:
        self.vendor.faults = faults

    @rule(name=st.sampled_from(sorted(PLANS)), on=st.booleans())
    def switch(self, name: str, on: bool) -> None:
        """Pause a rule, or let it go on."""
        self.set_state(name, "on" if on else "paused")

    @rule()
    def edit(self) -> None:
        """Publish another version of every rule; from when the web process knows it, it takes events."""
        self.version += 1
        for name, then in definitions(self.version).items():
            self.publish(self.rules[name], then)
        self.go(self.house.until(self.knows_the_version, 20))

    @rule(on=st.booleans())
    def hold(self, on: bool) -> None:
        """Hold the connection, as a refused call does, or reconnect it."""
        with self.house.db() as db, db.cursor() as cursor:
            if on:
                control.open_gate(cursor, 1)
            else:
                control.hold_gate(cursor, 1, "credentials_refused", {})

    @rule(seconds=st.sampled_from([1.0, 30.0, 900.0]))
    def time_passes(self, seconds: float) -> None:
        self.vendor.shift += seconds
        pass_time(self.house, seconds=seconds)

    @rule()
    def look_after(self) -> None:
        """Do what a person does who comes by."""
        self.hold(on=True)
        self.answer()
        self.retry_failed()
        self.start_replay()

    def answer(self) -> None:
        """Say of writes in doubt what is so: a person looks."""
        self.go(asyncio.sleep(0.01))  # what was sent before a death arrives
        for number, sent in self.house.rows(
            "select id, question ->> 'sent' from decision where answer is null"
        ):
            self.answer_one(number, json.loads(sent)["name"])

    def retry_failed(self) -> None:
        """Have what failed tried again, as a person does."""
        for run, title, number in self.house.rows(
            "select r.id, e.title, r.rule from run r join event e on e.ws = r.ws and e.id = r.event_id"
            " where r.status = 2 and r.replayed_by is null order by r.id"
        ):
            name = self.name_of(number)
            self.promises.failed.add((title, name))
            lane = lane_key(1, "thing", self.promises.events[title]["record"], number)
            with self.house.db() as db, db.transaction(), db.cursor() as cursor:
                control.retry_run(cursor, 1, run, lane)

    @rule(where=st.sampled_from(["status = 2", "status = 1", "rule = 2", "true"]))
    def replay(self, where: str) -> None:
        """Ask for a replay, and start what has been looked at."""
        for title, number in self.house.rows(
            "select e.title, r.rule from run r join event e on e.ws = r.ws and e.id = r.event_id"
            " where r.status = 2"
        ):
            self.promises.failed.add((title, self.name_of(number)))
        if not self.house.value("select count(*) from replay where state in (0, 1, 2)"):
            ask(self.house, f"replayed_by is null and {where}")
            for _ in range(6):
                self.look_on()
            self.start_replay()
            self.look_on()

    def start_replay(self) -> None:
        for (number,) in self.house.rows("select id from replay where state = 1"):
            with self.house.db() as db, db.cursor() as cursor:
                control.start_replay(cursor, 1, number, [], older=False)

    # What is so in the end

    def name_of(self, number: int) -> str:
        return next(name for name, known in self.rules.items() if known == number)

    def publish(self, number: int, then: list[dict[str, Any]]) -> None:
        when = {"connection": 1, "trigger": "thing_happened"}
        definition = {"title": "edited", "when": when, "then": then}
        compiled = compile_rule(parse_rule(definition), StubCatalog()).to_dict()
        with self.house.db() as db, db.transaction():
            db.execute(
                "insert into rule_version (rule_id, number, definition, compiled, created)"
                " values (%s, %s, %s, %s, now())",
                (number, self.version, json.dumps(definition), json.dumps(compiled)),
            )
            db.execute("update rule set version = %s where id = %s", (self.version, number))

    def knows_the_version(self) -> bool:
        """Say whether the web process gives new events to the latest version."""
        known = self.house.app._topology.rules
        return all(one in known and known[one].version == self.version for one in self.rules.values())

    def set_state(self, name: str, state: str) -> None:
        tell = control.resume_rule if state == "on" else control.pause_rule
        with self.house.db() as db, db.transaction(), db.cursor() as cursor:
            db.execute("update rule set state = %s where id = %s", (state, self.rules[name]))
            tell(cursor, self.rules[name])

    def answer_one(self, number: int, name: str) -> None:
        there = [one for one in (*self.vendor.notes, *self.vendor.things) if one["name"] == name]
        answer = {"choice": "done", "record": str(there[0]["id"])} if there else {"choice": "do"}
        with self.house.db() as db, db.cursor() as cursor:
            control.answer_decision(cursor, 1, number, answer, 1)

    def come_to_rest(self) -> None:
        """Let everything be well again, and wait until nothing is left to do."""
        self.vendor.faults = []
        for name in self.rules:
            self.set_state(name, "on")
        limit = time.monotonic() + SETTLE_SECONDS
        while self.is_busy():
            assert time.monotonic() < limit, self.house.state()
            self.look_after()
            self.time_passes(20.0)
            self.work_on()

    def is_busy(self) -> bool:
        return bool(
            self.house.value(
                "select exists (select 1 from item)"
                " or exists (select 1 from run where status = 2 and replayed_by is null)"
                " or exists (select 1 from replay where state in (0, 1, 2))"
            )
        )

    def work_on(self) -> None:
        """Let the workers work for a moment."""
        raise NotImplementedError

    def look_on(self) -> None:
        """Let the workers look at what a replay would do."""
        raise NotImplementedError

    def check(self) -> None:
        for table in ("lane", "item", "intent", "claim", "pending"):
            assert self.house.value(f"select count(*) from {table}") == 0, table  # noqa: S608
        rows = self.house.rows(
            "select e.title, r.rule, r.version, r.status, r.code, r.replay_of is not null,"
            " r.replayed_by is not null from run r join event e on e.ws = r.ws and e.id = r.event_id"
            " order by r.id"
        )
        names = {number: name for name, number in self.rules.items()}
        self.promises.check([Past(title, names[number], *rest) for title, number, *rest in rows])
        self.promises.check_limit(self.limit, self.window)

    def teardown(self) -> None:
        try:
            if self.open:
                self.come_to_rest()
                self.check()
        finally:
            self.close()

    def close(self) -> None:
        note(f"{len(self.promises.events)} events, {len(self.vendor.called)} calls")
        if self.open:
            self.go(self.house.close())
            self.go(self.vendor.stop())
            self.stack.close()
        self.runner.close()
        next(self.databases, None)


class Steps(Town):
    """Its workers work when told to, so that a death falls where it is meant to."""

    limit, window = 400, 60.0

    @initialize()
    def begin(self) -> None:
        super().begin()
        self.promises.crashed = Counter()
        self.workers: list[Stepped] = []
        self.go(self.set_up())

    async def set_up(self) -> None:
        self.outbound = Outbound(self.house.config.allowed_private_hosts)
        self.stack.enter_context(in_steps())

    @rule(lanes=st.integers(1, 6), two=st.booleans())
    def work(self, lanes: int, two: bool) -> None:
        self.go(self.turns(lanes, 1 + two))

    @rule(faults=st.lists(FAULTS, min_size=1, max_size=3), lanes=st.integers(1, 3))
    def work_badly(self, faults: list[Any], lanes: int) -> None:
        self.stumble(faults)
        self.go(self.turns(lanes, 1))

    @rule(point=st.sampled_from(WORKER_POINTS), nth=st.integers(1, 4), lanes=st.integers(1, 4))
    def die_at(self, point: str, nth: int, lanes: int) -> None:
        with dying_at(point, nth):
            self.go(self.turns(lanes, 1))

    @rule(point=st.sampled_from(MIDST), nth=st.integers(1, 6))
    def die_in_a_write(self, point: str, nth: int) -> None:
        """The vendor has done it, or not, and nobody has noted which: the next worker has to look."""
        self.die_at(point, nth, 1)

    @rule(nth=st.integers(1, 3))
    def die_in_an_early_write(self, nth: int) -> None:
        self.die_at("call.after_send", nth, 2)

    async def turns(self, lanes: int, workers: int) -> None:
        while len(self.workers) < workers:
            made = Stepped(self.house, self.outbound)
            await made.begin()
            self.workers.append(made)
        working = self.workers[:workers]
        self.workers = self.workers[workers:] + working
        await asyncio.gather(*(asyncio.create_task(worker.turn(lanes)) for worker in working))
        if any(worker.dead for worker in working):
            self.workers = [worker for worker in self.workers if not worker.dead]
            self.count_doubts()
            await asyncio.sleep(0.02)  # what they had sent arrives

    def count_doubts(self) -> None:
        """A write under way at a death may be done again, where its action says so."""
        for title, number in self.house.rows(
            "select e.title, i.rule from intent n join item i on i.ws = n.ws and i.run_id = n.run_id"
            " join event e on e.ws = i.ws and e.id = i.event_id"
        ):
            assert self.promises.crashed is not None
            self.promises.crashed[title, self.name_of(number)] += 1

    def work_on(self) -> None:
        self.go(self.turns(100, 1))

    def look_on(self) -> None:
        self.go(self.turns(0, 1))

    def close(self) -> None:
        if self.open:
            for worker in self.workers:
                self.go(worker.leave())
            self.go(self.outbound.close())
        super().close()


class Processes(Town):
    """Its workers are processes, and are killed."""

    limit = 120

    @initialize()
    def begin(self) -> None:
        super().begin()
        self.spares = Spares(self.house.environment, self.house.folder)
        self.workers = [self.spares.take()]

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

    @rule(seconds=st.sampled_from([0.1, 0.5, 1.5]))
    def rest(self, seconds: float) -> None:
        self.go(asyncio.sleep(seconds))

    def come_to_rest(self) -> None:
        self.workers.append(self.spares.take())
        super().come_to_rest()

    def work_on(self) -> None:
        self.go(asyncio.sleep(0.4))

    def look_on(self) -> None:
        self.go(asyncio.sleep(0.2))

    def close(self) -> None:
        if self.open:
            for worker in self.workers:
                self.house.kill(worker)
            self.spares.close()
        super().close()


def look(machine: type[Town], server: str, template: str, examples: int, steps: int) -> None:
    run_state_machine_as_test(
        type("Here", (machine,), {"server": server, "template": template}),
        settings=settings(
            max_examples=int(os.environ.get("VAIVEM_EXAMPLES", examples)),
            stateful_step_count=steps,
            deadline=None,
            database=None,
            derandomize=not LONG,
            phases=list(Phase) if LONG else [Phase.generate],  # to make a failure smaller takes minutes
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.crash
@pytest.mark.timeout(3000 if LONG else 600)
def test_guarantees_hold_in_any_order_of_things(postgres_server: str, database_template: str) -> None:
    look(Steps, postgres_server, database_template, 600 if LONG else 12, 60 if LONG else 40)


@pytest.mark.crash
@pytest.mark.timeout(3000 if LONG else 600)
def test_guarantees_hold_when_processes_are_killed(postgres_server: str, database_template: str) -> None:
    look(Processes, postgres_server, database_template, 60 if LONG else 2, 40 if LONG else 25)
