"""What a rule is marked with when a vendor's lists were read again: for what is gone there."""

from __future__ import annotations

from typing import Any

from vaivem.connectors.sdk import Connection, Connector
from vaivem.core.checks import check_rule
from vaivem.core.rules import parse_rule
from vaivem.engine.marking import LineCatalog
from vaivem.engine.settling import Settling
from vaivem.engine.topology import Line, Topology
from vaivem.vault import Vault


def problems(
    connector: Connector, line: Connection, trigger: str, *steps: dict[str, Any]
) -> list[tuple[str, str]]:
    """Check a rule as the round does that follows a reading of the lists: each place with its code."""
    topology = Topology(Vault.__new__(Vault))
    topology.lines = {line.id: Line(line, connector, "hook", "working")}
    then = [
        {"id": f"step_{number}", "kind": "action", "connection": line.id, **step}
        for number, step in enumerate(steps)
    ]
    rule = parse_rule({"title": "x", "when": {"connection": line.id, "trigger": trigger}, "then": then})
    catalog = LineCatalog(topology, line.workspace, ())
    settling = Settling(catalog)
    settled = settling.rule(rule)
    known = {one.path for one in settling.problems}
    checked = [one for one in check_rule(settled, catalog) if one.path not in known]
    return [(one.path, one.code) for one in (*checked, *settling.problems)]
