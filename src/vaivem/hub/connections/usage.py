"""Who uses a connection, and what waits for it."""

from __future__ import annotations

from typing import Any

from django.db import connection as database

from vaivem.hub.connections.models import Connection
from vaivem.hub.rules.models import Rule, RuleState, RuleVersion


def rules_using(row: Connection) -> list[Rule]:
    """Return the rules whose draft or published version names this connection."""
    rules = list(
        Rule.objects.filter(workspace=row.workspace_id)
        .exclude(state=RuleState.REMOVED)
        .order_by("title", "pk")
    )
    published = {
        (version.rule_id, version.number): version.definition
        for version in RuleVersion.objects.filter(rule__in=rules).only("rule_id", "number", "definition")
    }
    return [
        rule
        for rule in rules
        if names(rule.draft, row) or names(published.get((rule.pk, rule.version or 0), {}), row)
    ]


def names(definition: Any, row: Connection) -> bool:
    """Say whether a rule's definition names the connection, by its number or its name, anywhere."""
    if isinstance(definition, dict):
        ref = definition.get("connection")
        if ref is not None and str(ref) in {str(row.pk), row.slug, row.name}:
            return True
        return any(names(part, row) for part in definition.values())
    if isinstance(definition, list):
        return any(names(part, row) for part in definition)
    return False


def waiting_runs(row: Connection) -> int:
    """Return how many runs wait or are under way that need this connection."""
    with database.cursor() as cursor:
        cursor.execute(
            "select count(*) from item i join rule_version v on v.rule_id = i.rule and v.number = i.version"
            " where i.ws = %s and exists (select 1 from jsonb_array_elements(v.compiled -> 'connections') c"
            " where (c ->> 1)::int = %s)",
            [row.workspace_id, row.pk],
        )
        number: int = cursor.fetchone()[0]
    return number
