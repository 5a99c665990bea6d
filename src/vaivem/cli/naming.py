"""Options that name parts of something: given again, or several at once with commas between."""

from __future__ import annotations

import click


def names(context: click.Context, option: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names that an option was given (``multiple``), each once, in their order.

    Raises BadParameter where it was given and names nothing: to run all would be a surprise.
    """
    found = tuple(dict.fromkeys(name for one in given for part in one.split(",") if (name := part.strip())))
    if given and not found:
        raise click.BadParameter("it names nothing", ctx=context, param=option)
    return found
