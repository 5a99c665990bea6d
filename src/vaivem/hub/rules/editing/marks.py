"""What is wrong with a draft, found by its place: shown where it is, and counted in one line above."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vaivem.core.errors import Problem
from vaivem.hub.rules import words
from vaivem.hub.rules.catalog import WorkspaceCatalog
from vaivem.hub.rules.editing.edit_words import edit_words


@dataclass(frozen=True, slots=True)
class Mark:
    """One problem: what is wrong and what to do, in words."""

    text: str
    path: str
    code: str


@dataclass(frozen=True, slots=True)
class Blocking:
    """One problem in the line above: where it is, what it is, and the id of that part of the page."""

    place: str
    text: str
    target: str


class Found:
    """All problems of a draft."""

    def __init__(
        self, problems: tuple[Problem, ...], definition: Mapping[str, Any], catalog: WorkspaceCatalog
    ) -> None:
        self._definition = definition
        self._catalog = catalog
        self.marks = tuple(
            Mark(edit_words(one, definition, catalog), one.path, one.code)
            for one in problems
            if not _said_already(one, problems)
        )

    def at(self, path: str) -> tuple[Mark, ...]:
        """Return what is wrong at exactly this place."""
        return tuple(mark for mark in self.marks if mark.path == path)

    def within(self, path: str) -> tuple[Mark, ...]:
        """Return what is wrong at this place and inside it."""
        return tuple(mark for mark in self.marks if _within(mark.path, path))

    def has_below(self, path: str, *, but: str) -> bool:
        """Say whether something is wrong inside a place, by another name than `but`."""
        return any(_within(mark.path, path) and not mark.path.startswith(but) for mark in self.marks)

    def blocking(self) -> list[Blocking]:
        """Return every problem with its place, in the rule's order."""
        return [
            Blocking(words.place(mark.path, self._definition, self._catalog), mark.text, target_of(mark.path))
            for mark in sorted(self.marks, key=lambda mark: _order(mark.path))
        ]


def _said_already(problem: Problem, problems: tuple[Problem, ...]) -> bool:
    """Say whether another problem of the same part says it: what a step does names its account as well."""
    if problem.code == "rule_missing" and problem.path.endswith(".connection"):
        return problem.path != "when.connection"
    if problem.code == "rule_bad_duration":  # what is no number is no time either
        return any(one.code == "rule_wrong_type" and _within(one.path, problem.path) for one in problems)
    return False


def target_of(path: str) -> str:
    """Return the id of the part of the page that a problem's place is in."""
    if path in ("", "title"):
        return "title"
    found = re.match(r"((?:then|else)\[\d+\](?:\.(?:then|else)\[\d+\])*)(.*)", path)
    if path == "then":
        return "then-section"
    if found is None:
        return "if" if path.startswith("if") else "when"
    step, rest = found[1], found[2]
    if rest.startswith(".fields."):
        key = re.sub(r"\.(?:from|text|value|instead|write|on_bad)$", "", rest.removeprefix(".fields."))
        return slug(f"{step}:{key}")
    part = re.match(r"\.(to|subject|body|text)\b", rest)
    return slug(f"{step}:{part[1]}") if part else slug(step)


def slug(place: str) -> str:
    """Return a place as the id of an element."""
    return re.sub(r"-+", "-", re.sub(r"[^a-zA-Z0-9_]+", "-", place)).strip("-")


def _within(path: str, place: str) -> bool:
    return path == place or path.startswith((f"{place}.", f"{place}["))


def _order(path: str) -> tuple[int, list[int]]:
    start = 0 if path.startswith(("title", "when")) else 1 if path.startswith("if") else 2
    return start, [int(number) for number in re.findall(r"\[(\d+)\]", path)]
