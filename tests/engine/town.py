"""A small installation that hypothesis lets things happen to, and what is known of its events.

Every order of things begins with events, and ends with an answer that is lost, a correction, an edit and a
replay of everything.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from typing import Any

import psycopg
from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.conftest import _fresh
from tests.place import data_folder
from vaivem.core.compiler import compile_rule
from vaivem.core.rules import parse_rule
from vaivem.engine import control
from vaivem.engine.crashpoints import POINTS
from vaivem.engine.lane_keys import lane_key

from .conftest import House, StubCatalog
from .inside import pass_time
from .promises import PLANS, SHOWN_SECONDS, Ledger, Past, Promises, definitions
from .repeating import ask

RECORDS = [f"r{n}" for n in range(3)]
EMAILS = [f"e{n}@example.com" for n in range(3)]
RECORD, EMAIL = st.sampled_from(RECORDS), st.sampled_from(EMAILS)
WRITES = ["POST people", "POST notes", "POST things", "POST keyed", "PUT things", "PUT people"]
FAULTS = st.sampled_from(["lost", "lost", 503, 503, "refuse", 500, 429, 422, 401])
WORKER_POINTS = [point for point in POINTS if not point.startswith(("ingest.", "oauth."))]
SETTLE_SECONDS = SHOWN_SECONDS + 5
REST_SECONDS = 90.0  # real ones, until nothing is left to do
# In what share of the orders each has to be, else they say little. Whether a run is refused, so that it can
# be corrected, hangs on when workers die in that order, and so on the machine: 6 to 10 of 10 were seen.
WHOLE = {"edit with runs under way": 0.8, "replay by another version": 0.8, "correction": 0.3}


@dataclass(frozen=True, slots=True)
class Ending:
    """What an order of things ends with."""

    record: str
    email: str
    refused: int  # the call of a run that the vendor refuses, from 0
    point: str
    visits: int
    older: bool  # replay what was overtaken, too


OPENING = st.lists(st.tuples(RECORD, EMAIL), min_size=2, max_size=4)
ENDING = st.builds(
    Ending, RECORD, EMAIL, st.integers(0, 4), st.sampled_from(WORKER_POINTS), st.integers(1, 4), st.booleans()
)


class Town(RuleBasedStateMachine):
    """An installation with three rules, and what is known of the events that it acknowledged."""

    server: str
    template: str
    orders: Counter[str]  # how many there were of each kind
    limit, window = 60, 5.0  # calls, seconds

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.databases: Iterator[str] = _fresh(self.server, self.template)
        self.vendor = Ledger()
        self.promises = Promises(self.vendor)
        self.rules: dict[str, int] = {}
        self.version = 1
        self.taken = False  # an event, by the latest version
        self.seen: set[str] = set()  # what there is in this order of things
        self.open = False

    def go(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    @initialize(opening=OPENING, ending=ENDING)
    def begin(self, opening: list[tuple[str, str]], ending: Ending) -> None:
        """Every order begins with events: two of one record, and one that the end does not overtake."""
        self.ending = ending
        self.stack = ExitStack()
        folder = self.stack.enter_context(data_folder("vaivem-data-"))
        self.go(self.vendor.start())
        self.house = House(next(self.databases), folder, self.vendor)
        link = self.stack.enter_context(self.house.db())
        self.house.db = lambda: nullcontext(link)  # type: ignore[method-assign, assignment] - one for all
        with self.house.db() as db:
            chosen = {
                "limit_calls": self.limit,
                "limit_seconds": self.window,
                "settle_seconds": SETTLE_SECONDS,
            }
            db.execute("update connection set settings = settings || %s::jsonb", (json.dumps(chosen),))
        self.rules = {name: self.house.rule(name, then=then) for name, then in definitions(1).items()}
        self.go(self.house.start())
        self.open = True
        another = next(record for record in RECORDS if record != ending.record)
        for record, email in [*opening, opening[0], (another, ending.email)]:
            self.send(record, email)

    # What happens

    @rule(record=RECORD, email=EMAIL, twice=st.booleans(), number=st.integers(1, 3))
    def deliver(self, record: str, email: str, twice: bool, number: int) -> None:
        for _ in range(number):
            self.send(record, email, 1 + twice)

    def send(self, record: str, email: str, times: int = 1) -> None:
        """Have an event delivered, once or several times."""
        name = f"d{len(self.promises.events)}"
        event = {"title": name, "record": record, "email": email}
        if len(self.promises.events) % 2:  # else it is known by its content
            event["delivery"] = name
        self.promises.events[name] = event
        self.promises.made[name] = self.version
        self.taken = True
        for _ in range(times):
            assert self.go(self.house.deliver(**event)) == 200

    @rule(data=st.data())
    def deliver_again(self, data: st.DataObject) -> None:
        event = self.promises.events[data.draw(st.sampled_from(sorted(self.promises.events)))]
        assert self.go(self.house.deliver(**event)) == 200

    @rule(faults=st.lists(FAULTS, min_size=1, max_size=5))
    def stumble(self, faults: list[Any]) -> None:
        self.vendor.faults = faults

    @rule(call=st.sampled_from(WRITES), fault=FAULTS, again=st.booleans())
    def go_wrong(self, call: str, fault: Any, again: bool) -> None:
        """Two records speak of one new person, and a certain write goes wrong; soon others come by."""
        self.be_well()
        email = f"n{len(self.promises.events)}@example.com"
        self.vendor.aimed = {call: fault}
        self.send(RECORDS[0], email)
        self.send(RECORDS[1], email)
        self.work_on()
        self.vendor.aimed = {}
        if again:
            self.time_passes(1.0)
            self.work_on()

    @rule(name=st.sampled_from(sorted(PLANS)), on=st.booleans())
    def switch(self, name: str, on: bool) -> None:
        """Pause a rule, or let it go on."""
        self.set_state(name, "on" if on else "paused")

    @precondition(lambda self: self.taken)
    @rule()
    def edit(self) -> None:
        """Publish another version of every rule; from when the web process knows it, it takes events."""
        if self.house.value("select exists (select 1 from item)"):
            self.seen.add("edit with runs under way")
        self.version += 1
        self.taken = False
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

    @rule(record=RECORD, email=EMAIL, edited=st.booleans(), nth=st.integers(0, 4))
    def correct(self, record: str, email: str, edited: bool, nth: int) -> None:
        """The vendor refuses something of a run; a person corrects it and has the run tried again.

        With `edited` by its rule, too: the run goes on with the version that it began with.
        """
        self.be_well()
        self.send(record, email)
        self.vendor.faults = [None] * nth + [422]
        self.work_on()
        self.vendor.faults = []
        if edited:
            self.send(record, email)
            self.edit()
            self.send(record, email)
        self.retry_failed()

    def answer(self) -> None:
        """Say of writes in doubt what is so: a person looks."""
        self.go(asyncio.sleep(0.01))  # what was sent before a death arrives
        for number, sent in self.house.rows(
            "select id, question ->> 'sent' from decision where answer is null"
        ):
            self.answer_one(number, json.loads(sent)["name"])

    def retry_failed(self) -> None:
        """Have what failed tried again, as a person does."""
        self.note_failures()
        for run, title, number in self.house.rows(
            "select r.id, e.title, r.rule from run r join event e on e.ws = r.ws and e.id = r.event_id"
            " where r.status = 2 and r.replayed_by is null order by r.id"
        ):
            lane = lane_key(1, "thing", self.promises.events[title]["record"], number)
            with self.house.db() as db, db.transaction(), db.cursor() as cursor:
                if not control.retry_run(cursor, 1, run, lane):
                    continue
                if self.is_in_doubt(lane, run):  # the hub says so, too: first it must be known what is there
                    raise psycopg.Rollback
                self.seen.add("correction")

    def note_failures(self) -> None:
        """Note what failed and why, before a person's retry makes another row of it."""
        for run, title, number, code in self.house.rows(
            "select r.id, e.title, r.rule, r.code from run r"
            " join event e on e.ws = r.ws and e.id = r.event_id where r.status = 2"
        ):
            self.promises.failed.add((title, self.name_of(number)))
            self.promises.failures[run] = code

    def is_in_doubt(self, lane: int, run: int) -> bool:
        """Say whether another run that waits in a lane may have written something."""
        return bool(
            self.house.value(
                "select exists (select 1 from intent join item using (ws, run_id)"
                " where item.lane = %s and run_id <> %s)",
                lane,
                run,
            )
        )

    @rule(where=st.sampled_from(["status = 2", "status = 1", "rule = 2", "true"]))
    def replay(self, where: str, *, older: bool = False) -> None:
        """Ask for a replay, and start what has been looked at."""
        self.note_failures()
        if not self.house.value("select count(*) from replay where state in (0, 1, 2)"):
            ask(self.house, f"replayed_by is null and {where}")
            for _ in range(6):
                self.look_on()
            self.start_replay(older=older)
            self.look_on()

    def start_replay(self, *, older: bool = False) -> None:
        for (number,) in self.house.rows("select id from replay where state = 1"):
            with self.house.db() as db, db.cursor() as cursor:
                control.start_replay(cursor, 1, number, [], older=older)

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
        self.seen.add("doubt answered")
        answer = {"choice": "done", "record": str(there[0]["id"])} if there else {"choice": "do"}
        with self.house.db() as db, db.cursor() as cursor:
            control.answer_decision(cursor, 1, number, answer, 1)

    def come_to_rest(self) -> None:
        """Let everything be well again, and wait until nothing is left to do."""
        self.be_well()
        limit, seconds = time.monotonic() + REST_SECONDS, 20.0
        while self.is_busy():
            assert time.monotonic() < limit, self.house.state()
            self.look_after()
            self.time_passes(seconds)
            self.work_on()
            seconds = min(2 * seconds, 640.0)

    def be_well(self) -> None:
        """Let the vendor answer, the account be connected, and no rule be paused."""
        self.vendor.faults = []
        self.hold(on=True)
        for name in self.rules:
            self.set_state(name, "on")

    def is_busy(self) -> bool:
        return bool(
            self.house.value(
                "select exists (select 1 from item)"
                " or exists (select 1 from run where status = 2 and replayed_by is null)"
                " or exists (select 1 from replay where state in (0, 1, 2))"
            )
        )

    def end(self) -> None:
        """Lose an answer, correct a run, edit its rule meanwhile, and repeat all by the rules of then."""
        ending = self.ending
        self.lose_an_answer("POST people", again=True)
        self.correct(ending.record, ending.email, edited=True, nth=ending.refused)
        self.die(ending.point, ending.visits)
        self.come_to_rest()
        last = self.house.value("select max(id) from run")
        self.replay("true", older=ending.older)
        self.die(ending.point, ending.visits)
        self.come_to_rest()
        repeated = "select distinct version from run where replay_of is not null and id > %s"
        assert self.house.rows(repeated, last) == [(self.version,)], "not by the rules of today"

    def lose_an_answer(self, call: str, again: bool) -> None:
        """Have the vendor do a write, and not show it at once; nobody hears of it."""
        self.go_wrong(call, "lost", again)

    def die(self, point: str, visits: int) -> None:
        """Let a worker die when it comes to a crash point for that time."""
        raise NotImplementedError

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
        self.note_failures()
        history = [Past(title, names[number], *rest) for title, number, *rest in rows]
        self.promises.check(history)
        self.promises.check_limit(self.limit, self.window)
        self.look_back(history)

    def look_back(self, history: Sequence[Past]) -> None:
        """Count what there was in this order of things."""
        seen = self.seen
        made = self.promises.made
        there = {
            "replay": any(one.repeats for one in history),
            "replay by another version": any(
                one.repeats and one.version != made[one.event] for one in history
            ),
            "answer lost": any(self.vendor.lost.values()),
            "death in a write": bool(self.promises.crashed),
            "write found again": self.house.value(
                "select exists (select 1 from step where code = 'adopted')"
            ),
        }
        seen |= {name for name, is_there in there.items() if is_there}
        seen |= {"all three"} if seen.issuperset(WHOLE) else set()
        self.orders.update(["orders", *seen])

    def teardown(self) -> None:
        try:
            if self.open:
                self.come_to_rest()
                self.end()
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
