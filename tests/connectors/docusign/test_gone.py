"""What is gone at the vendor marks the rule when the lists are read again, with its place."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.connectors.docusign.recorded import TEMPLATE, connection, connector

from vaivem.connectors.docusign.templates import key_of
from vaivem.connectors.sdk import Connection
from vaivem.core.checks import check_rule
from vaivem.core.rules import parse_rule
from vaivem.engine.marking import LineCatalog
from vaivem.engine.settling import Settling
from vaivem.engine.topology import Line, Topology
from vaivem.vault import Vault

TAB, CUSTOM = f"tab.{key_of('Empresa')}", f"envelope.custom.{key_of('Centro de custo')}"


def problems(line: Connection) -> list[tuple[str, str]]:
    """Check a rule as the round does that follows a reading of the lists."""
    topology = Topology(Vault.__new__(Vault))
    topology.lines = {7: Line(line, connector, "hook", "working")}
    rule = parse_rule(
        {
            "title": "x",
            "when": {"connection": 7, "trigger": "envelope_declined"},
            "then": [
                {
                    "id": "draft", "kind": "action", "connection": 7, "action": "create_envelope",
                    "fields": {
                        "envelope.template": {"value": TEMPLATE},
                        "signer.role": {"value": "Cliente"},
                        "signer.name": {"from": "recipient.name"},
                        TAB: {"from": "recipient.name"},
                        CUSTOM: {"value": "Vendas"},
                    },
                }
            ],
        }
    )  # fmt: skip
    catalog = LineCatalog(topology, 1, ())
    settling = Settling(catalog)
    settled = settling.rule(rule)
    known = {one.path for one in settling.problems}
    checked = [one for one in check_rule(settled, catalog) if one.path not in known]
    return [(one.path, one.code) for one in (*checked, *settling.problems)]


def without(part: str, *names: str) -> Connection:
    """Return the connection after its lists were read again without something."""
    line = connection()
    lists, fields = dict(line.catalog["lists"]), dict(line.catalog["fields"])
    # An empty list says nothing: it may not have been read yet.
    lists["templates"] = [*lists["templates"], {"value": "another", "label": "Adendo"}]
    if part in lists:
        lists[part] = [one for one in lists[part] if one["value"] not in names]
    else:
        fields[part] = [one for one in fields[part] if one["key"] not in names]
    return replace(line, catalog={"lists": lists, "fields": fields})


def test_a_rule_whose_parts_are_all_there_is_sound() -> None:
    assert problems(connection()) == []


@pytest.mark.parametrize(
    ("part", "name", "place"),
    [
        ("templates", TEMPLATE, "envelope.template"),
        (f"roles/{TEMPLATE}", "Cliente", "signer.role"),
        ("tab", TAB, TAB),
        ("envelope", CUSTOM, CUSTOM),
    ],
)
def test_what_is_gone_is_named(part: str, name: str, place: str) -> None:
    found: list[Any] = problems(without(part, name))
    assert len(found) == 1, found
    assert place in found[0][0]
