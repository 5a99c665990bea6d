"""A person's records side by side: a line for each field that any system has, and where they differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from vaivem.connectors.sdk.registry import get_connector
from vaivem.core.identity import normalise_cpf_cnpj, normalise_phone
from vaivem.hub.history.names import Names
from vaivem.hub.records.queries import Known, Said
from vaivem.hub.rules.words import label

# Said elsewhere on the page, or of no use to people.
HIDDEN = frozenset({"id", "url", "first_name", "last_name", "tags_added", "tags_removed"})
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
    keys = list(dict.fromkeys(key for row in known for key in row.fields if key not in HIDDEN))
    keys.sort(key=lambda key: FIRST.index(key) if key in FIRST else len(FIRST))
    labels = [labels_of(row, names) for row in known]
    lines = []
    for key in keys:
        values = tuple(row.fields.get(key) for row in known)
        named = next(
            (own[key] for own, value in zip(labels, values, strict=True) if value and key in own), key
        )
        lines.append(FieldLine(_common(key) or named, values, _differ(key, values)))
    return lines


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
            if field.key.startswith(prefix):
                key = field.key.removeprefix(prefix).removeprefix("custom.")
                yield key, label(seen.connector, field)


def _common(key: str) -> str:
    words = {
        "name": _("Name"),
        "email": _("E-mail"),
        "emails": _("E-mails"),
        "phone": _("Phone"),
        "phones": _("Phones"),
        "cpf": _("CPF"),
        "cnpj": _("CNPJ"),
    }
    return words.get(key, "")


def _differ(key: str, values: Sequence[Said | None]) -> bool:
    told = {_folded(value.text) for value in values if value is not None}
    return key in COMPARED and len(told) > 1


def _folded(text: str) -> str:
    return normalise_cpf_cnpj(text) or normalise_phone(text) or " ".join(text.casefold().split())
