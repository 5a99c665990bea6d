"""Take the README's pictures: start a demo, look at its pages in Chromium, write `docs/images`.

    .venv/bin/python scripts/screenshots.py          with the tools of `make dev` and a Chromium

Safe to run again: the pictures are taken anew, of a demo in a folder that is gone afterwards.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import click
from playwright.async_api import Page, async_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.browser import installation as demos  # noqa: E402 - after the path to it is known
from tests.browser.installation import Installation, demo_in  # noqa: E402

demos.START_SECONDS = 400.0  # nobody waits for it but us

FOLDER = ROOT / "docs" / "images"
MOST_BYTES = 160_000
DESK = {"width": 1200, "height": 750}
PHONE = {"width": 390, "height": 780}


@dataclass(frozen=True, slots=True)
class Picture:
    """A page of the workspace; `clicks` lead on from it to the page that is shown."""

    name: str
    path: str
    clicks: tuple[str, ...] = ()
    phone: bool = False
    dark: bool = False


PICTURES = (
    Picture("home", "/"),
    Picture("recipe", "/recipes/", ("a[href$='/recipes/signed_document_to_deal/']",)),
    Picture("rule", "/rules/", ("main tbody a[href*='/rules/']", "main a[href$='/edit/']")),
    Picture("history", "/history/"),
    Picture("run", "/history/?status=done", ("main tbody a.main",)),
    Picture("home-phone", "/", phone=True, dark=True),
)


async def take(page: Page, installation: Installation, picture: Picture) -> Path:
    """Open a page and keep its picture."""
    await page.goto(f"{installation.workspace}{picture.path}")
    for way in picture.clicks:
        await page.locator(way).first.click()
        await page.wait_for_load_state("load")
    await page.wait_for_timeout(800)  # what comes in by itself
    target = FOLDER / f"{picture.name}.png"
    await page.screenshot(path=target, animations="disabled", caret="hide")
    return target


async def take_all(installation: Installation, chromium: str) -> list[Path]:
    """Sign in as the demo's owner and take every picture, in Portuguese."""
    made: list[Path] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        state = None
        for picture in PICTURES:
            context = await browser.new_context(
                viewport=PHONE if picture.phone else DESK, locale="pt-BR", storage_state=state,
                color_scheme="dark" if picture.dark else "light", reduced_motion="reduce",
            )  # fmt: skip
            page = await context.new_page()
            if state is None:
                await page.goto(installation.sign_in_link())
                await page.locator("main form[method=post] button.primary").click()
                await page.wait_for_url(f"{installation.workspace}/")
                state = await context.storage_state()
            made.append(await take(page, installation, picture))
            await context.close()
        await browser.close()
    return made


@click.command()
def main() -> None:
    """Take all pictures; fails when one is too large for a README."""
    names = ("chromium", "chromium-browser", "google-chrome")
    chromium = os.environ.get("VAIVEM_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if not chromium:
        raise click.ClickException("There is no Chromium here (apt-get install chromium).")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="vaivem-pictures-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)  # the database's user passes through it when we are root
        with demo_in(Path(folder)) as installation:
            made = asyncio.run(take_all(installation, chromium))
    for path in made:
        click.echo(f"{path.relative_to(ROOT)}  {path.stat().st_size // 1024} KB")
    large = [path.name for path in made if path.stat().st_size > MOST_BYTES]
    if large:
        raise click.ClickException(f"Too large for a README: {', '.join(large)}.")


if __name__ == "__main__":
    main()
