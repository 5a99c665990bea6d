"""HTML of letters: what may stand in it, and what it says as plain text."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import nh3
from typing_extensions import override

# What mail programs show alike. No forms, frames, scripts or styles of a whole page; no address in a style.
_STYLES = frozenset({
    "background-color", "border", "border-bottom", "border-collapse", "border-color", "border-left",
    "border-radius", "border-right", "border-spacing", "border-style", "border-top", "border-width",
    "color", "display", "font", "font-family", "font-size", "font-style", "font-weight", "height",
    "letter-spacing", "line-height", "margin", "margin-bottom", "margin-left", "margin-right",
    "margin-top", "max-width", "min-width", "padding", "padding-bottom", "padding-left",
    "padding-right", "padding-top", "text-align", "text-decoration", "text-transform", "vertical-align",
    "white-space", "width",
})  # fmt: skip
_EVERYWHERE = {"style", "align", "valign", "width", "height", "bgcolor", "dir", "lang", "title", "role"}
_TABLE = {"border", "cellpadding", "cellspacing"}
_CELL = {"colspan", "rowspan"}

_CLEANER = nh3.Cleaner(
    tags=nh3.ALLOWED_TAGS - {"area", "map", "details", "summary"} | {"font"},
    clean_content_tags={"script", "style", "title", "template"},
    attributes={
        "*": _EVERYWHERE,
        "a": {"href"},
        "img": {"src", "alt", "border"},
        "table": _TABLE,
        "td": _CELL,
        "th": _CELL | {"scope"},
        "font": {"color", "face", "size"},
    },
    url_schemes={"http", "https", "mailto", "tel"},
    filter_style_properties=set(_STYLES),
    link_rel=None,
)


def clean(html: str) -> str:
    """Return the HTML without anything that could act, load a page or leave the letter."""
    return _CLEANER.clean(html).strip()


def as_text(html: str) -> str:
    """Return what the HTML says, as plain text: paragraphs, lists, and links with their addresses."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    lines = [re.sub(r"[ \t\xa0]+", " ", line).strip() for line in "".join(reader.parts).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


_PARAGRAPHS = frozenset({
    "p", "div", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "table", "blockquote", "pre", "hr",
    "header", "footer", "article",
})  # fmt: skip
_LINES = frozenset({"br", "tr", "li", "dt", "dd"})


class _Reader(HTMLParser):
    """Collects the text of cleaned HTML."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._links: list[tuple[str, int]] = []

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag in _PARAGRAPHS:
            self.parts.append("\n\n")
        elif tag in _LINES:
            self.parts.append("\n- " if tag == "li" else "\n")
        elif tag == "a":
            self._links.append((found.get("href") or "", len(self.parts)))
        elif tag == "img" and found.get("alt"):
            self.parts.append(str(found["alt"]))

    @override
    def handle_endtag(self, tag: str) -> None:
        if tag in _PARAGRAPHS:
            self.parts.append("\n\n")
        elif tag in ("td", "th"):
            self.parts.append(" ")
        elif tag == "a" and self._links:
            address, begin = self._links.pop()
            said = "".join(self.parts[begin:]).strip()
            if address and address.removeprefix("mailto:") != said:
                self.parts.append(f" ({address.removeprefix('mailto:')})" if said else address)

    @override
    def handle_data(self, data: str) -> None:
        self.parts.append(re.sub(r"\s+", " ", data))
