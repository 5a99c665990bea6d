"""The rows of the history's lists and the parts of the statements that read them.

Runs that have ended are rows of `run`; those that have not are items of lanes, with a row in `pending` once
they have begun and wait. Ids are in order of time, so pages go by id, and never by counting.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from django.db import connection

from vaivem.engine.ids import time_of
from vaivem.hub.history.filters import ENDED, Shown

T = TypeVar("T")
SHOWN = {number: shown for shown, number in ENDED.items()}

FINISHED = """
select r.id as run_id, r.event_id, r.rule, r.version, r.status::int as status, r.code, r.params, r.records,
  r.calls::int as calls, r.tries, r.finished, ''::text as state, null::timestamptz as since,
  null::timestamptz as due, 0 as at_conn, 0::bigint as lane, 0::bigint as seq, r.replay_of, r.replayed_by
from run r
where r.ws = %(ws)s and r.id < %(high)s and r.id >= %(low)s"""

LIVE = """
select i.run_id, i.event_id, i.rule, i.version, 0 as status, coalesce(p.code, '') as code, p.params,
  null::jsonb as records, 0 as calls, coalesce(p.tries, 0) as tries, null::timestamptz as finished,
  coalesce(p.state, '') as state, p.since, p.due, coalesce(p.conn, 0) as at_conn, i.lane, i.seq,
  i.replay_of, null::bigint as replayed_by
from item i left join pending p on p.ws = i.ws and p.run_id = i.run_id
where i.ws = %(ws)s and i.run_id < %(high)s and i.run_id >= %(low)s"""

EVENTS = """
select e.id, e.conn, e.kind, e.object, e.record, e.title, e.occurred, e.bulk, e.items::int,
  coalesce(a.times, 0), a.last, coalesce(a.alike, false)
from event e left join repeated a on a.ws = e.ws and a.event_id = e.id
where e.ws = %(ws)s and e.id < %(high)s and e.id >= %(low)s"""

WHOLE = """
select x.*, e.title, e.conn as event_conn, e.kind, e.object, e.record, e.occurred, e.bulk,
  l.state::int as lane_state, g.state::int as gate_state, g.code as gate_code, l.gate as lane_gate,
  a.times as again, a.last as again_at,
  (select count(*) from (select 1 from item b where b.ws = %(ws)s and b.lane = x.lane and b.seq < x.seq
                         limit 1000) b)::int as ahead
from ({rows}) x
left join event e on e.ws = %(ws)s and e.id = x.event_id
left join repeated a on a.ws = %(ws)s and a.event_id = x.event_id
left join lane l on x.lane <> 0 and l.ws = %(ws)s and l.key = x.lane
left join gate g on g.conn = l.gate
order by x.run_id desc"""


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run with its event, as lists show it.

    `state` says how a run that has not ended waits: as `pending.state`, or ``running``, ``queued`` (its turn
    has not come: `ahead` runs of its record are before it), ``rule_paused``, ``vendor_down``.
    `conn` is the connection that it waits for (0: none). `replay_of` is the run that it repeats,
    `replayed_by` the one that repeats it. `again`: how often its event was delivered once more (and taken
    once), the last time at `again_at`.
    """

    id: int
    event_id: int
    rule: int
    version: int
    shown: Shown
    state: str
    code: str
    params: dict[str, Any]
    records: list[dict[str, Any]]
    calls: int
    tries: int
    finished: datetime | None
    since: datetime | None
    due: datetime | None
    conn: int
    ahead: int
    title: str
    event_conn: int
    kind: str
    object: str
    record: str
    occurred: datetime | None
    bulk: bool
    replay_of: int | None = None
    replayed_by: int | None = None
    again: int = 0
    again_at: datetime | None = None

    @property
    def at(self) -> datetime:
        """When the event arrived."""
        return time_of(self.id)

    @property
    def seconds(self) -> float | None:
        """How long it took from the arrival to the end, None until then."""
        return max(0.0, (self.finished - self.at).total_seconds()) if self.finished else None


@dataclass(frozen=True, slots=True)
class EventRow:
    """One event, as lists show it. `runs` is how many runs it made.

    `again`: how often it was delivered once more, the last time at `again_at`; `alike`: it was told to be the
    same by its content.
    """

    id: int
    conn: int
    kind: str
    object: str
    record: str
    title: str
    occurred: datetime | None
    bulk: bool
    runs: int
    again: int = 0
    again_at: datetime | None = None
    alike: bool = False

    @property
    def at(self) -> datetime:
        """When it arrived."""
        return time_of(self.id)


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A delivery that could not be taken and waits for a person. `status` is what it was answered with."""

    id: int
    conn: int
    code: str
    params: dict[str, Any]
    status: int
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes

    @property
    def at(self) -> datetime:
        """When it came."""
        return time_of(self.id)


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page, newest first; `next` is the cursor of the page after it, None on the last.

    `partial`: the search stopped there for now, though the page is not full.
    """

    rows: list[T] = field(default_factory=list)
    next: int | None = None
    partial: bool = False


def sources(status: Shown | None, *, only: bool) -> list[str]:
    """Return the statements whose rows together are the answer, each newest first and limited."""
    found: list[str] = []
    if status is None or status in ENDED:
        ended = f" and r.status = {ENDED[status]}" if status else ""
        order = " order by r.id desc limit %(n)s"
        if only:  # rule by rule and status by status, so that each is a walk along its own index
            inner = f"{FINISHED} and r.rule = one.rule and r.status = way.status{order}"
            wanted = [ENDED[status]] if status else list(SHOWN)
            found.append(
                "select f.* from"  # noqa: S608 - fixed parts only
                " unnest(%(rules)s::int[]) one(rule) cross join"
                f" unnest(array{wanted}::smallint[]) way(status)"
                f" cross join lateral ({inner}) f order by f.run_id desc limit %(n)s"
            )
        else:
            found.append(FINISHED + ended + order)
    if status is None or status in (Shown.WAITING, Shown.NEEDS_YOU):
        chosen = " and i.rule = any(%(rules)s)" if only else ""
        if status is Shown.NEEDS_YOU:
            chosen += " and p.state = 'decision'"
        elif status is Shown.WAITING:
            chosen += " and p.state is distinct from 'decision'"
        found.append(LIVE + chosen + " order by i.run_id desc limit %(n)s")
    return found


def merged(parts: Sequence[str]) -> str:
    """Return the statement for the newest rows of several."""
    united = " union all ".join(f"({part})" for part in parts)
    return f"select * from ({united}) m order by run_id desc limit %(n)s"  # noqa: S608 - fixed parts only


def fetch(query: str, params: Mapping[str, Any], make: Callable[..., T]) -> list[T]:
    """Run a statement; return what `make` makes of each row's columns."""
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        return [make(*row) if make is not tuple else row for row in cursor.fetchall()]


def run_row(*columns: Any) -> RunRow:
    """Make a row of `WHOLE`'s columns."""
    (
        number, event, rule, version, status, code, params, records, calls, tries, finished, state, since,
        due, at_conn, _lane, _seq, replay_of, replayed_by, title, event_conn, kind, object_, record, occurred,
        bulk, lane_state, gate_state, gate_code, lane_gate, again, again_at,
        ahead,
    ) = columns  # fmt: skip
    conn = at_conn
    if not status and not state:
        state, code, conn = _not_begun(lane_state, gate_state, gate_code, lane_gate, ahead)
    return RunRow(
        id=number,
        event_id=event,
        rule=rule,
        version=version,
        shown=SHOWN[status] if status else Shown.NEEDS_YOU if state == "decision" else Shown.WAITING,
        state=state,
        code=code,
        params=_loaded(params) or {},
        records=_loaded(records) or [],
        calls=calls,
        tries=tries,
        finished=finished,
        since=since,
        due=due if due is not None and due.year < 9000 else None,
        conn=conn,
        ahead=ahead,
        title=title or "",
        event_conn=event_conn or 0,
        kind=kind or "",
        object=object_ or "",
        record=record or "",
        occurred=occurred,
        bulk=bool(bulk),
        replay_of=replay_of,
        replayed_by=replayed_by,
        again=again or 0,
        again_at=again_at,
    )


def _not_begun(
    lane_state: int | None, gate_state: int | None, gate_code: str | None, gate: int | None, ahead: int
) -> tuple[str, str, int]:
    """Say why a run has not begun: the state, the code and the connection that it waits for."""
    if ahead:
        return "queued", "", 0
    if lane_state == 2:
        return "running", "", 0
    if lane_state == 3:
        return "rule_paused", "", 0
    shut = {1: "vendor_down", 2: "held", 3: "limit", 4: "limit"}.get(gate_state or 0)
    return (shut, gate_code or "", gate or 0) if shut else ("queued", "", 0)


def _loaded(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str | bytes) else value


def rejected_row(*columns: Any) -> RejectedRow:
    """Make a rejected delivery of its columns."""
    number, conn, code, params, status, method, path, query, headers, body = columns
    return RejectedRow(
        id=number, conn=conn, code=code, params=json.loads(params), status=status, method=method, path=path,
        query=query, headers=json.loads(bytes(headers) or b"{}"), body=bytes(body),
    )  # fmt: skip
