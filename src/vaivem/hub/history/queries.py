"""The history's lists: every first page fast with millions of rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vaivem.core.identity import query_terms, term_hash
from vaivem.hub.history.filters import Filters
from vaivem.hub.history.rows import (
    EVENTS,
    WHOLE,
    EventRow,
    Page,
    RejectedRow,
    RunRow,
    fetch,
    merged,
    rejected_row,
    run_row,
    sources,
)
from vaivem.hub.history.searching import matching, search, search_events

__all__ = ["EventRow", "Page", "RejectedRow", "RunRow"]

PAGE = 50
MAX_COUNT = 100


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
        return search(ws, filters, rules, before=before, limit=limit)
    inner = merged(sources(filters.status, only=rules is not None))
    found = fetch(WHOLE.format(rows=inner), params, run_row)
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
        params["status"] = filters.ended or 0
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
    params = {"ws": ws, "low": max(filters.low, after + 1), "high": filters.high, "n": MAX_COUNT}
    inner = merged(sources(filters.status, only=rules is not None))
    query = f"select event_id from ({inner}) x"  # noqa: S608 - fixed parts only
    found = [row[0] for row in fetch(query, params | {"rules": list(rules or ())}, lambda *row: row)]
    having = matching(ws, found, filters.text) if filters.text else set(found)
    return sum(event in having for event in found)


def events(
    ws: int, filters: Filters, *, before: int | None = None, unused: bool = False, limit: int = PAGE
) -> Page[EventRow]:
    """Return a page of events; `unused` are those that no rule took."""
    where = " and e.items = 0" if unused else ""
    where += " and e.conn = %(conn)s" if filters.connection else ""
    asked = {"conn": filters.connection}
    if filters.text:
        return search_events(ws, filters, where, asked, before=before, limit=limit)
    between = {"low": filters.low, "high": min(before or filters.high, filters.high)}
    query = EVENTS + where + " order by e.id desc limit %(n)s"
    found = fetch(query, {**asked, **between, "ws": ws, "n": limit + 1}, lambda *row: EventRow(*row))
    return Page(found[:limit], found[limit - 1].id if len(found) > limit else None)


def rejected(ws: int, filters: Filters, *, before: int | None = None, limit: int = PAGE) -> Page[RejectedRow]:
    """Return a page of deliveries that could not be taken and wait for a person."""
    params = {"ws": ws, "low": filters.low, "high": min(before or filters.high, filters.high), "n": limit + 1}
    query = """
    select id, conn, code, params::text, status::int, method, path, query, headers, body from rejected
    where ws = %(ws)s and state = 0 and id < %(high)s and id >= %(low)s order by id desc limit %(n)s"""
    found = fetch(query, params, rejected_row)
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
    [(unused, waiting)] = fetch(query, {"ws": ws, "since": since, "n": MAX_COUNT}, lambda *row: row)
    return {"unused": unused, "rejected": waiting}
