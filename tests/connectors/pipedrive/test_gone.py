"""What is gone at the vendor marks the rule when the lists are read again, with its place."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
from tests.connectors.pipedrive.recorded import CPF, PLAN, connection, connector

from vaivem.connectors.sdk import Connection
from vaivem.core.checks import check_rule
from vaivem.core.rules import parse_rule
from vaivem.engine.marking import LineCatalog
from vaivem.engine.settling import Settling
from vaivem.engine.topology import Line, Topology
from vaivem.vault import Vault

RULE: dict[str, Any] = {
    "title": "x",
    "when": {
        "connection": 7,
        "trigger": "deal_stage_changed",
        "options": {"pipeline": "1", "stage": "5"},
    },
    "then": [
        {
            "id": "person",
            "kind": "action",
            "connection": 7,
            "action": "create_or_update_person",
            "fields": {
                "person.name": {"from": "person.name"},
                f"person.custom.{CPF}": {"text": "52998224725"},
            },
        },
        {
            "id": "deal",
            "kind": "action",
            "connection": 7,
            "action": "create_or_update_deal",
            "fields": {
                "deal.title": {"from": "deal.title"},
                "deal.pipeline": {"value": "1"},
                "deal.stage": {"value": "4"},
                "deal.owner": {"value": "1001"},
                f"deal.custom.{PLAN}": {"value": "38"},
            },
        },
    ],
}


def marked(line: Connection) -> list[str]:
    """Check the rule as the round does that follows a reading of the lists."""
    topology = Topology(Vault.__new__(Vault))
    topology.lines = {7: Line(line, connector, "hook", "working")}
    catalog = LineCatalog(topology, 1, ())
    settling = Settling(catalog)
    settled = settling.rule(parse_rule(RULE))
    known = {one.path for one in settling.problems}
    checked = [one for one in check_rule(settled, catalog) if one.path not in known]
    return [one.path for one in (*checked, *settling.problems)]


def account() -> tuple[Connection, dict[str, Any]]:
    """Return a connection and its catalog, to take something out of."""
    line = connection()
    catalog = copy.deepcopy(dict(line.catalog))
    # An empty list says nothing: it may not have been read yet.
    catalog["lists"]["users"].append({"value": "1002", "label": "Rui Prates"})
    catalog["lists"]["stages/1"].append({"value": "6", "label": "Fechamento"})
    return replace(line, catalog=catalog), catalog


def test_what_is_there_marks_nothing() -> None:
    assert marked(account()[0]) == []


@pytest.mark.parametrize(
    ("part", "gone", "place"),
    [
        ("users", "1001", "then[1].fields.deal.owner"),  # a user who is deactivated is no longer listed
        ("stages/1", "4", "then[1].fields.deal.stage"),
        ("stages/1", "5", "when.options.stage"),
    ],
)
def test_a_choice_that_is_gone_marks_the_rule(part: str, gone: str, place: str) -> None:
    line, catalog = account()
    catalog["lists"][part] = [one for one in catalog["lists"][part] if one["value"] != gone]
    assert marked(line) == [place]


def test_an_option_or_a_field_that_is_gone_marks_the_rule() -> None:
    line, catalog = account()
    (plan,) = [one for one in catalog["fields"]["deal"] if PLAN in one["key"]]
    plan["options"] = [one for one in plan["options"] if str(one["value"]) != "38"]
    assert marked(line) == [f"then[1].fields.deal.custom.{PLAN}"]
    catalog["fields"]["person"] = [one for one in catalog["fields"]["person"] if CPF not in one["key"]]
    assert marked(line) == [f"then[0].fields.person.custom.{CPF}", f"then[1].fields.deal.custom.{PLAN}"]
