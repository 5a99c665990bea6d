"""Pages of a list: numbers from the query, totals in the headers."""

from collections.abc import Sequence
from typing import Any

from starlette.datastructures import QueryParams

from vaivem.simulators.rd_station_marketing.problems import flat

PAGE_SIZE = 25
MOST_PER_PAGE = 125


def whole_number(query: QueryParams, name: str, absent: int, most: int = 1_000_000) -> int:
    """A positive number of the query; 400 for anything else, also for one over `most`."""
    text = query.get(name)
    if not text:
        return absent
    if not (text.isascii() and text.isdigit()) or int(text) < 1:
        raise flat("BAD_REQUEST", f"{name} must be a positive number.")
    if int(text) > most:
        raise flat("MUST_BE_LESS_THAN_OR_EQUAL", f"{name} must be less than or equal to {most}.")
    return int(text)


def page_of(query: QueryParams, rows: Sequence[Any]) -> tuple[list[Any], dict[str, str]]:
    """The page that a query asks for, and the headers that tell how many there are in all."""
    number = whole_number(query, "page", 1)
    size = whole_number(query, "page_size", PAGE_SIZE, MOST_PER_PAGE)
    headers = {
        "pagination-total-rows": str(len(rows)),
        "pagination-page-size": str(size),
        "pagination-page": str(number),
    }
    return list(rows[(number - 1) * size : number * size]), headers
