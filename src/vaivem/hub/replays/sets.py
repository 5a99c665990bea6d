"""Sets of runs that are repeated with the rule of today: asked for, looked at, started, stopped."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection as database
from django.db import transaction

from vaivem.core.errors import RuleError
from vaivem.engine import control
from vaivem.engine.replays import Part, ReplayState
from vaivem.hub.history.filters import Filters
from vaivem.hub.history.queries import chosen_runs
from vaivem.hub.rules.models import Rule
from vaivem.hub.workspaces import audit
from vaivem.hub.workspaces.models import Member, Workspace

MOST_RUNS = 50_000
PAGE = 20
CHAIN = 50
WAITING = (Part.NEW, Part.READY)
ENDED = (Part.DONE, Part.FAILED, Part.ENDED)


class ReplayError(RuleError):
    """A replay that cannot be asked for, started or stopped as things stand."""

    default_code = "replay_not_possible"


@dataclass(frozen=True, slots=True)
class ReplaySet:
    """A set with how many of its runs stand how. `asked` is the filter, or ``runs`` that were picked."""

    id: int
    state: ReplayState
    asked: Mapping[str, Any]
    again: tuple[str, ...]
    older: bool
    made: datetime
    made_by: int | None
    started: datetime | None
    ended: datetime | None
    counts: Mapping[Part, int]

    @property
    def total(self) -> int:
        """How many runs it has."""
        return sum(self.counts.values())

    @property
    def wanted(self) -> int:
        """How many are or will be repeated: those that would be done, and with `older` the overtaken ones."""
        late = self.counts.get(Part.OVERTAKEN, 0) if self.older else 0
        return self.counts.get(Part.READY, 0) + late + self.under_way + self.finished

    @property
    def looked_at(self) -> int:
        """How many have been looked at."""
        return self.total - self.counts.get(Part.NEW, 0)

    @property
    def under_way(self) -> int:
        """How many are in their lanes."""
        return self.counts.get(Part.QUEUED, 0)

    @property
    def finished(self) -> int:
        """How many have ended, one way or another."""
        return sum(self.counts.get(part, 0) for part in ENDED)

    @property
    def live(self) -> bool:
        """Whether it changes by itself."""
        return self.state in (ReplayState.LOOKING, ReplayState.UNDER_WAY, ReplayState.STOPPING)

    def seconds_left(self, now: datetime) -> float | None:
        """Return about how long it still takes, None when that cannot be said yet."""
        left = self.wanted - self.finished
        if self.started is None or not self.finished or self.state is not ReplayState.UNDER_WAY:
            return None
        return (now - self.started).total_seconds() / self.finished * left


@dataclass(frozen=True, slots=True)
class ReplayRow:
    """One run of a set. `new_id` is the run that repeats it."""

    run: int
    event: int
    rule: int
    version: int
    part: Part
    code: str
    params: dict[str, Any]
    new_id: int | None


@transaction.atomic
def ask_for(
    workspace: Workspace, filters: Filters, rules: Sequence[int] | None, asked: Mapping[str, Any],
    member: Member | None = None,
) -> int:  # fmt: skip
    """Make a set of the ended runs that a filter means; return its id.

    Raises ReplayError for none, or for more than MOST_RUNS.
    """
    query, params = chosen_runs(workspace.pk, filters, rules, limit=MOST_RUNS + 1)
    return _made(workspace, member, asked, query, params)


@transaction.atomic
def ask_for_runs(workspace: Workspace, runs: Sequence[int], member: Member | None = None) -> int:
    """Make a set of picked runs, each by its newest repetition; return its id. Raises ReplayError."""
    newest = sorted({found for run in runs if (found := _newest(workspace.pk, run)) is not None})
    query = (
        "select r.id as run_id, r.event_id, r.rule from run r"
        " where r.ws = %(ws)s and r.id = any(%(runs)s::bigint[])"
    )
    asked = {"runs": [str(run) for run in newest[:MOST_RUNS]]}
    return _made(workspace, member, asked, query, {"ws": workspace.pk, "runs": newest})


def _newest(ws: int, run: int) -> int | None:
    """Follow a run to the last that repeats it; None when that one has not ended."""
    with database.cursor() as cursor:
        for _ in range(CHAIN):
            cursor.execute("select replayed_by from run where ws = %s and id = %s", [ws, run])
            row = cursor.fetchone()
            if row is None:
                return None
            if row[0] is None:
                return run
            run = row[0]
    return None


def _made(
    workspace: Workspace,
    member: Member | None,
    asked: Mapping[str, Any],
    query: str,
    params: Mapping[str, Any],
) -> int:
    with database.cursor() as cursor:
        cursor.execute(
            "insert into replay (ws, asked, made, made_by, touched)"
            " values (%s, %s, vv_now(), %s, vv_now()) returning id",
            [workspace.pk, json.dumps(dict(asked)), member.pk if member else None],
        )
        number = int(cursor.fetchone()[0])
        cursor.execute(
            "insert into replay_run (ws, replay, run_id, event_id, rule)"  # noqa: S608 - fixed parts only
            f" select %(ws)s, %(replay)s, run_id, event_id, rule from ({query}) q",
            {**params, "ws": workspace.pk, "replay": number},
        )
        found = cursor.rowcount
    if not found:
        raise ReplayError("replay_of_nothing")
    if found > MOST_RUNS:
        raise ReplayError("replay_too_large", params={"max": MOST_RUNS})
    audit.note(workspace, member, "replay.asked", str(number), after={"runs": found, "asked": dict(asked)})
    return number


@transaction.atomic
def start(
    workspace: Workspace,
    replay: ReplaySet,
    again: Sequence[str] = (),
    *,
    older: bool = False,
    member: Member | None = None,
) -> None:
    """Begin. Raises ReplayError when it cannot; when a rule was changed meanwhile, it is looked at anew."""
    if _changed(workspace.pk, replay.id):
        _look_anew(workspace.pk, replay.id)
        return
    offered = {key for key, _, _, _ in tickable(workspace, replay)}
    if unknown := sorted(set(again) - offered):
        raise ReplayError("replay_step_unknown", params={"step": unknown[0]}, path="again")
    with database.cursor() as cursor:
        if not control.start_replay(cursor, workspace.pk, replay.id, list(again), older=older):
            raise ReplayError("replay_begun")
    after = {"runs": replay.counts.get(Part.READY, 0), "again": list(again), "older": older}
    audit.note(workspace, member, "replay.started", str(replay.id), after=after)


@transaction.atomic
def stop(workspace: Workspace, replay: ReplaySet, member: Member | None = None) -> None:
    """Stop, or drop one that has not begun. Raises ReplayError when it is over."""
    with database.cursor() as cursor:
        if not control.stop_replay(cursor, workspace.pk, replay.id):
            raise ReplayError("replay_over")
    audit.note(workspace, member, "replay.stopped", str(replay.id))


def tickable(workspace: Workspace, replay: ReplaySet) -> list[tuple[str, int, str, int]]:
    """Return the steps that had been done in runs of the set: ``<rule>:<step>``, rule, step, in how many."""
    rows = _rows(
        "select q.rule, s.step, count(distinct q.run_id) from replay_run q"
        " join step s on s.ws = q.ws and s.run_id = q.run_id and s.write and s.done and s.name <> 'wait'"
        " where q.ws = %(ws)s and q.replay = %(replay)s and q.state in (1, 5) group by 1, 2 order by 1, 2",
        ws=workspace.pk,
        replay=replay.id,
    )
    return [(f"{rule}:{step}", rule, step, number) for rule, step, number in rows]


def _changed(ws: int, replay: int) -> bool:
    rows = _rows(
        "select distinct rule, version from replay_run"
        " where ws = %(ws)s and replay = %(replay)s and state in (1, 5)",
        ws=ws,
        replay=replay,
    )
    current = dict(Rule.objects.filter(pk__in=[rule for rule, _ in rows]).values_list("pk", "version"))
    return any(current.get(rule) != version for rule, version in rows)


def _look_anew(ws: int, replay: int) -> None:
    with database.cursor() as cursor:
        cursor.execute(
            "update replay set state = 0, touched = vv_now() where ws = %s and id = %s and state = 1",
            [ws, replay],
        )
        if cursor.rowcount:
            cursor.execute(
                "update replay_run set state = 0 where ws = %s and replay = %s and state <= 5", [ws, replay]
            )


def find(ws: int, number: int) -> ReplaySet | None:
    """Return a set of this workspace."""
    found = _sets(ws, "p.id = %(id)s", id=number, limit=1)
    return found[0] if found else None


def latest(ws: int, *, before: int | None = None, limit: int = PAGE) -> list[ReplaySet]:
    """Return the sets of a workspace, newest first."""
    return _sets(ws, "p.id < %(before)s", before=before or 2**62, limit=limit)


def _sets(ws: int, where: str, **params: Any) -> list[ReplaySet]:
    rows = _rows(
        "select p.id, p.state, p.asked::text, p.again, p.older, p.made, p.made_by, p.started, p.ended,"  # noqa: S608 - fixed parts only
        " (select jsonb_object_agg(state, number)::text from (select q.state, count(*) as number"
        "  from replay_run q where q.ws = p.ws and q.replay = p.id group by q.state) c)"
        f" from replay p where p.ws = %(ws)s and {where} order by p.id desc limit %(limit)s",
        ws=ws,
        **params,
    )
    return [
        ReplaySet(
            number, ReplayState(state), json.loads(asked), tuple(again), older, made, made_by, started, ended,
            {Part(int(part)): count for part, count in json.loads(counts or "{}").items()},
        )
        for number, state, asked, again, older, made, made_by, started, ended, counts in rows
    ]  # fmt: skip


def runs_of(
    ws: int, replay: int, *, part: Part | None = None, after: int = 0, limit: int = PAGE
) -> list[ReplayRow]:
    """Return runs of a set, oldest first, after one of them."""
    where = " and state = %(state)s" if part is not None else ""
    rows = _rows(
        "select run_id, event_id, rule, version, state, code, params::text, new_id from replay_run"  # noqa: S608 - fixed parts only
        f" where ws = %(ws)s and replay = %(replay)s and run_id > %(after)s{where}"
        " order by run_id limit %(limit)s",
        ws=ws,
        replay=replay,
        after=after,
        state=None if part is None else int(part),
        limit=limit,
    )
    return [
        ReplayRow(run, event, rule, version, Part(state), code, json.loads(params), new_id)
        for run, event, rule, version, state, code, params, new_id in rows
    ]


def _rows(query: str, **params: Any) -> list[tuple[Any, ...]]:
    with database.cursor() as cursor:
        cursor.execute(query, params)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found
