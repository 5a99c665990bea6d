"""The history's lists, read from the engine's tables: every first page fast with millions of rows.

Runs that have ended are rows of `run`; those that have not are items of lanes, with a row in `pending` once
they have begun and wait. Ids are in order of time, so pages go by id, and never by counting.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from django.db import connection

from vaivem.core.identity import query_terms, term_hash
from vaivem.engine.ids import time_of
from vaivem.hub.history.filters import Filters, Shown

T = TypeVar("T")
PAGE = 50
MAX_COUNT = 100
MAX_SEARCHED = 500  # events that a search looks at in one go
MAX_ROUNDS = 20  # and how often for one page

_ENDED = {Shown.DONE: 1, Shown.FAILED: 2, Shown.NOTHING: 3, Shown.STOPPED: 4}
_SHOWN = {number: shown for shown, number in _ENDED.items()}

_FINISHED = """
select r.id as run_id, r.event_id, r.rule, r.version, r.status::int as status, r.code, r.params, r.records,
  r.calls::int as calls, r.tries, r.finished, ''::text as state, null::timestamptz as since,
  null::timestamptz as due, 0 as at_conn, 0::bigint as lane, 0::bigint as seq, r.replay_of, r.replayed_by
from run r
where r.ws = %(ws)s and r.id < %(high)s and r.id >= %(low)s"""

_LIVE = """
select i.run_id, i.event_id, i.rule, i.version, 0 as status, coalesce(p.code, '') as code, p.params,
  null::jsonb as records, 0 as calls, coalesce(p.tries, 0) as tries, null::timestamptz as finished,
  coalesce(p.state, '') as state, p.since, p.due, coalesce(p.conn, 0) as at_conn, i.lane, i.seq,
  i.replay_of, null::bigint as replayed_by
from item i left join pending p on p.ws = i.ws and p.run_id = i.run_id
where i.ws = %(ws)s and i.run_id < %(high)s and i.run_id >= %(low)s"""

_WHOLE = """
select x.*, e.title, e.conn as event_conn, e.kind, e.object, e.record, e.occurred, e.bulk,
  l.state::int as lane_state, g.state::int as gate_state, g.code as gate_code, l.gate as lane_gate,
  (select count(*) from (select 1 from item b where b.ws = %(ws)s and b.lane = x.lane and b.seq < x.seq
                         limit 1000) b)::int as ahead
from ({rows}) x
left join event e on e.ws = %(ws)s and e.id = x.event_id
left join lane l on x.lane <> 0 and l.ws = %(ws)s and l.key = x.lane
left join gate g on g.conn = l.gate
order by x.run_id desc"""


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run with its event, as lists show it.

    `state` says how a run that has not ended waits: as `pending.state`, or ``running``, ``queued`` (its turn
    has not come: `ahead` runs of its record are before it), ``rule_paused``, ``vendor_down``.
    `conn` is the connection that it waits for (0: none). `replay_of` is the run that it repeats,
    `replayed_by` the one that repeats it.
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
    """One event, as lists show it. `runs` is how many runs it made."""

    id: int
    conn: int
    kind: str
    object: str
    record: str
    title: str
    occurred: datetime | None
    bulk: bool
    runs: int

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
    """One page, newest first; `next` is the cursor of the page after it, None on the last."""

    rows: list[T] = field(default_factory=list)
    next: int | None = None


def runs(
    ws: int,
    filters: Filters,
    *,
    before: int | None = None,
    rules: Sequence[int] | None = None,
    limit: int = PAGE,
) -> Page[RunRow]:
    """Return a page of runs. `rules` are those that the filters mean (None: all of the workspace)."""
    params: dict[str, Any] = {"ws": ws, "low": filters.low, "high": min(before or filters.high, filters.high)}
    params |= {"n": limit + 1, "rules": list(rules or ())}
    if filters.text:
        return _search_on(filters, params, limit, only=rules is not None)
    sources = _sources(filters.status, only=rules is not None)
    found = _fetch(_WHOLE.format(rows=_merged(sources)), params, run_row)
    more = len(found) > limit
    return Page(found[:limit], found[limit - 1].id if more else None)


def chosen_runs(
    ws: int, filters: Filters, rules: Sequence[int] | None, *, limit: int
) -> tuple[str, dict[str, Any]]:
    """Return the statement, with its values, for the ended runs that a filter means and that nobody repeated.

    Its columns are ``run_id event_id rule``.
    """
    params = {"ws": ws, "low": filters.low, "high": filters.high, "n": limit, "rules": list(rules or ())}
    where = "r.ws = %(ws)s and r.id >= %(low)s and r.id < %(high)s and r.replayed_by is null"
    if filters.status is not None:
        params["status"] = _ENDED.get(filters.status, 0)
        where += " and r.status = %(status)s"
    if rules is not None:
        where += " and r.rule = any(%(rules)s::int[])"
    for place, word in enumerate(sorted(query_terms(filters.text)) if filters.text else ()):
        params[f"w{place}"] = term_hash(ws, word)
        where += (
            " and exists (select 1 from term t where t.ws = r.ws and t.event_id = r.event_id"  # noqa: S608
            f" and t.hash = %(w{place})s)"
        )
    query = (
        f"select r.id as run_id, r.event_id, r.rule from run r where {where}"  # noqa: S608 - fixed parts only
        " order by r.id desc limit %(n)s"
    )
    return query, params


def newer_runs(ws: int, filters: Filters, after: int, *, rules: Sequence[int] | None = None) -> int:
    """Return how many runs have come since the one with this id (at most MAX_COUNT)."""
    if filters.text:
        return 0
    params = {"ws": ws, "low": max(filters.low, after + 1), "high": filters.high, "n": MAX_COUNT}
    sources = _merged(_sources(filters.status, only=rules is not None))
    [(count,)] = _fetch(f"select count(*) from ({sources}) x", params | {"rules": list(rules or ())}, tuple)  # noqa: S608 - fixed parts only
    return int(count)


def events(
    ws: int, filters: Filters, *, before: int | None = None, unused: bool = False, limit: int = PAGE
) -> Page[EventRow]:
    """Return a page of events; `unused` are those that no rule took."""
    params: dict[str, Any] = {"ws": ws, "low": filters.low, "high": min(before or filters.high, filters.high)}
    params |= {"n": limit + 1, "conn": filters.connection}
    where = " and e.items = 0" if unused else ""
    where += " and e.conn = %(conn)s" if filters.connection else ""
    source = "event e where e.ws = %(ws)s and e.id < %(high)s and e.id >= %(low)s"
    if filters.text:
        search = _search(params, filters.text)
        if search is None:
            return Page()
        source = f"({search}) t join event e on e.ws = %(ws)s and e.id = t.event_id where true"
    query = (
        "select e.id, e.conn, e.kind, e.object, e.record, e.title, e.occurred, e.bulk, e.items::int"  # noqa: S608 - fixed parts only
        f" from {source}{where} order by e.id desc limit %(n)s"
    )
    found = _fetch(query, params, lambda *row: EventRow(*row))
    return Page(found[:limit], found[limit - 1].id if len(found) > limit else None)


def rejected(ws: int, filters: Filters, *, before: int | None = None, limit: int = PAGE) -> Page[RejectedRow]:
    """Return a page of deliveries that could not be taken and wait for a person."""
    params = {"ws": ws, "low": filters.low, "high": min(before or filters.high, filters.high), "n": limit + 1}
    query = """
    select id, conn, code, params::text, status::int, method, path, query, headers, body from rejected
    where ws = %(ws)s and state = 0 and id < %(high)s and id >= %(low)s order by id desc limit %(n)s"""
    found = _fetch(query, params, rejected_row)
    return Page(found[:limit], found[limit - 1].id if len(found) > limit else None)


def rejected_one(ws: int, number: int) -> RejectedRow | None:
    """Return one rejected delivery that waits."""
    page = rejected(ws, Filters(), before=number + 1, limit=1)
    return page.rows[0] if page.rows and page.rows[0].id == number else None


def tab_counts(ws: int, since: int) -> dict[str, int]:
    """Return how many unused events came since an id, and how many rejected wait (at most MAX_COUNT)."""
    query = """
    select (select count(*) from (select 1 from event where ws = %(ws)s and items = 0 and id >= %(since)s
                                  limit %(n)s) a),
           (select count(*) from (select 1 from rejected where ws = %(ws)s and state = 0 limit %(n)s) b)"""
    [(unused, waiting)] = _fetch(query, {"ws": ws, "since": since, "n": MAX_COUNT}, lambda *row: row)
    return {"unused": unused, "rejected": waiting}


def _sources(status: Shown | None, *, only: bool) -> list[str]:
    """Return the statements whose rows together are the answer, each newest first and limited."""
    sources: list[str] = []
    if status is None or status in _ENDED:
        ended = f" and r.status = {_ENDED[status]}" if status else ""
        order = " order by r.id desc limit %(n)s"
        if only:  # rule by rule and status by status, so that each is a walk along its own index
            inner = f"{_FINISHED} and r.rule = one.rule and r.status = way.status{order}"
            wanted = [_ENDED[status]] if status else list(_SHOWN)
            sources.append(
                "select f.* from"  # noqa: S608 - fixed parts only
                " unnest(%(rules)s::int[]) one(rule) cross join"
                f" unnest(array{wanted}::smallint[]) way(status)"
                f" cross join lateral ({inner}) f order by f.run_id desc limit %(n)s"
            )
        else:
            sources.append(_FINISHED + ended + order)
    if status is None or status in (Shown.WAITING, Shown.NEEDS_YOU):
        chosen = " and i.rule = any(%(rules)s)" if only else ""
        if status is Shown.NEEDS_YOU:
            chosen += " and p.state = 'decision'"
        elif status is Shown.WAITING:
            chosen += " and p.state is distinct from 'decision'"
        sources.append(_LIVE + chosen + " order by i.run_id desc limit %(n)s")
    return sources


def _merged(sources: Sequence[str]) -> str:
    parts = " union all ".join(f"({source})" for source in sources)
    return f"select * from ({parts}) m order by run_id desc limit %(n)s"  # noqa: S608 - fixed parts only


def _search_on(filters: Filters, params: dict[str, Any], limit: int, *, only: bool) -> Page[RunRow]:
    """Search until a page is full, the history ends, or enough was looked at for one answer."""
    rows: list[RunRow] = []
    for _ in range(MAX_ROUNDS):
        page = _searched_runs(filters, params | {"n": limit - len(rows) + 1}, limit - len(rows), only=only)
        rows += page.rows
        if page.next is None or len(rows) >= limit:
            break
        params["high"] = page.next
    return Page(rows, page.next)


def _searched_runs(filters: Filters, params: dict[str, Any], limit: int, *, only: bool) -> Page[RunRow]:
    search = _search(params, filters.text)
    if search is None:
        return Page()
    parts = []
    if filters.status is None or filters.status in _ENDED:
        ended = f" and r.status = {_ENDED[filters.status]}" if filters.status else ""
        ended += " and r.rule = any(%(rules)s)" if only else ""
        parts.append(_FINISHED.replace("from run r", "from t join run r on r.event_id = t.event_id") + ended)
    for source in _sources(filters.status, only=only):
        if "from item i" in source:
            parts.append(source.replace("from item i ", "from t join item i on i.event_id = t.event_id "))
    merged = f"with t as materialized ({search}) {_merged(parts)}"
    found = _fetch(_WHOLE.format(rows=merged), params, run_row)
    if len(found) > limit:
        return Page(found[:limit], found[limit - 1].id)
    # Few fit among the events looked at: the next page goes on where the search stopped.
    edge = _fetch(f"select min(event_id), count(*) from ({search}) t", params, lambda *row: row)[0]  # noqa: S608 - fixed parts only
    return Page(found, int(edge[0]) if edge[1] == MAX_SEARCHED else None)


def _search(params: dict[str, Any], text: str) -> str | None:
    """Return the statement for the events that have all of the words; the rarest word leads."""
    hashes = sorted(term_hash(params["ws"], term) for term in query_terms(text))
    if not hashes:
        return None
    sizes = _fetch(
        "select h, (select count(*) from (select 1 from term where ws = %(ws)s and hash = h limit 2000) x)"
        " from unnest(%(hashes)s::bigint[]) h",
        {"ws": params["ws"], "hashes": hashes},
        lambda *row: row,
    )
    ordered = [number for number, _ in sorted(sizes, key=lambda row: row[1])]
    params |= {f"h{place}": number for place, number in enumerate(ordered)} | {"searched": MAX_SEARCHED}
    others = "".join(
        f" and exists (select 1 from term x where x.ws = t.ws and x.hash = %(h{place})s"  # noqa: S608 - fixed parts only
        " and x.event_id = t.event_id)"
        for place in range(1, len(ordered))
    )
    return (
        "select t.event_id from term t where t.ws = %(ws)s and t.hash = %(h0)s"  # noqa: S608 - fixed parts only
        f" and t.event_id < %(high)s and t.event_id >= %(low)s{others}"
        " order by t.event_id desc limit %(searched)s"
    )


def _fetch(query: str, params: dict[str, Any], make: Callable[..., T]) -> list[T]:
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        return [make(*row) if make is not tuple else row for row in cursor.fetchall()]


def run_row(*columns: Any) -> RunRow:
    """Make a row of `_WHOLE`'s columns."""
    (
        number, event, rule, version, status, code, params, records, calls, tries, finished, state, since,
        due, at_conn, _lane, _seq, replay_of, replayed_by, title, event_conn, kind, object_, record, occurred,
        bulk, lane_state, gate_state, gate_code, lane_gate, ahead,
    ) = columns  # fmt: skip
    conn = at_conn
    if not status and not state:
        state, code, conn = _not_begun(lane_state, gate_state, gate_code, lane_gate, ahead)
    return RunRow(
        id=number,
        event_id=event,
        rule=rule,
        version=version,
        shown=_SHOWN[status] if status else Shown.NEEDS_YOU if state == "decision" else Shown.WAITING,
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
    shut = {1: "vendor_down", 2: "held", 3: "limit"}.get(gate_state or 0)
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
