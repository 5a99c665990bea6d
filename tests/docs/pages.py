"""The documents as data: their text, code blocks, headings and links."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^(#{1,6}) +(.+?) *$", re.MULTILINE)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
NAMED_FILE = re.compile(r"<!-- file: (\S+) -->\n```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Page:
    """One document."""

    path: Path
    text: str

    @property
    def name(self) -> str:
        """Its path in the repository."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def prose(self) -> str:
        """The text without its code blocks."""
        return FENCE.sub("", self.text)

    def blocks(self, *languages: str) -> list[str]:
        """The code blocks in any of these languages ("" is none)."""
        return [body for language, body in FENCE.findall(self.text) if language in languages]

    def headings(self, level: int) -> list[str]:
        """The headings of a level, in order."""
        return [title for marks, title in HEADING.findall(self.prose) if len(marks) == level]

    def anchors(self) -> set[str]:
        """The anchors that its headings make, as the usual viewers make them."""
        found: set[str] = set()
        for _, title in HEADING.findall(self.prose):
            stem = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).lower())
            stem, number = stem.replace(" ", "-"), 0
            anchor = stem
            while anchor in found:
                number += 1
                anchor = f"{stem}-{number}"
            found.add(anchor)
        return found

    def links(self) -> list[str]:
        """Where it links to."""
        return LINK.findall(self.prose)

    def files(self) -> dict[str, str]:
        """The files that it shows whole, by name."""
        return dict(NAMED_FILE.findall(self.text))

    def says(self, word: str) -> bool:
        """Whether the word stands in it, as code or in a code block."""
        edge = r"[\w./-]"
        return re.search(rf"(?<!{edge}){re.escape(word)}(?!\w)", self.text) is not None


@cache
def page(name: str) -> Page:
    """Read a document by its path in the repository."""
    path = ROOT / name
    return Page(path, path.read_text("utf-8"))


def all_pages() -> list[Page]:
    """Every document of the repository."""
    found = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    found += ROOT.glob("src/vaivem/connectors/*/README.md")
    return [page(path.relative_to(ROOT).as_posix()) for path in sorted(found)]
