"""What the editor fills in by itself: names of steps, and the fields of an action that was just chosen."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from vaivem.core.fields import Field, group_of
from vaivem.hub.rules.catalog import WorkspaceCatalog
from vaivem.hub.rules.definitions import own_fields
from vaivem.hub.rules.editing.form import mapping_of
from vaivem.hub.rules.sharing import fitting
from vaivem.hub.rules.suggesting import Suggesting

SUGGESTED = ("name", "email", "phone")  # beside what must be filled
MAX_DEPTH = 8


def filled(
    definition: dict[str, Any], before: Mapping[str, Any], catalog: WorkspaceCatalog
) -> dict[str, Any]:
    """Return the definition with what follows from its last change filled in. `before` is what it was."""
    when = mapping_of(definition.get("when"))
    definition = {**definition, "when": _start(when, mapping_of(before.get("when")), catalog)}
    shape = catalog.trigger(when.get("connection", ""), str(when.get("trigger") or ""))
    filling = _Filling(catalog, shape.fields if shape else (), definition, before)
    return {**definition, "then": filling.steps(definition.get("then"))}


def _start(when: Mapping[str, Any], before: Mapping[str, Any], catalog: WorkspaceCatalog) -> dict[str, Any]:
    """Return the start; another account keeps the trigger only where it has one of that name."""
    connector, key = catalog.connector(when.get("connection", "")), str(when.get("trigger") or "")
    known = {one.key for one in connector.triggers} if connector else {key}
    start = dict(when)
    if key not in known:
        start["trigger"] = ""
    if start["trigger"] != before.get("trigger"):
        shape = catalog.trigger(start.get("connection", ""), start["trigger"])
        offered = {one.key for one in shape.options} if shape else set()
        kept = {name: value for name, value in mapping_of(start.get("options")).items() if name in offered}
        start = {name: value for name, value in start.items() if name != "options"}
        start |= {"options": kept} if kept else {}
    return start


class _Filling:
    def __init__(
        self,
        catalog: WorkspaceCatalog,
        readable: tuple[Field, ...],
        definition: Mapping[str, Any],
        before: Mapping[str, Any],
    ) -> None:
        self.catalog = catalog
        when = mapping_of(definition.get("when"))
        self.source = when.get("connection", "")
        self.suggesting = Suggesting(catalog, self.source, str(when.get("trigger") or ""), readable)
        self.text = json.dumps(definition)
        self.known = {str(one.get("id")): one for one in _all(before.get("then"))}
        self.ids = {str(one.get("id")) for one in _all(definition.get("then"))}

    def steps(self, steps: Any, depth: int = 0, before: tuple[Mapping[str, Any], ...] = ()) -> list[Any]:
        if not isinstance(steps, list) or depth > MAX_DEPTH:
            return []
        done: list[Any] = []
        for one in steps:
            earlier = (*before, *(step for step in done if isinstance(step, Mapping)))
            done.append(self.step(dict(one), depth, earlier) if isinstance(one, Mapping) else one)
        return done

    def step(
        self, step: dict[str, Any], depth: int, earlier: tuple[Mapping[str, Any], ...]
    ) -> dict[str, Any]:
        if step.get("kind") == "branch":
            ways = ("then", "else")
            inner: dict[str, Any] = {way: self.steps(step.get(way), depth + 1, earlier) for way in ways}
            return step | inner
        if step.get("kind") not in ("action", "find"):
            return step
        old = mapping_of(self.known.get(str(step.get("id"))))
        if not step.get("action") or old.get("action") == step["action"]:
            return self.combined(step, old)
        return self.newly_chosen(step, earlier)

    def newly_chosen(self, step: dict[str, Any], earlier: tuple[Mapping[str, Any], ...]) -> dict[str, Any]:
        """Fill what recipes fill, and what must be filled where its name and type say from what.

        What still fits of the action before is kept.
        """
        ref = step.get("connection", "")
        connector, shape = self.catalog.connector(ref), self.catalog.action(ref, str(step["action"]))
        if connector is None or shape is None:
            return step
        known = {field.key: field for field in shape.fields}
        kept = {key: one for key, one in mapping_of(step.get("fields")).items() if key in known}
        main = group_of(shape.fields[0].key) if shape.fields else ""
        begun: dict[str, Any] = {}
        if step["kind"] == "action":
            begun = self.suggesting.step(ref, str(step["action"]), earlier)
        kept = {**begun.get("fields", {}), **kept}
        for field in shape.fields:
            wanted = field.key.rpartition(".")[2] in SUGGESTED or field.required
            source = self.suggesting.field(field, ref)
            if (
                wanted
                and field.key not in kept
                and (source or (field.required and group_of(field.key) == main))
            ):
                kept[field.key] = source or {"text": ""}
        step = {**step, "fields": kept}
        shared = fitting(self.source, ref, str(step["action"]), self.catalog)
        if len(shared) == 1:
            step = {**step, "combination": shared[0].pk}
            kept = {key: one for key, one in kept.items() if key not in shared[0].fields}
        else:
            step = {name: one for name, one in step.items() if name != "combination"}
        step = {**step, "fields": kept}
        offered = {one.key for one in shape.options}
        options = {key: one for key, one in mapping_of(step.get("options")).items() if key in offered}
        options = {**begun.get("options", {}), **options}
        step = {name: one for name, one in step.items() if name not in ("options", "repeat", "key", "empty")}
        if begun.get("empty") and any(one.required for one in shape.fields):
            step["empty"] = begun["empty"]
        if options:
            step["options"] = options
        if shape.keys and shape.keys[0] != "field" and step["kind"] == "action":
            step["key"] = {"by": shape.keys[0]}
        return self.renamed(step, connector.action(str(step["action"])).object)

    def combined(self, step: dict[str, Any], old: Mapping[str, Any]) -> dict[str, Any]:
        """Let a combination that was just chosen say what it says; more fields stay the step's own."""
        row = self.catalog.combination(step.get("combination"))
        if row is None or old.get("combination") == step.get("combination"):
            return step
        own = {key: one for key, one in own_fields(step).items() if key not in row.fields}
        return {**step, "fields": own}

    def renamed(self, step: dict[str, Any], object_key: str) -> dict[str, Any]:
        """Name a step after what it is about, as long as nothing refers to it."""
        old = str(step.get("id") or "")
        if not re.fullmatch(r"(?:action|find)(?:_\d+)?", old) or f"steps.{old}." in self.text:
            return step
        base = re.sub(r"[^a-z0-9_]", "_", object_key.lower())[:30] or "step"
        names = (base, *(f"{base}_{number}" for number in range(2, 100)))
        new = next(one for one in names if one not in self.ids)
        self.ids.add(new)
        return {**step, "id": new}


def _all(steps: Any, depth: int = 0) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for step in steps if isinstance(steps, list) and depth < MAX_DEPTH else ():
        if isinstance(step, Mapping):
            found += [step, *_all(step.get("then"), depth + 1), *_all(step.get("else"), depth + 1)]
    return found
