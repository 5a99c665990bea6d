"""Axe on a page: what it finds, as lines of text, in the light and in the dark theme."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import axe_playwright_python
from playwright.async_api import Page

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
THEME = """async (theme) => {
  document.documentElement.dataset.theme = theme;
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  document.getAnimations().forEach((one) => one.finish && one.finish());
}"""
RUN = """async (options) => {
  const short = (text, most) => text.replace(/\\s+/g, " ").slice(0, most);
  const found = await axe.run(document, options);
  return found.violations.flatMap((rule) =>
    rule.nodes.map((node) => `${rule.id}: ${short(node.html, 150)} · ${short(node.failureSummary, 240)}`));
}"""


@cache
def _script() -> str:
    return (Path(str(axe_playwright_python.__file__)).parent / "axe.min.js").read_text("utf-8")


async def faults(page: Page) -> list[str]:
    """Return what axe finds in both themes; in the dark one only colours can differ."""
    await page.evaluate(_script())  # past the page's content policy, which lets no foreign script in
    await page.evaluate(THEME, "light")
    rules: dict[str, Any] = {"runOnly": {"type": "tag", "values": TAGS}}
    light: list[str] = await page.evaluate(RUN, rules)
    await page.evaluate(THEME, "dark")
    colours: list[str] = await page.evaluate(RUN, {"runOnly": {"type": "rule", "values": ["color-contrast"]}})
    return [f"light, {one}" for one in light] + [f"dark, {one}" for one in colours]
