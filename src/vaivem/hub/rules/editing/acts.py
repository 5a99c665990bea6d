"""What the editor's buttons do to a draft: add, move, copy and take away steps, fields and conditions.

An act is a text in the button's value: what to do, and where (``up then.1``, ``field then.0 deal.source``).
An act that does not fit the draft changes nothing.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping
from typing import Any

from vaivem.hub.rules.editing.form import members_of

KINDS = ("action", "find", "wait", "await", "branch", "email", "stop", "notify")
MAX_STEPS = 50

Definition = dict[str, Any]


class _NoSuchPlaceError(LookupError):
    """The act is about something that the draft does not have."""


def act(definition: Definition, text: str) -> Definition:
    """Return the definition after an act."""
    name, _, rest = text.partition(" ")
    do = _ACTS.get(name)
    if do is None:
        return definition
    changed = copy.deepcopy(definition)
    try:
        do(changed, *rest.split(" ", 1))
    except (_NoSuchPlaceError, TypeError, ValueError):
        return definition
    return changed


def is_full(definition: Mapping[str, Any]) -> bool:
    """Say whether a rule has all the steps that it can have."""
    return len(_ids(definition)) >= MAX_STEPS


def add_step(definition: Definition, place: str, kind: str) -> None:
    """Put a new step at the end of a list of steps."""
    steps = _list(definition, place)
    if kind not in KINDS or is_full(definition):
        raise _NoSuchPlaceError
    steps.append(new_step(kind, _free_id(definition, kind)))


def new_step(kind: str, step_id: str) -> dict[str, Any]:
    """Return a step of a kind, as empty as it can be."""
    step: dict[str, Any] = {"id": step_id, "kind": kind}
    if kind == "wait":
        return step | {"for": {"days": 1}}
    if kind == "await":
        return step | {"connection": "", "trigger": "", "for": {"days": 7}}
    if kind == "branch":
        return step | {"if": {"all": [new_test()]}, "then": [], "else": []}
    if kind == "email":
        return step | {part: {"text": ""} for part in ("to", "subject", "body")}
    if kind == "stop":
        return step | {"if": {"all": [new_test()]}}
    if kind == "notify":
        return step | {"member": "", "text": {"text": ""}}
    return step | {"connection": "", "action": "", "fields": {}}


def new_test() -> dict[str, Any]:
    """Return a test that is still to be filled."""
    return {"field": "", "is": "equals", "value": ""}


def move_up(definition: Definition, place: str) -> None:
    """Move a step before the one above; the first of a branch moves out, before the branch."""
    steps, number, outer = _step_place(definition, place)
    if number > 0:
        steps[number - 1], steps[number] = steps[number], steps[number - 1]
    elif outer:
        around, place_there, _ = _step_place(definition, outer)
        around.insert(place_there, steps.pop(number))


def move_down(definition: Definition, place: str) -> None:
    """Move a step after the one below; the last of a branch moves out, after the branch."""
    steps, number, outer = _step_place(definition, place)
    if number + 1 < len(steps):
        steps[number + 1], steps[number] = steps[number], steps[number + 1]
    elif outer:
        around, place_there, _ = _step_place(definition, outer)
        around.insert(place_there + 1, steps.pop(number))


def copy_step(definition: Definition, place: str) -> None:
    """Put a copy of a step right after it."""
    steps, number, _ = _step_place(definition, place)
    twin = copy.deepcopy(steps[number])
    if len(_ids(definition)) + len(_ids({"then": [twin]})) > MAX_STEPS:
        raise _NoSuchPlaceError
    _rename(twin, definition)
    steps.insert(number + 1, twin)


def remove_step(definition: Definition, place: str) -> None:
    """Take a step away."""
    steps, number, _ = _step_place(definition, place)
    del steps[number]


def add_field(definition: Definition, place: str, key: str) -> None:
    """Let a step fill one more field."""
    step = _step(definition, place)
    step.setdefault("fields", {}).setdefault(key, {"text": ""})


def remove_field(definition: Definition, place: str, key: str) -> None:
    """Let a step leave a field alone."""
    _step(definition, place).get("fields", {}).pop(key, None)


def add_test(definition: Definition, place: str) -> None:
    """Put a test into a group of conditions."""
    _group(definition, place).append(new_test())


def add_group(definition: Definition, place: str) -> None:
    """Put a group "at least one of" into a group of conditions."""
    _group(definition, place).append({"any": [new_test()]})


def remove_member(definition: Definition, place: str) -> None:
    """Take a test or a group away; a group that is left empty goes with it."""
    outer, _, number = place.rpartition(".")
    members = _group(definition, outer)
    if int(number) >= len(members):
        raise _NoSuchPlaceError
    del members[int(number)]
    if members:
        return
    if outer == "if":
        definition.pop("if", None)
    elif outer.rpartition(".")[2].isdecimal():
        remove_member(definition, outer)


_ACTS: Mapping[str, Callable[..., None]] = {
    "add": add_step,
    "up": move_up,
    "down": move_down,
    "copy": copy_step,
    "remove": remove_step,
    "field": add_field,
    "unfield": remove_field,
    "test": add_test,
    "group": add_group,
    "drop": remove_member,
}


def _list(definition: Definition, place: str) -> list[Any]:
    """Return the list of steps at a place (``then``, ``then.1.else``)."""
    outer, _, way = place.rpartition(".")
    holder: Any = _step(definition, outer) if outer else definition
    if way not in ("then", "else"):
        raise _NoSuchPlaceError
    found = holder.setdefault(way, [])
    if not isinstance(found, list):
        raise _NoSuchPlaceError
    return found


def _step_place(definition: Definition, place: str) -> tuple[list[Any], int, str]:
    """Return the list that a step is in, its number there, and the place of the branch around it, or ""."""
    inside, _, number = place.rpartition(".")
    steps = _list(definition, inside)
    if not number.isdecimal() or int(number) >= len(steps):
        raise _NoSuchPlaceError
    return steps, int(number), inside.rpartition(".")[0]


def _step(definition: Definition, place: str) -> dict[str, Any]:
    steps, number, _ = _step_place(definition, place)
    if not isinstance(steps[number], dict):
        raise _NoSuchPlaceError
    found: dict[str, Any] = steps[number]
    return found


def _group(definition: Definition, place: str) -> list[Any]:
    """Return the members of the group at a place (``if``, ``if.1``, ``then.2.if.0``); ``if`` is made."""
    start = re.fullmatch(r"(?:(.+)\.)?if((?:\.\d+)*)", place)
    if start is None:
        raise _NoSuchPlaceError
    holder = _step(definition, start[1]) if start[1] else definition
    if not holder.get("if"):
        holder["if"] = {"all": []}
    elif isinstance(holder["if"], list):
        holder["if"] = {"all": holder["if"]}
    members = members_of(holder["if"])
    for number in (int(part) for part in start[2].split(".") if part):
        if number >= len(members) or not isinstance(members[number], dict) or "field" in members[number]:
            raise _NoSuchPlaceError
        members = members_of(members[number])
    return members


def _ids(holder: Mapping[str, Any]) -> list[str]:
    found = []
    for way in ("then", "else"):
        for step in holder.get(way) or ():
            if isinstance(step, dict):
                found += [str(step.get("id")), *_ids(step)]
    return found


def _free_id(definition: Definition, wanted: str) -> str:
    taken = set(_ids(definition))
    base = re.sub(r"_\d+$", "", wanted)[:30] or "step"
    numbered = (f"{base}_{number}" for number in range(2, len(taken) + 3))
    return next(one for one in (base, *numbered) if one not in taken)


def _rename(step: dict[str, Any], definition: Definition) -> None:
    """Give a copied step, and the steps in it, names of their own."""
    taken = set(_ids(definition))
    for one in _all_of(step):
        base = re.sub(r"_\d+$", "", str(one.get("id") or "step"))[:30]
        name = next(n for n in (f"{base}_{number}" for number in range(2, 200)) if n not in taken)
        one["id"] = name
        taken.add(name)


def _all_of(step: dict[str, Any]) -> list[dict[str, Any]]:
    inner = [one for way in ("then", "else") for one in step.get(way) or () if isinstance(one, dict)]
    return [step, *(deeper for one in inner for deeper in _all_of(one))]
