"""The stub's sister, whose webhooks are registered and looked after by us, and which can look back."""

from __future__ import annotations

import hmac
import json
from collections.abc import Sequence
from typing import Any

from vaivem.connectors.stub.connector import StubConnector, StubWebhooks

from vaivem.connectors.sdk import (
    Call,
    Connection,
    Delivery,
    Reader,
    Subscriptions,
    Writer,
    load_manifest,
)
from vaivem.core.errors import SignatureError
from vaivem.core.fields import Field, Option


class HookedWebhooks(StubWebhooks):
    managed = True

    def verify(self, delivery: Delivery, connection: Connection) -> None:
        secret = str(connection.credentials.get("webhook", {}).get("secret", ""))
        if not secret or not hmac.compare_digest(delivery.headers.get("x-key", ""), secret):
            raise SignatureError

    async def ensure(self, writer: Writer, address: str, kinds: Sequence[str]) -> Subscriptions:
        listed = (await writer.read(Call("hooks.list", "GET", "/hooks"))).json
        hook = next((one for one in listed if one["address"] == address), None)
        if hook is None:
            wanted = {"address": address, "kinds": list(kinds), "active": True}
            hook = (await writer.send(Call("hooks.post", "POST", "/hooks", json=wanted))).json
        mended: tuple[str, ...] = ()
        if not hook["active"]:
            await writer.send(Call("hooks.put", "PUT", f"/hooks/{hook['id']}", json={"active": True}))
            mended = ("switched_on",)
        return Subscriptions((hook["id"],), {"secret": hook["secret"]}, mended)

    async def remove(self, writer: Writer, address: str) -> None:
        for hook in (await writer.read(Call("hooks.list", "GET", "/hooks"))).json:
            if hook["address"] == address:
                await writer.send(Call("hooks.delete", "DELETE", f"/hooks/{hook['id']}"))

    async def missed(self, reader: Reader, since: Any, until: Any) -> list[Delivery]:
        rows = (await reader.read(Call("missed.list", "GET", "/missed"))).json
        return [
            Delivery("POST", "", "", {}, b"not json" if "broken" in row else _body(row))
            for row in rows
            if since.isoformat() <= row["at"] <= until.isoformat()
        ]


def _body(row: dict[str, Any]) -> bytes:
    return json.dumps(row.get("parts", row)).encode()


class HookedConnector(StubConnector):
    manifest = load_manifest("vaivem.connectors.stub_hooked")
    webhooks = HookedWebhooks()
    lists = ("owners", "stages/<owners>")
    objects = ("thing",)

    async def live_list(self, reader: Reader, source: str) -> list[Option]:
        rows = (await reader.read(Call(f"{source}.list", "GET", "/people"))).json
        return [Option(str(row["id"]), f"{source} {row['name']}") for row in rows]

    async def custom_fields(self, reader: Reader, object_key: str) -> list[Field]:
        return [Field(f"{object_key}.cf_1")]


connector = HookedConnector()
