"""What an event is about: the trigger's record and those that belong to it, to find what is linked with them.

Systems call the same thing by other names (a lead, a contact, a person); a connector says what its objects
are (`kinds`). Two records of one kind may be linked as the same; a deal and a person as what came of whom.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

PERSON, COMPANY, DEAL = "person", "company", "deal"


@dataclass(frozen=True, slots=True)
class Relative:
    """A record that an event is about. `told` are the plain values it is known by, folded."""

    conn: int
    object: str
    record: str
    kind: str
    told: frozenset[str]


def relatives(
    conn: int, kinds: Mapping[str, str], object_key: str, record: str, data: Mapping[str, Any]
) -> tuple[Relative, ...]:
    """Return the records that an event is about, the trigger's own first; none where it has no kind.

    `data` is what mappings read: a record that belongs to the trigger's has its object as key and an ``id``.
    """
    if object_key not in kinds:
        return ()
    found = {object_key: record}
    for key in kinds:
        part = data.get(key)
        if key not in found and isinstance(part, Mapping) and part.get("id"):
            found[key] = str(part["id"])
    return tuple(
        Relative(conn, key, number, kinds[key], values_of(data.get(key))) for key, number in found.items()
    )


def values_of(part: Any) -> frozenset[str]:
    """Return a record's plain texts (not those of its own fields, which may speak of somebody else)."""
    if not isinstance(part, Mapping):
        return frozenset()
    flat: list[Any] = []
    for value in part.values():
        flat += value if isinstance(value, list) else [value]
    return frozenset(folded(value) for value in flat if isinstance(value, str) and value)


def folded(value: str) -> str:
    """Return a value as it is compared."""
    return value.strip().lower()


def is_about(about: Iterable[Relative], kind: str, told: Iterable[str]) -> bool:
    """Say whether a step that names somebody by `told` speaks of a record that the event is about.

    A rule may write of others too: of whoever recommended the lead, by an address in a field of its own.
    """
    wanted = {folded(one) for one in told if one}
    return not wanted or any(one.kind == kind and wanted <= one.told for one in about)


def may_link(one: str, other: str) -> bool:
    """Say whether records of these kinds may be linked: the same, or a deal and whose it is."""
    return one == other or {one, other} == {PERSON, DEAL}
