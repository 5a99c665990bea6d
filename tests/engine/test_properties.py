"""Guarantees 1 to 7 under any order of deliveries, deaths, faults, holds, pauses, edits, retries and replays.

hypothesis makes up the order. Most of it is worked in steps, by workers of the test's own process
(`stepped.py`): many orders in little time. Then workers are processes that die by SIGKILL.
`VAIVEM_LONG=1` looks at more, `VAIVEM_EXAMPLES` says at how many, `VAIVEM_SEED` at which.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections import Counter
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule, run_state_machine_as_test

from vaivem.engine.outbound import Outbound

from .spare import Spares
from .stepped import Stepped, arm, disarm, dying_at, in_steps
from .town import ENDING, FAULTS, OPENING, WHOLE, WORKER_POINTS, WRITES, Ending, Town

LONG = bool(os.environ.get("VAIVEM_LONG"))
SEED = int(os.environ.get("VAIVEM_SEED") or (secrets.randbelow(2**32) if LONG else 4))
MIDST = ["call.before_send", "call.after_send", "journal.before_outcome", "journal.after_outcome"]


class Steps(Town):
    """Its workers work when told to, so that a death falls where it is meant to."""

    limit, window = 400, 60.0

    def __init__(self) -> None:
        super().__init__()
        self.promises.crashed = Counter()
        self.workers: list[Stepped] = []

    @initialize(opening=OPENING, ending=ENDING)
    def begin(self, opening: list[tuple[str, str]], ending: Ending) -> None:
        super().begin(opening, ending)
        self.go(self.set_up())

    async def set_up(self) -> None:
        self.outbound = Outbound(self.house.config.allowed_private_hosts)
        self.stack.enter_context(in_steps())

    @rule(call=st.sampled_from(WRITES), again=st.booleans())
    def lose_an_answer(self, call: str, again: bool) -> None:
        """The vendor has done it and does not show it yet; whoever asked is dead, and the next one looks."""
        self.vendor.at_lost = partial(arm, "call.after_send")
        self.go_wrong(call, "lost", again)
        self.vendor.at_lost = lambda: None
        disarm()

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

    def die(self, point: str, visits: int) -> None:
        self.die_at(point, visits, 100)

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

    @initialize(opening=OPENING, ending=ENDING)
    def begin(self, opening: list[tuple[str, str]], ending: Ending) -> None:
        super().begin(opening, ending)
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

    def die(self, point: str, visits: int) -> None:
        self.die_at(point, visits)

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


def look(machine: type[Town], server: str, template: str, examples: int, steps: int) -> Counter[str]:
    """Look at so many orders of things; return how many there were of each kind."""
    orders: Counter[str] = Counter()
    here = type("Here", (machine,), {"server": server, "template": template, "orders": orders})
    print(f"VAIVEM_SEED={SEED}")  # noqa: T201 - what repeats a failure
    try:
        run_state_machine_as_test(
            seed(SEED)(here),
            settings=settings(
                max_examples=int(os.environ.get("VAIVEM_EXAMPLES", examples)),
                stateful_step_count=steps,
                deadline=None,
                database=None,
                phases=list(Phase) if LONG else [Phase.generate],  # to make a failure smaller takes minutes
                print_blob=True,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        for name, number in orders.most_common():
            print(f"{number:4} {name}")  # noqa: T201 - for who measures
    return orders


@pytest.mark.crash
@pytest.mark.timeout(3000 if LONG else 600)
def test_guarantees_hold_in_any_order_of_things(postgres_server: str, database_template: str) -> None:
    orders = look(Steps, postgres_server, database_template, 600 if LONG else 10, 60 if LONG else 30)
    for name, share in WHOLE.items():
        assert orders[name] >= share * orders["orders"], orders


@pytest.mark.crash
@pytest.mark.soak
@pytest.mark.timeout(3000 if LONG else 600)
def test_guarantees_hold_when_processes_are_killed(postgres_server: str, database_template: str) -> None:
    look(Processes, postgres_server, database_template, 60 if LONG else 2, 40 if LONG else 10)
