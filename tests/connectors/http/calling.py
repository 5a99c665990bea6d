"""One step of a rule at a tool that always answers the same."""

from __future__ import annotations

from typing import Any

from tests.connectors.fake_context import FakeContext, answer

from vaivem.connectors.sdk import Call, Connection
from vaivem.connectors.sdk.registry import get_connector

connector = get_connector("http")
BASE = "https://api.example.com/v1"
CREATED = answer(201, {"id": 7, "nome": "Ana"}, location="/pedidos/7", set_cookie="sid=1")
CREDENTIALS = {
    "none": {},
    "bearer": {"token": " Bearer t0ken "},
    "basic": {"user": "loja", "password": "s:nha ç"},
    "header": {"parameter": "X-Api-Key", "value": "k3y"},
    "query": {"parameter": "api_key", "value": "k3y"},
}


def connection(method: str = "bearer", base: str = BASE, **settings: Any) -> Connection:
    chosen = {**connector.manifest.defaults(), "address_api": base, **settings}
    return Connection(8, 1, "http", "Loja", method, credentials=CREDENTIALS[method], settings=chosen)


def step(
    values: dict[str, Any], there: Connection | None = None, routes: Any = None, **rest: Any
) -> FakeContext:
    action = rest.pop("action", "request")
    vendor = routes if routes is not None else {action: CREATED}
    return FakeContext(
        connector, there or connection(), vendor, action=action, values={"url": "/pedidos"} | values, **rest
    )


async def sent(values: dict[str, Any], there: Connection | None = None, **options: Any) -> Call:
    context = step(values, there, options=options)
    await context.run()
    (call,) = context.vendor.calls
    return call
