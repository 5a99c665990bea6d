"""Automations: a person is in one once at a time, whatever records their events come from.

Who is inside is a row that names a run, and holds for as long as that run has its place in a lane: nothing
has to be undone after a crash, and whatever ends a run lets the person go.
"""

from __future__ import annotations

from datetime import timedelta

from vaivem.core.compiler import CompiledRule
from vaivem.core.paths import Scope
from vaivem.core.rules import Inside
from vaivem.engine.desk import Desk, RunState, plain
from vaivem.engine.ids import time_of
from vaivem.engine.parking import ParkError, look_pause
from vaivem.engine.statements import statement

WAITS = "person_is_inside"
FIRST_LOOK_SECONDS = 1.0
LAST_LOOK_SECONDS = 3600.0


class NotInsideError(Exception):
    """The run ends with this code: it is about nobody, or somebody who is inside already."""

    def __init__(self, code: str, **params: str) -> None:
        super().__init__(code)
        self.code = code
        self.params = params


async def enter(desk: Desk, run: RunState, compiled: CompiledRule, scope: Scope) -> None:
    """Let the run's person in. Raises NotInsideError, or ParkError while the person is in by another run."""
    automation = compiled.rule.automation
    if automation is None:
        return
    person = plain(compiled.person(scope))
    if not person:
        raise NotInsideError("automation_without_person", field=automation.person)
    holder = await _take(desk, run, person)
    if holder == run.item.run_id:
        run.person = person
        return
    params = {"person": person.partition(":")[2], "run": str(holder or "")}
    if automation.inside is Inside.SKIP and run.memory.upto < 0:
        raise NotInsideError("person_was_inside", **params)
    now = desk.clock.now()
    waited = (now - time_of(run.item.run_id)).total_seconds()
    pause = look_pause(waited, first=FIRST_LOOK_SECONDS, last=LAST_LOOK_SECONDS)
    due = now + timedelta(seconds=pause)
    raise ParkError("claim", WAITS, due, params={**params, "inside": person})


async def _take(desk: Desk, run: RunState, person: str) -> int | None:
    """Return the run by which the person is inside, ours if it can be; None when that changes right now."""
    item, pool = run.item, desk.pool
    key = (item.ws, item.rule, person)
    await pool.execute(statement("automations", "enter"), *key, item.run_id)
    holder: int | None = await pool.fetchval(statement("automations", "holder"), *key)
    if holder is None or holder == item.run_id:
        return holder
    # In a statement of its own: it sees the place of a run that was inside before it began.
    taken = await pool.fetchval(statement("automations", "follow"), *key, item.run_id, holder)
    return item.run_id if taken else holder


async def leave(desk: Desk, run: RunState) -> None:
    """After the end of a run: wake who waits for the person. Lost in a crash, they look by themselves."""
    item = run.item
    await desk.pool.execute(statement("automations", "leave"), item.ws, item.rule, run.person, item.run_id)
    await desk.pool.execute(statement("automations", "wake"), item.ws, item.rule, run.person)


async def look_once_more(desk: Desk, run: RunState, park: ParkError) -> None:
    """After a run waits for a person: wake who waits when they left while it did not wait yet."""
    key = (run.item.ws, run.item.rule, park.params["inside"])
    if not await desk.pool.fetchval(statement("automations", "is_inside"), *key):
        await desk.pool.execute(statement("automations", "wake"), *key)
