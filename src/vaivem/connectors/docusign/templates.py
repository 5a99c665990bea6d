"""Templates: their roles and fields (tabs), as rules fill them.

A field of a template is known to a rule by its label. A rule may use one field for several templates, so what
each template does with it (which role has it, of which kind it is) is read when the draft is made.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vaivem.connectors.docusign import client
from vaivem.connectors.docusign.objects import OTHER_LISTS, SIGNER_LISTS
from vaivem.connectors.sdk import Connection, Reader
from vaivem.core.fields import Field, FieldType, Option
from vaivem.core.folding import fold

TAB, CUSTOM = "tab.", "envelope.custom."
PAGES = 2
LONGEST_TAB, LONGEST_CUSTOM = 4000, 100

_TYPES = {
    "textTabs": FieldType.TEXT, "numberTabs": FieldType.TEXT, "numericalTabs": FieldType.TEXT,
    "dateTabs": FieldType.TEXT, "emailTabs": FieldType.EMAIL, "companyTabs": FieldType.TEXT,
    "titleTabs": FieldType.TEXT, "phoneNumberTabs": FieldType.TEXT, "zipTabs": FieldType.TEXT,
    "ssnTabs": FieldType.TEXT, "noteTabs": FieldType.LONG_TEXT, "checkboxTabs": FieldType.BOOLEAN,
    "listTabs": FieldType.OPTION, "radioGroupTabs": FieldType.OPTION,
}  # fmt: skip
_NOT_KEY = re.compile(r"[^a-z0-9]+")

Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Tab:
    """A field of a role: the vendor's kind of it, its label, and what may be chosen."""

    kind: str
    label: str
    options: tuple[Option, ...] = ()

    @property
    def key(self) -> str:
        """What rules call it."""
        return key_of(self.label)

    def filled(self, value: Any) -> dict[str, Any]:
        """Return it with a value, in the vendor's shape."""
        if self.kind == "checkboxTabs":
            return {"tabLabel": self.label, "selected": "true" if value else "false"}
        if self.kind == "radioGroupTabs":
            return {"groupName": self.label, "radios": [{"value": str(value), "selected": "true"}]}
        return {"tabLabel": self.label, "value": str(value)}


@dataclass(frozen=True, slots=True)
class Role:
    """A role of a template, with its fields."""

    name: str
    order: int
    tabs: tuple[Tab, ...]


def key_of(label: str) -> str:
    """Return what rules call a label: its letters; two that differ in more than case get different keys."""
    plain = _NOT_KEY.sub("_", fold(label)).strip("_")[:40]
    if plain == label:
        return plain
    return f"{plain}_{hashlib.sha256(label.encode()).hexdigest()[:6]}".lstrip("_")


async def read_templates(reader: Reader) -> list[Option]:
    """Return the templates by name."""
    connection = reader.connection

    def page(start: int) -> Any:
        return client.templates(connection, start)

    rows = await client.each(reader, range(PAGES), page, "envelopeTemplates")
    return [
        Option(str(row["templateId"]), str(row.get("name") or "")) for row in rows if row.get("templateId")
    ]


async def read_roles(reader: Reader, template: str) -> list[Role]:
    """Return the roles of a template in their order."""
    answer = await reader.read(client.template_recipients(reader.connection, template))
    return roles_of(client.one(answer))


def roles_of(raw: Raw) -> list[Role]:
    """Return the roles that a person is needed for, in routing order."""
    found: list[Role] = []
    for kind in (*SIGNER_LISTS, *OTHER_LISTS):
        for one in raw.get(kind) or ():
            name = str(one.get("roleName") or "").strip()
            order = str(one.get("routingOrder") or "")
            if name:
                tabs = tuple(_tabs(one.get("tabs") or {}))
                found.append(Role(name, int(order) if order.isdecimal() else 0, tabs))
    return sorted(found, key=lambda role: role.order)


def _tabs(raw: Raw) -> Iterator[Tab]:
    for kind, listed in raw.items():
        if kind not in _TYPES or not isinstance(listed, list):
            continue
        for one in listed:
            group = kind == "radioGroupTabs"
            label = str(one.get("groupName" if group else "tabLabel") or "").strip()
            choices = one.get("radios" if group else "listItems") or ()
            if label:
                yield Tab(kind, label, tuple(_options(choices)))


def _options(choices: Sequence[Raw]) -> Iterator[Option]:
    seen: set[str] = set()
    for one in choices:
        value = str(one.get("value") or "")
        if value and value not in seen:
            seen.add(value)
            yield Option(value, str(one.get("text") or value))


async def tab_fields(reader: Reader, templates: Sequence[Option]) -> list[Field]:
    """Return the fields of all templates, each once."""
    found = {one.label: await read_roles(reader, str(one.value)) for one in templates}
    return fields_of(found)


def fields_of(roles: Mapping[str, Sequence[Role]]) -> list[Field]:
    """Return the fields of some templates, by name; one that a single template has says which."""
    tabs: dict[str, Tab] = {}
    homes: dict[str, set[str]] = {}
    for template, listed in roles.items():
        for tab in (tab for role in listed for tab in role.tabs):
            tabs.setdefault(tab.key, tab)
            homes.setdefault(tab.key, set()).add(template)
    return [_field(tab, homes[key]) for key, tab in tabs.items()]


def _field(tab: Tab, homes: set[str]) -> Field:
    type_ = _TYPES[tab.kind]
    if type_ is FieldType.OPTION and not tab.options:
        type_ = FieldType.TEXT
    home = next(iter(homes)) if len(homes) == 1 else ""
    return Field(
        key=f"{TAB}{tab.key}",
        type=type_,
        label=f"{tab.label} ({home})" if home else tab.label,
        group="tab",
        options=tab.options if type_ is FieldType.OPTION else (),
        max_length=LONGEST_TAB if type_ in (FieldType.TEXT, FieldType.LONG_TEXT) else None,
    )


def custom_field_list(raw: Raw) -> list[Field]:
    """Return the account's envelope custom fields."""
    found: dict[str, Field] = {}
    for kind in ("textCustomFields", "listCustomFields"):
        for one in raw.get(kind) or ():
            name = str(one.get("name") or "").strip()
            options = tuple(Option(str(item), str(item)) for item in one.get("listItems") or () if item)
            if name:
                key = f"{CUSTOM}{key_of(name)}"
                type_ = FieldType.OPTION if options else FieldType.TEXT
                limit = None if options else LONGEST_CUSTOM
                found[key] = Field(
                    key, type_, label=name, group="envelope", options=options, max_length=limit
                )
    return list(found.values())


def name_of_custom(connection: Connection, key: str) -> str:
    """Return the vendor's name of a custom field that a rule filled; "" when the account has it no more."""
    known = (one for one in connection.custom_fields("envelope") if one.key == f"{CUSTOM}{key}")
    return next((one.label or "" for one in known), "")
