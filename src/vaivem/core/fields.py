"""Fields: what a trigger offers to read and what an action can fill, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from enum import StrEnum
from typing import Any


class FieldType(StrEnum):
    """The type of a field's value. In brackets: how `convert` gives it (always JSON)."""

    TEXT = "text"  # one line [str]
    LONG_TEXT = "long_text"  # lines are kept [str]
    INTEGER = "integer"  # [int]
    NUMBER = "number"  # [int or float]
    MONEY = "money"  # rounded to cents [int or float]
    BOOLEAN = "boolean"  # [bool]
    DATE = "date"  # [str, YYYY-MM-DD]
    DATETIME = "datetime"  # [str, ISO 8601 with seconds and offset]
    EMAIL = "email"  # [str]
    PHONE = "phone"  # [str, E.164]
    CPF = "cpf"  # [str, 11 digits]
    CNPJ = "cnpj"  # [str, 14 letters or digits]
    CPF_CNPJ = "cpf_cnpj"  # one or the other
    OPTION = "option"  # one of `Field.options` [its value]
    OPTIONS = "options"  # several of them [list of values]
    RECORD = "record"  # the id of a record at the vendor [str]
    URL = "url"  # http or https [str]
    LIST = "list"  # [list]
    OBJECT = "object"  # [dict]


class WritePolicy(StrEnum):
    """When a mapped field is written."""

    CREATED = "created"  # only when the record is made
    ALWAYS = "always"
    EMPTY = "empty"  # only where the record has nothing there
    RAISE = "raise"  # added to the number that the record has there
    LOWER = "lower"  # taken from it


COUNTING = (WritePolicy.RAISE, WritePolicy.LOWER)
NUMBERS = frozenset({FieldType.INTEGER, FieldType.NUMBER, FieldType.MONEY})


@dataclass(frozen=True, slots=True)
class Option:
    """One choice of a field. `value` is what the vendor wants, `label` what people see."""

    value: str | int
    label: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"value": self.value, "label": self.label}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Option:
        """Read what `to_dict` wrote."""
        return cls(data["value"], data.get("label", ""))


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a trigger, an action or a form.

    `key` names it (``deal.name``); up to its first dot it is the group, which a step can repeat over
    a list.
    `label` is literal (a custom field's name); `label_key` is the key of the connector's own text.
    `write` is the policy used when the mapping says none.
    `many`: the value is a list of `type` (a contact's e-mails); OPTIONS and LIST are lists anyway.
    `source` names the live list that fills `options` (``pipelines``, ``stages/<pipeline>``); `depends_on` is
    the key of the field chosen first.
    """

    key: str
    type: FieldType = FieldType.TEXT
    label: str | None = None
    label_key: str | None = None
    required: bool = False
    options: tuple[Option, ...] = ()
    allow_new_option: bool = False
    write: WritePolicy = WritePolicy.ALWAYS
    max_length: int | None = None
    min_length: int | None = None
    group: str = ""
    source: str | None = None
    depends_on: str | None = None
    help_key: str | None = None
    sample: Any = None
    many: bool = False

    @property
    def is_list(self) -> bool:
        """Say whether the value is a list, to which updates add instead of replacing."""
        return self.many or self.type in (FieldType.OPTIONS, FieldType.LIST)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form; what is at its default is left out."""
        data: dict[str, Any] = {"key": self.key, "type": self.type.value}
        for part in fields(self):
            value = getattr(self, part.name)
            if part.name not in data and (part.default is MISSING or value != part.default):
                data[part.name] = value.value if isinstance(value, StrEnum) else value
        if self.options:
            data["options"] = [option.to_dict() for option in self.options]
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Field:
        """Read what `to_dict` wrote; raises KeyError, TypeError or ValueError for anything else."""
        parts = dict(data)
        parts["type"] = FieldType(parts["type"])
        parts["options"] = tuple(Option.from_dict(option) for option in parts.get("options", ()))
        if "write" in parts:
            parts["write"] = WritePolicy(parts["write"])
        return cls(**parts)


def group_of(key: str) -> str:
    """Return the group of a field's key (``deal`` of ``deal.name``), "" for a key without a dot."""
    group, dot, _ = key.partition(".")
    return group if dot else ""
