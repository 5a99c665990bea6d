"""What is gone at the vendor marks the rule when the lists are read again, with its place."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.connectors.docusign.recorded import TEMPLATE, connection, connector
from tests.connectors.gone import problems

from vaivem.connectors.docusign.templates import key_of
from vaivem.connectors.sdk import Connection

TAB, CUSTOM = f"tab.{key_of('Empresa')}", f"envelope.custom.{key_of('Centro de custo')}"


def found(line: Connection) -> list[tuple[str, str]]:
    draft: dict[str, Any] = {
        "action": "create_envelope",
        "fields": {
            "envelope.template": {"value": TEMPLATE},
            "signer.role": {"value": "Cliente"},
            "signer.name": {"from": "recipient.name"},
            TAB: {"from": "recipient.name"},
            CUSTOM: {"value": "Vendas"},
        },
    }
    return problems(connector, line, "envelope_declined", draft)


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
    assert found(connection()) == []


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
    (problem,) = found(without(part, name))
    assert place in problem[0]
