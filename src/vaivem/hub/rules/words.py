"""Rules in words: fields, places, problems, and a rule as a sentence."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from vaivem.connectors import sdk
from vaivem.connectors.sdk.registry import connector_keys, get_connector
from vaivem.core.errors import Problem
from vaivem.core.fields import Field, FieldType
from vaivem.hub.connections.models import Connection
from vaivem.hub.messages import Explained, connector_text, explain_problem
from vaivem.hub.rules.catalog import WorkspaceCatalog

EMAIL_PARTS = {
    "to": gettext_lazy("To"),
    "subject": gettext_lazy("Subject"),
    "body": gettext_lazy("Text"),
    "html": gettext_lazy("HTML"),
    "member": gettext_lazy("Member"),
    "text": gettext_lazy("Text"),
}
_STEP_PLACE = re.compile(r"(?:^|\.)(then|else)\[(\d+)\]")


def sentence(problem: Problem, connector: str = "") -> str:
    """Return what a problem means and what to do, in one line."""
    return str(explain_problem(problem, connector))


def explained(problem: Problem, definition: Any, catalog: WorkspaceCatalog) -> Explained:
    """Return what a problem of a definition means, in the words of the system that it is about."""
    return explain_problem(problem, connector_at(definition, problem.path, catalog))


def step_at(definition: Any, path: str) -> Mapping[str, Any]:
    """Return the step that a place of a definition is in (``then[0].fields.deal.name``), or the start."""
    inner: Any = definition.get("when") if isinstance(definition, dict) else None
    found = list(_STEP_PLACE.finditer(path))
    if found:
        inner = definition
        for part in found:
            steps = inner.get(part[1]) if isinstance(inner, dict) else None
            inner = steps[int(part[2])] if isinstance(steps, list) and int(part[2]) < len(steps) else None
    return inner if isinstance(inner, dict) else {}


def connector_at(definition: Any, path: str, catalog: WorkspaceCatalog) -> str:
    """Return the connector that a place of a definition is about, or ""."""
    ref = step_at(definition, path).get("connection")
    row = catalog.connection(ref) if isinstance(ref, str | int) and not isinstance(ref, bool) else None
    return row.connector if row else ""


def account(row: Connection) -> str:
    """Return a connection's name with its system's, where the name alone does not say which it is."""
    name = get_connector(row.connector).manifest.name if row.connector in connector_keys() else row.connector
    return row.name if name.lower() in row.name.lower() else f"{name} · {row.name}"


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


def type_name(field: Field) -> str:
    """Return what a field holds, in a word or two."""
    names = {
        FieldType.TEXT: _("text"), FieldType.LONG_TEXT: _("long text"), FieldType.INTEGER: _("whole number"),
        FieldType.NUMBER: _("number"), FieldType.MONEY: _("amount"), FieldType.BOOLEAN: _("yes or no"),
        FieldType.DATE: _("date"), FieldType.DATETIME: _("date and time"), FieldType.EMAIL: _("e-mail"),
        FieldType.PHONE: _("phone"), FieldType.CPF: "CPF", FieldType.CNPJ: "CNPJ",
        FieldType.CPF_CNPJ: _("CPF or CNPJ"), FieldType.OPTION: _("list"),
        FieldType.OPTIONS: _("several of a list"), FieldType.RECORD: _("link to a record"),
        FieldType.URL: _("web address"), FieldType.LIST: _("list of records"),
        FieldType.OBJECT: _("data"),
    }  # fmt: skip
    name = str(names[field.type])
    if field.max_length:
        name = _("%(type)s, up to %(max)s") % {"type": name, "max": field.max_length}
    return _("%(type)s, added to what is there") % {"type": name} if field.is_list else name


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
        if condition := re.match(r"if\.\w+\[(\d+)\]", path):
            return _("Condition %(number)s") % {"number": int(condition[1]) + 1}
        places = {
            "when": _("Start"),
            "if": _("Conditions"),
            "then": _("Steps"),
            "title": _("Name"),
            "automation": _("Automation"),
        }
        return places.get(re.split(r"[.\[]", path)[0], "")
    numbers = ".".join(str(int(part[2]) + 1) for part in found)
    step = _("Step %(number)s") % {"number": numbers}
    rest = path[found[-1].end() :].lstrip(".")
    if part := EMAIL_PARTS.get(rest.partition(".")[0]):
        return f"{step}, {part}"
    if not rest.startswith("fields."):
        return step
    key = re.sub(r"\.(from|text|value|instead|write|on_bad)$", "", rest.removeprefix("fields."))
    return f"{step}, {_field_name(key, definition, path, catalog)}"


def _field_name(key: str, definition: Any, path: str, catalog: WorkspaceCatalog) -> str:
    """Return the name of a field that a step fills: the account's own fields have one too."""
    connector, step = connector_at(definition, path, catalog), step_at(definition, path)
    shape = catalog.action(step.get("connection", ""), str(step.get("action") or "")) if connector else None
    field = next((one for one in shape.fields if one.key == key), None) if shape else None
    return label(connector, field) if field else connector_text(connector, f"fields.{key}") or key


def field_labels(seen: sdk.Connection, fields: tuple[Field, ...]) -> dict[str, str]:
    """Return the names of fields by key."""
    return {field.key: label(seen.connector, field) for field in fields}
