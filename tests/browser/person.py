"""Somebody at a browser: a page of their own, and all that the browser complains about meanwhile."""

from __future__ import annotations

import time
from typing import Any

from playwright.async_api import Browser, ConsoleMessage, Locator, Page

PATIENCE_MS = 30_000  # a busy machine


class Person:
    """`page` is what they look at. `leave` fails the test if the browser complained."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))

    @classmethod
    async def arrive(cls, browser: Browser, *, signed_in: Any = None, **options: Any) -> Person:
        """Open a page; a Brazilian's desk computer unless told otherwise."""
        options = {"viewport": {"width": 1280, "height": 800}, "locale": "pt-BR", **options}
        context = await browser.new_context(storage_state=signed_in, **options)
        context.set_default_timeout(PATIENCE_MS)
        return cls(await context.new_page())

    async def leave(self) -> None:
        """Close everything. Complaints are content-policy violations, script errors, and missing files."""
        await self.page.context.close()
        assert not self.complaints, "\n".join(self.complaints)

    async def until_shown(self, url: str, wanted: Locator, seconds: float = 45) -> None:
        """Load a page again and again until it shows something."""
        limit = time.monotonic() + seconds
        while True:
            await self.page.goto(url)
            if await wanted.count():
                return
            assert time.monotonic() < limit, f"{wanted} did not appear at {url}"
            await self.page.wait_for_timeout(300)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{self.page.url}: {message.text}")
