"""What is gone at the vendor marks the rule when the lists are read again, with its place."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.connectors.clicksign.recorded import connection, connector
from tests.connectors.gone import problems

from vaivem.connectors.sdk import Connection

TEMPLATE, VARIABLE = "11111111-2222", "variable.11111111_empresa"


def line(*templates: str, variables: tuple[str, ...] = (VARIABLE,)) -> Connection:
    """Return a connection whose lists were read: these templates and their variables."""
    lists = {"templates": [{"value": one, "label": f"Modelo {one}"} for one in templates]}
    fields = [{"key": one, "type": "long_text", "label": one, "group": "variable"} for one in variables]
    return replace(connection("s"), catalog={"lists": lists, "fields": {"variable": fields}})


def found(connected: Connection) -> list[tuple[str, str]]:
    draft: dict[str, Any] = {
        "action": "create_envelope",
        "fields": {
            "envelope.name": {"value": "Contrato"},
            "envelope.template": {"value": TEMPLATE},
            "signer.name": {"from": "signer.name"},
            "signer.email": {"from": "signer.email"},
            VARIABLE: {"from": "signer.name"},
        },
    }
    return problems(connector, connected, "signer_signed", draft)


def test_a_rule_whose_parts_are_all_there_is_sound() -> None:
    assert found(line(TEMPLATE, "another")) == []


def test_a_template_that_was_removed_is_named() -> None:
    (problem,) = found(line("another"))
    assert "envelope.template" in problem[0]
    assert problem[1] == "unknown_option"


def test_a_variable_that_is_known_no_more_is_named() -> None:
    (problem,) = found(line(TEMPLATE, "another", variables=("variable.11111111_other",)))
    assert VARIABLE in problem[0]
