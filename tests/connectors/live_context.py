"""Steps of a connector against a served test account, over HTTP, without the engine.

A call goes out as the engine would send it. A write named in `lost` is done at the account, and its answer
thrown away: what the step's `Repeat` then makes of it is what the account shows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from pyreqwest.client import Client
from tests.connectors.fake_context import FakeContext, fill
from typing_extensions import override

from vaivem.connectors.sdk import (
    Answer,
    Call,
    Connection,
    Connector,
    Findable,
    Keyed,
    Outcome,
    Repeat,
    Unsafe,
)
from vaivem.core.errors import DecisionError, RecordError
from vaivem.engine.catalogs import read_catalog
from vaivem.engine.outbound import build_wire

T = TypeVar("T")


class Wired:
    """Sends a connector's calls to an account; a `Reader` and a `Writer`."""

    def __init__(self, connector: Connector, connection: Connection, client: Client) -> None:
        self.connector = connector
        self.connection = connection
        self.client = client
        self.names: list[str] = []

    async def read(self, call: Call) -> Answer:
        """Send a call that changes nothing."""
        assert call.method == "GET", call.name
        return await self.sent(call)

    async def send(self, call: Call) -> Answer:
        """Send a call that changes something."""
        assert call.method != "GET", call.name
        return await self.sent(call)

    async def sent(self, call: Call) -> Answer:
        """Send a call; raises what its answer means."""
        wire = build_wire(self.connector, self.connection, call)
        request = self.client.request(wire.method, wire.url).headers(dict(wire.headers))
        response = await (request.body_bytes(wire.body) if wire.body else request).build().send()
        headers = {name.lower(): value for name, value in response.headers.items()}
        answer = Answer(response.status, headers, bytes(await response.bytes()))
        self.names.append(call.name)
        error = self.connector.errors.error(call, answer)
        if error is not None:
            raise error
        return answer

    async def look(self) -> None:
        """Take the account's lists and fields into the connection, as connecting does."""
        account = await self.connector.account(self)
        known = {"id": account.id, "name": account.name, "details": dict(account.details)}
        self.connection = replace(self.connection, account=known)
        catalog = await read_catalog(self.connector, self)
        self.connection = replace(self.connection, catalog=catalog)


class LiveContext(FakeContext):
    """One step of one run at a served account."""

    def __init__(self, wired: Wired, action: str, values: Mapping[str, Any], **more: Any) -> None:
        super().__init__(wired.connector, wired.connection, {}, action=action, **more)
        self.wired = wired
        self.values = fill(self.action.fields(wired.connection), values, more.get("policies") or {})

    @override
    async def read(self, call: Call) -> Answer:
        return await self.wired.read(call)

    @override
    async def send(self, call: Call) -> Answer:
        return await self.wired.send(call)

    @override
    async def _write(self, call: Call, repeat: Repeat, take: Callable[[Answer], T]) -> T:
        if call.name in self.lost:
            self.lost.remove(call.name)
            await self.wired.send(call)
            if isinstance(repeat, Unsafe):
                raise DecisionError("write_in_doubt")
            if isinstance(repeat, Findable):
                found: T | None = await repeat.find()
                if found is not None:
                    return found
                if not repeat.sure:
                    raise DecisionError("write_in_doubt")
        try:
            return take(await self.wired.send(call))
        except RecordError:
            adopted: T | None = await repeat.find() if isinstance(repeat, Keyed) and repeat.find else None
            if adopted is None:
                raise
            return adopted


async def step(wired: Wired, action: str, values: Mapping[str, Any], **more: Any) -> Outcome:
    """Do one step and return what came of it."""
    return await LiveContext(wired, action, values, **more).run()
