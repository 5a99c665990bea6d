"""The layout of a file of rules and field combinations: what it says, and on which line it says it.

YAML holds both (``rules:`` and ``combinations:``); a table (CSV) holds combinations, one field a row.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml
from typing_extensions import override

from vaivem.core.errors import Problem, RuleError

MAX_FILE_LENGTH = 2 * 1024 * 1024
MAX_RULES = 500
MAX_DEPTH = 60
MAX_NODES = 200_000
KEYS = ("rules", "combinations")
NEEDED = ("combination", "from", "to", "object", "field")
SIGNS = ",;\t"
FILLED_BY = {"source": "from", "text": "text", "value": "value"}
COLUMNS = (*NEEDED, *FILLED_BY, "write", "on_bad")


class FileError(RuleError):
    """A file that is not of this layout; `problems` say everything that is wrong with it, by line."""

    default_code = "file_unreadable"

    @property
    def placed(self) -> tuple[Problem, ...]:
        """The problems whose path is their line, when it is not the file as a whole that is wrong."""
        return self.problems if self.code == "plan_has_problems" else ()

    @property
    def whole(self) -> Problem:
        """What is wrong with the file as a whole."""
        return Problem(self.code, self.params, detail=self.detail)


@dataclass(frozen=True, slots=True)
class Entry:
    """A rule or a combination of a file. `lines` are those of its parts, by path; "" is its own."""

    data: dict[str, Any]
    lines: Mapping[str, int] = field(default_factory=dict)

    def line(self, path: str) -> int:
        """Return the line of a place, or of what it is in."""
        while path and path not in self.lines:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.lines.get(path, 0)


@dataclass(frozen=True, slots=True)
class Layout:
    """What a file holds. Places are rows in a table, else lines."""

    rules: tuple[Entry, ...] = ()
    combinations: tuple[Entry, ...] = ()
    is_table: bool = False


def read(text: str) -> Layout:
    """Read a file. Raises FileError with everything that keeps it from being one."""
    if len(text) > MAX_FILE_LENGTH:
        raise FileError("file_too_large", params={"max": MAX_FILE_LENGTH})
    text = text.removeprefix("\ufeff")
    return _table(text) if _is_table(text) else _tree(text)


def written(data: Any) -> str:
    """Return data as YAML that people read and change."""
    return yaml.dump(data, Dumper=_Plain, allow_unicode=True, sort_keys=False, width=110)


class _Plain(yaml.SafeDumper):
    @override
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _tree(text: str) -> Layout:
    try:
        loader = yaml.SafeLoader(text)
    except yaml.reader.ReaderError as error:  # a character that no text has
        raise FileError(params={"line": text.count("\n", 0, error.position) + 1}) from error
    try:
        root = loader.get_single_node()
        lines: dict[str, int] = {}
        problems: list[Problem] = []
        if root is not None:
            _walk(root, "", lines, problems)
        data = loader.construct_document(root) if root is not None else None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = {"line": mark.line + 1, "column": mark.column + 1} if mark else {}
        raise FileError(params=place, detail=str(getattr(error, "problem", "") or "")) from error
    except (
        RecursionError,
        ValueError,
        TypeError,
        OverflowError,
    ) as error:  # nested without end, a 30th of February
        raise FileError(detail=type(error).__name__) from error
    finally:
        loader.dispose()
    return _sorted_out(data, lines, problems)


def _walk(node: yaml.Node, path: str, lines: dict[str, int], problems: list[Problem], depth: int = 0) -> None:
    """Note the line of every place, and keys that stand twice; a name (alias) may not blow a file up."""
    if depth > MAX_DEPTH or len(lines) > MAX_NODES:
        raise FileError(detail="too deep, or too much")
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        for place, inner in enumerate(node.value):
            _walk(inner, f"{path}[{place}]", lines, problems, depth + 1)
    elif isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, inner in node.value:
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else "?"
            if name in seen and name != "<<":
                problems.append(_at(key.start_mark.line + 1, "file_key_twice", key=name))
            seen.add(name)
            inside = f"{path}.{name}" if path else name
            lines.setdefault(inside, key.start_mark.line + 1)
            _walk(inner, inside, lines, problems, depth + 1)


def _sorted_out(data: Any, lines: Mapping[str, int], problems: list[Problem]) -> Layout:
    found: dict[str, list[Entry]] = {key: [] for key in KEYS}
    if isinstance(data, Mapping) and "when" in data:
        found["rules"] = [Entry(dict(data), lines)]
    elif isinstance(data, list):
        found["rules"] = _entries(data, "", lines, problems)
    elif isinstance(data, Mapping) and set(data) & set(KEYS):
        for key, content in data.items():
            if key not in KEYS:
                problems.append(_at(lines.get(str(key), 0), "rule_unknown_key", key=str(key)))
            elif isinstance(content, list):
                found[key] = _entries(content, key, lines, problems)
            elif content is not None:
                problems.append(_at(lines.get(key, 0), "rule_wrong_type", expected="list"))
    if problems:
        raise FileError("plan_has_problems", problems=tuple(problems))
    if not any(found.values()):
        raise FileError("file_without_rules")
    if max(len(entries) for entries in found.values()) > MAX_RULES:
        raise FileError("file_with_too_many_rules", params={"max": MAX_RULES})
    return Layout(tuple(found["rules"]), tuple(found["combinations"]))


def _entries(items: list[Any], root: str, lines: Mapping[str, int], problems: list[Problem]) -> list[Entry]:
    found = []
    inner: list[dict[str, int]] = [{} for _ in items]
    for path, line in lines.items():
        head, _sep, rest = path.removeprefix(root).removeprefix("[").partition("]")
        if path.startswith(f"{root}[") and int(head) < len(items):
            inner[int(head)][rest.removeprefix(".")] = line
    for place, item in enumerate(items):
        if isinstance(item, Mapping):
            found.append(Entry(dict(item), inner[place]))
        else:
            problems.append(_at(inner[place].get("", 0), "rule_wrong_type", expected="object"))
    return found


def _is_table(text: str) -> bool:
    first = text.lstrip().partition("\n")[0].strip().lower().replace('"', "")
    return any(first.startswith(f"combination{sign}") for sign in SIGNS)


def _table(text: str) -> Layout:
    """Read a table: rows of one title are one combination."""
    text = text.lstrip()
    first = text.partition("\n")[0]
    sign = min((sign for sign in SIGNS if sign in first), key=first.index)
    try:
        rows = list(csv.reader(text.splitlines(keepends=True), delimiter=sign, strict=True))
    except csv.Error as error:
        raise FileError(detail=str(error)) from error
    names = [name.strip().lower() for name in rows[0]]
    problems = [_at(1, "file_column_unknown", column=name) for name in names if name and name not in COLUMNS]
    problems += [_at(1, "file_column_missing", column=name) for name in NEEDED if name not in names]
    problems += [_at(1, "file_key_twice", key=name) for name in set(names) if name and names.count(name) > 1]
    if problems:
        raise FileError("plan_has_problems", problems=tuple(problems))
    found: dict[str, tuple[dict[str, Any], dict[str, int]]] = {}
    for number, cells in enumerate(rows[1:], start=2):
        if any(cell.strip() for cell in cells):
            problems += _row(dict(zip(names, map(str.strip, cells), strict=False)), number, found)
    if problems:
        raise FileError("plan_has_problems", problems=tuple(problems))
    if not found:
        raise FileError("file_without_rules")
    if len(found) > MAX_RULES:
        raise FileError("file_with_too_many_rules", params={"max": MAX_RULES})
    return Layout(combinations=tuple(Entry(data, lines) for data, lines in found.values()), is_table=True)


def _row(
    row: Mapping[str, str], number: int, found: dict[str, tuple[dict[str, Any], dict[str, int]]]
) -> list[Problem]:
    problems = [_at(number, "file_cell_missing", column=name) for name in NEEDED if not row.get(name)]
    filled = [name for name in FILLED_BY if row.get(name)]
    if len(filled) != 1:
        problems.append(_at(number, "file_row_filled_by"))
    if problems:
        return problems
    head = {"title": row["combination"], "from": row["from"], "to": row["to"], "object": row["object"]}
    data, lines = found.setdefault(head["title"], ({**head, "fields": {}}, {"": number}))
    problems += [
        _at(number, "file_row_differs", column=key, title=head["title"])
        for key in ("from", "to", "object")
        if data[key] != head[key]
    ]
    if row["field"] in data["fields"]:
        problems.append(_at(number, "file_key_twice", key=row["field"]))
    mapping = {FILLED_BY[filled[0]]: row[filled[0]]}
    data["fields"][row["field"]] = mapping | {key: row[key] for key in ("write", "on_bad") if row.get(key)}
    lines[f"fields.{row['field']}"] = number
    return problems


def _at(line: int, code: str, **params: Any) -> Problem:
    return Problem(code, params, str(line))
