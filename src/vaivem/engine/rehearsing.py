"""What an action works with in a dry run: reads are real, writes are only noted and answered by an echo."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, TypeVar

from vaivem.connectors.sdk import Answer, Call, Connection, Delivery, Repeat, Written
from vaivem.connectors.sdk.documents import Step
from vaivem.core.errors import RetryError, VaivemError
from vaivem.core.kinship import Relative
from vaivem.core.mapping import Values
from vaivem.engine.context import HeldClaim
from vaivem.engine.desk import Desk, clean, plain
from vaivem.engine.direct import ChoreCaller
from vaivem.engine.linking import asked_kind, find
from vaivem.engine.statements import statement
from vaivem.engine.topology import Line

T = TypeVar("T")

PATIENCE_TRIES = 8
PATIENCE_SECONDS = 20.0
MOST_FIELDS = 40
MOST_TEXT = 300


class UnforeseenError(Exception):
    """What comes after a write cannot be foreseen: it depends on what the vendor would answer."""


class AsksError(Exception):
    """The run would wait for a person: several records fit."""


class StoppedError(Exception):
    """A person stopped it, or another worker has it."""


class RehearsalContext:
    """One step of one dry run (an `ActionContext`). `writes` are what it would have sent."""

    def __init__(
        self,
        desk: Desk,
        line: Line,
        *,
        rule: int,
        values: Values,
        options: Mapping[str, Any],
        source: str,
        now: datetime,
        about: tuple[Relative, ...] = (),
    ) -> None:
        self._about = about
        self._desk = desk
        self._line = line
        self._caller = ChoreCaller(desk.caller, line)
        self._rule = rule
        self._values = values
        self._options = options
        self._source = source
        self._now = now
        self._seen: dict[str, Mapping[str, Any]] = {}
        self.writes: list[dict[str, Any]] = []

    @property
    def connection(self) -> Connection:
        """The connection that reads go to."""
        return self._line.connection

    @property
    def values(self) -> Values:
        """The mapped fields."""
        return self._values

    @property
    def options(self) -> Mapping[str, Any]:
        """The step's own choices."""
        return self._options

    @property
    def source(self) -> str:
        """The source record."""
        return self._source

    @property
    def reference(self) -> str:
        """The reference that a run of the rule would use."""
        digest = hashlib.blake2b(f"{self._rule}|{self._source}".encode(), digest_size=10)
        return f"vv-{digest.hexdigest()}"

    @property
    def now(self) -> datetime:
        """When the event arrived."""
        return self._now

    async def read(self, call: Call) -> Answer:
        """Send a call that changes nothing, within the connection's budget; a limit is waited for."""
        left = PATIENCE_TRIES
        while True:
            try:
                answer = await self._caller.read(call)
            except RetryError as error:
                left -= 1
                if not left:
                    raise
                await asyncio.sleep(min(error.retry_after or 2.0, PATIENCE_SECONDS))
            else:
                self._learn(answer)
                return answer

    async def write(
        self,
        call: Call,
        repeat: Repeat,
        take: Callable[[Answer], T],
        *,
        remember: Mapping[str, Callable[[T], str]] | None = None,
        leaves: Callable[[T], Written] | None = None,
    ) -> T:
        """Note what would be written, and answer with it. Raises UnforeseenError where that will not do."""
        before = self._seen.get(call.path.rstrip("/").rpartition("/")[2], {})
        self.writes.append(_noted(call, before))
        try:
            return take(self._line.connector.echo(call))
        except (VaivemError, LookupError, TypeError, ValueError, AttributeError) as error:
            raise UnforeseenError from error

    async def write_in_bulk(
        self,
        key: str,
        record: Mapping[str, Any],
        take: Callable[[Mapping[str, Any]], T],
        *,
        leaves: Callable[[T], Written] | None = None,
    ) -> T | None:
        """Leave it to the step to write by itself: that shows each field with what stands there now."""
        return None

    @asynccontextmanager
    async def claim(self, object_key: str, *keys: str) -> AsyncIterator[HeldClaim]:
        """Tell what is known of the keys; nothing is held."""
        wanted = [plain(key) for key in keys]
        arguments = (self.connection.workspace, self.connection.id, object_key, wanted)
        known = await self._desk.pool.fetchval(statement("trials", "known"), *arguments)
        yield HeldClaim(known)

    def remember(self, object_key: str, key: str, record_id: str) -> None:
        """Keep nothing."""

    def forget(self, object_key: str, key: str) -> None:
        """Drop nothing."""

    async def linked(self, object_key: str, *told: str) -> str | None:
        """Return what is linked with what the event is about."""
        kind = asked_kind(self._line.connector, object_key, self._about, told)
        if kind is None:
            return None
        arguments = (self.connection.workspace, self.connection.id, object_key, kind, self._about)
        return await find(self._desk.pool, *arguments)

    def link(self, object_key: str, record_id: str, *told: str) -> None:
        """Keep nothing."""

    async def tell(self, told: Callable[[], Awaitable[Delivery | None]]) -> None:
        """Tell nothing: nothing was made."""

    def so_far(self, *documents: Step) -> None:
        """Keep nothing: nothing was made."""

    def made(self, object_key: str) -> str | None:
        """Know of nothing: a dry run repeats no run."""
        return None

    async def choose(self, object_key: str, candidates: list[Mapping[str, Any]], **about: Any) -> str | None:
        """Stop: a person would be asked."""
        raise AsksError

    def _learn(self, answer: Answer) -> None:
        """Keep the records of an answer by id: what stands there now, to show beside what would."""
        if answer.is_json:
            _collect(answer.json, self._seen, 3)


def _collect(data: Any, found: dict[str, Mapping[str, Any]], depth: int) -> None:
    if isinstance(data, list):
        for one in data[:100]:
            _collect(one, found, depth)
    elif isinstance(data, Mapping):
        number = data.get("id") or data.get("_id")
        if number is not None:
            found[str(number)] = data
        elif depth:
            for one in data.values():
                _collect(one, found, depth - 1)


def _noted(call: Call, before: Mapping[str, Any]) -> dict[str, Any]:
    """Return a write as it is kept: each field with what stands there and what would."""
    fields = [
        {"field": name, "before": _short(before.get(name)), "after": _short(value)}
        for name, value in list(_inner(call).items())[:MOST_FIELDS]
    ]
    changed = [one for one in fields if one["before"] != one["after"] or not before]
    noted = {"call": call.name, "creates": call.method == "POST" and not before, "fields": changed}
    cleaned: dict[str, Any] = clean(noted)
    return cleaned


def _inner(call: Call) -> Mapping[str, Any]:
    """Return the fields of a call's body, without the envelope around them."""
    inner = call.json if call.json is not None else dict(call.form or ())
    while isinstance(inner, Mapping) and len(inner) == 1 and isinstance(next(iter(inner.values())), Mapping):
        inner = next(iter(inner.values()))
    return inner if isinstance(inner, Mapping) else {"": inner}


def _short(value: Any) -> str:
    if value is None or isinstance(value, str | bool | int | float):
        text = "" if value is None else str(value)
    elif isinstance(value, list) and all(isinstance(one, str | int) for one in value):
        text = ", ".join(str(one) for one in value)
    else:
        text = "; ".join(_texts(value))
    return text if len(text) <= MOST_TEXT else f"{text[:MOST_TEXT]}…"


def _texts(value: Any) -> list[str]:
    """Return the plain values in a list or object, without ids of their own."""
    if isinstance(value, Mapping):
        return [text for key, one in value.items() if key not in ("id", "_id") for text in _texts(one)]
    if isinstance(value, list):
        return [text for one in value for text in _texts(one)]
    return [] if value in (None, "") else [str(value)]
