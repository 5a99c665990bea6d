"""Webhooks: who may deliver, what a delivery says, and how the vendor is told where to deliver."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

from vaivem.connectors.sdk.actions import Reader, Writer
from vaivem.connectors.sdk.connection import Connection
from vaivem.connectors.sdk.events import Delivery, Event
from vaivem.core.errors import UnreadableError


@dataclass(frozen=True, slots=True)
class Reply:
    """What a delivery is answered with."""

    status: int = 200
    content: bytes = b""
    content_type: str = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Subscriptions:
    """What stands at the vendor after `ensure`.

    `ids` of the subscriptions that deliver to us; `secrets` are sealed with the connection's credentials
    under ``webhook`` and given back to `verify`; `mended` says what had to be put back (for the people).
    """

    ids: tuple[str, ...]
    secrets: Mapping[str, Any] = field(default_factory=dict)
    mended: tuple[str, ...] = ()


@contextmanager
def as_documented() -> Iterator[None]:
    """Say UnreadableError of a delivery that has another shape than the vendor's documentation says.

    A text where an object belongs, a list of numbers, a date that is none: kept, listed, read again later.
    """
    try:
        yield
    except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise UnreadableError(detail=repr(error)) from error


class Webhooks:
    """A vendor's deliveries. Stateless; `connection.credentials["webhook"]` holds the secrets.

    `managed` is False where a person must enter the address at the vendor; the connect page then shows how.
    `by_hand` says it for one connection, where accounts differ; the texts ``webhooks.steps.<n>`` tell how.
    `max_bytes` is what a body may have; what of it need not be kept is left out by `slim`.
    `derived` are kinds of events that deliveries of other kinds imply: no vendor is asked for them.
    `past_days` is how far back `past` reaches; 0 where the vendor's lists do not tell the past.
    `unreadable` is the answer to an authentic delivery that cannot be read: 200 where the vendor bans a hook
    after failures, 400 where its sender can mend it.
    """

    managed: ClassVar[bool] = True
    max_bytes: ClassVar[int] = 5 * 1024 * 1024
    unreadable: ClassVar[Reply] = Reply(200)
    derived: ClassVar[frozenset[str]] = frozenset()
    past_days: ClassVar[int] = 0

    def verify(self, delivery: Delivery, connection: Connection) -> None:
        """Check the raw bytes; raise SignatureError when the sender is not proved. Never parses."""
        raise NotImplementedError

    def by_hand(self, connection: Connection) -> bool:
        """Say whether a person enters the address at the vendor, for this connection."""
        return not self.managed

    def slim(self, delivery: Delivery, connection: Connection) -> Delivery:
        """Return the delivery as it is kept and parsed: without what is large and never read (files).

        Asked once, after `verify`, outside of the event loop for a large body; `parse` sees only the result.
        Raise UnreadableError for what cannot be read.
        """
        return delivery

    def is_probe(self, delivery: Delivery, connection: Connection) -> bool:
        """Say whether this is the vendor trying a new address: answered 2xx, and no event."""
        return False

    def parse(self, delivery: Delivery, connection: Connection) -> list[Event]:
        """Return the events of a delivery (often one). Raise UnreadableError when it cannot be read.

        `as_documented` says that of everything which has another shape than the vendor's pages give it.
        """
        raise NotImplementedError

    def accepted(self, delivery: Delivery, connection: Connection) -> Reply:
        """Return the answer to a delivery that is kept."""
        return Reply(200)

    async def ensure(self, writer: Writer, address: str, kinds: Sequence[str]) -> Subscriptions:
        """Make the vendor deliver `kinds` to `address`: adopt what is there, mend it, or make it.

        Lists first, so that running it again never makes a second subscription.
        """
        raise NotImplementedError

    async def remove(self, writer: Writer, address: str) -> None:
        """Remove every subscription at the vendor that delivers to `address`. Nothing there is fine."""
        raise NotImplementedError

    async def missed(self, reader: Reader, since: Any, until: Any) -> list[Delivery]:
        """Return bounded, made-up deliveries for what changed meanwhile: after we were away, and now and then
        (`sweep_minutes`) for what webhooks missed. What a webhook brought is then known by `same` or
        `once_key`; a trigger without either does not accept what was only found so.

        The default knows no way to look back.
        """
        return []

    async def past(self, reader: Reader, first: Any, since: Any, until: Any) -> list[Delivery]:
        """Return made-up deliveries for what changed between two moments of the past, for a backfill.

        `first` is where the backfill begins: of a record that is listed now, what happened since then counts.
        Oldest first, and bounded; asked for a day at a time, each day maybe more than once.
        """
        return await self.missed(reader, since, until)
