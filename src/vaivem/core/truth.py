"""Yes and no, as people write them."""

from __future__ import annotations

from typing import Any

from vaivem.core.folding import fold

TRUE_WORDS = frozenset({"sim", "s", "true", "verdadeiro", "yes", "y", "on", "1", "oui", "vrai", "si", "x"})
FALSE_WORDS = frozenset({"nao", "n", "false", "falso", "no", "off", "0", "non", "faux"})


def parse_boolean(value: Any) -> bool | None:
    """Return what a value says, None when it says neither."""
    if isinstance(value, bool):
        return value
    word = fold(str(value))
    if word in TRUE_WORDS:
        return True
    return False if word in FALSE_WORDS else None
