"""Kinds of options that several commands have: names of parts, and lengths of time."""

from __future__ import annotations

import math
from typing import Any

import click
from typing_extensions import override


class Seconds(click.FloatRange):
    """A number of seconds within bounds. "nan" is none: it is neither below nor above any bound."""

    @override
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number, or fail."""
        found: float = super().convert(value, param, ctx)
        if math.isnan(found):
            self.fail(f"{value!r} is not a number", param, ctx)
        return found


def names(context: click.Context, option: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names that an option was given (``multiple``), each once, in their order.

    Raises BadParameter where it was given and names nothing: to run all would be a surprise.
    """
    found = tuple(dict.fromkeys(name for one in given for part in one.split(",") if (name := part.strip())))
    if given and not found:
        raise click.BadParameter("it names nothing", ctx=context, param=option)
    return found
