"""Pages of records: API v2's cursor, API v1's start and limit, and the filters of lists."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable
from typing import Any

import orjson

from vaivem.simulators.pipedrive.problems import INVALID, ApiError
from vaivem.simulators.pipedrive.schema import Record
from vaivem.simulators.pipedrive.times import read_time

DEFAULT_LIMIT = 100
MAX_LIMIT = 500


def bad_query(name: str, reason: str) -> ApiError:
    """A query value that API v2 does not take."""
    text = f"Validation failed: {name}: {reason}"
    return ApiError(400, text, "Please check the request and try again.", INVALID)


def whole(query: Any, name: str) -> int | None:
    """A query value as a whole number; None when it is not there."""
    text = query.get(name)
    if text in (None, ""):
        return None
    if not text.lstrip("-").isdigit():
        raise bad_query(name, "must be an integer")
    return int(text)


def truth(query: Any, name: str) -> bool | None:
    """A query value as true or false; None when it is not there."""
    text = query.get(name)
    if text in (None, ""):
        return None
    if text not in ("true", "false", "1", "0"):
        raise bad_query(name, "must be a boolean")
    return text in ("true", "1")


def moment(query: Any, name: str) -> str | None:
    """A query value as stored time; None when it is not there."""
    text = query.get(name)
    if not text:
        return None
    try:
        return read_time(text)
    except ValueError as error:
        raise bad_query(name, "must be an RFC 3339 time") from error


def words(query: Any, name: str, known: Iterable[str] = ()) -> list[str]:
    """A comma separated query value; each must be one of `known`, where any are."""
    found = [word.strip() for word in query.get(name, "").split(",") if word.strip()]
    allowed = set(known)
    wrong = [word for word in found if allowed and word not in allowed]
    if wrong:
        raise bad_query(name, f"must be one of {', '.join(sorted(allowed))}")
    return found


def ids(query: Any) -> set[int] | None:
    """The `ids` of a list, at most 100; None when they are not asked for."""
    found = words(query, "ids")
    if not found:
        return None
    if len(found) > 100 or not all(text.isdigit() for text in found):
        raise bad_query("ids", "must be at most 100 integers")
    return {int(text) for text in found}


def cursor_page(
    query: Any,
    rows: list[Record],
    sorts: tuple[str, ...] = ("id", "update_time", "add_time"),
    max_limit: int = MAX_LIMIT,
) -> tuple[list[Record], str | None]:
    """One page of `rows` in the order that is asked for, and the cursor of the next one."""
    limit = whole(query, "limit") or DEFAULT_LIMIT
    if not 1 <= limit <= max_limit:
        raise bad_query("limit", f"must be between 1 and {max_limit}")
    field, direction = query.get("sort_by") or "id", query.get("sort_direction") or "asc"
    after: list[Any] | None = None
    if query.get("cursor"):
        field, direction, after = _read_cursor(query["cursor"], sorts)
    if field not in sorts:
        raise bad_query("sort_by", f"must be one of {', '.join(sorts)}")
    if direction not in ("asc", "desc"):
        raise bad_query("sort_direction", "must be one of asc, desc")

    def key(row: Record) -> list[Any]:
        value = row[field]
        return [value is not None, value if value is not None else "", row["id"]]

    ordered = sorted(rows, key=key, reverse=direction == "desc")
    if after is not None:
        ordered = [row for row in ordered if (key(row) > after if direction == "asc" else key(row) < after)]
    page = ordered[:limit]
    more = len(ordered) > limit
    return page, _write_cursor(field, direction, key(page[-1])) if more else None


def offset_page(query: Any, rows: list[Any]) -> tuple[list[Any], Record]:
    """One page of API v1 and its `start`, `limit` and `more_items_in_collection`."""
    start, limit = whole(query, "start") or 0, whole(query, "limit") or DEFAULT_LIMIT
    limit = max(1, min(limit, MAX_LIMIT))
    page = rows[max(start, 0) :][:limit]
    more = start + limit < len(rows)
    return page, {"start": start, "limit": limit, "more_items_in_collection": more}


def in_pagination(state: Record) -> Record:
    """The other envelope of API v1: under `pagination`, with `next_start` while there is more."""
    following = {"next_start": state["start"] + state["limit"]} if state["more_items_in_collection"] else {}
    return {"pagination": {**state, **following}}


def offset_cursor(query: Any, rows: list[Any], max_limit: int = MAX_LIMIT) -> tuple[list[Any], str | None]:
    """A page by cursor of rows that have no order but their own (search results, fields)."""
    limit = whole(query, "limit") or DEFAULT_LIMIT
    if not 1 <= limit <= max_limit:
        raise bad_query("limit", f"must be between 1 and {max_limit}")
    start = 0
    if query.get("cursor"):
        _field, _direction, after = _read_cursor(query["cursor"], ("offset",))
        start = int(after[-1])
    page = rows[start : start + limit]
    more = start + limit < len(rows)
    return page, _write_cursor("offset", "asc", [True, start + limit, start + limit]) if more else None


def keep(rows: Iterable[Record], *conditions: Callable[[Record], bool] | None) -> list[Record]:
    """The rows that fit every condition that is there."""
    wanted = [condition for condition in conditions if condition is not None]
    return [row for row in rows if all(condition(row) for condition in wanted)]


def _write_cursor(field: str, direction: str, key: list[Any]) -> str:
    content = {"field": field, "fieldValue": key[1], "sortDirection": direction, "id": key[2], "set": key[0]}
    return base64.urlsafe_b64encode(orjson.dumps(content)).decode().rstrip("=")


def _read_cursor(text: str, sorts: tuple[str, ...]) -> tuple[str, str, list[Any]]:
    try:
        content = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        field, direction = content["field"], content["sortDirection"]
        key = [content["set"], content["fieldValue"], content["id"]]
    except (binascii.Error, ValueError, KeyError, TypeError) as error:
        raise bad_query("cursor", "is not a cursor of this list") from error
    if field not in sorts or direction not in ("asc", "desc"):
        raise bad_query("cursor", "is not a cursor of this list")
    return field, direction, key
