"""Folding of text, so that people's spellings of one thing compare equal."""

from __future__ import annotations

import unicodedata


def squeeze(text: str) -> str:
    """Return one line: runs of white space become one blank, none at the ends."""
    return " ".join(text.split())


def fold(text: str) -> str:
    """Return `text` without accents, case and extra white space: "  JOÃO  Silva" is "joao silva"."""
    if text.isascii():
        return squeeze(text).casefold()
    plain = unicodedata.normalize("NFKD", text.casefold())
    return squeeze("".join(letter for letter in plain if not unicodedata.combining(letter))).casefold()


def digits_of(text: str) -> str:
    """Return the decimal digits of `text`."""
    return "".join(letter for letter in text if letter in "0123456789")
