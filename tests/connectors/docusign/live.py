"""The test account served in a process of its own, and the connector's calls sent to it over HTTP."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.error import HTTPError

from tests.connectors.fake_context import FakeContext, FakeReader, Vendor
from typing_extensions import override

from vaivem.connectors.sdk import Answer, Call, Connection, Connector, Findable, Repeat
from vaivem.connectors.sdk.registry import get_connector
from vaivem.engine.outbound import build_wire

T = TypeVar("T")
connector = get_connector("docusign")


class LiveVendor(Vendor):
    """Sends each call, and keeps it as `Vendor` does."""

    def __init__(self, connection: Connection) -> None:
        super().__init__({})
        self.connection = connection

    @override
    def answer(self, call: Call) -> Answer:
        self.calls.append(call)
        wire = build_wire(connector, self.connection, call)
        return ask(wire.method, wire.url, wire.body or None, dict(wire.headers))


def ask(method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
    """Send a request and return what is answered, whatever its status."""
    request = urllib.request.Request(url, body, dict(headers), method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as got:
            return Answer(got.status, _lower(got.headers), got.read())
    except HTTPError as refused:
        with refused:
            return Answer(refused.code, _lower(refused.headers), refused.read())


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


class Account:
    """The served account: its controls, and a connection to it."""

    def __init__(self, ready: Mapping[str, Any]) -> None:
        self.ready = ready
        how = connector.manifest.test_account
        assert how is not None
        credentials, settings = how.fill(ready["base_url"], ready["credentials"])
        self.connection = Connection(
            id=7, workspace=1, connector="docusign", name="DocuSign", method="oauth",
            credentials=credentials, settings={**connector.manifest.defaults(), **settings},
        )  # fmt: skip

    def control(self, path: str, body: Any = None, method: str = "") -> Any:
        """Ask a control: GET without a body, POST with one."""
        content = None if body is None else json.dumps(body).encode()
        url = f"{self.ready['control_url']}/{path}"
        answer = ask(method or ("GET" if body is None else "POST"), url, content, JSON)
        assert answer.ok, answer.text
        return answer.json

    def reader(self) -> FakeReader:
        """Return a reader and writer of this account."""
        return FakeReader(connector, self.connection, LiveVendor(self.connection))

    def step(self, action: str, values: Mapping[str, Any], **more: Any) -> LiveContext:
        """Return an action's step at this account."""
        vendor = LiveVendor(self.connection)
        return LiveContext(connector, self.connection, vendor, action=action, values=values, **more)


JSON = {"content-type": "application/json"}


class LiveContext(FakeContext):
    """As `FakeContext`, but that a lost write did arrive: only its answer did not."""

    connector: Connector

    @override
    async def _write(self, call: Call, repeat: Repeat, take: Callable[[Answer], T]) -> T:
        if call.name not in self.lost:
            return take(self._answer(call))
        self.lost.remove(call.name)
        assert self._answer(call).ok
        assert isinstance(repeat, Findable)
        found: T | None = await repeat.find()
        return found if found is not None else take(self._answer(call))
