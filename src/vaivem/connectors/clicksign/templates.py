"""Templates and their variables.

The API does not list a template's variables. They are learnt from past documents, which keep what they were
filled with, and a person may type the names of others in the connection's settings.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from vaivem.connectors.clicksign import client
from vaivem.connectors.sdk import Connection, Reader
from vaivem.core.fields import Field, FieldType, Option
from vaivem.core.folding import fold

VARIABLE = "variable."
# The vendor forbids polling: a reading of the lists looks at this many of the past envelopes at most.
MOST_ENVELOPES = 20
_BETWEEN = " › "
_NOT_KEY = re.compile(r"[^a-z0-9]+")


async def read_templates(reader: Reader) -> list[Option]:
    """Return the templates by name."""
    rows = [row async for row in client.each(reader, client.list_templates(), pages=10)]
    found = [Option(str(row["id"]), str(row.get("attributes", {}).get("name") or "")) for row in rows]
    return sorted(found, key=lambda option: option.label)


async def variable_fields(reader: Reader) -> list[Field]:
    """Return the variables of all templates: those of past documents, and those that a person typed."""
    labels = {str(one.value): one.label for one in await read_templates(reader)}
    found = [
        _field(_key(template, name), f"{labels[template]}{_BETWEEN}{name}")
        for template, names in (await _learnt(reader)).items()
        if template in labels
        for name in names
    ]
    return [*found, *typed(reader.connection)]


def typed(connection: Connection) -> list[Field]:
    """Return the variables whose names a person typed, one a line or between commas."""
    names = re.split(r"[,;\n]", str(connection.settings.get("variables") or ""))
    plain = [name.strip().strip("{}").strip() for name in names]
    return [_field(_key("typed", name), name) for name in dict.fromkeys(plain) if name]


def of_template(connection: Connection, template: str) -> list[str]:
    """Return the keys of the variables that are known of a template."""
    prefix = _key(template, "")
    return [one.key for one in connection.custom_fields("variable") if one.key.startswith(prefix)]


def name_of(connection: Connection, key: str) -> str:
    """Return what the template calls a variable; "" for one that is known no more."""
    known = (*connection.custom_fields("variable"), *typed(connection))
    label = next((one.label or "" for one in known if one.key == key), "")
    return label.rpartition(_BETWEEN)[2]


async def _learnt(reader: Reader) -> dict[str, list[str]]:
    """Return the names of variables by template, of past documents."""
    rows = await client.ends(reader, client.list_envelopes())
    rows.sort(key=lambda row: str(row.get("attributes", {}).get("modified") or ""), reverse=True)
    found: dict[str, dict[str, None]] = {}
    for envelope in rows[:MOST_ENVELOPES]:
        async for document in client.each(reader, client.list_documents(envelope["id"]), pages=1):
            used = document.get("attributes", {}).get("template")
            data = used.get("data") if isinstance(used, Mapping) else None
            if isinstance(used, Mapping) and isinstance(data, Mapping):
                found.setdefault(str(used.get("key")), {}).update(dict.fromkeys(map(str, data)))
    return {template: list(names) for template, names in found.items()}


def _field(key: str, label: str) -> Field:
    return Field(key, FieldType.LONG_TEXT, label=label, group="variable")


def _key(template: str, name: str) -> str:
    """Return what rules call a variable of a template; two that differ in more than case differ here."""
    plain = _NOT_KEY.sub("_", fold(name)).strip("_")[:40]
    if name and plain != name:
        plain = f"{plain}_{hashlib.sha256(name.encode()).hexdigest()[:6]}".lstrip("_")
    return f"{VARIABLE}{template[:8].lower()}_{plain}"
