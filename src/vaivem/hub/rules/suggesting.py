"""What fills a field before anybody has said so: what a recipe between the two systems uses, else a field of
the same name and type about the same kind of record.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from vaivem.connectors.sdk import Connector
from vaivem.connectors.sdk.recipes import MARK, Recipe, all_recipes
from vaivem.core.fields import Field, FieldType, group_of
from vaivem.core.steps import ConnectionRef
from vaivem.hub.rules.catalog import WorkspaceCatalog

CHOSEN = frozenset({FieldType.OPTION, FieldType.OPTIONS, FieldType.RECORD, FieldType.BOOLEAN})
WRITTEN_OUT = frozenset({FieldType.EMAIL, FieldType.PHONE, FieldType.URL, FieldType.LONG_TEXT})
COMPANY = "company"
KINDS = frozenset({"person", COMPANY, "deal"})

Step = Mapping[str, Any]


class Suggesting:
    """Knows what the events of a connection offer. `trigger` is the one that is meant, "" for any of them."""

    def __init__(
        self, catalog: WorkspaceCatalog, source: ConnectionRef, trigger: str, readable: Iterable[Field]
    ) -> None:
        self._catalog = catalog
        self._source = catalog.connector(source)
        self._trigger = trigger
        self._readable = {one.key: one for one in readable}

    def step(self, target: ConnectionRef, action: str, earlier: Iterable[Step] = ()) -> dict[str, Any]:
        """Return what an action begins with: its `fields`, `options`, and `empty` where it may be left out.

        `earlier` are the steps before it: what one of them makes is linked where the action wants it.
        """
        connector, shape = self._catalog.connector(target), self._catalog.action(target, action)
        if connector is None or shape is None:
            return {}
        before = self._made(target, earlier)
        found = self._of_recipe(connector, action, before)
        known = {one.key: one for one in shape.fields}
        fields = {key: one for key, one in found["fields"].items() if key in known}
        for key, field in known.items():
            name = key.rpartition(".")[2]
            if key not in fields and field.type is FieldType.RECORD and name in before:
                fields[key] = {"from": f"steps.{before[name]}.{name}.id"}
        offered = {one.key for one in shape.options}
        options = {key: one for key, one in found["options"].items() if key in offered}
        company = connector.kinds.get(connector.action(action).object) == COMPANY
        empty = found["empty"] or ("skip" if company else "")
        return {"fields": fields, "options": options, "empty": empty}

    def field(self, field: Field, target: ConnectionRef) -> dict[str, Any] | None:
        """Return the source's field of the same name, type and kind of record; None for what is chosen."""
        connector = self._catalog.connector(target)
        if field.type in CHOSEN or connector is None or self._source is None:
            return None
        name, wanted = field.key.rpartition(".")[2], _kind(connector, field)
        fitting = [
            one
            for key, one in self._readable.items()
            if not one.is_list and key.rpartition(".")[2] == name and _fits(one, field)
        ]
        kinds = {one.key: _kind(self._source, one) for one in fitting}
        fitting = [one for one in fitting if not wanted or kinds[one.key] in ("", wanted)]
        fitting.sort(key=lambda one: (one.key != field.key, not wanted or kinds[one.key] != wanted))
        if not fitting:
            return None
        loose = fitting[0].type is not field.type and not field.required
        return {"from": fitting[0].key} | ({"on_bad": "skip"} if loose else {})

    def of_object(self, target: ConnectionRef, thing: str) -> dict[str, Any]:
        """Return how recipes fill an object's fields from these events, whichever action does it."""
        connector = self._catalog.connector(target)
        found: dict[str, Any] = {}
        if connector is None:
            return found
        for action in connector.actions:
            fields = self._of_recipe(connector, action.key, {})["fields"]
            found = {key: one for key, one in fields.items() if group_of(key) == thing} | found
        return found

    def _made(self, target: ConnectionRef, earlier: Iterable[Step]) -> dict[str, str]:
        """Return the steps before by the object that each makes at the same account; the last one counts."""
        connector = self._catalog.connector(target)
        found: dict[str, str] = {}
        number = self._catalog.connection_id(target)
        for step in earlier:
            if connector is None or self._catalog.connection_id(step.get("connection", "")) != number:
                continue
            thing = _object(connector, str(step.get("action") or ""))
            if thing and step.get("id"):
                found[thing] = str(step["id"])
        return found

    def _of_recipe(self, target: Connector, action: str, before: Mapping[str, str]) -> dict[str, Any]:
        """Return what a recipe has for the action, else for another one that makes the same object."""
        thing, nearest = _object(target, action), None
        for recipe in all_recipes():
            if self._source is None or not self._begins(recipe):
                continue
            systems = {one.key: one.connector for one in recipe.accounts}
            steps = recipe.definition({key: key for key in systems}, {}, "")["then"]
            for step in steps:
                if step["kind"] != "action" or systems.get(str(step["connection"])) != target.key:
                    continue
                if step["action"] == action:
                    return self._taken(target, step, steps, before)
                if nearest is None and thing and _object(target, step["action"]) == thing:
                    nearest = self._taken(target, step, steps, before)
        return nearest or {"fields": {}, "options": {}, "empty": ""}

    def _begins(self, recipe: Recipe) -> bool:
        """Say whether a recipe starts from these events."""
        when = recipe.rule["when"]
        account = next((one for one in recipe.accounts if f"{MARK}{one.key}" == when["connection"]), None)
        if account is None or self._source is None or account.connector != self._source.key:
            return False
        trigger = str(when["trigger"])
        choice = next((one for one in recipe.choices if f"{MARK}{one.key}" == trigger), None)
        return not self._trigger or self._trigger in (choice.choices if choice else (trigger,))

    def _taken(
        self, target: Connector, step: Step, steps: list[dict[str, Any]], before: Mapping[str, str]
    ) -> dict[str, Any]:
        """Return a recipe's step for a rule whose earlier steps have names of their own."""
        things = {str(one["id"]): _object(target, str(one.get("action") or "")) for one in steps}
        fields = {}
        for key, mapping in step.get("fields", {}).items():
            path = str(mapping.get("from", ""))
            if group_of(key) in step.get("repeat", {}) or (not path and "text" not in mapping):
                continue
            if path.startswith("steps."):
                _, named, rest = path.split(".", 2)
                if things.get(named) not in before:
                    continue
                fields[key] = {**mapping, "from": f"steps.{before[things[named]]}.{rest}"}
            elif not path or path in self._readable:
                fields[key] = dict(mapping)
        options = {key: one for key, one in step.get("options", {}).items() if one not in ("", None)}
        return {"fields": fields, "options": options, "empty": step.get("empty", "")}


def _fits(one: Field, field: Field) -> bool:
    """Say whether a value can go there: of the same type, or a text where addresses and the like are."""
    return one.type is field.type or (one.type is FieldType.TEXT and field.type in WRITTEN_OUT)


def _kind(connector: Connector, field: Field) -> str:
    group = group_of(field.key)
    return connector.kinds.get(group) or (group if group in KINDS else "")


def _object(connector: Connector, action: str) -> str:
    try:
        return connector.action(action).object
    except KeyError:
        return ""
