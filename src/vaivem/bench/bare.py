"""The bound: the same server and HTTP client doing the same calls, and nothing else.

A Granian server that verifies a delivery, answers 2xx, and makes the flow's calls from memory: no database,
no rule, no history, no order. What is not at the target when it ends is lost.
"""

from __future__ import annotations

import asyncio
import hmac
import os
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import timedelta
from typing import Any

import orjson

from vaivem.bench.events import SIGNATURE_HEADER
from vaivem.engine.outbound import new_client
from vaivem.processes import leash

IN_FLIGHT = 384

Message = MutableMapping[str, Any]


class Bare:
    """The app. `BENCH_BARE` holds the flow, the target's address and the secret as JSON."""

    def __init__(self) -> None:
        given = orjson.loads(os.environ["BENCH_BARE"])
        self._flow, self._url = given["flow"], given["url"]
        self._secret = given["secret"].encode()
        self._client: Any = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(IN_FLIGHT)

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Take one delivery."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if scope["method"] != "POST":
            await _answer(send, 200)
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        sent = dict(scope["headers"]).get(SIGNATURE_HEADER.encode(), b"")
        if not hmac.compare_digest(sent, hmac.digest(self._secret, body, "sha256").hex().encode()):
            await _answer(send, 401)
            return
        task = asyncio.get_running_loop().create_task(self._work(orjson.loads(body)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await _answer(send, 200)

    async def _live(
        self, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        while True:
            kind = (await receive())["type"]
            if kind == "lifespan.startup":
                self._client = new_client().build()
            await send({"type": f"{kind}.complete"})
            if kind == "lifespan.shutdown":
                return

    async def _work(self, data: dict[str, Any]) -> None:
        document, signer = data["document"], data["signer"]
        contact = {key: signer[key] for key in ("name", "email", "phone", "cpf")}
        deal = {
            "title": f"{document['title']} – {signer['name']}",
            "value": float(document["value"]),
            "signed_on": document["signed_on"],
            "external_id": document["id"],
            "reference": f"bare-{document['id']}",
        }
        async with self._slots:
            if self._flow == "b":
                deal["contact_id"] = await self._contact(contact)
            else:
                deal |= {f"contact_{key}": value for key, value in contact.items()}
            await self._call("POST", "/deals", deal)

    async def _contact(self, contact: dict[str, Any]) -> Any:
        found = await self._call("GET", f"/contacts?email={contact['email'].replace('@', '%40')}", None)
        if found["items"]:
            number = found["items"][0]["id"]
            return (await self._call("PUT", f"/contacts/{number}", contact))["id"]
        return (await self._call("POST", "/contacts", contact))["id"]

    async def _call(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        request = self._client.request(method, self._url + path).timeout(timedelta(seconds=20))
        request = request.headers(
            [("Authorization", "Bearer the-token"), ("Content-Type", "application/json")]
        )
        if body is not None:
            request = request.body_bytes(orjson.dumps(body))
        response = await request.build().send()
        return orjson.loads(bytes(await response.bytes()))


async def _answer(send: Callable[[Message], Awaitable[None]], status: int) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


def main() -> None:
    """Serve on the port given as the argument."""
    leash.attach()
    from granian import Granian
    from granian.constants import Interfaces, Loops
    from granian.log import LogLevels

    Granian(
        "vaivem.bench.bare:application",
        address="127.0.0.1",
        port=int(sys.argv[1]),
        interface=Interfaces.ASGI,
        workers=1,
        loop=Loops.uvloop,
        websockets=False,
        log_level=LogLevels.warning,
        factory=True,
    ).serve()


def application() -> Bare:
    """Return the app, in the server's child process."""
    leash.attach_to(os.getppid())
    return Bare()


if __name__ == "__main__":
    main()
