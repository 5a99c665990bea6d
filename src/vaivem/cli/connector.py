"""`vaivem connector new`: lay down a connector, its tests and its test account, ready to be changed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import click

from vaivem.cli.reporting import CommandError, Group, Outcome

KEY = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
# What is laid down where: the folder of texts, and its place in a checkout.
PARTS = {
    "connector": "src/vaivem/connectors/{key}",
    "tests": "tests/connectors/{key}",
    "simulator": "src/vaivem/simulators/{key}",
    "simulator_tests": "tests/simulators/{key}",
}
SUFFIX = ".txt"  # so that nothing takes the texts for code


@click.group(cls=Group)
def connector() -> None:
    """Connectors: the code that knows one system."""


@connector.command("new")
@click.argument("key")
@click.option("--name", help="As its vendor writes it; from KEY if left out.")
@click.option(
    "--into",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="The checkout of Vaivém; this folder if left out.",
)
def new(key: str, name: str | None, into: Path) -> Outcome:
    """Lay down the connector KEY (small letters, digits, `_`) with tests and a test account that pass.

    It knows contacts, one trigger, one action and signed webhooks of a vendor that does not exist: replace
    them with the facts of yours.
    """
    if not KEY.fullmatch(key):
        raise CommandError("KEY is made of small letters, digits and `_`, as in acme_desk.")
    if not (into / "src" / "vaivem" / "connectors").is_dir():
        raise CommandError(f"{into.resolve()} is not a checkout of Vaivém: it has no src/vaivem/connectors.")
    title = name or " ".join(word.capitalize() for word in key.split("_"))
    places = {part: into / place.format(key=key) for part, place in PARTS.items()}
    there = [str(place) for place in places.values() if place.exists()]
    if there:
        raise CommandError(f"There is something already: {', '.join(there)}.")
    written = [path for part, place in places.items() for path in _lay_down(part, place, key, title)]
    listed = sorted(path.relative_to(into).as_posix() for path in written)
    said = "\n".join([*listed, "", f"Next: make test TESTS=tests/connectors/{key}, then docs/connectors.md."])
    return Outcome(said, {"files": listed})


def _lay_down(part: str, place: Path, key: str, name: str) -> Iterator[Path]:
    words = {"@key@": key, "@Name@": name, "@Class@": _class_name(key), "@Mark@": _mark(name)}
    for text, inner in _texts(files("vaivem.cli").joinpath("scaffold", part), ""):
        content = text.read_text("utf-8")
        for word, value in words.items():
            content = content.replace(word, value)
        path = place / inner.removesuffix(SUFFIX)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")
        yield path


def _texts(folder: Traversable, below: str) -> Iterator[tuple[Traversable, str]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _texts(entry, f"{below}{entry.name}/")
        elif entry.name.endswith(SUFFIX):
            yield entry, f"{below}{entry.name}"


def _class_name(key: str) -> str:
    return "".join(word.capitalize() for word in key.split("_"))


def _mark(name: str) -> str:
    """Return the two letters that stand in place of a logo."""
    words: list[str] = re.findall(r"\w+", name) or ["X"]
    first = words[0][0].upper()
    second = words[1][0].upper() if len(words) > 1 else (words[0][1:2] or "x").lower()
    return first + second
