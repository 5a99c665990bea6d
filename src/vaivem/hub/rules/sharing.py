"""Which field combinations a rule's steps may share."""

from __future__ import annotations

from typing import Any

from vaivem.core.errors import Problem
from vaivem.core.fields import group_of
from vaivem.core.rules import ActionStep
from vaivem.core.rules import Rule as Definition
from vaivem.hub.rules.catalog import WorkspaceCatalog
from vaivem.hub.rules.models import Combination


def problems(rule: Definition, catalog: WorkspaceCatalog) -> list[Problem]:
    """Return what is wrong with the combinations that a rule's steps name."""
    found = []
    for path, step in rule.all_steps():
        if not isinstance(step, ActionStep) or step.combination is None:
            continue
        row, place = catalog.combination(step.combination), f"{path}.combination"
        if row is None:
            found.append(Problem("combination_unknown", {"title": str(step.combination)}, place))
        elif not fits(row, rule.when.connection, step.connection, step.action, catalog):
            found.append(Problem("combination_unfit", {"title": row.title}, place))
    return found


def fits(row: Combination, source: Any, target: Any, action: str, catalog: WorkspaceCatalog) -> bool:
    """Say whether an action of a rule between two connections can share a combination."""
    shape = catalog.action(target, action)
    return (
        catalog.connection_id(source) == row.source_id
        and catalog.connection_id(target) == row.target_id
        and shape is not None
        and any(group_of(field.key) == row.object for field in shape.fields)
    )


def fitting(source: Any, target: Any, action: str, catalog: WorkspaceCatalog) -> list[Combination]:
    """Return the combinations that an action of a rule could share, by title."""
    return [row for row in catalog.combinations.values() if fits(row, source, target, action, catalog)]
