"""Definitions as drafts and files hold them: JSON that may be half done. Here only connections matter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from vaivem.hub.rules.catalog import WorkspaceCatalog

MAX_DEPTH = 10  # deeper than the core allows, so that it is the core that refuses


def with_ids(definition: Mapping[str, Any], catalog: WorkspaceCatalog) -> dict[str, Any]:
    """Return the definition with connections by id, so that renaming one changes nothing.

    A connection that is not there stays as it is named. Steps that share a combination get its fields.
    """

    def numbered(ref: Any) -> Any:
        known = catalog.connection_id(ref) if _is_ref(ref) else None
        return ref if known is None else known

    return each_action(_renamed(definition, numbered), lambda step: _shared(step, catalog))


def with_names(definition: Mapping[str, Any], catalog: WorkspaceCatalog) -> dict[str, Any]:
    """Return the definition with connections by short name, as files have them."""

    def named(ref: Any) -> Any:
        row = catalog.connection(ref) if _is_ref(ref) else None
        return ref if row is None else row.slug

    return each_action(_renamed(definition, named), lambda step: _own(step, catalog))


def each_action(
    definition: Mapping[str, Any], change: Callable[[dict[str, Any]], dict[str, Any]]
) -> dict[str, Any]:
    """Return the definition with each of its actions, those in branches too, as `change` makes it."""

    def changed(steps: Any, depth: int) -> Any:
        return [one(step, depth) for step in steps] if isinstance(steps, list) else steps

    def one(step: Any, depth: int) -> Any:
        if not isinstance(step, Mapping) or depth > MAX_DEPTH:
            return step
        data = dict(step)
        if data.get("kind") == "action":
            return change(data)
        inner = {way: changed(data[way], depth + 1) for way in ("then", "else") if way in data}
        return data | inner

    data = dict(definition)
    return data | ({"then": changed(data["then"], 0)} if "then" in data else {})


def loose(step: Mapping[str, Any]) -> dict[str, Any]:
    """Return an action cut loose from its combination: the fields stay, as its own."""
    data = {key: value for key, value in step.items() if key != "combination"}
    if isinstance(data.get("fields"), Mapping):
        data["fields"] = {key: _unmarked(one) for key, one in data["fields"].items()}
    return data


def own_fields(step: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that an action fills by itself, not by its combination."""
    fields = step.get("fields")
    if not isinstance(fields, Mapping):
        return {}
    return {key: one for key, one in fields.items() if not (isinstance(one, Mapping) and one.get("shared"))}


def _unmarked(mapping: Any) -> Any:
    if not isinstance(mapping, Mapping):
        return mapping
    return {key: value for key, value in mapping.items() if key != "shared"}


def _shared(step: dict[str, Any], catalog: WorkspaceCatalog) -> dict[str, Any]:
    """Return an action with what its combination says, wherever the action itself says nothing."""
    if not step.get("combination"):
        return loose(step)
    row = catalog.combination(step["combination"])
    if row is None:  # said when it is checked; what the step had of it stays until then
        return step
    shape = catalog.action(step.get("connection", ""), str(step.get("action") or ""))
    known = {field.key for field in shape.fields} if shape else set(row.fields)
    own = own_fields(step)
    shared = {
        key: {**one, "shared": True} for key, one in row.fields.items() if key not in own and key in known
    }
    return step | {"combination": row.pk, "fields": shared | own}


def _own(step: dict[str, Any], catalog: WorkspaceCatalog) -> dict[str, Any]:
    row = catalog.combination(step["combination"]) if step.get("combination") else None
    if row is None:
        return step
    data = step | {"combination": row.title, "fields": own_fields(step)}
    return data if data["fields"] else {key: value for key, value in data.items() if key != "fields"}


def in_order(definition: Mapping[str, Any], catalog: WorkspaceCatalog) -> dict[str, Any]:
    """Return the definition with each step's fields in the order of its action: JSON kept none."""
    data = dict(definition)
    if isinstance(data.get("then"), list):
        data["then"] = [_step_in_order(step, catalog, 0) for step in data["then"]]
    return data


def _step_in_order(step: Any, catalog: WorkspaceCatalog, depth: int) -> Any:
    if not isinstance(step, Mapping) or depth > MAX_DEPTH:
        return step
    data = dict(step)
    ref, action, fields = data.get("connection"), data.get("action"), data.get("fields")
    if _is_ref(ref) and isinstance(action, str) and isinstance(fields, Mapping):
        shape = catalog.action(cast("str | int", ref), action)
        places = {field.key: place for place, field in enumerate(shape.fields if shape else ())}
        data["fields"] = dict(sorted(fields.items(), key=lambda item: (places.get(item[0], 9999), item[0])))
    for branch in ("then", "else"):
        if isinstance(data.get(branch), list):
            data[branch] = [_step_in_order(inner, catalog, depth + 1) for inner in data[branch]]
    return data


def _is_ref(ref: Any) -> bool:
    return isinstance(ref, str) or (isinstance(ref, int) and not isinstance(ref, bool))


def _renamed(definition: Mapping[str, Any], rename: Callable[[Any], Any]) -> dict[str, Any]:
    data = dict(definition)
    if isinstance(data.get("when"), Mapping) and "connection" in data["when"]:
        data["when"] = {**data["when"], "connection": rename(data["when"]["connection"])}
    if "then" in data:
        data["then"] = _steps(data["then"], rename, 0)
    return data


def _steps(steps: Any, rename: Callable[[Any], Any], depth: int) -> Any:
    if not isinstance(steps, list) or depth > MAX_DEPTH:
        return steps
    return [_step(step, rename, depth) for step in steps]


def _step(step: Any, rename: Callable[[Any], Any], depth: int) -> Any:
    if not isinstance(step, Mapping):
        return step
    data = dict(step)
    if "connection" in data:
        data["connection"] = rename(data["connection"])
    for branch in ("then", "else"):
        if branch in data:
            data[branch] = _steps(data[branch], rename, depth + 1)
    return data
