"""Spellings that are one value, and values that are not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from vaivem.core.echoes import is_echo, kept, prints

NOW = datetime(2026, 11, 20, 12, 0, 0, 340000, UTC)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("José  Ávila", "jose avila"),
        ("Jose@Avila.Example", "jose@avila.example"),
        ("(11) 98765-4321", "+5511987654321"),
        ("11987654321", "+55 11 98765-4321"),
        (1500, "1500.00"),
        (10.5, "10.50"),
        (None, ""),
        ([], None),
        (["b@x.example", "A@x.example"], ["a@x.example", "B@X.example"]),
        ({"value": "x", "note": None}, {"value": "X"}),
        ("2026-11-20T12:00:00Z", "2026-11-20T09:00:00-03:00"),
        (True, "true"),
    ],
)
def test_spellings_of_one_value(one: Any, other: Any) -> None:
    assert prints({"f": one}) == prints({"f": other})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ana", "Ana Maria"),
        ("007", "7"),
        (0, None),
        ("a", ["a", "b"]),
        ("2026-11-20", "2026-11-21"),
        (False, None),
    ],
)
def test_values_that_are_not_one(one: Any, other: Any) -> None:
    assert prints({"f": one}) != prints({"f": other})


def test_nothing_changed_is_nobodys() -> None:
    assert not is_echo({}, NOW, kept({"name": "Ana"}, NOW), whole=False)
    assert not is_echo({"name": "Ana"}, None, kept({"name": "Ana"}, NOW), whole=True)
    assert is_echo({"name": "ANA"}, None, kept({"name": "Ana"}, None), whole=False)
