"""The vendor's published description as a measure, and where we knowingly differ from it."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.published import published

# Calls that came after the description, so that it takes them for the id of a configuration.
NEWER = "/connect/secret"
_KINDS = {"string": str, "array": list, "object": dict, "boolean": bool, "integer": int, "number": float}


@cache
def spec() -> Any:
    """The description; the tests are skipped where it is not at hand."""
    return json.loads(published("docusign-esignature.json").read_text())


@dataclass(frozen=True)
class Operation:
    """One published call."""

    method: str
    path: str

    @property
    def name(self) -> str:
        return f"{self.method} {self.path.removeprefix('/v2.1/accounts/{accountId}') or '/'}"

    def answer(self, status: int) -> Any:
        """The schema of the answer with this status; KeyError where the status is not published."""
        return self._content()["responses"][str(status)].get("schema")

    def body(self) -> Any:
        """The schema of what is sent; None where nothing is."""
        return next((one["schema"] for one in self._content()["parameters"] if one["in"] == "body"), None)

    def query(self) -> set[str]:
        """The names that may stand in the query."""
        return {one["name"] for one in self._content()["parameters"] if one["in"] == "query"}

    def _content(self) -> Any:
        return spec()["paths"][self.path][self.method.lower()]


def operation_of(method: str, path: str) -> Operation | None:
    """The published call at an address under the account; fixed addresses go before those with ids."""
    if path.startswith(NEWER):
        return None
    wanted = f"/v2.1/accounts/x{path}"
    fitting = [
        template
        for template, content in spec()["paths"].items()
        if method.lower() in content and re.fullmatch(re.sub(r"\{[^}]*\}", "[^/]+", template), wanted)
    ]
    best = min(fitting, key=lambda template: template.count("{"), default=None)
    return Operation(method, best) if best else None


def named(definition: str) -> Any:
    """A published definition by its name."""
    return {"$ref": f"#/definitions/{definition}"}


def differences(schema: Any, value: Any, at: str = "") -> Iterator[tuple[str, str]]:
    """Where a value does not fit: the field (without list places), and how it differs."""
    if "$ref" in schema:
        schema = spec()["definitions"][schema["$ref"].rsplit("/", 1)[1]]
    kind = schema.get("type") or ("object" if "properties" in schema else None)
    if kind in _KINDS and (not isinstance(value, _KINDS[kind]) or (kind != "boolean" and value is True)):
        yield at, f"{type(value).__name__}, not {kind}"
    elif isinstance(value, list):
        for item in value:
            yield from differences(schema["items"], item, at)
    elif isinstance(value, dict) and "properties" in schema:
        for name, inner in value.items():
            place = f"{at}.{name}" if at else name
            if name not in schema["properties"]:
                yield place, "not published"
            else:
                yield from differences(schema["properties"][name], inner, place)


@dataclass(frozen=True)
class Deviation:
    """One field in which an answer may differ from the description, and who says so."""

    calls: str
    field: str
    differs: str
    source: str


def deviations() -> list[Deviation]:
    """What is written down beside this file."""
    with (Path(__file__).parent / "deviations.toml").open("rb") as file:
        return [Deviation(**item) for item in tomllib.load(file)["deviation"]]
