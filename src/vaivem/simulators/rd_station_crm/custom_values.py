"""Custom fields: their definitions' slugs and the values that records hold in them, keyed by slug."""

import re
import unicodedata
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vaivem.simulators.kit.tables import Record
from vaivem.simulators.rd_station_crm.problems import Problem, RefusedError
from vaivem.simulators.rd_station_crm.times import read_date
from vaivem.simulators.rd_station_crm.validation import INVALID

if TYPE_CHECKING:
    from vaivem.simulators.rd_station_crm.account import Account

_NOT_SLUG = re.compile(r"[^a-z0-9]+")


def new_slug(account: "Account", entity: str, name: str) -> str:
    """Return a slug from a label, made unique within its entity with -2, -3 and so on."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    stem = _NOT_SLUG.sub("-", plain).strip("-") or "campo"
    slug, number = stem, 2
    while account.tables["custom_fields"].find("entity_slug", (entity, slug)):
        slug, number = f"{stem}-{number}", number + 1
    return slug


def definitions(account: "Account", entity: str) -> list[Record]:
    """Return the definitions of one entity (`deal`, `contact`, `organization`, `product`) in their order."""
    return sorted(account.tables["custom_fields"].find("entity", entity), key=lambda field: field["order"])


def check_values(account: "Account", entity: str, record: Record, sent: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values a record holds after a write of `sent`; unknown keys are dropped without a word.

    RefusedError when a value does not fit its definition, or a unique one is taken by another record.
    """
    held = dict(record.get("custom_fields") or {})
    key_name = account.quirks.custom_field_key
    known = {field[key_name]: field for field in definitions(account, entity)}
    for key, value in sent.items():
        definition = known.get(key)
        if definition is not None:
            held[definition["slug"]] = _checked(account, definition, value, record["id"])
    return held


def blank(value: Any) -> bool:
    """Tell whether a value counts as not filled in."""
    return value is None or value == "" or value == []


def _checked(account: "Account", definition: Record, value: Any, record_id: str) -> Any:
    if blank(value):
        return [] if definition["type"] == "multiple_choice" else value
    kind = definition["type"]
    if kind == "multiple_choice":
        fits = isinstance(value, list) and all(isinstance(item, str) for item in value)
    else:
        fits = isinstance(value, str)
    if not fits:
        raise _refused(definition, INVALID)
    if kind == "date":
        _check_date(definition, value)
    if kind in ("option", "multiple_choice"):
        _check_options(account, definition, value if kind == "multiple_choice" else [value])
    if definition["unique"]:
        _check_unique(account, definition, value, record_id)
    return value


def _check_date(definition: Record, value: str) -> None:
    try:
        read_date(value)
    except ValueError as error:
        raise _refused(definition, INVALID) from error


def _check_options(account: "Account", definition: Record, values: list[str]) -> None:
    new = [value for value in values if value not in definition["options"]]
    if not new:
        return
    if not definition["allow_new_option"]:
        raise _refused(definition, INVALID)
    account.tables["custom_fields"].put({**definition, "options": [*definition["options"], *new]})


def _check_unique(account: "Account", definition: Record, value: Any, record_id: str) -> None:
    table = account.tables[f"{definition['entity']}s"]
    items = value if isinstance(value, list) else [value]
    for item in items:
        if any(other != record_id for other in table.ids("custom", (definition["slug"], item))):
            raise _refused(definition, f"{definition['name']} já está em uso.", "TAKEN")


def _refused(definition: Record, message: str, code: str = "INVALID") -> RefusedError:
    return RefusedError(Problem("custom_fields", message, code))
