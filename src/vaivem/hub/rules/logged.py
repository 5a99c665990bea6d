"""The audit log's entries of rules and field combinations as people read them: what changed, by its name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from vaivem.core.errors import RuleError
from vaivem.core.rules import parse_rule
from vaivem.core.steps import ActionStep
from vaivem.hub.rules.catalog import WorkspaceCatalog
from vaivem.hub.rules.combination_form import CombinationForm
from vaivem.hub.rules.combining import offered
from vaivem.hub.rules.editing.differences import differences
from vaivem.hub.rules.models import Combination
from vaivem.hub.rules.sentences import bad_words, written_words
from vaivem.hub.workspaces.models import AuditEntry, Workspace

Changed = list[tuple[str, Any, Any]]


def told(workspace: Workspace, entries: Iterable[AuditEntry]) -> dict[int, Changed]:
    """Return by entry what changed in its rule or combination: the name, before and after, None: nothing.

    Entries of other kinds are left out, and those whose combination is not known any more.
    """
    kinds = ("combination.", "rule.edited")
    wanted = [one for one in entries if one.action.startswith(kinds) and (one.before or one.after)]
    if not wanted:
        return {}
    catalog, rows = WorkspaceCatalog(workspace), list(Combination.objects.filter(workspace=workspace))
    by_number, by_title = {row.pk: row for row in rows}, {row.title: row for row in rows}
    found: dict[int, Changed] = {}
    for entry in wanted:
        row = by_number.get(entry.after.get("id", 0)) or by_title.get(entry.object)
        if entry.action == "rule.edited":
            changed = differences(entry.before, entry.after, catalog)
            found[entry.pk] = [(one.where, one.before or None, one.after or None) for one in changed]
        elif row is not None:
            found[entry.pk] = _changed(entry, row, catalog)
    return found


def _changed(entry: AuditEntry, row: Combination, catalog: WorkspaceCatalog) -> Changed:
    before, after = (_words(row, one.get("fields") or {}, catalog) for one in (entry.before, entry.after))
    changed: Changed = [
        (label, before.get(key, ("", None))[1], after.get(key, ("", None))[1])
        for key, (label, _text) in {**before, **after}.items()
        if before.get(key) != after.get(key)
    ]
    titles = entry.before.get("title"), entry.after.get("title")
    return changed if titles[0] == titles[1] else [("title", *titles), *changed]


def _words(
    row: Combination, fields: Mapping[str, Any], catalog: WorkspaceCatalog
) -> dict[str, tuple[str, str]]:
    """Return each field's name and what fills it, with when that is written and what else becomes of it."""
    then = Combination(
        workspace=row.workspace, source_id=row.source_id, target_id=row.target_id, object=row.object,
        fields=dict(fields),
    )  # fmt: skip
    more = _more(then, catalog)
    found = {}
    for line in CombinationForm(then, catalog).rows():
        beside = "; ".join(filter(None, more.get(line.key, ())))
        found[line.key] = (line.label, f"{line.shown} ({beside})" if beside else line.shown)
    return found


def _more(row: Combination, catalog: WorkspaceCatalog) -> dict[str, tuple[str, str]]:
    """Return what fields say beside what fills them; nothing where they cannot be read any more."""
    step = {"id": "one", "kind": "action", "connection": row.target_id, "fields": row.fields}
    action = offered(row.target_id, row.object, catalog)[2] or "any"
    when = {"connection": row.source_id, "trigger": "any"}
    try:
        one = parse_rule({"title": "-", "when": when, "then": [{**step, "action": action}]}).then[0]
    except RuleError:
        return {}
    mappings = one.mappings if isinstance(one, ActionStep) else ()
    return {
        one.field: (written_words(one.write, one) if one.write else "", bad_words(one)) for one in mappings
    }
