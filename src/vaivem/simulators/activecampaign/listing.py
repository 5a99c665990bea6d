"""Lists: filters, order, and pages of at most a hundred with the total beside them."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from starlette.datastructures import QueryParams

from vaivem.simulators.activecampaign.problems import bad_request
from vaivem.simulators.activecampaign.times import read_time
from vaivem.simulators.kit.tables import Record

PAGE, MOST = 20, 100
_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "eq": lambda have, want: have.lower() == want.lower(),
    "neq": lambda have, want: have.lower() != want.lower(),
    "lt": lambda have, want: have < want,
    "lte": lambda have, want: have <= want,
    "gt": lambda have, want: have > want,
    "gte": lambda have, want: have >= want,
    "contains": lambda have, want: want.lower() in have.lower(),
    "starts_with": lambda have, want: have.lower().startswith(want.lower()),
}


def number(query: QueryParams, name: str, absent: int) -> int:
    """A number of the query that is not negative; 400 for anything else."""
    text = query.get(name)
    if not text:
        return absent
    if not (text.isascii() and text.isdigit()):
        raise bad_request()
    return min(int(text), 10**9)


def page(query: QueryParams, rows: Sequence[Record]) -> list[Record]:
    """The page a query asks for; a limit over the most is cut in silence."""
    limit = min(number(query, "limit", PAGE), MOST)
    start = number(query, "offset", 0)
    return list(rows[start : start + limit])


def answer(key: str, query: QueryParams, rows: Sequence[Record], shape: Callable[[Record], Record]) -> Record:
    """`{"tags": […], "meta": {"total": "2"}}`."""
    return {key: [shape(row) for row in page(query, rows)], "meta": {"total": str(len(rows))}}


def filters(query: QueryParams) -> dict[str, tuple[str, str]]:
    """`filters[name]=x` and `filters[name][contains]=x` as name to operator ("" for none) and value."""
    found = {}
    for key, value in query.multi_items():
        if key.startswith("filters[") and key.endswith("]"):
            name, _, operator = key[8:-1].partition("][")
            found[name] = (operator, value)
    return found


def matching(
    rows: Iterable[Record], wanted: dict[str, tuple[str, str]], columns: dict[str, str]
) -> list[Record]:
    """The rows whose columns are as the filters say; a filter without a column here is passed over."""
    kept = list(rows)
    for name, (operator, value) in wanted.items():
        if name in columns:
            test = _OPERATORS.get(operator or "eq")
            if test is None:
                raise bad_request()
            column = columns[name]
            kept = [row for row in kept if test(_text(row.get(column)), value)]
    return kept


def since(rows: Iterable[Record], wanted: dict[str, tuple[str, str]], *, inclusive: bool) -> list[Record]:
    """Narrow by created_ and updated_, before and after. A value that is no time is refused."""
    kept = list(rows)
    for prefix, column in (("created", "cdate"), ("updated", "udate")):
        for side in ("after", "before"):
            given = wanted.get(f"{prefix}_{side}")
            if given is None:
                continue
            moment = read_time(given[1])
            if moment is None:
                raise bad_request()
            kept = [row for row in kept if _beyond(row[column], moment, side, inclusive=inclusive)]
    return kept


def _beyond(have: str, moment: str, side: str, *, inclusive: bool) -> bool:
    if inclusive and have[:19] == moment[:19]:
        return True
    return have > moment if side == "after" else have < moment


def ordered(query: QueryParams, rows: list[Record], columns: dict[str, str]) -> list[Record]:
    """Sort as `orders[name]=ASC` says, the first named weighing most."""
    wishes = [(key[7:-1], value) for key, value in query.multi_items() if key.startswith("orders[")]
    for name, direction in reversed(wishes):
        column = columns.get(name)
        if column is not None:
            rows = sorted(rows, key=_sort_key(column), reverse=direction.upper() == "DESC")
    return rows


def _sort_key(column: str) -> Callable[[Record], Any]:
    def key(row: Record) -> tuple[int, str]:
        text = _text(row.get(column))
        return (int(text) if text.isascii() and text.isdigit() else -1, text.lower())

    return key


def _text(value: object) -> str:
    return "" if value is None else str(value)
