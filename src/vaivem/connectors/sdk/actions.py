"""Actions: what a rule can do at a vendor, and what the engine gives them to do it with.

An action is plain code over `ActionContext`. After a crash the engine runs it again from the start with the
journal's answers, so it must depend only on its arguments and on what `read` and `write` return: no clock,
no randomness, no state of its own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

from vaivem.connectors.sdk.calls import Answer, Call
from vaivem.connectors.sdk.connection import Connection
from vaivem.connectors.sdk.events import Delivery, Outcome, Written
from vaivem.connectors.sdk.repeat import Repeat
from vaivem.core.errors import Problem
from vaivem.core.fields import Field
from vaivem.core.mapping import Values

if TYPE_CHECKING:
    from vaivem.connectors.sdk.documents import Step

T = TypeVar("T")


class NotReadError(Exception):
    """Nothing is read now, only counted. A trigger whose event tells most itself may give that instead."""


class Reader(Protocol):
    """Something that can read at a vendor: a run, a connect form, a chore."""

    @property
    def connection(self) -> Connection:
        """The connection that calls go to."""
        ...

    async def read(self, call: Call) -> Answer:
        """Send a call that changes nothing and return its 2xx answer.

        Raises the error of the connector's table for anything else.
        """
        ...


class Writer(Reader, Protocol):
    """A reader that may also write, outside of runs: registering webhooks, making a custom field.

    Its writes keep no journal; so the caller lists first and is safe to run again from the start.
    """

    async def send(self, call: Call) -> Answer:
        """Send a call that changes something and return its 2xx answer."""
        ...


class Claim(Protocol):
    """A claim held: nobody else finds or creates this record until it ends."""

    @property
    def known(self) -> str | None:
        """The id of the record that we made or chose for one of these keys before, if any."""
        ...


class ActionContext(Reader, Protocol):
    """What an action works with. One step of one run."""

    @property
    def values(self) -> Values:
        """The mapped fields, converted, with their write policies."""
        ...

    @property
    def options(self) -> Mapping[str, Any]:
        """The step's own choices (`options` in the rule), and ``key`` with how records are recognised."""
        ...

    @property
    def source(self) -> str:
        """The source record in words of ours: ``<connection id>:<object>:<record>``. Stable and unique."""
        ...

    @property
    def reference(self) -> str:
        """A short reference of this source record and rule, to put into a field of the target record."""
        ...

    @property
    def now(self) -> datetime:
        """When the run was made (UTC): the same in every repeat of the run."""
        ...

    async def write(
        self,
        call: Call,
        repeat: Repeat,
        take: Callable[[Answer], T],
        *,
        remember: Mapping[str, Callable[[T], str]] | None = None,
        leaves: Callable[[T], Written] | None = None,
    ) -> T:
        """Do a write once, whatever breaks, and return `take(answer)` (JSON-able).

        `leaves` says what the write left in which record, so that it is known when it comes back as an event.

        The intent is durable before the call leaves, and the outcome before the next write leaves.
        `remember` maps a match key that is claimed now to the id of the record: it is kept with the
        outcome, and a later claim of the same key gives it back as `known`.
        """
        ...

    async def write_in_bulk(
        self,
        key: str,
        record: Mapping[str, Any],
        take: Callable[[Mapping[str, Any]], T],
        *,
        leaves: Callable[[T], Written] | None = None,
    ) -> T | None:
        """Have a record written by the connector's bulk call `key`, with those of other runs of the past.

        Returns `take` of what the vendor told of the record; None where the step is to write by itself: the
        run is not of the past, or the vendor did not take it. The run waits meanwhile, and holds what it has
        claimed: whoever else wants that record waits as long, so it is for what is not there yet.
        """
        ...

    def claim(self, object_key: str, *keys: str) -> AbstractAsyncContextManager[Claim]:
        """Hold all of `keys` of an object at this connection while looking for and creating a record.

        Take it before the find. All or nothing; waits in line when another run holds one of them.
        A key is stated as ``kind:value`` (``email:ana@example.com``), normalised.
        """
        ...

    def remember(self, object_key: str, key: str, record_id: str) -> None:
        """Keep that `key` is this record, with the next outcome (adopted records, answered decisions)."""
        ...

    def forget(self, object_key: str, key: str) -> None:
        """Drop a remembered key whose record is gone at the vendor."""
        ...

    async def linked(self, object_key: str, *told: str) -> str | None:
        """Return the record of an object here that is linked with what the event is about, if one is.

        A run of any rule may have linked them, in either direction. `told` is what the step knows its record
        by (its addresses): what the event's own record does not have speaks of somebody else, who is not
        linked. The record may be gone at the vendor by now.
        """
        ...

    def link(self, object_key: str, record_id: str, *told: str) -> None:
        """Link a record here with what the event is about, unless `told` speaks of somebody else."""
        ...

    async def tell(self, told: Callable[[], Awaitable[Delivery | None]]) -> None:
        """Take what this step made happen at the vendor, which will not tell it, as a delivery of its own.

        `told` reads what there is to tell; None: nothing. The connector's webhooks read it as any other.
        Every event in it says what makes it the same (`Event.same`): a run that is repeated tells it again,
        and the vendor may tell it late. A dry run neither asks nor tells.
        """
        ...

    def so_far(self, *documents: Step) -> None:
        """Say what of a document for signature is there already (`documents.HALF`); the last word counts.

        If the step does not come to its end, people see it and what kept it from being whole.
        """
        ...

    def made(self, object_key: str) -> str | None:
        """Return the id of the record that this step made for the same event, when its run is a replay.

        An action that makes a new record each time changes that one instead. None otherwise.
        """
        ...

    async def choose(self, object_key: str, candidates: list[Mapping[str, Any]], **about: Any) -> str | None:
        """Let a person choose between several matches; return the chosen record's id, None for "create new".

        `candidates` hold ``id``, ``name``, ``url`` and what tells them apart. The run waits in Decisions;
        when it goes on, this returns the answer. Choosing "skip" ends the step as skipped.
        """
        ...


class Action:
    """One entry of the "then" list.

    Texts: ``actions.<key>.name`` and ``.help`` in the connector's locale files.
    `reads_only` marks a lookup ("find"): its missing result is handled by the rule.
    `keys` are the ways a record is recognised that this action offers (``source``, ``name``...).
    `counts`: of these groups a rule can raise or lower numbers. The record is read under its claim, what
    `to_update` returns is sent as it is, and the write of an update says `Idempotent`.
    """

    key: ClassVar[str]
    object: ClassVar[str]
    reads_only: ClassVar[bool] = False
    keys: ClassVar[tuple[str, ...]] = ()
    groups: ClassVar[tuple[str, ...]] = ()  # groups of fields that may be repeated over a list
    counts: ClassVar[tuple[str, ...]] = ()  # groups read under a claim and written by `Values.to_update`
    tags: ClassVar[tuple[str, ...]] = ()  # fields whose values are put on the record as tags
    options: ClassVar[tuple[Field, ...]] = ()

    def fields(self, connection: Connection) -> tuple[Field, ...]:
        """Return the fields a rule can fill, the account's own fields included."""
        raise NotImplementedError

    def outputs(self, connection: Connection) -> tuple[Field, ...]:
        """Return what later steps can read of the outcome, by its path there (``deal.id``).

        It is what the editor offers and shows an example of (`Field.sample`); what it leaves out can be read
        all the same.
        """
        return ()

    def adds(self, options: Mapping[str, Any]) -> bool:
        """Say whether doing it again adds one more: a note, a task, a message, a request to anywhere.

        A replay leaves such a step out where it had been done, unless a person ticks it; the page says so.
        """
        return False

    def reaches(self, options: Mapping[str, Any]) -> bool:
        """Say whether it reaches people or begins something of its own: a note, a mail, an automation.

        A backfill leaves such a step out, unless a person ticks it.
        """
        return self.adds(options)

    def available(self, connection: Connection) -> bool:
        """Say whether this connection's method and plan can do it; the form says why not."""
        return True

    def refuses(
        self, connection: Connection, values: Values, options: Mapping[str, Any]
    ) -> tuple[Problem, ...]:
        """Return what `run` would refuse of these values before it calls anyone; previews show it. Pure."""
        return ()

    async def run(self, context: ActionContext) -> Outcome:
        """Do it. A lookup that finds nothing returns an outcome without records."""
        raise NotImplementedError
