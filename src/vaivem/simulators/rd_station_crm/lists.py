"""Lists of API v2: filter, sort, page, and the links between pages."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from zlib import crc32

from starlette.datastructures import QueryParams

from vaivem.simulators.kit.tables import Record
from vaivem.simulators.rd_station_crm.conditions import Conditions
from vaivem.simulators.rd_station_crm.rdql import RdqlError
from vaivem.simulators.rd_station_crm.schema import ENTITIES

if TYPE_CHECKING:
    from vaivem.simulators.rd_station_crm.account import Account

MAX_PAGE_SIZE = 200
MAX_LISTED = 10_000
_SORT = re.compile(r"sort\[(\w+)\]\Z")


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list: its records, its number (from 1), its size, and how many records can be listed."""

    records: list[Record]
    number: int
    size: int
    listed: int

    @property
    def last(self) -> int:
        """The number of the last page, 1 for an empty list."""
        return max(1, -(-self.listed // self.size))


def select(account: "Account", table: str, query: QueryParams, among: Sequence[Record] | None = None) -> Page:
    """Return the page a query asks for; `among` narrows the list to these records.

    RdqlError when the filter, the sort or the page cannot be read.
    """
    conditions = Conditions(account, table, query.get("filter", ""))
    found = _matching(account, table, conditions, among)
    number, size = _page(account, query)
    capped = min(len(found), MAX_LISTED) if ENTITIES[table].capped else len(found)
    ordered = _order(account, table, query, found, number, size)[:capped]
    start = (number - 1) * size
    return Page(ordered[start : start + size], number, size, len(ordered))


def links(page: Page, base_url: str, path: str, query: QueryParams, *, wrong_prefix: bool) -> dict[str, str]:
    """Return the page's links; with `wrong_prefix` they carry the vendor's internal /api/v2, not routed."""
    shown = path.replace("/crm/v2", "/api/v2", 1) if wrong_prefix else path
    kept = [(key, value) for key, value in query.multi_items() if key not in ("page[number]", "page[size]")]

    def link(number: int) -> str:
        pairs = [*kept, ("page[number]", str(number)), ("page[size]", str(page.size))]
        return f"{base_url}{shown}?{urlencode(pairs)}"

    found = {"first": link(1), "self": link(page.number)}
    if page.number > 1:
        found["prev"] = link(page.number - 1)
    if page.number < page.last:
        found["next"] = link(page.number + 1)
    found["last"] = link(page.last)
    return found


def _matching(
    account: "Account", table: str, conditions: Conditions, among: Sequence[Record] | None
) -> list[Record]:
    if among is not None:
        return [record for record in among if conditions.matches(record)]
    rows = account.tables[table]
    ids = conditions.candidates()
    if ids is None:
        return [record for record in rows if conditions.matches(record)]
    candidates = (rows.get(record_id) for record_id in ids)
    return [record for record in candidates if record is not None and conditions.matches(record)]


def _page(account: "Account", query: QueryParams) -> tuple[int, int]:
    number = _positive(query.get("page[number]"), 1, "page[number]")
    size = _positive(query.get("page[size]"), account.quirks.page_size, "page[size]")
    return number, min(size, MAX_PAGE_SIZE)


def _positive(text: str | None, absent: int, name: str) -> int:
    if text is None or text == "":
        return absent
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 10**9:
        raise RdqlError(f"{name} must be a positive number")
    return int(text)


def _order(
    account: "Account", table: str, query: QueryParams, found: list[Record], number: int, size: int
) -> list[Record]:
    sorts = [(match[1], value) for key, value in query.multi_items() if (match := _SORT.match(key))]
    if not sorts:
        if table == "stages" or table == "pipelines":
            return sorted(found, key=lambda record: record["order"])
        # A list that fits a page has nothing to lose; a longer one shows why a client must sort.
        if account.quirks.unstable_order and len(found) > size:
            return sorted(found, key=lambda record: crc32(f"{record['id']}{number}".encode()))
        return found
    for name, direction in reversed(sorts):
        if name not in ENTITIES[table].sorts:
            raise RdqlError(f"sort by {name} is not supported ({', '.join(ENTITIES[table].sorts)})")
        if direction not in ("asc", "desc"):
            raise RdqlError(f"sort direction {direction} must be asc or desc")
        found = sorted(found, key=_sort_key(name), reverse=direction == "desc")
    return found


def _sort_key(name: str) -> Any:
    def key(record: Record) -> tuple[bool, Any]:
        value = record.get(name)
        return (value is not None, value if value is not None else "")

    return key
