"""Puts kept fields back into a page's form, by rewriting its HTML: no page has to know."""

from __future__ import annotations

import re
from collections import defaultdict
from html import escape
from html.parser import HTMLParser

from django.http import QueryDict
from typing_extensions import override

PLAIN = frozenset({"text", "email", "url", "tel", "number", "search", "date", "time", "datetime-local", ""})
CHOSEN = frozenset({"checkbox", "radio"})


def fill(html: str, page: str, action: str, fields: QueryDict) -> tuple[str, dict[str, list[str]]]:
    """Return the page with the form that leads to `action` filled, and the fields that found no place.

    Fields of the type password, file and hidden are left as they are; a password is not counted as lost.
    """
    filler = _Filler(page.partition("?")[0], action, fields)
    filler.feed(html)
    filler.close()
    if not filler.found:
        return html, {name: fields.getlist(name) for name in fields}
    return "".join(filler.out), {name: fields.getlist(name) for name in fields if name not in filler.placed}


class _Filler(HTMLParser):
    def __init__(self, page: str, action: str, fields: QueryDict) -> None:
        super().__init__(convert_charrefs=False)
        self._page, self._action, self._fields = page, action, fields
        self._left = {name: list(fields.getlist(name)) for name in fields}
        self._inside = False
        self._skip = ""
        self._select: str | None = None
        self.found = False
        self.placed: set[str] = set()
        self.out: list[str] = []
        self._seen: defaultdict[str, int] = defaultdict(int)

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        text = self.get_starttag_text() or ""
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            there = (given.get("action") or self._page).partition("?")[0]
            self._inside = given.get("method", "").lower() == "post" and there == self._action
            self.found = self.found or self._inside
        elif self._inside:
            text = self._field(tag, given, text)
        self.out.append(text)

    def _field(self, tag: str, given: dict[str, str], text: str) -> str:
        name = given.get("name", "")
        if tag == "input":
            return self._input(given.get("type", "text").lower(), name, given.get("value", "on"), text)
        if tag == "select":
            self._select = name if name in self._fields else None
            self.placed.update({name} & self._fields.keys())
        elif tag == "option" and self._select is not None:
            chosen = given.get("value", "") in self._fields.getlist(self._select)
            return _with(_without(text, "selected"), "selected" if chosen else "")
        elif tag == "textarea" and name in self._fields:
            self.placed.add(name)
            self._skip = "textarea"
            return text + "\n" + escape(self._next(name))
        return text

    def _input(self, kind: str, name: str, value: str, text: str) -> str:
        if kind in ("password", "file"):
            self.placed.add(name)
        elif kind in CHOSEN:
            self.placed.update({name} & self._fields.keys())
            return _with(_without(text, "checked"), "checked" if value in self._fields.getlist(name) else "")
        elif name in self._fields and kind in PLAIN:
            self.placed.add(name)
            return _with(_without(text, "value"), f'value="{escape(self._next(name))}"')
        elif kind == "hidden":
            self.placed.add(name)
        return text

    def _next(self, name: str) -> str:
        """Return the value for the next field of this name: a form may repeat one."""
        at = self._seen[name]
        self._seen[name] += 1
        values = self._left[name]
        return values[at] if at < len(values) else values[-1]

    @override
    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
        elif tag == "select":
            self._select = None
        if tag == self._skip:
            self._skip = ""
        self.out.append(f"</{tag}>")

    @override
    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    @override
    def handle_data(self, data: str) -> None:
        self._keep(data)

    @override
    def handle_entityref(self, name: str) -> None:
        self._keep(f"&{name};")

    @override
    def handle_charref(self, name: str) -> None:
        self._keep(f"&#{name};")

    @override
    def handle_comment(self, data: str) -> None:
        self.out.append(f"<!--{data}-->")

    @override
    def handle_decl(self, decl: str) -> None:
        self.out.append(f"<!{decl}>")

    def _keep(self, text: str) -> None:
        if not self._skip:
            self.out.append(text)


def _without(tag: str, attribute: str) -> str:
    return re.sub(rf"""\s{attribute}(=("[^"]*"|'[^']*'|[^\s>]*))?(?=[\s>/])""", "", tag, count=1)


def _with(tag: str, attribute: str) -> str:
    return re.sub(r"\s*/?>$", f" {attribute}>", tag) if attribute else tag
