"""How the database goes about the hot statements: by keys, however empty the tables were when it planned."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from vaivem.engine.links import BY_KEY
from vaivem.engine.statements import statement

from .conftest import House

GROWING = ("intent", "claim", "pending", "item", "lane", "link", "event", "step", "run", "term")


# What each index has to be told for no more than a few rows to be read by it.
TOLD = {
    "intent_pkey": {"ws", "run_id"},
    "claim_run": {"run_id"},
    "pending_pkey": {"ws", "run_id"},
    "pending_list": {"ws", "run_id"},  # a look for each of the few states
    "item_pkey": {"ws", "lane"},
    "item_run": {"run_id"},
    "lane_pkey": {"ws", "key"},
    "lane_ready": {"gate", "prio", "due"},
    "link_pkey": {"ws", "conn", "object", "key"},
}


def _whole_reads(node: dict[str, Any]) -> Iterator[str]:
    """Yield the tables of which a plan reads more than it was told, and by what."""
    if "Scan" in node["Node Type"] and node.get("Relation Name", "").partition("_w")[0] in GROWING:
        index = node.get("Index Name", "")
        wanted = {"ws", "id"} if index.startswith("event_") and index.endswith("_pkey") else TOLD.get(index)
        said = set(re.findall(r"\w+", node.get("Index Cond", "")))
        if wanted is None or not wanted <= said:
            yield f"{node['Relation Name']} by {index or 'itself'}"
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
    assert list(_whole_reads(plan)) == []
