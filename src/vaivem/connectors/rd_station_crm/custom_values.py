"""The account's own fields: their definitions as our fields, and dates in the way each API wants them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from vaivem.connectors.sdk import Connection
from vaivem.core.fields import Field, FieldType, Option
from vaivem.core.likeness import document_type

OBJECTS = ("deal", "contact", "organization")

_TYPES = {
    "text": FieldType.TEXT,
    "date": FieldType.DATE,
    "option": FieldType.OPTION,
    "multiple_choice": FieldType.OPTIONS,
}


def custom_field(
    object_key: str, key: str, label: str, kind: str, options: list[str], *, new_options: bool, required: bool
) -> Field:
    """Return an account's own field as a field of ours: ``<object>.custom.<key>``.

    `required` is the vendor's mark; it holds for its own forms and, in some stages, for the API. So it
    is told by the vendor's refusal and never asked for by us.
    """
    type_ = _TYPES.get(kind, FieldType.TEXT)
    if type_ is FieldType.TEXT:
        type_ = document_type(label) or FieldType.TEXT
    return Field(
        key=f"{object_key}.custom.{key}",
        type=type_,
        label=f"{label} *" if required else label,
        group=object_key,
        options=tuple(Option(value, value) for value in options),
        allow_new_option=new_options,
    )


def key_of(field: Field) -> str:
    """Return the vendor's key of an own field of ours."""
    return field.key.partition(".custom.")[2]


class CustomDates:
    """Turns date values of own fields from and into the vendor's form; the catalogue says which are dates."""

    def __init__(self, connection: Connection, *, brazilian: bool) -> None:
        self._brazilian = brazilian
        self._keys = {
            object_key: {
                key_of(field)
                for field in connection.custom_fields(object_key)
                if field.type is FieldType.DATE
            }
            for object_key in OBJECTS
        }

    def written(self, object_key: str, custom: Mapping[str, Any]) -> dict[str, Any]:
        """Return own fields as the vendor wants them."""
        if not self._brazilian:
            return dict(custom)
        dates = self._keys[object_key]
        return {key: _to_brazilian(value) if key in dates else value for key, value in custom.items()}

    def read(self, object_key: str, custom: Mapping[str, Any]) -> dict[str, Any]:
        """Return own fields as we keep them: dates as ``YYYY-MM-DD``."""
        dates = self._keys[object_key]
        return {key: _to_iso(value) if key in dates else value for key, value in custom.items()}


def _to_brazilian(value: Any) -> Any:
    try:
        return date.fromisoformat(value).strftime("%d/%m/%Y")
    except (TypeError, ValueError):
        return value  # sent as it is; the vendor's refusal names it


def _to_iso(value: Any) -> Any:
    if not isinstance(value, str) or len(value) != 10 or value[2] != "/" or value[5] != "/":
        return value
    return f"{value[6:]}-{value[3:5]}-{value[:2]}"
