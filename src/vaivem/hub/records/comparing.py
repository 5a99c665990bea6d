"""A person's records side by side: a line for each field that any system has, and where they differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from vaivem.connectors.sdk.registry import get_connector
from vaivem.core.fields import FieldType
from vaivem.core.identity import normalise_cpf_cnpj, normalise_phone
from vaivem.hub.history.names import Names
from vaivem.hub.records.queries import Known, Said
from vaivem.hub.rules.words import label

# Said elsewhere on the page, or of no use to people.
HIDDEN = frozenset({
    "id", "url", "first_name", "last_name", "tags_added", "tags_removed", "created_at", "updated_at",
})  # fmt: skip
SEVERAL = {"emails": "email", "phones": "phone"}
FIRST = ("name", "email", "emails", "cpf", "cnpj", "cpf_cnpj", "documentation", "phone", "phones", "mobile")
COMPARED = frozenset(
    {"name", "email", "cpf", "cnpj", "phone", "mobile"}
)  # where a difference means something


@dataclass(frozen=True, slots=True)
class FieldLine:
    """One field with what each record says of it. `differs`: those that say something do not agree."""

    name: str
    values: tuple[Said | None, ...]
    differs: bool


def side_by_side(known: Sequence[Known], names: Names) -> list[FieldLine]:
    """Return the lines, those that tell who it is first."""
    fields, labels = [_fields(row) for row in known], [labels_of(row, names) for row in known]
    keys = list(dict.fromkeys(key for own in fields for key in own))
    keys.sort(key=lambda key: FIRST.index(key) if key in FIRST else len(FIRST))
    lines = []
    for key in keys:
        values = tuple(own.get(key) for own in fields)
        told = [own for own, value in zip(labels, values, strict=True) if value]
        name = _common(key) or next((own[key] for own in told if key in own), "")
        if not name and all(told):
            continue  # their systems have no name for it: it is not for people
        lines.append(FieldLine(name or key, values, _differ(key, values)))
    return lines


def _fields(row: Known) -> dict[str, Said]:
    """Return what a record says for people; several addresses or numbers in the place of the one."""
    said = {key: value for key, value in row.fields.items() if key not in HIDDEN}
    for several, one in SEVERAL.items():
        if several in said:
            many, first = said.pop(several), said.get(one)
            values = dict.fromkeys((*(first.values if first else ()), *many.values))
            said[one] = Said(tuple(values), max(many.at, first.at) if first else many.at)
    return said


def tags_of(known: Sequence[Known]) -> list[str]:
    """Return the tags that a person has at any system, each once."""
    found = {tag.casefold(): tag for row in known for tag in row.tags}
    return [tag for _, tag in sorted(found.items())]


def labels_of(row: Known, names: Names) -> dict[str, str]:
    """Return how a record's fields are called at its system, by key; the account's own fields too."""
    return dict(_labels(row, names))


def _labels(row: Known, names: Names) -> Iterator[tuple[str, str]]:
    seen, prefix = names.seen(row.conn), f"{row.object}."
    if seen is None:
        return
    for trigger in get_connector(seen.connector).triggers:
        for field in trigger.fields(seen):
            key = field.key.removeprefix(prefix)
            if key == field.key:
                continue
            # A number that the system gave is of no use to people; the account's own fields are shown whole.
            if field.type is not FieldType.RECORD or key.startswith("custom."):
                yield key.removeprefix("custom."), label(seen.connector, field)


def _common(key: str) -> str:
    words = {
        "name": _("Name"),
        "email": _("E-mail"),
        "phone": _("Phone"),
        "cpf": _("CPF"),
        "cnpj": _("CNPJ"),
    }
    return words.get(key, "")


def _differ(key: str, values: Sequence[Said | None]) -> bool:
    """Say whether there is no value on which all agree who say something."""
    told = [set(map(_folded, value.values)) for value in values if value is not None]
    return key in COMPARED and bool(told) and not set.intersection(*told)


def _folded(text: str) -> str:
    return normalise_cpf_cnpj(text) or normalise_phone(text) or " ".join(text.casefold().split())
