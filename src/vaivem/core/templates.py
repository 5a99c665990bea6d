"""Templates: text with values in it, in Liquid, within limits of size and work.

No template can load another or a file. What is unknown is empty at run time and an error at edit time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from liquid import BoundTemplate, Environment, Mode, RenderContext
from liquid.ast import Node
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import FilteredExpression, Path
from liquid.builtin.expressions.primitive import RangeLiteral
from liquid.builtin.output import OutputNode
from liquid.exceptions import LiquidError, LiquidSyntaxError, ResourceLimitError
from liquid.expression import Expression
from liquid.static_analysis import Segments, TemplateAnalysis

from vaivem.core import filters
from vaivem.core.errors import RecordError
from vaivem.core.numbers import DEFAULT_ZONE
from vaivem.core.paths import EACH, PathError, Scope, split_path
from vaivem.core.reading import MAX_TEXT_LENGTH

MAX_OUTPUT_BYTES = 200_000
MAX_LOOPS = 10_000
MAX_LOCAL_BYTES = 200_000

MAX_SIMPLE_CHARACTERS = MAX_OUTPUT_BYTES // 4  # so that no encoding of them is over the limit

_SPECIAL = frozenset({"size", "first", "last"})  # what Liquid itself can say of a value
_FORBIDDEN_TAGS = ("include", "render", "increment", "decrement", "tablerow", "ifchanged", "doc")
_FORBIDDEN_FILTERS = ("safe", "escapejs")


# Liquid would fill these from the machine's clock, but a run says what day it is.
_NO_CLOCK = {"now": None, "today": None}


class TemplateError(RecordError):
    """A template that cannot be read (``template_syntax``) or filled (``template_failed``, ``_too_big``)."""

    default_code = "template_failed"


@dataclass(frozen=True, slots=True)
class TemplateProblem:
    """What is wrong in a template, and where (counted from 1; 0 when it has no place).

    Codes: ``template_syntax``, ``template_unknown`` (a variable), ``template_unknown_filter``,
    ``template_too_long``.
    """

    code: str
    name: str = ""
    line: int = 0
    column: int = 0
    detail: str = ""


class _Environment(Environment):
    block_nesting_limit = 10
    context_depth_limit = 15
    loop_iteration_limit = MAX_LOOPS
    local_namespace_limit = MAX_LOCAL_BYTES
    output_stream_limit = MAX_OUTPUT_BYTES


def _environment(*, html: bool = False) -> Environment:
    environment = _Environment(tolerance=Mode.STRICT, autoescape=html)
    for tag in _FORBIDDEN_TAGS:
        del environment.tags[tag]
    for name in _FORBIDDEN_FILTERS:
        del environment.filters[name]
    for name, function in {**environment.filters, **filters.FILTERS}.items():
        environment.add_filter(name, filters.within_limits(function))
    return environment


_ENVIRONMENT = _environment()
_HTML = _environment(html=True)


class Template:
    """A template, read once and filled often."""

    __slots__ = ("_liquid", "_parts", "text")

    def __init__(self, text: str, liquid: BoundTemplate, *, html: bool = False) -> None:
        self.text = text
        self._liquid = liquid
        self._parts = None if html else _simple_parts(liquid)

    def render(self, scope: Scope, *, zone: str = DEFAULT_ZONE) -> str:
        """Fill the template. Raises TemplateError when a filter refuses a value or a limit is reached."""
        simple = _joined(self._parts, scope) if self._parts else None
        if simple is not None:
            return simple
        try:
            return self._liquid.render({**_NO_CLOCK, **scope, filters.ZONE: zone})
        except ResourceLimitError as error:
            raise TemplateError("template_too_big", detail=str(error.message)) from error
        except LiquidError as error:
            raise TemplateError("template_failed", detail=str(error.message)) from error

    def analysis(self) -> TemplateAnalysis:
        """Return what the template uses."""
        return self._liquid.analyze()


Part = str | tuple[str, ...]


def _simple_parts(liquid: BoundTemplate) -> tuple[Part, ...] | None:
    """Return the texts and paths of a template that holds nothing else, which most are; None for others."""
    parts: list[Part] = []
    for node in liquid.nodes:
        if isinstance(node, ContentNode):
            parts.append(node.text)
            continue
        expression = node.expression if isinstance(node, OutputNode) else None
        if not isinstance(expression, FilteredExpression) or expression.filters:
            return None
        segments = expression.left.path if isinstance(expression.left, Path) else [0]
        names = tuple(segment for segment in segments if isinstance(segment, str))
        if len(names) < len(segments) or _SPECIAL & set(names):
            return None
        parts.append(names)
    return tuple(parts)


def _joined(parts: tuple[Part, ...], scope: Scope) -> str | None:
    """Fill a simple template, four times as fast as Liquid does; None where only Liquid knows the answer."""
    texts: list[str] = []
    for part in parts:
        if isinstance(part, str):
            texts.append(part)
            continue
        value: Any = scope
        for name in part:
            if not isinstance(value, dict):
                return None
            value = value.get(name)
            if value is None:
                break
        if value is not None:
            if not isinstance(value, str):
                return None
            texts.append(value)
    result = "".join(texts)
    if "\r" in result:  # Liquid writes every kind of line end as \n
        result = result.replace("\r\n", "\n").replace("\r", "\n")
    return result if len(result) <= MAX_SIMPLE_CHARACTERS else None


@lru_cache(maxsize=2048)
def compiled(text: str, *, html: bool = False) -> Template:
    """Return a template ready to be filled; one of `html` escapes what it is filled with.

    Raises TemplateError (``template_syntax``).
    """
    try:
        liquid = (_HTML if html else _ENVIRONMENT).from_string(text)
        _forbid_ranges(liquid.nodes, RenderContext(liquid))
    except LiquidError as error:
        raise TemplateError("template_syntax", detail=str(error.message)) from error
    return Template(text, liquid, html=html)


def render(text: str, scope: Scope, *, zone: str = DEFAULT_ZONE) -> str:
    """Fill a template; what the scope does not have is empty. Raises TemplateError."""
    return compiled(text).render(scope, zone=zone)


def paths_of(text: str) -> set[str]:
    """Return the paths that a template reads from its scope. Raises TemplateError."""
    found = compiled(text).analysis().globals
    return {_path_text(variable.segments) for variables in found.values() for variable in variables}


def check_template(text: str, known_paths: Collection[str]) -> list[TemplateProblem]:
    """Return everything that is wrong with a template.

    `known_paths` are what a scope will hold: ``document.filename``, ``signers[].name``; a path that ends in
    ``.*`` stands for everything below it.
    """
    if len(text) > MAX_TEXT_LENGTH:
        return [TemplateProblem("template_too_long")]
    try:
        template = compiled(text)
    except TemplateError as error:
        line, column = _place_of(error.__cause__)
        return [TemplateProblem("template_syntax", line=line, column=column, detail=error.detail)]
    analysis = template.analysis()
    problems: list[TemplateProblem] = []
    for variables in analysis.globals.values():
        for variable in variables:
            if not is_known(_path_text(variable.segments), known_paths):
                place = _line_and_column(text, variable.span.index)
                problems.append(TemplateProblem("template_unknown", str(variable), *place))
    for name, spans in analysis.filters.items():
        if name not in _ENVIRONMENT.filters:
            places = (_line_and_column(text, span.index) for span in spans)
            problems += [TemplateProblem("template_unknown_filter", name, *place) for place in places]
    return sorted(problems, key=lambda problem: (problem.line, problem.column))


def is_known(path: str, known_paths: Collection[str]) -> bool:
    """Say whether a path is among the known ones, above one of them, or below one that ends in ``.*``."""
    try:
        wanted = _generic(split_path(path))
    except PathError:
        return False
    return any(_covers(_generic(split_path(known)), wanted) for known in known_paths)


def _generic(segments: tuple[str, ...]) -> list[str]:
    return [EACH if segment.isdecimal() or segment in ("first", "last") else segment for segment in segments]


def _covers(known: list[str], wanted: list[str]) -> bool:
    if wanted[-1] == "size":
        wanted = wanted[:-1]
    if known[-1] == "*":
        shared = min(len(known) - 1, len(wanted))
        return known[:shared] == wanted[:shared]
    return known[: len(wanted)] == wanted or known == wanted[: -1 if wanted[-1] == EACH else None]


def _path_text(segments: Segments) -> str:
    """Write a variable as a path; an index that is itself a variable counts as "each"."""
    text = ""
    for segment in segments:
        if isinstance(segment, list):
            text += EACH
        elif isinstance(segment, int):
            text += f".{abs(segment)}"
        elif any(mark in segment for mark in ".[]"):
            text += f'["{segment}"]'
        else:
            text += f".{segment}" if text else segment
    return text


def _place_of(error: BaseException | None) -> tuple[int, int]:
    token = getattr(error, "token", None)
    if token is None or token.start_index < 0:
        return 0, 0
    return _line_and_column(token.source, token.start_index)


def _line_and_column(text: str, index: int) -> tuple[int, int]:
    before = text[:index]
    return before.count("\n") + 1, index - before.rfind("\n")


def _forbid_ranges(nodes: Iterable[Node], context: RenderContext) -> None:
    """Refuse ``(1..n)``: it becomes a list of any length before any limit is looked at."""
    for node in nodes:
        for expression in node.expressions():
            _forbid_range(expression)
        _forbid_ranges(node.children(context, include_partials=False), context)


def _forbid_range(expression: Expression) -> None:
    if isinstance(expression, RangeLiteral):
        raise LiquidSyntaxError("ranges are not part of our templates", token=expression.token)
    for part in expression.children():
        _forbid_range(part)
