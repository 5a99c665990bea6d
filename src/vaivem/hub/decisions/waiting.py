"""What waits for a member's decision: the oldest first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from vaivem.hub.history.detail import DecisionRow, behind, decision_rows
from vaivem.hub.history.filters import FilterError

PAGE = 30
KINDS = ("doubt", "choice")
MAX_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which decisions a person wants to see; None: all."""

    kind: str | None = None
    rule: int | None = None
    connection: int | None = None

    @property
    def narrowed(self) -> bool:
        """Whether any are left out."""
        return self != Wanted()

    @property
    def query(self) -> str:
        """As it stands in an address."""
        parts = {"kind": self.kind, "rule": self.rule, "connection": self.connection}
        return urlencode({name: value for name, value in parts.items() if value})


def read_wanted(given: Mapping[str, str]) -> Wanted:
    """Read ``kind rule connection``. Raises FilterError."""
    kind = given.get("kind", "")
    if kind and kind not in KINDS:
        raise FilterError(path="kind")
    return Wanted(kind or None, _number(given, "rule"), _number(given, "connection"))


def _number(given: Mapping[str, str], name: str) -> int | None:
    text = given.get(name, "")
    if not text:
        return None
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise FilterError(path=name)
    return int(text)


def open_decisions(ws: int, wanted: Wanted, *, after: int = 0, limit: int = PAGE) -> list[DecisionRow]:
    """Return those that wait, the oldest first, from the one after an id."""
    where = "answer is null and id > %(after)s"
    where += " and kind = %(kind)s" if wanted.kind else ""
    where += " and rule = %(rule)s" if wanted.rule else ""
    where += " and conn = %(conn)s" if wanted.connection else ""
    return decision_rows(
        f"{where} order by id",
        ws=ws,
        after=after,
        kind=wanted.kind,
        rule=wanted.rule,
        conn=wanted.connection,
        limit=limit,
    )


def next_after(ws: int, wanted: Wanted, number: int) -> int | None:
    """Return the decision to go on with after one: the next older ones last."""
    found = open_decisions(ws, wanted, after=number, limit=1) or open_decisions(ws, wanted, limit=1)
    return found[0].id if found and found[0].id != number else None


def waiting_behind(ws: int, rows: list[DecisionRow]) -> dict[int, int]:
    """Return how many runs wait for each decision, by its run."""
    return behind(ws, [row.run_id for row in rows]) if rows else {}
