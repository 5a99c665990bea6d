"""What can be wrong with any page, found by looking at it: a smoke check, not a proof of accessibility."""

from __future__ import annotations

from playwright.async_api import Page

FAULTS = """() => {
  const faults = [];
  const all = (selector) => [...document.querySelectorAll(selector)];
  const said = (el) => el.outerHTML.replace(/\\s+/g, " ").slice(0, 140);
  const named = (el) =>
    (el.getAttribute("aria-label") || "").trim() ||
    (el.getAttribute("aria-labelledby") || "").split(" ").some((id) => id && document.getElementById(id)) ||
    (el.getAttribute("title") || "").trim();
  const fail = (what, els) => els.forEach((el) => faults.push(`${what}: ${said(el)}`));
  const hidden = (el) => el.closest("[aria-hidden=true], [hidden]");

  if (!document.documentElement.lang) faults.push("no language");
  if (!document.title.trim()) faults.push("no title");
  if (all("h1").length !== 1) faults.push(`${all("h1").length} main headings`);
  if (all("main").length !== 1) faults.push(`${all("main").length} main parts`);
  const fields = all("input:not([type=hidden], [type=submit], [type=button]), select, textarea");
  fail("field without a label", fields.filter((el) => !el.labels.length && !named(el)));
  fail("picture without a role", all("svg").filter((el) => !hidden(el) && el.getAttribute("role") !== "img"));
  const pictures = all("svg[role=img]");
  fail("picture without a text", pictures.filter((el) => !named(el) && !el.querySelector("title")));
  fail("image without a text", all("img:not([alt])"));
  const acts = all("button, a[href], summary").filter((el) => !hidden(el));
  fail("button or link without words", acts.filter((el) => !el.textContent.trim() && !named(el)));
  const seen = new Set();
  all("[id]").forEach((el) => (seen.has(el.id) ? faults.push(`two with the id ${el.id}`) : seen.add(el.id)));
  for (const name of ["aria-labelledby", "aria-describedby", "aria-controls", "for", "popovertarget"])
    all(`[${name}]`).forEach((el) =>
      el.getAttribute(name).split(/\\s+/).filter((id) => id && !seen.has(id)).forEach((id) =>
        faults.push(`${name} names ${id}, which is not there: ${said(el)}`)));
  let before = 0;
  for (const heading of all("h1, h2, h3, h4, h5, h6").filter((el) => !hidden(el) && !el.closest("dialog"))) {
    const level = Number(heading.tagName[1]);
    if (level > before + 1) faults.push(`heading of level ${level} after ${before}: ${said(heading)}`);
    before = level;
  }
  fail("table head cell without a scope", all("thead th:not([scope])"));
  fail("style or handler in the page", all("[style], [onclick], [onchange], [onsubmit]"));
  return faults;
}"""

WIDER = """() => {
  const page = document.documentElement;
  if (page.scrollWidth <= page.clientWidth) return [];
  const scrolls = (el) =>
    el && (/auto|scroll/.test(getComputedStyle(el).overflowX) || scrolls(el.parentElement));
  const wide = [...document.body.querySelectorAll("*")].filter(
    (el) => el.getBoundingClientRect().right > page.clientWidth + 1 && !scrolls(el.parentElement));
  return wide.slice(0, 3).map((el) => el.outerHTML.replace(/\\s+/g, " ").slice(0, 140));
}"""

CUT = """() => {
  const shown = (el) =>
    el.checkVisibility({visibilityProperty: true}) && el.getBoundingClientRect().width > 2;
  const said = (el) => el.outerHTML.replace(/\\s+/g, " ").slice(0, 140);
  const own = (el) => [...el.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  const cut = (el) =>
    /hidden|clip/.test(getComputedStyle(el).overflowX) && el.scrollWidth > el.clientWidth + 1;
  const pen = document.createElement("canvas").getContext("2d");
  const narrow = (el) => {
    const look = getComputedStyle(el);
    pen.font = look.font;
    const room = el.clientWidth - parseFloat(look.paddingLeft) - parseFloat(look.paddingRight);
    const text = el.selectedOptions[0] ? el.selectedOptions[0].label.trim() : "";
    const names = text.includes("→");  // of accounts, which are as long as they are
    if (el.size > 1 || el.multiple || names || pen.measureText(text).width <= room + 2) return false;
    if (look.whiteSpace !== "normal") return true;
    const lines = document.createElement("div");  // as many as it needs are shown, if it is high enough
    lines.textContent = text;
    lines.style.cssText = `position: absolute; font: ${look.font}; width: ${room + 1}px`;
    lines.style.overflowWrap = look.overflowWrap;
    document.body.append(lines);
    const height = lines.getBoundingClientRect().height;
    lines.remove();
    return height > el.clientHeight - parseFloat(look.paddingTop) - parseFloat(look.paddingBottom) + 2;
  };
  const held = [...document.body.querySelectorAll("*")]
    .filter((el) => shown(el) && own(el) && !el.closest(".vh, .token + span"));  // there: an example's start
  const around = (el) => el && el !== document.body &&
    (cut(el) ? el.clientWidth > 2 && el : around(el.parentElement));  // of two pixels: for hearing only
  return [
    ...held.filter((el) => !el.closest("select") && around(el)).map((el) => said(el)),
    ...[...document.querySelectorAll("select")].filter((el) => shown(el) && narrow(el)).map((el) =>
      `${el.selectedOptions[0].label.trim()} in ${said(el)}`),
  ];
}"""

LINKS = """() => [...document.querySelectorAll("a[href]")].map((el) => el.href)
  .filter((href) => href.startsWith(location.origin + "/"))"""

FOCUS = """() => {
  const el = document.activeElement;
  if (!el || el === document.body) return null;
  const look = getComputedStyle(el);
  const ring = look.outlineStyle !== "none" && parseFloat(look.outlineWidth) > 0;
  const within = el.closest("label, .choice-card, .field");
  const around = within && getComputedStyle(within).outlineStyle !== "none";
  return {
    what: el.outerHTML.replace(/\\s+/g, " ").slice(0, 140),
    visible: ring || look.boxShadow !== "none" || Boolean(around),
  };
}"""


async def faults_of(page: Page) -> list[str]:
    """Return what is wrong with the page that is shown, in words. A page still on its way is waited for."""
    await page.wait_for_load_state()
    found: list[str] = await page.evaluate(FAULTS)
    return found


async def too_wide(page: Page) -> list[str]:
    """Return the elements that make the page scroll sideways."""
    await page.wait_for_load_state()
    found: list[str] = await page.evaluate(WIDER)
    return found


async def cut_off(page: Page) -> list[str]:
    """Return the texts of which an end is not shown: in a part that hides it, or in a list's closed field."""
    await page.wait_for_load_state()
    found: list[str] = await page.evaluate(CUT)
    return found


async def links_of(page: Page) -> list[str]:
    """Return the addresses of this origin that the page links to."""
    found: list[str] = await page.evaluate(LINKS)
    return found


async def hidden_focus(page: Page, steps: int) -> list[str]:
    """Walk through the page with Tab, and return the elements whose focus cannot be seen."""
    hidden = []
    for _ in range(steps):
        await page.keyboard.press("Tab")
        at = await page.evaluate(FOCUS)
        if at is not None and not at["visible"]:
            hidden.append(at["what"])
    return hidden
