"""Numbers and money as the workspace writes them; outside of a workspace, as the language does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from decimal import Decimal

from babel.numbers import format_currency, format_decimal, get_currency_symbol
from django.utils import translation

from vaivem.hub.workspaces.models import Workspace

NARROW_SPACE = "\u202f"


@dataclass(frozen=True, slots=True)
class Style:
    """The marks between thousands and before decimals, and the currency (ISO 4217)."""

    group: str
    decimal: str
    currency: str


_style: ContextVar[Style | None] = ContextVar("number_style", default=None)


def style_of(workspace: Workspace) -> Style:
    """Return how a workspace writes: its format is an example, such as ``1.234,56``."""
    example = workspace.number_format
    group = NARROW_SPACE if example[1] == " " else example[1]
    return Style(group, example[5], workspace.currency)


@contextmanager
def written_as(workspace: Workspace) -> Iterator[None]:
    """Write numbers as this workspace does."""
    before = _style.set(style_of(workspace))
    try:
        yield
    finally:
        _style.reset(before)


def number(value: float | int | Decimal, digits: int = 0) -> str:
    """Write a number with as many decimals as asked for: 1.284 or 1,4."""
    pattern = "#,##0." + "0" * digits if digits else "#,##0"
    style = _style.get()
    if style is None:
        return format_decimal(value, pattern, locale=babel_locale())
    return _marked(format_decimal(value, pattern, locale="en"), style)


def money(value: float | int | Decimal, currency: str = "") -> str:
    """Write an amount with its currency's sign: R$ 31.900,00."""
    style = _style.get()
    code = currency or (style.currency if style else "BRL")
    if style is None:
        return format_currency(value, code, locale=babel_locale())
    sign = get_currency_symbol(code, locale=babel_locale())
    size: float | Decimal = -value if value < 0 else value
    amount = _marked(format_decimal(size, "#,##0.00", locale="en"), style)
    minus = "−" if value < 0 else ""
    return f"{minus}{sign}\u00a0{amount}"


def babel_locale() -> str:
    """Return the language as Babel names it."""
    language = translation.get_language() or "pt-br"
    return {"pt-br": "pt_BR"}.get(language, language)


def _marked(text: str, style: Style) -> str:
    return text.translate({ord(","): style.group, ord("."): style.decimal})
