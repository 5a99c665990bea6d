"""The account's own fields: their definitions as our fields, and values in each of the vendor's forms.

A contact's values are texts, several of them as ``||A||B||``; an account's or a deal's are lists, and money
is in cents. An own field is known by its number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from vaivem.connectors.activecampaign.client import whole
from vaivem.connectors.sdk import Connection
from vaivem.core.fields import Field, FieldType, Option
from vaivem.core.likeness import document_type
from vaivem.core.numbers import parse_number

OBJECTS = ("contact", "account", "deal")
CUSTOM = "custom."
BAR = "||"

_CONTACT_TYPES = {
    "textarea": FieldType.LONG_TEXT,
    "date": FieldType.DATE,
    "datetime": FieldType.DATETIME,
    "dropdown": FieldType.OPTION,
    "radio": FieldType.OPTION,
    "listbox": FieldType.OPTIONS,
    "checkbox": FieldType.OPTIONS,
}
_SALES_TYPES = _CONTACT_TYPES | {
    "multiselect": FieldType.OPTIONS,
    "currency": FieldType.MONEY,
    "number": FieldType.NUMBER,
}
_CHOICES = frozenset({FieldType.OPTION, FieldType.OPTIONS})
MOST_TEXT = 255  # of a text of one line; not in the documentation, seen in use


def contact_field(row: Mapping[str, Any], options: Iterable[Mapping[str, Any]]) -> Field:
    """Return an own field of contacts; `options` are those of all fields, as they come with the list."""
    own = sorted(
        (one for one in options if str(one.get("field")) == str(row["id"])),
        key=lambda one: int(one.get("orderid") or 0),
    )
    choices = tuple(Option(str(one["value"]), str(one.get("label") or one["value"])) for one in own)
    kind = _CONTACT_TYPES.get(str(row.get("type")), FieldType.TEXT)
    return _field("contact", str(row["id"]), str(row.get("title") or ""), kind, choices)


def sales_field(object_key: str, row: Mapping[str, Any]) -> Field:
    """Return an own field of accounts or deals."""
    choices = tuple(Option(str(one), str(one)) for one in row.get("fieldOptions") or ())
    kind = _SALES_TYPES.get(str(row.get("fieldType")), FieldType.TEXT)
    return _field(object_key, str(row["id"]), str(row.get("fieldLabel") or ""), kind, choices)


def _field(object_key: str, number: str, label: str, kind: FieldType, options: tuple[Option, ...]) -> Field:
    options = tuple({str(one.value): one for one in options}.values())
    if kind in _CHOICES and not options:
        kind = FieldType.TEXT
    if kind is FieldType.TEXT:
        kind = document_type(label) or FieldType.TEXT
    return Field(
        key=f"{object_key}.{CUSTOM}{number}",
        type=kind,
        label=label or number,
        group=object_key,
        options=options if kind in _CHOICES else (),
        max_length=MOST_TEXT if kind is FieldType.TEXT else None,
    )


def number_of(field: Field) -> str:
    """Return the vendor's number of an own field of ours."""
    return field.key.partition(f".{CUSTOM}")[2]


def custom_of(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the own fields among changes, by their number."""
    return {key.removeprefix(CUSTOM): value for key, value in changes.items() if key.startswith(CUSTOM)}


class OwnFields:
    """Turns values of one object's own fields from and into the vendor's forms."""

    def __init__(self, connection: Connection, object_key: str) -> None:
        self._object = object_key
        self._fields = {number_of(field): field for field in connection.custom_fields(object_key)}
        self._currency = str(connection.settings.get("currency") or "BRL").upper()

    @property
    def numbers(self) -> tuple[str, ...]:
        """The numbers of all own fields that are known."""
        return tuple(self._fields)

    def written(self, custom: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return values as the vendor takes them with the record; None empties one."""
        if self._object == "contact":
            return [{"field": number, "value": _as_text(value)} for number, value in custom.items()]
        return [self._sales_value(number, value) for number, value in custom.items()]

    def _sales_value(self, number: str, value: Any) -> dict[str, Any]:
        held: dict[str, Any] = {"customFieldId": whole(number), "fieldValue": "" if value is None else value}
        if self._type(number) is FieldType.MONEY and value is not None:
            held |= {"fieldValue": round(value * 100), "fieldCurrency": self._currency}
        elif self._type(number) is FieldType.NUMBER and value is not None:
            held["fieldValue"] = str(value)
        return held

    def read(self, number: str, value: Any) -> Any:
        """Return a value as rules read it, None for nothing."""
        if value in (None, "", BAR * 2) or str(value).startswith("0000-00-00"):
            return None
        kind = self._type(number)
        if kind is FieldType.OPTIONS or (isinstance(value, str) and value.startswith(BAR)):
            return _several(value)
        if kind is FieldType.MONEY:
            cents = parse_number(value)
            return None if cents is None else major(cents)
        if kind is FieldType.NUMBER:
            number_read = parse_number(value)
            return value if number_read is None else float(number_read)
        return value

    def _type(self, number: str) -> FieldType:
        field = self._fields.get(number)
        return field.type if field else FieldType.TEXT


def major(cents: Any) -> float:
    """Return an amount in cents as an amount."""
    return float(cents) / 100


def _several(value: Any) -> list[str]:
    listed = value if isinstance(value, list | tuple) else str(value).split(BAR)
    return [str(one) for one in listed if str(one).strip()]


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return f"{BAR}{BAR.join(map(str, value))}{BAR}" if value else ""
    return str(value)
