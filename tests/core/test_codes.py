"""The table of codes against the source: none missing, none left over."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import vaivem.core
from vaivem.core.codes import CODES

CODE_POSITION = {"Problem": 0, "TemplateProblem": 0, "TemplateError": 0, "RuleError": 0, "_BadValueError": 0}
CODE_POSITION |= {"note": 1, "_document": 1}


def sources() -> list[ast.Module]:
    folder = Path(vaivem.core.__path__[0])
    files = [path for path in folder.glob("*.py") if path.name not in ("codes.py", "errors.py")]
    return [ast.parse(path.read_text("utf-8")) for path in files]


def codes_made(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            position = CODE_POSITION.get(name)
            if position is not None and len(node.args) > position:
                found |= texts_in(node.args[position])
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found |= texts_in(node.value) if node.targets[0].id == "default_code" else set()
    return found


def texts_in(node: ast.AST) -> set[str]:
    texts = {
        part.value
        for part in ast.walk(node)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    }
    return {text for text in texts if re.fullmatch(r"[a-z]+(_[a-z]+)+", text)}


def test_every_code_that_is_made_is_in_the_table() -> None:
    made = set().union(*(codes_made(tree) for tree in sources()))
    assert len(made) > 50
    assert made <= set(CODES)


def test_every_code_in_the_table_is_made_somewhere() -> None:
    written = set().union(*(texts_in(tree) for tree in sources()))
    assert set(CODES) <= written
