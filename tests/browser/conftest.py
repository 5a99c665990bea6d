"""One demo and one browser for all tests of a process, and for each person an empty profile of their own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright, expect

from tests.place import data_folder

from .installation import START_SECONDS, Installation, demo_in
from .person import PATIENCE_MS, Person

expect.set_options(timeout=PATIENCE_MS)

NAMES = ("chromium", "chromium-browser", "google-chrome")
LEAVING_SECONDS = 20
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return where Chromium is; without one these tests are left out."""
    given = os.environ.get("VAIVEM_CHROMIUM")
    found = given or next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        pytest.skip("There is no Chromium here (apt-get install chromium).")
    return found


@pytest.fixture(scope="session")
def installation(chromium: str) -> Iterator[Installation]:
    """The demo, with its few days of history."""
    with data_folder("vaivem-browser-") as folder, demo_in(folder) as running:
        yield running


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run all tests here in one event loop: that of the browser.

    Each process's first one waits for the demo, too: its time has room for that.
    """
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(START_SECONDS + 120))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(chromium: str) -> AsyncIterator[Browser]:
    """A browser. Whoever needs one opens a context of it: a profile that is new and empty."""
    playwright = await async_playwright().start()
    browser = await playwright.chromium.launch(executable_path=chromium, args=OPTIONS)
    yield browser
    # Now and then a browser that is gone does not say so: that must not keep the tests from ending.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LEAVING_SECONDS):
            await browser.close()
            await playwright.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def stranger(browser: Browser, installation: Installation) -> AsyncIterator[Person]:
    """Somebody who has not signed in."""
    person = await Person.arrive(browser)
    yield person
    await person.leave()


@pytest_asyncio.fixture(loop_scope="session")
async def owner(browser: Browser, installation: Installation) -> AsyncIterator[Person]:
    """The workspace's owner, signed in."""
    person = await Person.arrive(browser, signed_in=await signed_in(browser, installation))
    yield person
    await person.leave()


@pytest_asyncio.fixture(loop_scope="session")
async def scriptless(browser: Browser, installation: Installation) -> AsyncIterator[Person]:
    """The owner, in a browser that runs no script."""
    cookies = await signed_in(browser, installation)
    person = await Person.arrive(browser, signed_in=cookies, java_script_enabled=False)
    yield person
    await person.leave()


async def signed_in(browser: Browser, installation: Installation) -> object:
    """Return the owner's cookies; the first to ask signs in for all."""
    if installation.signed_in is None:
        person = await Person.arrive(browser)
        await person.page.goto(installation.sign_in_link())
        await person.page.click("main form[method=post] button.primary")
        await person.page.wait_for_url(f"{installation.workspace}/")
        installation.signed_in = await person.page.context.storage_state()
        await person.leave()
    return installation.signed_in
