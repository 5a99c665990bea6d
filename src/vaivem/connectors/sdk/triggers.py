"""Triggers: the kinds of happening that a rule can start from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from vaivem.connectors.sdk.actions import Reader
from vaivem.connectors.sdk.connection import Connection
from vaivem.connectors.sdk.events import Event
from vaivem.core.fields import Field


class Trigger:
    """One entry of the "when" list. Stateless: one instance serves all rules.

    `kinds` are the vendor's event kinds it listens to. `options` are asked for in the rule's form.
    `stops_echoes`: a change that Vaivém made itself does not start a rule (for "updated", not for "won").
    `snapshot`: events hold the record as it was when they happened. One that comes after a later one is
    `late`, and `scope` reads the record again: what is older must not be written over what is newer.
    `changes` are the fields, or their groups (``deal``), whose change from a value to a value a rule may wait
    for: only where the vendor has an event for such a change. `follows` says which of them have only the
    values that an option has: the path, the option, what it is without a choice.
    `sample` is a built-in example of `scope`'s result, used until the first real event.
    Texts: ``triggers.<key>.name`` and ``.help`` in the connector's locale files.
    """

    key: ClassVar[str]
    object: ClassVar[str]
    kinds: ClassVar[frozenset[str]]
    options: ClassVar[tuple[Field, ...]] = ()
    stops_echoes: ClassVar[bool] = False
    snapshot: ClassVar[bool] = False
    changes: ClassVar[tuple[str, ...]] = ()
    follows: ClassVar[tuple[tuple[str, str, tuple[str, ...]], ...]] = ()
    sample: ClassVar[Mapping[str, Any]]

    def fields(self, connection: Connection) -> tuple[Field, ...]:
        """Return what a rule can map from, by path (``signer.email``)."""
        raise NotImplementedError

    def example(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the built-in example as these options make it."""
        return self.sample

    def accepts(self, event: Event, options: Mapping[str, Any]) -> bool:
        """Say whether the rule's options let this event through."""
        return True

    def happened(self, event: Event) -> datetime | None:
        """Return when that happened which starts the rule; None when the event does not say. Pure.

        Not always when the event occurred: one that tells of a later change, or was found by a look back, may
        hold a deal that was won long ago. A rule takes nothing from before it was switched on.
        """
        return event.occurred

    def record(self, event: Event, options: Mapping[str, Any]) -> str:
        """Return the source record, which names the lane and the default key of "create or update"."""
        return event.record

    def once_key(self, event: Event, options: Mapping[str, Any]) -> str | None:
        """Return what this happening is, where a vendor reports the same one in several events.

        A rule runs once for each key (``won:<deal>:<closed at>``); None means that every event counts.
        Asked after `scope` has given something: an event that says "not yet" leaves the key to a later one.
        """
        return None

    async def scope(
        self, reader: Reader, event: Event, options: Mapping[str, Any]
    ) -> Mapping[str, Any] | None:
        """Return what mappings read, or None when there is nothing to do (yet).

        Most return `event.data`; a thin event is read again at the vendor here.
        """
        return event.data

    def told_change(self, connection: Connection, event: Event, path: str) -> tuple[Any, Any] | None:
        """Return what a field was and what it is, where the event itself tells both; else None. Pure.

        The engine then compares with what it kept when it last saw the record.
        """
        return None

    def place(self, path: str, value: Any) -> int | None:
        """Return how far along a value is, for a field that only goes forward; None for any other. Pure."""
        return None

    def subjects(self, path: str, scope: Mapping[str, Any]) -> tuple[str, ...]:
        """Return whose values a field of the record has, "" for the record's own. Pure.

        A document has a state for each of its recipients: what one of them did is no change of another's.
        """
        return ("",)
