"""What the steps of a rule give to later ones, by the names that people know."""

from __future__ import annotations

import re
from collections.abc import Mapping

from django.utils.translation import gettext as _

from vaivem.core.steps import ActionStep, AwaitStep, FindStep, Step
from vaivem.hub.rules import words
from vaivem.hub.rules.catalog import WorkspaceCatalog

_ONE_OF = re.compile(r"(.+?)(?:\.(\d+)|\[(\d+)\])\.(\w+)")


def names_given(step: Step, number: str, catalog: WorkspaceCatalog) -> dict[str, str]:
    """Return the names of what a step gives, by path; `number` is the step's on the page."""
    told: dict[str, str] = {}
    if isinstance(step, ActionStep | FindStep):
        seen, connector = catalog.seen(step.connection), catalog.connector(step.connection)
        if seen is not None and connector is not None:
            action = next((one for one in connector.actions if one.key == step.action), None)
            told = words.field_labels(seen, action.outputs(seen)) if action else {}
    elif isinstance(step, AwaitStep):
        told = {"happened": _("it happened in time")}
        seen, shape = catalog.seen(step.connection), catalog.trigger(step.connection, step.trigger)
        if seen is not None and shape is not None:
            told |= words.field_labels(seen, shape.fields)
    return {
        f"steps.{step.id}.{key}": _("Step %(number)s: %(field)s") % {"number": number, "field": name}
        for key, name in told.items()
    }


def name_of(path: str, names: Mapping[str, str]) -> str:
    """Return what people call a path: one of a list by its place in it, the path where nobody knows it."""
    found = _ONE_OF.fullmatch(path)
    if path in names or found is None or found[1] not in names:
        return names.get(path, path)
    return f"{names[found[1]]} {int(found[2] or found[3]) + 1}: {found[4]}"
