"""What differs between two definitions, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from vaivem.core.errors import RuleError
from vaivem.core.rules import read_rule
from vaivem.engine.settling import Settling
from vaivem.hub.messages import connector_text
from vaivem.hub.rules import words
from vaivem.hub.rules.catalog import WorkspaceCatalog
from vaivem.hub.rules.sentences import StepShown, shown_rule


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that differs: where, and what stood and stands there; "" for nothing."""

    where: str
    before: str
    after: str


def differences(
    before: Mapping[str, Any], after: Mapping[str, Any], catalog: WorkspaceCatalog
) -> list[Difference]:
    """Return what differs, in the order of the newer one; what is gone stands last."""
    old, new = _described(before, catalog), _described(after, catalog)
    found = [
        Difference(where, old.get(key, ("", ""))[1], text)
        for key, (where, text) in new.items()
        if old.get(key, ("", ""))[1] != text
    ]
    return found + [
        Difference(where, text, "") for key, (where, text) in old.items() if key not in new and text
    ]


def _described(data: Mapping[str, Any], catalog: WorkspaceCatalog) -> dict[tuple[str, ...], tuple[str, str]]:
    """Return each part of a definition: its key, where it is, and its text."""
    try:
        rule = Settling(catalog).rule(read_rule(data)[0])
        told = shown_rule(rule, catalog)
    except (RuleError, LookupError, TypeError, ValueError):
        return {("all",): (_("The rule"), str(dict(data)))}
    row = catalog.connection(rule.when.connection)
    connector = row.connector if row else ""
    found: dict[tuple[str, ...], tuple[str, str]] = {
        ("title",): (_("Name"), rule.title),
        ("when",): (
            _("Start"),
            f"{words.trigger_name(connector, rule.when.trigger)} · {row.name if row else ''}",
        ),
        ("if",): (_("Conditions"), "; ".join(told.conditions)),
    }
    for key, value in rule.when.options.items():
        name = connector_text(connector, f"fields.{key}") or key
        found["option", key] = (name, connector_text(connector, f"fields.{key}.{value}") or str(value))
    steps = zip(rule.all_steps(), told.steps, strict=True)
    for (_path, step), shown in steps:
        found |= _step(step.id, shown)
    order = ", ".join(f"{shown.number} {shown.title}" for shown in told.steps)
    return found | {("order",): (_("Order of the steps"), order)}


def _step(step_id: str, shown: StepShown) -> dict[tuple[str, ...], tuple[str, str]]:
    name = _("Step “%(title)s”") % {"title": shown.title}
    about = "; ".join(part for part in (shown.title, shown.connection, *shown.notes) if part)
    found: dict[tuple[str, ...], tuple[str, str]] = {("step", step_id): (name, about)}
    for row in shown.rows:
        text = "".join(f"[{part.text}]" if part.is_field else part.text for part in row.parts)
        more = "; ".join(part for part in (row.write, row.bad) if part)
        found["step", step_id, row.label] = (f"{name}, {row.label}", f"{text} ({more})" if more else text)
    return found
