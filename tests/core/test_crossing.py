"""Which runs can go on in another version of their rule, and with what."""

from __future__ import annotations

from typing import Any

import pytest

from vaivem.core.crossing import NEEDS_MORE, START_CHANGED, STEP_CHANGED, STEP_GONE, after, why_not
from vaivem.core.rules import Rule, parse_rule

PAUSE = {"id": "pause", "kind": "wait", "for": {"hours": 1}}
YES = {"all": [{"field": "name", "is": "is_not_empty"}]}


def put(step: str, name: str = "name", **parts: Any) -> dict[str, Any]:
    return {
        "id": step,
        "kind": "action",
        "connection": 1,
        "action": "put",
        "fields": {"a": {"from": name}},
        **parts,
    }


def awaits(step: str, trigger: str = "signed") -> dict[str, Any]:
    return {"id": step, "kind": "await", "connection": 1, "trigger": trigger, "for": {"days": 1}}


def branch(step: str, then: list[Any], other: list[Any] | None = None) -> dict[str, Any]:
    return {"id": step, "kind": "branch", "if": YES, "then": then, "else": other or []}


def rule(*steps: Any, **when: Any) -> Rule:
    return parse_rule(
        {"title": "t", "when": {"connection": 1, "trigger": "sent"} | when, "then": list(steps)}
    )


def ids(steps: Any) -> list[str]:
    return [step.id for step in steps]


def test_after_a_step_come_those_behind_it_and_behind_its_branches() -> None:
    inner = branch("inner", [put("a"), PAUSE, put("b")], [put("c")])
    whole = rule(put("first"), branch("outer", [put("d")], [inner, put("e")]), put("last"))
    assert ids(after(whole.then, "pause") or ()) == ["b", "e", "last"]
    assert ids(after(whole.then, "first") or ()) == ["outer", "last"]
    assert after(whole.then, "last") == ()
    assert after(whole.then, "nowhere") is None


@pytest.mark.parametrize(
    ("before", "then", "expected"),
    [
        (rule(PAUSE, put("one")), rule(put("new"), PAUSE, put("two")), ""),
        (rule(PAUSE, put("one")), rule(put("one")), STEP_GONE),
        (rule(PAUSE, put("one")), rule(awaits("pause"), put("one")), STEP_CHANGED),
        (rule(awaits("w"), put("one")), rule(awaits("w", "refused"), put("one")), STEP_CHANGED),
        (rule(PAUSE, put("one")), rule(PAUSE, put("one"), trigger="opened"), START_CHANGED),
        # Read of a step that was added before the wait, that was moved before it, that is another
        (rule(PAUSE), rule(put("new"), PAUSE, put("b", "steps.new.id")), NEEDS_MORE),
        (rule(PAUSE, put("a"), put("b")), rule(put("a"), PAUSE, put("b", "steps.a.id")), NEEDS_MORE),
        (rule(put("a"), PAUSE), rule(put("a", action="post"), PAUSE, put("b", "steps.a.id")), NEEDS_MORE),
        # Read of a step that was done, of one that comes after the wait, of the wait itself
        (rule(put("a"), PAUSE), rule(put("a", "other"), PAUSE, put("b", "steps.a.id")), ""),
        (rule(PAUSE), rule(PAUSE, put("a"), put("b", "steps.a.id")), ""),
        (rule(awaits("w")), rule(awaits("w"), put("b", "steps.w.happened")), ""),
        (rule(branch("q", [put("a"), PAUSE])), rule(put("a"), PAUSE, put("b", "steps.a.id")), ""),
    ],
)  # fmt: skip
def test_who_waits_goes_on_where_the_step_is_and_nothing_is_missing(
    before: Rule, then: Rule, expected: str
) -> None:
    [waits] = [step.id for _, step in before.all_steps() if step.id in ("pause", "w")]
    assert why_not(before, then, waits) == expected
