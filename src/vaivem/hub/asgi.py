"""One ASGI app: deliveries and health go straight to the engine's ingest, files to disk, the rest to Django.

Django runs each request in a thread with a database connection of its own, so a bound on the requests under
way is the bound on its connections.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vaivem.hub.settings")

from django.core.asgi import get_asgi_application

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

PAGES_AT_ONCE = 8
INGEST_PATHS = ("/hook/", "/healthz", "/readyz", "/metrics")
log = logging.getLogger(__name__)


class Ingest(Protocol):
    """What the engine's ingest offers: an ASGI app with a beginning and an end."""

    async def startup(self) -> None:
        """Open connections."""

    async def shutdown(self) -> None:
        """Finish what is under way and close."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""


class Application:
    """Routes by path, and ties the ingest's life to the server's."""

    def __init__(self, pages: Any, files: Any, ingest: Ingest) -> None:
        self.pages = pages
        self.files = files
        self.ingest = ingest
        self._slots = asyncio.Semaphore(PAGES_AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or follow the server's life."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] != "http":
            raise RuntimeError(f"{scope['type']} is not served here")
        elif scope["path"].startswith(INGEST_PATHS):
            await self.ingest(scope, receive, send)
        elif scope["path"].startswith("/static/"):
            await self.files(scope, receive, send)
        else:
            async with self._slots:
                await self.pages(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            kind = (await receive())["type"]
            if kind == "lifespan.startup":
                try:
                    await self.ingest.startup()
                except Exception as error:
                    log.exception("The ingest could not start.")
                    await send({"type": "lifespan.startup.failed", "message": str(error)})
                    return
                await send({"type": "lifespan.startup.complete"})
            elif kind == "lifespan.shutdown":
                await self.ingest.shutdown()
                await send({"type": "lifespan.shutdown.complete"})
                return


def make_application() -> Application:
    """Put the parts together; needs the database's address in the environment."""
    pages = get_asgi_application()  # first: it makes Django's apps ready
    from django.conf import settings

    from vaivem.engine.ingest import IngestApp
    from vaivem.hub.shell.assets import static_files

    return Application(pages, static_files(), IngestApp(settings.VAIVEM))


application = make_application()
