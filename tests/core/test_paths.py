"""Paths into a scope."""

from __future__ import annotations

from typing import Any

import pytest

from vaivem.core.paths import PathError, read, split_path

SCOPE: dict[str, Any] = {
    "title": "x",
    "document": {"filename": "a.pdf", "metadata": {"valor total": 10, "a.b": 1}},
    "signers": [
        {"name": "Ana", "emails": ["a@x", "b@x"], "address": {"city": "SP"}},
        {"name": "Beto", "emails": ["c@x"]},
        {"name": None},
    ],
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("title", "x"),
        ("nothing", None),
        ("document.filename", "a.pdf"),
        ("document.filename.more", None),
        ("document.metadata.valor total", 10),
        ('document.metadata["a.b"]', 1),
        ("document.metadata['a.b']", 1),
        ("signers.0.name", "Ana"),
        ("signers[1].name", "Beto"),
        ("signers.9.name", None),
        ("signers.name", None),
        ("signers[].name", ["Ana", "Beto"]),
        ("signers[].address.city", ["SP"]),
        ("signers[].emails", [["a@x", "b@x"], ["c@x"]]),
        ("signers[].emails[]", ["a@x", "b@x", "c@x"]),
        ("signers[].emails.0", ["a@x", "c@x"]),
        ("document[].name", None),
    ],
)
def test_reads(path: str, value: Any) -> None:
    assert read(SCOPE, path) == value


@pytest.mark.parametrize(
    "path", ["", ".", "a.", ".a", "a..b", "[]", "[].a", "a[", "a[x]", 'a["b', "a b].c", "a" * 501]
)
def test_refuses_what_is_no_path(path: str) -> None:
    with pytest.raises(PathError):
        split_path(path)
