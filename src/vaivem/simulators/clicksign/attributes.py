"""Reading a JSON:API body: the type, the id, and the attributes against a short declaration of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vaivem.simulators.clicksign.problems import bad_request, missing_attribute, not_one_of, unknown_attribute

_TYPE_NAMES: dict[type, str] = {
    str: "uma string",
    int: "um número inteiro",
    dict: "um hash",
    list: "um array",
}


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute that a body may hold. ``None`` passes unless the attribute is required."""

    kind: type = str
    required: bool = False
    choices: tuple[str, ...] = ()


Schema = Mapping[str, Attribute]


def read_data(body: Mapping[str, Any], kind: str, record_id: str | None = None) -> dict[str, Any]:
    """The ``data`` of a body, its ``type`` and (for a change) its ``id`` checked."""
    data = body.get("data")
    if not isinstance(data, dict):
        raise bad_request("/data", "data deve ser informado(a)")
    if data.get("type") != kind:
        raise bad_request("/data/type", f"type deve ser igual a {kind}")
    if record_id is not None and data.get("id") != record_id:
        raise bad_request("/data/id", f"id deve ser igual a {record_id}")
    return data


def read_attributes(data: Mapping[str, Any], schema: Schema, creating: bool = True) -> dict[str, Any]:
    """The attributes given, checked; required ones are asked for only when ``creating``."""
    given = data.get("attributes", {})
    if not isinstance(given, dict):
        raise bad_request("/data/attributes", "attributes deve ser um hash")
    for name in given:
        if name not in schema:
            raise unknown_attribute(name)
    for name, attribute in schema.items():
        if creating and attribute.required and given.get(name) in (None, ""):
            raise missing_attribute(name)
        if given.get(name) is not None:
            _check(name, attribute, given[name])
    return given


def related_id(data: Mapping[str, Any], name: str, kind: str) -> str | None:
    """The id in ``relationships.<name>``; None where it is not given."""
    relationships = data.get("relationships") or {}
    if not isinstance(relationships, dict):
        raise bad_request("/data/relationships", "relationships deve ser um hash")
    relation = relationships.get(name)
    if relation is None:
        return None
    target = relation.get("data") if isinstance(relation, dict) else None
    pointer = f"/data/relationships/{name}"
    if not isinstance(target, dict) or not isinstance(target.get("id"), str):
        raise bad_request(pointer, f"{name} deve ser informado(a)")
    if target.get("type") != kind:
        raise bad_request(pointer, f"type deve ser igual a {kind}")
    found: str = target["id"]
    return found


def _check(name: str, attribute: Attribute, value: Any) -> None:
    if attribute.kind is bool:
        if not isinstance(value, bool):
            raise not_one_of(name, ("true", "false"))
        return
    right = isinstance(value, attribute.kind) and not isinstance(value, bool)
    if not right:
        pointer = f"/data/attributes/{name}"
        raise bad_request(pointer, f"{name} deve ser {_TYPE_NAMES[attribute.kind]}")
    if attribute.choices and value not in attribute.choices:
        raise not_one_of(name, attribute.choices)
