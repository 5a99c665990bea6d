"""The vendor's published descriptions as schemas, and where we knowingly differ from them."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import yaml
from tests.published import published

_PREFIXES = {"v1": ("/api/v1", "/v1"), "v2": ("/api/v2",)}


@dataclass(frozen=True)
class Operation:
    """One published operation of one version of the API."""

    version: str
    method: str
    path: str
    content: Any

    @property
    def name(self) -> str:
        return f"{self.version} {self.method} {self.path}"

    def answer(self, status: int) -> Any:
        """The schema of the answer with this status; None where none is published."""
        found = self.content["responses"].get(str(status))
        return None if found is None else _schema(found)

    def body(self) -> Any:
        """The schema of the body that is sent; None where none is published."""
        return _schema(self.content.get("requestBody", {}))

    @property
    def cost(self) -> int:
        return int(self.content["x-token-cost"])

    @property
    def scopes(self) -> set[str]:
        return {scope for way in self.content.get("security") or () for scope in way.get("oauth2", ())}


def _schema(part: Any) -> Any:
    content = part.get("content", {})
    kind = next((item for name, item in content.items() if "json" in name), None)
    return nullable(kind["schema"]) if kind else None


@cache
def operations(version: str) -> list[Operation]:
    """Every operation of a version."""
    path = published(f"pipedrive-{version}.yaml")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    spec = yaml.load(path.read_text(), Loader=loader)  # noqa: S506 (one of the two safe ones)
    methods = ("get", "post", "put", "patch", "delete")
    return [
        Operation(version, method.upper(), address, content)
        for address, item in spec["paths"].items()
        for method, content in item.items()
        if method in methods
    ]


def operation_of(method: str, path: str) -> Operation | None:
    """The published operation of a call; addresses without parameters go before those with."""
    for version, prefixes in _PREFIXES.items():
        prefix = next((item for item in prefixes if path.startswith(f"{item}/")), None)
        if prefix is None:
            continue
        rest = path.removeprefix(prefix)
        fitting = [item for item in operations(version) if item.method == method and _fits(item.path, rest)]
        return min(fitting, key=lambda item: item.path.count("{"), default=None)
    return None


def _fits(template: str, path: str) -> bool:
    return re.fullmatch(re.sub(r"\{[^}]*\}", "[^/]+", template), path) is not None


def nullable(schema: Any) -> Any:
    """An OpenAPI 3.0 schema as a JSON schema: `nullable` becomes a type of its own."""
    if isinstance(schema, list):
        return [nullable(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    done = {
        key: nullable(value)
        for key, value in schema.items()
        if key not in ("nullable", "example", "examples")
    }
    if "properties" in schema:
        done["properties"] = {key: nullable(value) for key, value in schema["properties"].items()}
    return {"anyOf": [done, {"type": "null"}]} if schema.get("nullable") is True else done


@dataclass(frozen=True)
class Deviation:
    """One field in which an answer may differ from the description, and who says so."""

    field: str
    differs: str
    calls: str
    source: str


def deviations() -> list[Deviation]:
    """What is written down beside this file."""
    with (Path(__file__).parent / "deviations.toml").open("rb") as file:
        return [Deviation(**item) for item in tomllib.load(file)["deviation"]]


def differences(schema: Any, value: Any) -> list[tuple[str, str, str]]:
    """Where a value does not fit: the field (without list places), how it differs, and the message."""
    errors = jsonschema.Draft4Validator(schema).iter_errors(value)
    return sorted({found for error in errors for found in _leaves(error)})


def _leaves(error: Any) -> list[tuple[str, str, str]]:
    if error.context and error.validator in ("anyOf", "oneOf", "allOf"):
        # The way that gets furthest is the one that was meant; `null` is the shortest of them.
        ways: dict[Any, list[Any]] = {}
        for inner in error.context:
            ways.setdefault(inner.schema_path[0], []).append(inner)
        meant = min(
            ways.values(), key=lambda errors: (-min(len(e.absolute_path) for e in errors), len(errors))
        )
        return [leaf for inner in meant for leaf in _leaves(inner)]
    field = ".".join(str(part) for part in error.absolute_path if not isinstance(part, int))
    differs = "null" if error.validator == "type" and error.instance is None else error.validator
    return [(field, differs, error.message[:200])]
