"""Rules in words: fields, places, problems, and a rule as a sentence."""

from __future__ import annotations

import re
from typing import Any

from django.utils.translation import gettext as _

from vaivem.connectors import sdk
from vaivem.core.errors import Problem
from vaivem.core.fields import Field
from vaivem.hub.messages import Explained, connector_text, explain_problem
from vaivem.hub.rules.catalog import WorkspaceCatalog

_STEP_PLACE = re.compile(r"(?:^|\.)(then|else)\[(\d+)\]")


def sentence(problem: Problem, connector: str = "") -> str:
    """Return what a problem means and what to do, in one line."""
    return str(explain_problem(problem, connector))


def explained(problem: Problem, definition: Any, catalog: WorkspaceCatalog) -> Explained:
    """Return what a problem of a definition means, in the words of the system that it is about."""
    return explain_problem(problem, connector_at(definition, problem.path, catalog))


def connector_at(definition: Any, path: str, catalog: WorkspaceCatalog) -> str:
    """Return the connector that a place of a definition is about (``then[0].fields.deal.name``), or ""."""
    inner: Any = definition.get("when") if isinstance(definition, dict) else None
    found = list(_STEP_PLACE.finditer(path))
    if found:
        inner = definition
        for part in found:
            steps = inner.get(part[1]) if isinstance(inner, dict) else None
            inner = steps[int(part[2])] if isinstance(steps, list) and int(part[2]) < len(steps) else None
    ref = inner.get("connection") if isinstance(inner, dict) else None
    row = catalog.connection(ref) if isinstance(ref, str | int) and not isinstance(ref, bool) else None
    return row.connector if row else ""


def label(connector: str, field: Field) -> str:
    """Return a field's name for people: the vendor's literal one, else the connector's text, else its key."""
    if field.label:
        return field.label
    return (connector_text(connector, field.label_key) if field.label_key else "") or field.key


def trigger_name(connector: str, key: str) -> str:
    """Return how a trigger reads after "when"."""
    return connector_text(connector, f"triggers.{key}.name") or key


def action_name(connector: str, key: str) -> str:
    """Return how an action reads."""
    return connector_text(connector, f"actions.{key}.name") or key


def option_name(connector: str, field: Field, value: Any) -> str:
    """Return the name of one of a field's choices, or the value itself."""
    for option in field.options:
        if str(option.value) == str(value):
            texts = f"{field.label_key or field.key}.{option.value}"
            return option.label or connector_text(connector, texts) or str(option.value)
    return str(value)


def place(path: str, definition: Any, catalog: WorkspaceCatalog) -> str:
    """Return a place of a definition for people: "Step 2, Stage"."""
    found = list(_STEP_PLACE.finditer(path))
    if not found:
        return _("Start") if path.startswith("when") else _("Conditions") if path.startswith("if") else ""
    numbers = ".".join(str(int(part[2]) + 1) for part in found)
    step = _("Step %(number)s") % {"number": numbers}
    rest = path[found[-1].end() :].lstrip(".")
    if not rest.startswith("fields."):
        return step
    key = rest.removeprefix("fields.").removesuffix(".from").removesuffix(".text").removesuffix(".instead")
    name = connector_text(connector_at(definition, path, catalog), f"fields.{key}") or key
    return f"{step}, {name}"


def field_labels(seen: sdk.Connection, fields: tuple[Field, ...]) -> dict[str, str]:
    """Return the names of fields by key."""
    return {field.key: label(seen.connector, field) for field in fields}
