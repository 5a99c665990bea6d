"""How the database goes about the hot statements: by keys, however empty the tables were when it planned."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from vaivem.engine.links import BY_KEY
from vaivem.engine.statements import statement

from .conftest import House

GROWING = ("intent", "claim", "pending", "item", "lane", "link", "event", "step", "run", "term", "decision")


def _whole_reads(node: dict[str, Any]) -> Iterator[str]:
    """Yield the tables that a plan reads without being told where."""
    if "Scan" in node["Node Type"] and "Relation Name" in node and "Index Cond" not in node:
        yield node["Relation Name"].partition("_w")[0]
    for below in node.get("Plans", ()):
        yield from _whole_reads(below)


HOT = (
    ("journal", "write"),
    ("journal", "acquire"),
    ("journal", "release"),
    ("journal", "park"),
    ("lanes", "claim"),
)


@pytest.mark.parametrize(("room", "name"), HOT)
def test_a_hot_statement_never_reads_a_growing_table_whole(house: House, room: str, name: str) -> None:
    """Also when it was planned while nothing waited: the plan is kept while a million events come in."""
    with house.db() as db:
        for setting, value in BY_KEY.items():
            db.execute(f"set {setting} = {value}")
        for table in GROWING:
            db.execute(f"analyze {table}")
        (found,) = db.execute(f"explain (generic_plan, format json) {statement(room, name)}").fetchone() or ()
    plan = found[0]["Plan"]
    assert plan["Plans"]
    assert [table for table in _whole_reads(plan) if table in GROWING] == []
