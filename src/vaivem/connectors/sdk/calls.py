"""A call to a vendor as a value, and the vendor's answer.

A connector's client builds calls; the engine sends them: it adds the authorisation, keeps the vendor's
limits, journals, retries. So a client is pure and its tests need no network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import msgspec
import orjson
from msgspec.structs import replace

from vaivem.core.errors import UncertainError

Pairs = tuple[tuple[str, str], ...]


class Call(msgspec.Struct, frozen=True):
    """One HTTP request, not yet sent.

    `name` is stable (``contacts.create``): the journal and the recovery after a crash know a call by it.
    `path` is joined to the connection's address called `base`, unless it is a whole address itself.
    At most one of `json`, `form` and `content` is given. `cost` is what it takes from the call budget.
    `timeout` is in seconds and covers the whole exchange. `authorise` says whether credentials are added.
    `scope` names the narrower limit that the call counts towards as well (``search``), if there is one, and
    `record` the record whose own limit it is. `since`, of a read with such a record, is when that happened
    which the answer has to tell of: what the same read was answered later may be given instead of a new one.
    `lasts` is for how many seconds the answer of a read may serve others of bulk that ask exactly the same:
    of what many runs look up and people seldom change. With `anew` no kept answer is taken, only left.
    """

    name: str
    method: str
    path: str
    query: Pairs = ()
    json: Any = None
    form: Pairs | None = None
    content: bytes | None = None
    headers: Pairs = ()
    base: str = "api"
    timeout: float = 20.0
    cost: int = 1
    authorise: bool = True
    scope: str = ""
    record: str = ""
    since: datetime | None = None
    lasts: float = 0.0
    anew: bool = False

    def with_query(self, *pairs: tuple[str, str]) -> Call:
        """Return the same call with more query parameters."""
        return replace(self, query=self.query + pairs)

    def body(self) -> bytes:
        """Return the bytes to send (empty when there is no body)."""
        if self.json is not None:
            return orjson.dumps(self.json)
        return self.content or b""


class Answer(msgspec.Struct, frozen=True, dict=True):  # the dict is for what is read once
    """What the vendor said. Header names are lower case."""

    status: int
    headers: Mapping[str, str] = {}
    content: bytes = b""
    milliseconds: int = 0

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    @property
    def is_json(self) -> bool:
        """Whether the body can be read as JSON."""
        try:
            orjson.loads(self.content)
        except orjson.JSONDecodeError:
            return False
        return True

    @cached_property
    def json(self) -> Any:
        """The body as JSON; `None` for an empty body.

        Raises UncertainError when the vendor answered something else (HTML, half a body).
        """
        if not self.content:
            return None
        try:
            return orjson.loads(self.content)
        except orjson.JSONDecodeError as error:
            raise UncertainError("vendor_answer_unreadable", detail=self.text[:300]) from error

    @property
    def text(self) -> str:
        """The body as text, unreadable bytes replaced."""
        return self.content.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Authorisation:
    """What proves who we are: masked wherever a call is shown or logged."""

    headers: Pairs = ()
    query: Pairs = ()


@dataclass(frozen=True, slots=True)
class LimitState:
    """What an answer's headers say of the vendor's limit.

    `remaining` calls until `reset_in` seconds from now; the engine believes it over the manifest.
    `counts` and `scope` say which of the manifest's limits it speaks of.
    """

    remaining: int | None = None
    reset_in: float | None = None
    counts: str = "cost"
    scope: str = ""
