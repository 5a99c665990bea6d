"""The account's own fields: their definitions as our fields, and values in each of the vendor's forms.

API v2 keeps them under ``custom_fields`` by a code of 40 letters that differs in every account; webhooks wrap
each value in an object with its type (facts of pipedrive.readme.io/docs/pipedrive-api-v2-migration-guide).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from vaivem.connectors.sdk import Connection
from vaivem.core.fields import Field, FieldType, Option
from vaivem.core.likeness import document_type

OBJECTS = ("deal", "person", "organization")
CUSTOM = "custom."

_TYPES = {
    "varchar": FieldType.TEXT,
    "varchar_auto": FieldType.TEXT,
    "text": FieldType.LONG_TEXT,
    "double": FieldType.NUMBER,
    "int": FieldType.INTEGER,
    "boolean": FieldType.BOOLEAN,
    "monetary": FieldType.MONEY,
    "date": FieldType.DATE,
    "time": FieldType.TEXT,
    "enum": FieldType.OPTION,
    "set": FieldType.OPTIONS,
    "phone": FieldType.PHONE,
    "address": FieldType.TEXT,
    "user": FieldType.OPTION,
    "org": FieldType.RECORD,
    "people": FieldType.RECORD,
}

_NUMBERED = frozenset({FieldType.OPTION, FieldType.RECORD})  # the vendor wants whole numbers for these


def own_field(object_key: str, row: Mapping[str, Any]) -> Field | None:
    """Return one of the account's own fields as a field of ours; None for a kind that rules cannot fill.

    Ranges of dates and times have two values and are left out.
    """
    kind = str(row.get("field_type") or "")
    if not row.get("is_custom_field") or kind not in _TYPES:
        return None
    label, type_ = str(row.get("field_name") or ""), _TYPES[kind]
    if type_ is FieldType.TEXT:
        type_ = document_type(label) or FieldType.TEXT
    options = tuple(Option(one["id"], str(one.get("label", ""))) for one in row.get("options") or ())
    return Field(
        key=f"{object_key}.{CUSTOM}{row['field_code']}",
        type=type_,
        label=label,
        group=object_key,
        options=options,
        source="users" if kind == "user" else None,
        max_length=255 if kind in ("varchar", "varchar_auto") else None,
        help_key=f"fields.custom.{kind}" if kind in ("address", "time") else None,
    )


def key_of(field: Field) -> str:
    """Return the vendor's code of an own field of ours."""
    return field.key.partition(f".{CUSTOM}")[2]


def custom_of(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the own fields among changes, by their code."""
    return {key.removeprefix(CUSTOM): value for key, value in changes.items() if key.startswith(CUSTOM)}


class OwnFields:
    """Turns values of one object's own fields from and into the forms of API v2 and of webhooks."""

    def __init__(self, connection: Connection, object_key: str) -> None:
        self._fields = {key_of(field): field for field in connection.custom_fields(object_key)}
        details = connection.account.get("details") or {}
        self._currency = str(connection.settings.get("currency") or details.get("currency") or "BRL")

    def written(self, custom: Mapping[str, Any], currency: str | None = None) -> dict[str, Any]:
        """Return values as v2 takes them; None empties one. Money is in `currency`, else the account's."""
        return {code: self._written(code, value, currency) for code, value in custom.items()}

    def _written(self, code: str, value: Any, currency: str | None) -> Any:
        field = self._fields.get(code)
        if value is None or field is None:
            return value
        if field.type is FieldType.MONEY:
            return {"value": value, "currency": currency or self._currency}
        if field.help_key:  # an address or a time: an object whose text is its value
            return {"value": value}
        if field.type in _NUMBERED:
            return whole(value)
        if field.type is FieldType.OPTIONS:
            return [whole(one) for one in value] or None  # an empty list is refused
        return value

    def read(self, custom: Mapping[str, Any] | None) -> dict[str, Any]:
        """Return values as rules read them, from an answer or from a webhook."""
        return {code: self._read(code, value) for code, value in (custom or {}).items()}

    def _read(self, code: str, value: Any) -> Any:
        plain = unwrapped(value)
        field = self._fields.get(code)
        if field is not None and field.type is FieldType.RECORD and plain is not None:
            return str(plain)
        return plain


def unwrapped(value: Any) -> Any:
    """Return the bare value: ``{"type": "enum", "id": 3}`` and ``{"value": 5, "currency": …}`` alike."""
    if not isinstance(value, Mapping):
        return value
    if "values" in value:
        listed: Iterable[Any] = value["values"] or ()
        return [unwrapped(one) for one in listed]
    return value["value"] if "value" in value else value.get("id")


def whole(value: Any) -> Any:
    """Return a number for a text of digits: the vendor refuses numbers in quotes."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value
