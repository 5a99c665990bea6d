"""What a page's form would send, read from its markup as a browser reads it."""

from __future__ import annotations

from html.parser import HTMLParser

from typing_extensions import override


class _Fields(HTMLParser):
    """Collects the values of the controls of one form, those named for it by `form=` included."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self.form = form
        self.inside = False
        self.values: dict[str, list[str]] = {}
        self.select: tuple[str, list[str], str | None] | None = None
        self.area: tuple[str, list[str]] | None = None

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value if value is not None else "" for name, value in attrs}
        if tag == "form":
            self.inside = given.get("id") == self.form
        ours = self.inside if "form" not in given else given["form"] == self.form
        name = given.get("name", "")
        if tag == "input" and ours and name:
            kind = given.get("type", "text")
            if kind not in ("checkbox", "radio") or "checked" in given:
                self.values.setdefault(name, []).append(given.get("value", ""))
        elif tag == "select" and ours and name and "disabled" not in given:
            self.select = (name, [], None)
        elif tag == "option" and self.select:
            chosen, values, first = self.select
            first = given.get("value", "") if first is None else first
            values += [given.get("value", "")] if "selected" in given else []
            self.select = (chosen, values, first)
        elif tag == "textarea" and ours and name:
            self.area = (name, [])

    @override
    def handle_data(self, data: str) -> None:
        if self.area:
            self.area[1].append(data)

    @override
    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inside = False
        elif tag == "select" and self.select:
            name, chosen, first = self.select
            self.values.setdefault(name, []).extend(chosen or ([first] if first is not None else []))
            self.select = None
        elif tag == "textarea" and self.area:
            name, parts = self.area
            self.values.setdefault(name, []).append("".join(parts))
            self.area = None


def fields_of(page: str, form: str) -> dict[str, list[str]]:
    """Return the values that the form called `form` would send, by name."""
    reading = _Fields(form)
    reading.feed(page)
    return reading.values
