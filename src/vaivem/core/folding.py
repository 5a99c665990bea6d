"""Folding of text, so that people's spellings of one thing compare equal."""

from __future__ import annotations

import re
import unicodedata

_NO_DIGITS = re.compile("[^0-9]+")


def squeeze(text: str) -> str:
    """Return one line: runs of white space become one blank, none at the ends."""
    return " ".join(text.split())


class _Unmarked(dict[int, int | None]):
    """Letters as they are, accents as nothing; learnt letter by letter, so that `translate` is quick."""

    def __missing__(self, code: int) -> int | None:
        self[code] = None if unicodedata.combining(chr(code)) else code
        return self[code]


_UNMARKED = _Unmarked()


def fold(text: str) -> str:
    """Return `text` without accents, case and extra white space: "  JOÃO  Silva" is "joao silva"."""
    if text.isascii():
        return squeeze(text).casefold()
    plain = unicodedata.normalize("NFKD", text.casefold())
    return squeeze(plain.translate(_UNMARKED)).casefold()


def digits_of(text: str) -> str:
    """Return the decimal digits of `text`."""
    return _NO_DIGITS.sub("", text)
