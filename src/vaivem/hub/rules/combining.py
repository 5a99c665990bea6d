"""Field combinations: made, changed together with every rule that shares them, removed and brought back.

A step holds a copy of its combination's fields (each marked ``shared``), so a published version is whole by
itself; changing a combination publishes the rules that share it anew, all of them or none.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.db import transaction

from vaivem.core.errors import Problem, RuleError
from vaivem.core.fields import Field, group_of
from vaivem.core.rules import read_rule, rule_to_dict
from vaivem.engine.settling import Settling
from vaivem.hub.rules import drafts, publishing
from vaivem.hub.rules.catalog import WorkspaceCatalog
from vaivem.hub.rules.definitions import each_action, with_ids
from vaivem.hub.rules.models import Combination, Rule, RuleState
from vaivem.hub.shell.clock import now
from vaivem.hub.workspaces import audit
from vaivem.hub.workspaces.models import AuditEntry, Member, Workspace


class CombinationError(RuleError):
    """A combination cannot be made, changed or removed so; `problems` say why."""

    default_code = "combination_wrong"


class CombinationStateError(CombinationError):
    """A combination cannot do this as it stands: removed, changed by somebody else, or in use."""


@dataclass(frozen=True, slots=True)
class Touched:
    """A rule that shares a combination, and what a change of it would make of its definition.

    `before` is what runs (the draft of a rule that never ran).
    """

    rule: Rule
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    problems: tuple[Problem, ...]


@transaction.atomic
def create(
    workspace: Workspace,
    title: str,
    pair: tuple[int, int],
    thing: str,
    fields: Mapping[str, Any],
    member: Member | None = None,
) -> Combination:
    """Make a combination of a pair of connections (source, target) for an object.

    Alone it sends nothing: a rule's step has to share it. Raises CombinationError.
    """
    catalog, title = WorkspaceCatalog(workspace), title.strip()
    row = Combination(
        workspace=workspace,
        title=title,
        source_id=pair[0],
        target_id=pair[1],
        object=thing,
        fields=dict(fields),
    )
    _check(row, catalog)
    row.save()
    audit.note(workspace, member, "combination.created", title, after={"id": row.pk, "fields": row.fields})
    return row


def touched(row: Combination, fields: Mapping[str, Any]) -> list[Touched]:
    """Return every rule that shares a combination, with what it would be if these were its fields."""
    catalog = WorkspaceCatalog(row.workspace)
    if row.pk in catalog.combinations:
        catalog.combinations[row.pk].fields = dict(fields)
    found = []
    for rule in sharing(row):
        before = _running(rule) or rule.draft
        after = with_ids(before, catalog)
        checked = publishing.check(after, catalog, zone=row.workspace.zone)
        wrong = checked.problems if rule.version is not None else ()
        found.append(Touched(rule, before, after, wrong))
    return found


@transaction.atomic
def change(
    row: Combination,
    fields: Mapping[str, Any],
    member: Member | None = None,
    *,
    title: str | None = None,
    seen: int | None = None,
    but: Collection[int] = (),
) -> list[Rule]:
    """Give a combination other fields, and publish every rule that shares it: all of it, or nothing.

    Drafts that are not published take the fields too and stay drafts. `seen` is the revision that the change
    began with; `but` are rules that the caller publishes itself, in the same transaction. Returns the rules
    that have a new version. Raises CombinationError with each rule's problems.
    """
    locked = Combination.objects.select_for_update().select_related("workspace").get(pk=row.pk)
    if locked.removed is not None:
        raise CombinationStateError("combination_removed", params={"title": locked.title})
    if seen is not None and seen != locked.revision:
        raise CombinationStateError("combination_changed", params={"title": locked.title})
    before = {"title": locked.title, "fields": locked.fields}
    locked.title, locked.fields = (title or locked.title).strip(), dict(fields)
    if before == {"title": locked.title, "fields": locked.fields}:
        return []
    _check(locked, WorkspaceCatalog(locked.workspace))
    locked.revision += 1
    locked.save()
    after = {"id": locked.pk, "title": locked.title, "fields": locked.fields}
    audit.note(locked.workspace, member, "combination.changed", locked.title, before=before, after=after)
    published = [rule for rule in sharing(locked) if rule.pk not in but and _take_over(rule, member)]
    row.refresh_from_db()
    return published


@transaction.atomic
def remove(row: Combination, member: Member | None = None) -> None:
    """Take a combination away. Raises CombinationError while rules share it: it names them."""
    locked = Combination.objects.select_for_update().select_related("workspace").get(pk=row.pk)
    using = sharing(locked)
    if using:
        names = ", ".join(f"“{rule.title}”" for rule in using[:5])
        raise CombinationStateError("combination_shared", params={"title": locked.title, "rules": names})
    Combination.objects.filter(pk=row.pk).update(removed=now())
    audit.note(locked.workspace, member, "combination.removed", locked.title)
    row.refresh_from_db()


@transaction.atomic
def bring_back(row: Combination, member: Member | None = None) -> None:
    """Undo a removal. Raises CombinationError when another one has its title by now."""
    locked = Combination.objects.select_for_update().select_related("workspace").get(pk=row.pk)
    if locked.removed is None:
        return
    _check(locked, WorkspaceCatalog(locked.workspace))
    Combination.objects.filter(pk=row.pk).update(removed=None)
    audit.note(locked.workspace, member, "combination.brought_back", locked.title)
    row.refresh_from_db()


def _check(row: Combination, catalog: WorkspaceCatalog) -> None:
    """Raise CombinationError with everything that is wrong."""
    if found := check(row, catalog):
        raise CombinationError(problems=tuple(found))


def check(row: Combination, catalog: WorkspaceCatalog) -> list[Problem]:
    """Bring a combination's fields into their plain form, and return everything that is wrong with it."""
    found: list[Problem] = []
    if not row.title or len(row.title) > drafts.TITLE_LENGTH:
        found.append(Problem("rule_missing", {"key": "title"}, "title"))
    same = Combination.objects.filter(workspace=row.workspace, title=row.title, removed__isnull=True)
    if same.exclude(pk=row.pk).exists():
        found.append(Problem("combination_title_taken", {"title": row.title}, "title"))
    unknown = [number for number in (row.source_id, row.target_id) if number not in catalog.connections]
    found += [Problem("connection_unknown", {"connection": number}, "connection") for number in unknown]
    if not unknown:
        found += _settle(row, catalog)
    return found


def _settle(row: Combination, catalog: WorkspaceCatalog) -> list[Problem]:
    """Bring the fields into their plain form, fixed choices as the vendor's values; return what is wrong."""
    known, required, action = offered(row.target_id, row.object, catalog)
    if not known:
        return [Problem("combination_object_unknown", {"object": row.object}, "object")]
    unknown = [key for key in row.fields if key not in known]
    found = [Problem("field_unknown", {"field": key}, f"fields.{key}") for key in unknown]
    found += [
        Problem("required_missing", {"label": known[key].label or key}, f"fields.{key}")
        for key in required
        if not _says_something(row.fields.get(key))
    ]
    step = {"id": "one", "kind": "action", "connection": row.target_id, "action": action}
    when = {"connection": row.source_id, "trigger": "any"}
    settling = Settling(catalog)
    read, unread = read_rule({"title": "-", "when": when, "then": [{**step, "fields": row.fields}]})
    steps = rule_to_dict(settling.rule(read))["then"]
    row.fields = steps[0].get("fields", {}) if steps else {}
    wrong = (*unread, *settling.problems)
    return found + [replace(one, path=one.path.removeprefix("then[0].")) for one in wrong]


def _says_something(mapping: Any) -> bool:
    return isinstance(mapping, Mapping) and any(mapping.get(key) for key in ("from", "text", "value"))


def offered(target: int, thing: str, catalog: WorkspaceCatalog) -> tuple[dict[str, Field], list[str], str]:
    """Return an object's fields by key, those that making one requires, and an action that makes it.

    What is chosen from the account's own lists (a stage) is not among them: each rule chooses its own.
    """
    connector = catalog.connector(target)
    known: dict[str, Field] = {}
    required: list[str] = []
    makes = ""
    for action in connector.actions if connector else ():
        shape = None if action.reads_only else catalog.action(target, action.key)
        if shape is None or not shape.fields or group_of(shape.fields[0].key) != thing:
            continue
        own = [field for field in shape.fields if group_of(field.key) == thing]
        known |= {field.key: field for field in own if field.key not in known}
        makes = makes or action.key
        if action.key.startswith("create"):
            required += [f.key for f in own if (f.required or f.key in shape.required) and not f.source]
    return known, list(dict.fromkeys(required)), makes


def earlier(row: Combination) -> list[AuditEntry]:
    """Return the changes of a combination, the newest first: `before` is what it was until then.

    The log names what it is about by its title then, so each change of the title is followed back.
    """
    title, found = row.title, []
    entries = AuditEntry.objects.select_related("member").filter(
        workspace=row.workspace_id, action="combination.changed", at__gte=row.created
    )
    for entry in entries.order_by("-pk"):
        if entry.object == title:
            found.append(entry)
            title = str(entry.before.get("title", title))
    return found


def sharing(row: Combination) -> list[Rule]:
    """Return the rules that share a combination, by what runs or by their draft."""
    kept = Rule.objects.select_related("workspace").filter(workspace=row.workspace_id)
    rules = kept.exclude(state=RuleState.REMOVED).order_by("pk")
    return [rule for rule in rules if _names(rule.draft, row.pk) or _names(_running(rule) or {}, row.pk)]


def _names(definition: Mapping[str, Any], number: int) -> bool:
    named: list[Any] = []

    def note(step: dict[str, Any]) -> dict[str, Any]:
        named.append(step.get("combination"))
        return step

    each_action(definition, note)
    return number in named


def _running(rule: Rule) -> dict[str, Any] | None:
    version = rule.versions.filter(number=rule.version).first() if rule.version else None
    return None if version is None else version.definition


def _take_over(rule: Rule, member: Member | None) -> bool:
    """Let a rule have its combination's present fields; say whether it has a new version."""
    locked = Rule.objects.select_for_update().select_related("workspace").get(pk=rule.pk)
    catalog, running = WorkspaceCatalog(locked.workspace), _running(locked)
    if running is None or not publishing.publish_as(locked, with_ids(running, catalog), member):
        draft = with_ids(locked.draft, catalog)
        drafts.settle(locked, draft, member)
        locked.save()
        return False
    return True
