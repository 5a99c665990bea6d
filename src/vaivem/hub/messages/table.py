"""One line of the tables of sentences."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise


@dataclass(frozen=True, slots=True)
class Entry:
    """A sentence, what to do next, and the sentence to use when the vendor said something."""

    text: Promise
    next: Promise | str = ""
    with_message: Promise | str = ""
