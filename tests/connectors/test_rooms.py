"""Adding a connector touches nothing outside its own folders: nothing else knows a vendor by its name.

That a connector from elsewhere (VAIVEM_CONNECTORS) works whole is what `tests/engine` runs on: its stub
is one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from vaivem.connectors.sdk.registry import connector_keys, get_connector

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "vaivem"
GENERAL = {"http", "webhook"}  # ordinary words
READ = {".css", ".html", ".js", ".json", ".po", ".py", ".sql", ".toml", ".txt", ".yaml", ".yml"}
BUILD = ("Makefile", "pyproject.toml", "compose.yaml", "Dockerfile", "scripts", "bench")


def vendors() -> list[str]:
    return [key for key in connector_keys() if (SOURCE / "connectors" / key).is_dir() and key not in GENERAL]


def files() -> Iterator[Path]:
    for place in (SOURCE, *(ROOT / name for name in BUILD)):
        for path in place.rglob("*") if place.is_dir() else (place,):
            if path.is_file() and (path.suffix in READ or not path.suffix):
                yield path


@pytest.mark.parametrize("key", vendors())
def test_a_vendor_is_named_in_its_own_folders_only(key: str) -> None:
    names = {key, get_connector(key).manifest.name}
    named = re.compile("|".join(rf"\b{re.escape(name)}\b" for name in names), re.IGNORECASE)
    own = (SOURCE / "connectors" / key, SOURCE / "simulators" / key)
    assert all(folder.is_dir() for folder in own)
    found = [path.relative_to(SOURCE.parent.parent) for path in files() if not _may(path, own)]
    assert len(found) > 300
    texts = {path: (ROOT / path).read_text("utf-8", "replace") for path in found}
    assert [str(path) for path, text in texts.items() if named.search(text)] == []


def test_no_module_is_over_600_lines() -> None:
    places = [ROOT / name for name in ("src", "tests", "bench", "scripts")]
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines())
        for place in places
        for path in place.rglob("*.py")
    }
    assert len(lengths) > 600
    assert {path: lines for path, lines in lengths.items() if lines > 600} == {}


def _may(path: Path, own: tuple[Path, ...]) -> bool:
    """Say whether a file may name the vendor.

    Its own; a neighbour's whose recipe is for the pair; the made-up company's records at a test account.
    """
    if any(folder in path.parents for folder in own):
        return True
    place = path.relative_to(SOURCE).parts if SOURCE in path.parents else ()
    pair = place[:1] == ("connectors",) and place[2:3] in {("recipes",), ("locale",)}
    return pair or (place[:1] == ("simulators",) and place[2:] == ("seed.py",))
