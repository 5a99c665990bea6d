"""RDQL, the filter language of API v2: text to a tree, with errors that name the place.

Grammar (a blank between two conditions means "and"):

    any    := all ("or" all)*
    all    := one (["and"] one)*
    one    := ["-"] ( "(" any ")" | ["@"] name ":" value )
    value  := [">" | "<" | ">=" | "<=" | "~"] scalar | "(" scalar ("," scalar)* ")"
    scalar := '"' characters, with \\ before " and \\ '"' | bare word
"""

from dataclasses import dataclass
from typing import NoReturn

MAX_LENGTH = 8192
MAX_DEPTH = 32
_BARE_END = frozenset(' \t\r\n(),"')
_OPERATORS = (">=", "<=", ">", "<", "~")


class RdqlError(ValueError):
    """The filter is not RDQL, or asks for what this list cannot filter by; the message says where and why."""


@dataclass(frozen=True, slots=True)
class Term:
    """One condition: `operator` is one of `=`, `>`, `<`, `>=`, `<=`, `~`, `in`."""

    name: str
    operator: str
    values: tuple[str, ...]
    custom: bool = False


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of a node."""

    node: "Node"


@dataclass(frozen=True, slots=True)
class All:
    """True when every node is."""

    nodes: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Any:
    """True when at least one node is."""

    nodes: tuple["Node", ...]


Node = Term | Not | All | Any


def parse(text: str) -> Node | None:
    """Return the tree of a filter, None for an empty one; RdqlError when it cannot be read."""
    if len(text) > MAX_LENGTH:
        raise RdqlError(f"filter is longer than {MAX_LENGTH} characters")
    reader = _Reader(text)
    if reader.at_end():
        return None
    node = reader.read_any(0)
    if not reader.at_end():
        reader.fail("unexpected character")
    return node


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def fail(self, reason: str) -> NoReturn:
        raise RdqlError(f"{reason} at position {self._at} of filter")

    def at_end(self) -> bool:
        text, length = self._text, len(self._text)
        while self._at < length and text[self._at].isspace():
            self._at += 1
        return self._at >= length

    def read_any(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            self.fail("too many nested groups")
        nodes = [self._read_all(depth)]
        while self._take_word("or"):
            nodes.append(self._read_all(depth))
        return nodes[0] if len(nodes) == 1 else Any(tuple(nodes))

    def _read_all(self, depth: int) -> Node:
        nodes = [self._read_one(depth)]
        while not self.at_end() and self._peek() != ")" and not self._next_word_is("or"):
            self._take_word("and")
            nodes.append(self._read_one(depth))
        return nodes[0] if len(nodes) == 1 else All(tuple(nodes))

    def _read_one(self, depth: int) -> Node:
        if self.at_end():
            self.fail("a condition is missing")
        if self._take("-"):
            return Not(self._read_positive(depth))
        return self._read_positive(depth)

    def _read_positive(self, depth: int) -> Node:
        if self._take("("):
            node = self.read_any(depth + 1)
            self.at_end()
            if not self._take(")"):
                self.fail("a group is not closed")
            return node
        custom = self._take("@")
        name = self._read_name()
        if not self._take(":"):
            self.fail("':' expected after the field name")
        return self._read_value(name, custom)

    def _read_name(self) -> str:
        start, text = self._at, self._text
        while self._at < len(text) and (text[self._at].isalnum() or text[self._at] in "_-"):
            self._at += 1
        if self._at == start:
            self.fail("a field name is expected")
        return text[start : self._at]

    def _read_value(self, name: str, custom: bool) -> Term:
        if self._take("("):
            return Term(name, "in", self._read_list(), custom)
        for operator in _OPERATORS:
            if self._take(operator):
                return Term(name, operator, (self._read_scalar(),), custom)
        return Term(name, "=", (self._read_scalar(),), custom)

    def _read_list(self) -> tuple[str, ...]:
        values = []
        while True:
            self.at_end()
            values.append(self._read_scalar())
            self.at_end()
            if self._take(")"):
                return tuple(values)
            if not self._take(","):
                self.fail("',' or ')' expected in a list")

    def _read_scalar(self) -> str:
        if self._take('"'):
            return self._read_quoted()
        start, text = self._at, self._text
        while self._at < len(text) and text[self._at] not in _BARE_END:
            self._at += 1
        if self._at == start:
            self.fail("a value is expected")
        return text[start : self._at]

    def _read_quoted(self) -> str:
        parts: list[str] = []
        while True:
            char = self._next_char()
            if char == '"':
                return "".join(parts)
            parts.append(self._next_char() if char == "\\" else char)

    def _next_char(self) -> str:
        if self._at >= len(self._text):
            self.fail("a quoted text is not closed")
        self._at += 1
        return self._text[self._at - 1]

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self, token: str) -> bool:
        if self._text.startswith(token, self._at):
            self._at += len(token)
            return True
        return False

    def _next_word_is(self, word: str) -> bool:
        end = self._at + len(word)
        after = self._text[end : end + 1]
        return self._text[self._at : end].lower() == word and (not after or after.isspace() or after in "(-")

    def _take_word(self, word: str) -> bool:
        if not self.at_end() and self._next_word_is(word):
            self._at += len(word)
            return True
        return False
