"""What connections offer to rules, as the checks and the compiler see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from vaivem.core.fields import NUMBERS, Field, group_of
from vaivem.core.steps import ConnectionRef


@dataclass(frozen=True, slots=True)
class TriggerShape:
    """A trigger at a connection: the event kinds it listens to, what it offers to read, what it asks for.

    The keys of `fields` are paths (``document.filename``, ``signers[].email``). `changes` are those whose
    change from a value to a value a rule can wait for. `follows`: the values of such a field come only where
    an option has them (the path, the option, what it is without a choice).
    """

    kinds: frozenset[str]
    fields: tuple[Field, ...] = ()
    options: tuple[Field, ...] = ()
    changes: tuple[str, ...] = ()
    follows: tuple[tuple[str, str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class ActionShape:
    """An action at a connection: the fields it can fill, and those that must be.

    `required` are keys that must be mapped always, beside each field's own `required`, which counts only when
    its group is mapped at all. `groups` may be repeated over a list. `keys` are the ways it recognises a
    record. Of the groups in `counts` numbers can be raised or lowered.
    """

    fields: tuple[Field, ...] = ()
    required: frozenset[str] = frozenset()
    groups: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    options: tuple[Field, ...] = ()
    reads_only: bool = False
    counts: tuple[str, ...] = ()

    def can_count(self, field: Field) -> bool:
        """Say whether a number can be raised or lowered in this field."""
        return field.type in NUMBERS and not field.is_list and group_of(field.key) in self.counts


class Catalog(Protocol):
    """What a workspace's connections offer. None means that there is no such thing (any more)."""

    def connection_id(self, ref: ConnectionRef) -> int | None:
        """Return the id of a connection."""
        ...

    def trigger(self, ref: ConnectionRef, key: str) -> TriggerShape | None:
        """Return a trigger of a connection."""
        ...

    def action(self, ref: ConnectionRef, key: str) -> ActionShape | None:
        """Return an action of a connection."""
        ...

    def has_member(self, address: str) -> bool:
        """Say whether somebody with this e-mail address is a member."""
        ...
