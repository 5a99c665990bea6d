"""Sends a connector's calls: authorisation, address guard, time-outs, and what a broken exchange means."""

from __future__ import annotations

import sys
import time
from collections import OrderedDict
from datetime import timedelta
from functools import lru_cache
from urllib.parse import quote_plus, urljoin

import msgspec
from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import (
    BuilderError,
    PoolTimeoutError,
    PyreqwestError,
    RequestTimeoutError,
)
from pyreqwest.response import Response

from vaivem import __version__
from vaivem.config import PrivateHost
from vaivem.connectors.sdk import Answer, Authorisation, Call, Connection, Connector
from vaivem.core.errors import RetryError, RuleError, UncertainError, VaivemError
from vaivem.engine.guard import checked_address
from vaivem.engine.leases import GRACE_SECONDS

USER_AGENT = f"Vaivem/{__version__}"
CONNECT_SECONDS = 5.0
MAX_ANSWER_BYTES = 8 * 1024 * 1024
PIN_SECONDS = 60.0
PINNED_CLIENTS = 128
CHECKED_ORIGINS = 1000
HARMLESS_HEADERS = frozenset({"accept", "accept-language"})  # what may follow a redirect to another host
MAX_REDIRECTS = 5
NEVER_CONNECTED = "client error (Connect)"


class Wire(msgspec.Struct, frozen=True):
    """A call as it goes out. `shown_url` has no credentials in it: what journals and logs keep."""

    method: str
    url: str
    shown_url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    timeout: float


def build_wire(connector: Connector, connection: Connection, call: Call) -> Wire:
    """Join a call with the connection's address and authorisation."""
    base = connector.address(call.base, connection)
    whole = call.path.startswith(("http://", "https://"))
    address = call.path if whole else f"{base}/{call.path.lstrip('/')}" if call.path else base
    if not address.startswith(("http://", "https://")):
        raise RuleError("address_not_usable", params={"address": address[:200]})
    if whole and call.authorise and not connector.manifest.generic:
        _refuse_strangers(connector, connection, address)
    proof = connector.authorise(connection) if call.authorise else Authorisation()
    headers = list(call.headers)
    names = {name.lower() for name, _ in headers}
    if call.json is not None and "content-type" not in names:
        headers.append(("Content-Type", "application/json"))
    body = call.body()
    if call.form is not None:
        body = _encoded(call.form).encode()
        headers.append(("Content-Type", "application/x-www-form-urlencoded"))
    shown = _with_query(address, call.query)
    return Wire(
        call.method,
        _with_query(shown, proof.query),
        shown,
        (*headers, *proof.headers),
        body,
        call.timeout,
    )


def _refuse_strangers(connector: Connector, connection: Connection, address: str) -> None:
    """Raise RuleError for a whole address (a vendor's link to more) that is not the connection's own.

    Whoever can put a link into a vendor's answer must not get the credentials. (A generic connector says for
    each call whether they may go there.)
    """
    bases = {base for named in connector.manifest.addresses.values() for base in named}
    own = (connector.address(base, connection) for base in {*bases, "api"})
    if not any(_same_origin(address, base) for base in own):
        raise RuleError("address_not_usable", params={"address": address[:200]})


def _harmless(headers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in headers if name.lower() in HARMLESS_HEADERS)


def _encoded(pairs: tuple[tuple[str, str], ...]) -> str:
    return "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in pairs)


def _with_query(address: str, pairs: tuple[tuple[str, str], ...]) -> str:
    if not pairs:
        return address
    return f"{address}{'&' if '?' in address else '?'}{_encoded(pairs)}"


class Outbound:
    """The process's HTTP clients: one for vendors' own addresses, pinned ones for those that people gave."""

    def __init__(self, allowed: tuple[PrivateHost, ...]) -> None:
        self._allowed = allowed
        self._shared = new_client().build()
        self._pinned: OrderedDict[tuple[str, str, int], tuple[float, Client]] = OrderedDict()
        self._checked: dict[str, tuple[float, tuple[str, str, int]]] = {}

    async def send(self, connector: Connector, connection: Connection, call: Call) -> Answer:
        """Send a call and return the answer, whatever its status.

        Raises RetryError when the request certainly did not reach the vendor, UncertainError when it may
        have, RuleError for an address that cannot or may not be called.
        """
        return await self.send_wire(connector, build_wire(connector, connection, call))

    async def send_wire(self, connector: Connector, wire: Wire) -> Answer:
        """Send what `build_wire` made; as `send`."""
        answer = await self._exchange(connector, wire)
        follows = connector.manifest.generic and wire.method == "GET"
        for _ in range(MAX_REDIRECTS if follows else 0):
            target = answer.headers.get("location")
            if not target or not 300 <= answer.status < 400:
                break
            url = urljoin(wire.url, target)
            kept = wire.headers if _same_origin(url, wire.url) else _harmless(wire.headers)
            wire = Wire("GET", url, url, kept, b"", wire.timeout)
            answer = await self._exchange(connector, wire)
        return answer

    async def _exchange(self, connector: Connector, wire: Wire) -> Answer:
        origin = _origin(wire.url)
        client = self._shared
        if connector.manifest.generic or origin not in own_origins(connector):
            client = await self._pinned_client(wire.url, origin)
        begun = time.perf_counter()
        try:
            request = (
                client.request(wire.method, wire.url).headers(wire.headers).timeout(_seconds(wire.timeout))
            )
            if wire.body:
                request = request.body_bytes(wire.body)
            async with request.build_streamed() as response:
                content = await _content(response)
        except BuilderError as error:
            raise RuleError("address_not_usable", params={"address": wire.shown_url[:200]}) from error
        except PyreqwestError as error:
            raise broken_exchange(error, wire) from error
        headers = dict(response.headers)  # the client gives their names in lower case
        return Answer(response.status, headers, content, round((time.perf_counter() - begun) * 1000))

    async def _pinned_client(self, url: str, origin: str) -> Client:
        now = time.monotonic()
        known = self._checked.get(origin)
        if known is None or known[0] < now:
            known = (now + PIN_SECONDS, await checked_address(url, self._allowed))
            if len(self._checked) >= CHECKED_ORIGINS:
                self._checked.clear()
            self._checked[origin] = known
        pin = known[1]
        held = self._pinned.get(pin)
        if held is None:
            host, address, port = pin
            held = (now, new_client().no_proxy().resolve(host, address, port).build())
            self._pinned[pin] = held
            if len(self._pinned) > PINNED_CLIENTS:
                self._pinned.popitem(last=False)
        self._pinned.move_to_end(pin)
        return held[1]

    async def close(self) -> None:
        """Close all connections."""
        await self._shared.close()
        for _, client in self._pinned.values():
            await client.close()


async def _content(response: Response) -> bytes:
    """Read an answer's body. Raises UncertainError once it is too large: who calls us back may never end."""
    reader, parts, size = response.body_reader, list[bytes](), 0
    while (chunk := await reader.read_chunk()) is not None:
        parts.append(bytes(chunk))
        size += len(parts[-1])
        if size > MAX_ANSWER_BYTES:
            raise UncertainError("vendor_answer_too_large", params={"bytes": MAX_ANSWER_BYTES})
    return b"".join(parts)


def broken_exchange(error: PyreqwestError, wire: Wire) -> VaivemError:
    """Say what a broken exchange means for what was asked.

    The client calls it a connect error also when the line is cut after the request went out; only the cause
    "client error (Connect)" says that no connection came about, so that certainly nothing was done.
    """
    causes = [cause["message"] for cause in getattr(error, "details", {}).get("causes") or []]
    detail = "; ".join(causes[1:] or [str(error)])[:300]
    if NEVER_CONNECTED in causes or isinstance(error, PoolTimeoutError):
        return RetryError("vendor_unreachable", detail=detail)
    if isinstance(error, RequestTimeoutError):
        return UncertainError("vendor_timed_out", params={"seconds": wire.timeout}, detail=detail)
    return UncertainError("vendor_answer_lost", detail=detail)


def new_client() -> ClientBuilder:
    """Return how every client of ours begins."""
    made = (
        ClientBuilder()
        .user_agent(USER_AGENT)
        .follow_redirects(False)
        .runtime_multithreaded(True)  # its threads do the sending: the event loop has less to do
        .connect_timeout(timedelta(seconds=CONNECT_SECONDS))
    )
    if sys.platform == "linux":
        # A link that is cut in silence: what was sent into it must not arrive when it is healed, long after
        # the write was given up, or another worker did it.
        made = made.tcp_user_timeout(timedelta(seconds=GRACE_SECONDS))
    return made


@lru_cache(maxsize=256)
def own_origins(connector: Connector) -> frozenset[str]:
    """Return where the vendor's own addresses are, as its manifest lists them."""
    return frozenset(
        _origin(address) for bases in connector.manifest.addresses.values() for address in bases.values()
    )


def _same_origin(one: str, other: str) -> bool:
    return _origin(one) == _origin(other)


def _origin(url: str) -> str:
    """Return scheme, host and port of an address, as written."""
    return "/".join(url.split("/", 3)[:3])


@lru_cache(maxsize=256)
def _seconds(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)
