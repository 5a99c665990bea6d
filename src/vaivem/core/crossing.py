"""Crossing over: a run that waits at a step goes on in another version of its rule, behind that step.

What was done stays done, by the version that did it; what comes after the step is the new version's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol, TypeVar, cast

from vaivem.core.compiled_steps import CompiledBranch
from vaivem.core.compiler import paths_of_steps
from vaivem.core.paths import PathError, split_path
from vaivem.core.rules import Rule
from vaivem.core.steps import ActionStep, AwaitStep, BranchStep, FindStep, Step

SHIFT = 100  # places between the steps of a run before a crossing and those after it: more than a rule has

STEP_GONE = "step_gone"
STEP_CHANGED = "step_changed"
START_CHANGED = "start_changed"
NEEDS_MORE = "needs_more"


class _Named(Protocol):
    @property
    def id(self) -> str: ...


S = TypeVar("S", bound=_Named)


def after(steps: Sequence[S], step_id: str) -> tuple[S, ...] | None:
    """Return what comes after a step, and after the branches that it is in; None when it is not there.

    Takes the steps of a definition, or those of a compiled rule.
    """
    for number, step in enumerate(steps):
        rest = tuple(steps[number + 1 :])
        if step.id == step_id:
            return rest
        for way in _ways(step):
            inner = after(way, step_id)
            if inner is not None:
                return inner + rest
    return None


def _ways(step: S) -> Iterator[tuple[S, ...]]:
    if isinstance(step, BranchStep | CompiledBranch):
        yield cast("tuple[S, ...]", step.then)
        yield cast("tuple[S, ...]", step.otherwise)


def why_not(before: Rule, then: Rule, step_id: str) -> str:
    """Return why who waits at a step cannot go on in another version; "" when they can.

    The step is not there (`STEP_GONE`), or is another one by now (`STEP_CHANGED`); the rules start from
    different things (`START_CHANGED`); what comes after reads of a step that was not done (`NEEDS_MORE`).
    """
    old, new = _by_id(before), _by_id(then)
    following, left = after(then.then, step_id), after(before.then, step_id)
    if following is None or left is None:
        return STEP_GONE
    if _kind(old[step_id]) != _kind(new[step_id]):
        return STEP_CHANGED
    if _start(before) != _start(then):
        return START_CHANGED
    undone = {step.id for step in flat(left)}
    known = {key for key, step in old.items() if key not in undone and _kind(step) == _kind(new.get(key))}
    known |= {step.id for step in flat(following)}
    return "" if _read(following) <= known else NEEDS_MORE


def same_step(before: Rule, then: Rule, step_id: str) -> bool:
    """Say whether a step of one version is there in another, and does the same kind of thing."""
    old = _by_id(before).get(step_id)
    return old is not None and _kind(old) == _kind(_by_id(then).get(step_id))


def _by_id(rule: Rule) -> dict[str, Step]:
    return {step.id: step for _, step in rule.all_steps()}


def _start(rule: Rule) -> tuple[Any, ...]:
    return rule.when.connection, rule.when.trigger


def _kind(step: Step | None) -> tuple[Any, ...]:
    """Return what tells what a step gives to later ones."""
    if isinstance(step, ActionStep | FindStep):
        return type(step).__name__, step.connection, step.action
    if isinstance(step, AwaitStep):
        return type(step).__name__, step.connection, step.trigger
    return (type(step).__name__,)


def flat(steps: Iterable[S]) -> Iterator[S]:
    """Return every step, those inside branches included, in order.

    Takes the steps of a definition, or those of a compiled rule.
    """
    for step in steps:
        yield step
        for way in _ways(step):
            yield from flat(way)


def _read(steps: Iterable[Step]) -> set[str]:
    """Return the steps whose outcome these steps read."""
    found: set[str] = set()
    for path in paths_of_steps(flat(steps)):
        try:
            first, *rest = split_path(path)
        except PathError:
            continue
        if first == "steps" and rest:
            found.add(rest[0])
    return found
