"""Every action that writes is tried with its answer lost: how it is made safe to repeat is stated and tested.

Read from the tests' own code: a step is put together by `step(action, …)` or `FakeContext(…, action=…)`, or
by a helper of the module that does so; `lost=[…]` names the calls whose answer never arrives.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from vaivem.connectors.sdk.registry import connector_keys, get_connector

TESTS = Path(__file__).parent
OWN = [key for key in connector_keys() if (TESTS / key).is_dir()]


def actions_tried(module: ast.Module, actions: set[str]) -> Iterator[str]:
    """Return the actions that a module runs with a lost answer."""
    helpers = {
        function.name: found
        for function in ast.walk(module)
        if isinstance(function, ast.FunctionDef)
        and (found := {name for name in constants(function) if name in actions})
    }
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and any(keyword.arg == "lost" for keyword in node.keywords):
            yield from (name for name in constants(node) if name in actions)
            yield from helpers.get(getattr(node.func, "id", ""), ())


def constants(node: ast.AST) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value


@pytest.mark.parametrize("key", OWN)
def test_every_action_that_writes_is_tried_with_a_lost_answer(key: str) -> None:
    actions = {action.key for action in get_connector(key).actions if not action.reads_only}
    tried: set[str] = set()
    for path in (TESTS / key).glob("test_*.py"):
        tried |= set(actions_tried(ast.parse(path.read_text("utf-8")), actions))
    assert actions <= tried, f"{key}: no test loses an answer of {sorted(actions - tried)}"


def test_the_check_sees_what_is_missing() -> None:
    module = ast.parse(
        "def deal(**more):\n    return step('create_deal', {}, **more)\n"
        "def test_one():\n    deal(lost=['x'])\n    step('add_note', {})\n"
    )
    assert set(actions_tried(module, {"create_deal", "add_note"})) == {"create_deal"}
