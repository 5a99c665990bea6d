"""Which rules a filter means."""

from __future__ import annotations

from vaivem.hub.history.filters import Filters
from vaivem.hub.rules.models import RuleVersion


def rules_meant(workspace_id: int, filters: Filters) -> list[int] | None:
    """Return the rules whose runs a filter by rule or connection means, removed ones too; None means all."""
    if filters.rule is None and filters.connection is None:
        return None
    if filters.connection is None:
        return [filters.rule or 0]
    using = rules_at(workspace_id, filters.connection)
    return using if filters.rule is None else [rule for rule in using if rule == filters.rule]


def rules_at(workspace_id: int, connection: int) -> list[int]:
    """Return the rules that start at a connection or do something there, in any of their versions."""
    rows = RuleVersion.objects.filter(rule__workspace=workspace_id)
    found = {
        rule
        for rule, pairs in rows.values_list("rule_id", "compiled__connections")
        if any(number == connection for _, number in pairs or ())
    }
    return sorted(found)
