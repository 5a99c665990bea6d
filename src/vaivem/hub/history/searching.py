"""Searching the runs by words: led by whatever is rarest, a word or the filter, in bounded time.

A page that could not be filled in time says how far back was looked; its cursor goes on from there. Led by a
word, the search goes from event to event, and its cursor is an event's (`EVENTS_FROM` more than its id).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vaivem.core.identity import query_terms, term_hash
from vaivem.engine.ids import SHIFT
from vaivem.hub.history.filters import EVENTS_FROM, Filters
from vaivem.hub.history.rows import (
    EVENTS,
    FINISHED,
    LIVE,
    WHOLE,
    EventRow,
    Page,
    RunRow,
    fetch,
    merged,
    run_row,
    sources,
)

SAMPLE = 1000  # how many of a word, or of a filter's runs, tell how rare it is
WINDOW = 1000
MAX_WINDOW = 4000
MANY_RULES = 8  # the runs of so many are not worth counting before a search
CHUNK = 100
SECONDS = 0.15
AFTER_EVENT = 3_600_000 << SHIFT  # a run is made right after its event; replays are found by their own table

Params = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reach:
    """How far back a sample goes: the older its last, the rarer it is. `all` are no more than the sample."""

    size: int
    oldest: int

    @property
    def rank(self) -> tuple[int, int]:
        """Order by rarity, the rarest first."""
        return (0, self.size) if self.size < SAMPLE else (1, self.oldest)


def search(
    ws: int, filters: Filters, rules: Sequence[int] | None, *, before: int | None, limit: int
) -> Page[RunRow]:
    """Return a page of the runs whose events have all of the words."""
    hashes = [term_hash(ws, word) for word in sorted(query_terms(filters.text))]
    if not hashes:
        return Page()
    params: Params = {"ws": ws, "low": filters.low, "high": filters.high, "rules": list(rules or ())}
    by_event = before is not None and before >= EVENTS_FROM
    if before is not None:
        params["high"] = min(before - EVENTS_FROM if by_event else before, filters.high)
    reaches = {number: _word_reach(params, number) for number in hashes}
    ordered = sorted(hashes, key=lambda number: reaches[number].rank)
    if before is None:
        by_event = not _filter_leads(params, filters, rules, reaches[ordered[0]])
    if by_event:
        return _by_word(params, filters, rules, ordered, limit)
    return _by_filter(params, filters, rules, ordered, limit)


def matching(ws: int, events: Sequence[int], text: str) -> set[int]:
    """Return those of these events that have all of the words."""
    return _with_words(ws, events, [term_hash(ws, word) for word in sorted(query_terms(text))])


def search_events(
    ws: int, filters: Filters, where: str, asked: Mapping[str, Any], *, before: int | None, limit: int
) -> Page[EventRow]:
    """Return a page of the events that have all of the words; `where` is a fixed text about ``event e``."""
    hashes = [term_hash(ws, word) for word in sorted(query_terms(filters.text))]
    if not hashes:
        return Page()
    params: Params = {
        **asked,
        "ws": ws,
        "low": filters.low,
        "high": min(before or filters.high, filters.high),
    }
    hashes.sort(key=lambda number: _word_reach(params, number).rank)
    found: list[EventRow] = []
    window, begun = WINDOW, time.monotonic()
    while True:
        events, edge, more = _window(params, hashes, window)
        query = EVENTS + " and e.id = any(%(events)s::bigint[])" + where + " order by e.id desc limit %(n)s"
        found += fetch(
            query, {**params, "events": events, "n": limit + 1 - len(found)}, lambda *row: EventRow(*row)
        )
        if len(found) > limit:
            return Page(found[:limit], found[limit - 1].id)
        if not more:
            return Page(found)
        params["high"] = edge
        if time.monotonic() - begun > SECONDS:
            return Page(found, edge, partial=True)
        window = min(window * 2, MAX_WINDOW)


def _word_reach(params: Mapping[str, Any], number: int) -> Reach:
    query = (
        "select count(*), min(event_id) from (select event_id from term where ws = %(ws)s and hash = %(hash)s"
        " and event_id < %(high)s and event_id >= %(low)s order by event_id desc limit %(n)s) x"
    )
    [(size, oldest)] = fetch(query, {**params, "hash": number, "n": SAMPLE}, lambda *row: row)
    return Reach(size, oldest or 0)


def _filter_leads(
    params: Mapping[str, Any], filters: Filters, rules: Sequence[int] | None, word: Reach
) -> bool:
    """Say whether the filter's runs are rarer than the rarest word."""
    if filters.is_waiting:
        return True
    if (filters.status is None and rules is None) or len(rules or ()) > MANY_RULES:
        return False
    inner = merged(sources(filters.status, only=rules is not None))
    query = f"select count(*), min(run_id) from ({inner}) x"  # noqa: S608 - fixed parts only
    [(size, oldest)] = fetch(query, {**params, "n": SAMPLE}, lambda *row: row)
    return Reach(size, oldest or 0).rank < word.rank


def _by_word(
    params: Params, filters: Filters, rules: Sequence[int] | None, hashes: Sequence[int], limit: int
) -> Page[RunRow]:
    """Go from event to event that has the rarest word."""
    found: list[RunRow] = []
    window, begun = WINDOW, time.monotonic()
    while True:
        events, edge, more = _window(params, hashes, window)
        for at in range(0, len(events), CHUNK):
            found += _runs_of(params, filters, rules, events[at : at + CHUNK])
            if len(found) > limit:
                return _cut(found, limit)
            if time.monotonic() - begun > SECONDS and at + CHUNK < len(events):
                return Page(found, EVENTS_FROM + events[at + CHUNK - 1], partial=True)
        if not more:
            return Page(found)
        params["high"] = edge
        if time.monotonic() - begun > SECONDS:
            return Page(found, EVENTS_FROM + edge, partial=True)
        window = min(window * 2, MAX_WINDOW)


def _window(params: Mapping[str, Any], hashes: Sequence[int], window: int) -> tuple[list[int], int, bool]:
    """Return the next events with all words, newest first, how far was looked, and whether there is more."""
    lead, *others = hashes
    rest = "".join(
        " and exists (select 1 from term x where x.ws = %(ws)s and x.event_id = t.event_id"  # noqa: S608
        f" and x.hash = %(h{place})s)"
        for place in range(len(others))
    )
    query = (
        "with t as materialized (select event_id from term where ws = %(ws)s and hash = %(lead)s"  # noqa: S608 - fixed parts only
        " and event_id < %(high)s and event_id >= %(low)s order by event_id desc limit %(n)s)"
        " select (select min(event_id) from t), (select count(*) from t),"
        f" array(select t.event_id from t where true{rest} order by t.event_id desc)"
    )
    words = {f"h{place}": number for place, number in enumerate(others)}
    [(edge, count, events)] = fetch(query, {**params, **words, "lead": lead, "n": window}, lambda *row: row)
    return list(events), edge or 0, count == window


def _runs_of(
    params: Mapping[str, Any], filters: Filters, rules: Sequence[int] | None, events: Sequence[int]
) -> list[RunRow]:
    """Return the runs of some events that the filter means, by event, newest first."""
    fits = ""
    if filters.status is not None:
        fits += f" and r.status = {filters.ended or 0}"
    if rules is not None:
        fits += " and r.rule = any(%(rules)s::int[])"
    near = FINISHED + fits + " and r.event_id = any(%(events)s::bigint[])"
    repeated = (
        " and r.id in (select new_id from replay_run q where q.ws = %(ws)s and q.new_id >= %(low)s"
        " and q.event_id = any(%(events)s::bigint[]))"
    )
    again = FINISHED + fits + repeated
    bounds = {"low": min(events), "high": max(events) + AFTER_EVENT}
    parts = [(near, bounds), (again, {"low": bounds["high"], "high": 2**63 - 1})]
    if filters.ended is None:  # those that have not ended, too; or they alone
        chosen = " and i.event_id = any(%(events)s::bigint[])"
        chosen += " and i.rule = any(%(rules)s::int[])" if rules is not None else ""
        parts.append((LIVE + chosen + filters.live_where, {"low": 0, "high": 2**63 - 1}))
        if filters.status is not None:
            parts = parts[2:]
    rows: list[RunRow] = []
    for query, between in parts:
        rows += fetch(WHOLE.format(rows=query), {**params, **between, "events": list(events)}, run_row)
    return sorted(rows, key=lambda row: (row.event_id, row.id), reverse=True)


def _cut(found: list[RunRow], limit: int) -> Page[RunRow]:
    """Return a page that ends between two events, so that the next one begins with whole events."""
    edge = found[limit].event_id
    shown = [row for row in found[: limit + 1] if row.event_id > edge]
    if not shown:  # one event made more runs than a page holds
        shown = [row for row in found if row.event_id == edge]
    return Page(shown, EVENTS_FROM + shown[-1].event_id)


def _by_filter(
    params: Params, filters: Filters, rules: Sequence[int] | None, hashes: Sequence[int], limit: int
) -> Page[RunRow]:
    """Go from run to run that the filter means."""
    found: list[RunRow] = []
    begun, inner = time.monotonic(), merged(sources(filters.status, only=rules is not None))
    while True:
        rows = fetch(
            f"select run_id, event_id from ({inner}) x order by run_id desc",  # noqa: S608 - fixed parts only
            {**params, "n": WINDOW},
            lambda *row: row,
        )
        having = _with_words(params["ws"], [event for _, event in rows], hashes)
        runs = [run for run, event in rows if event in having]
        found += _whole(params, runs[: limit + 1 - len(found)])
        if len(found) > limit:
            return Page(found[:limit], found[limit - 1].id)
        if len(rows) < WINDOW:
            return Page(found)
        params["high"] = rows[-1][0]
        if time.monotonic() - begun > SECONDS:
            return Page(found, rows[-1][0], partial=True)


def _whole(params: Mapping[str, Any], runs: Sequence[int]) -> list[RunRow]:
    if not runs:
        return []
    ended = FINISHED + " and r.id = any(%(runs)s::bigint[])"
    live = LIVE + " and i.run_id = any(%(runs)s::bigint[])"
    between = {"low": min(runs), "high": max(runs) + 1, "runs": list(runs)}
    return fetch(WHOLE.format(rows=f"({ended}) union all ({live})"), {**params, **between}, run_row)


def _with_words(ws: int, events: Sequence[int], hashes: Sequence[int]) -> set[int]:
    if not events or not hashes:
        return set()
    rest = "".join(
        " and exists (select 1 from term x where x.ws = %(ws)s and x.event_id = e.id"  # noqa: S608
        f" and x.hash = %(h{place})s)"
        for place in range(len(hashes))
    )
    query = f"select e.id from unnest(%(events)s::bigint[]) e(id) where true{rest}"  # noqa: S608 - fixed parts only
    words = {f"h{place}": number for place, number in enumerate(hashes)}
    return {row[0] for row in fetch(query, {"ws": ws, "events": list(events), **words}, lambda *row: row)}
