"""How a person works a page: with a mouse, with a finger, or with the keyboard only. Acts are counted."""

from __future__ import annotations

from pathlib import Path

from playwright.async_api import Error, Locator, Page, expect
from typing_extensions import override

from .inspection import FOCUS

MARK = "() => { window.sameDocument = true; }"
LOST = "() => window.sameDocument === true && (document.activeElement || document.body) === document.body"
HERE = "(el) => el === document.activeElement"
PICKED = "(el) => el.selectedOptions[0]?.label.trim()"


class Hands:
    """A mouse. `acts` counts presses, choices and texts; `opened` the addresses gone to."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.acts = 0
        self.opened = 0

    async def open(self, url: str) -> None:
        """Go to another tab's page, as by a bookmark."""
        self.opened += 1
        await self.page.goto(url)

    async def press(self, target: Locator) -> None:
        """Press a button or a link."""
        self.acts += 1
        await self._press(target)

    async def choose(self, target: Locator, label: str) -> None:
        """Choose out of a list."""
        self.acts += 1
        await target.select_option(label=label)

    async def write(self, target: Locator, text: str) -> None:
        """Write a text in the place of what stands there."""
        self.acts += 1
        await target.fill(text)

    async def add(self, target: Locator, text: str) -> None:
        """Write at the end of what stands there."""
        self.acts += 1
        await self._press(target)
        await self.page.keyboard.press("Control+End")
        await self.page.keyboard.type(text)

    async def date(self, target: Locator, day: str) -> None:
        """Give a date (ISO)."""
        await self.write(target, day)

    async def upload(self, target: Locator, file: Path) -> None:
        """Choose a file."""
        self.acts += 1
        await target.set_input_files(file)

    def done(self) -> None:
        """Fail the test for what was found on the way."""

    async def _press(self, target: Locator) -> None:
        await target.click()


class Finger(Hands):
    """A phone's screen."""

    @override
    async def _press(self, target: Locator) -> None:
        await target.tap()


class Keys(Hands):
    """The keyboard, and nothing else: Tab until it is there, then Enter, arrows or text.

    On the way every place must show that it has the focus, and an answer that changes the page must not
    throw the focus away.
    """

    MOST = 250

    def __init__(self, page: Page) -> None:
        super().__init__(page)
        self.keys = 0
        self.faults: list[str] = []

    @override
    async def press(self, target: Locator) -> None:
        await super().press(target)
        await self.page.wait_for_timeout(400)
        try:
            lost = await self.page.evaluate(LOST)
        except Error:  # another page comes, which begins at its top
            return
        if lost:
            self.faults.append(f"{self.page.url}: pressing {target} threw the focus away")

    @override
    async def choose(self, target: Locator, label: str) -> None:
        self.acts += 1
        await self._reach(target)
        await self._key("Home")
        for _ in range(await target.locator("option").count()):
            if await target.evaluate(PICKED) == label:
                return
            await self._key("ArrowDown")
        assert await target.evaluate(PICKED) == label

    @override
    async def write(self, target: Locator, text: str) -> None:
        self.acts += 1
        await self._reach(target)
        await self._key("Control+a")
        await self.page.keyboard.type(text)

    @override
    async def add(self, target: Locator, text: str) -> None:
        self.acts += 1
        await self._reach(target)
        await self._key("Control+End")
        await self.page.keyboard.type(text)

    @override
    async def date(self, target: Locator, day: str) -> None:
        self.acts += 1
        await self._reach(target)
        year, month, of_month = day.split("-")
        await self.page.keyboard.type(of_month + month + year)
        await expect(target).to_have_value(day)

    @override
    async def upload(self, target: Locator, file: Path) -> None:
        self.acts += 1
        await self._reach(target)
        async with self.page.expect_file_chooser() as chosen:
            # The browser drops keys until a page that has just come is first painted. A person presses again.
            while not chosen.is_done():
                await self._key("Enter")
                await self.page.wait_for_timeout(1500)
        await (await chosen.value).set_files(file)

    @override
    def done(self) -> None:
        assert not self.faults, "\n".join(self.faults)

    @override
    async def _press(self, target: Locator) -> None:
        await self._reach(target)
        await self.page.evaluate(MARK)
        await self._key("Enter")

    async def _reach(self, target: Locator) -> None:
        await target.wait_for()
        for _ in range(self.MOST):
            if await target.evaluate(HERE):
                return
            await self._key("Tab")
            at = await self.page.evaluate(FOCUS)
            if at is not None and not at["visible"]:
                self.faults.append(f"{self.page.url}: the focus is not seen on {at['what']}")
        raise AssertionError(f"{self.MOST} Tabs do not lead to {target} at {self.page.url}")

    async def _key(self, name: str) -> None:
        self.keys += 1
        await self.page.keyboard.press(name)
