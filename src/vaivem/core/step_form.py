"""The JSON or YAML form of a rule's steps: reading and writing it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from vaivem.core.condition_form import group_to_dict, read_group
from vaivem.core.conditions import Group
from vaivem.core.fields import WritePolicy
from vaivem.core.reading import MAX_TEXT_LENGTH, Reading, joined
from vaivem.core.steps import (
    ActionStep,
    AwaitStep,
    BranchStep,
    ConnectionRef,
    EmailStep,
    Empty,
    FieldMapping,
    FindStep,
    KeyChoice,
    KeyKind,
    Missing,
    NotifyStep,
    OnBad,
    Origin,
    Repeat,
    Source,
    Step,
    StopStep,
    WaitStep,
)

MAX_DEPTH = 5
MAX_MAPPINGS = 200
MAX_WAIT = timedelta(days=366)

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_RESERVED_NAMES = frozenset({"steps", "rule", "today", "now"})
_UNITS = ("days", "hours", "minutes", "seconds")


def read_connection(reading: Reading, data: Mapping[str, Any], path: str) -> ConnectionRef:
    """Read ``connection``: a name or an id."""
    value = data.get("connection")
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return reading.text(data, "connection", path)


def read_options(reading: Reading, data: Mapping[str, Any], path: str) -> Mapping[str, Any]:
    """Read ``options``: an object of JSON values, {} when there is none."""
    place = joined(path, "options")
    content = reading.mapping(data.get("options") or {}, place)
    return {key: reading.plain(value, joined(place, key)) for key, value in content.items()}


def read_steps(reading: Reading, data: Any, path: str, depth: int = 1) -> tuple[Step, ...]:
    """Read a list of steps."""
    if data is None:
        return ()
    if depth > MAX_DEPTH:
        reading.note(path, "rule_too_deep", max=MAX_DEPTH)
        return ()
    steps = [_read_step(reading, item, place, depth) for place, item in reading.items(data, path)]
    return tuple(step for step in steps if step is not None)


_STEP_KEYS: dict[str, frozenset[str]] = {
    "action": frozenset(
        {"connection", "action", "key", "repeat", "fields", "empty", "options", "combination"}
    ),
    "find": frozenset({"connection", "action", "fields", "missing", "options"}),
    "wait": frozenset({"for", "until"}),
    "await": frozenset({"connection", "trigger", "options", "about", "if", "for"}),
    "branch": frozenset({"if", "then", "else"}),
    "email": frozenset({"to", "subject", "body", "html", "transactional"}),
    "stop": frozenset({"if"}),
    "notify": frozenset({"member", "text"}),
}


def _read_step(reading: Reading, data: Any, path: str, depth: int) -> Step | None:
    kind = data.get("kind") if isinstance(data, Mapping) else None
    if isinstance(data, Mapping) and (not isinstance(kind, str) or kind not in _STEP_KEYS):
        choices = list(_STEP_KEYS)
        reading.note(joined(path, "kind"), "rule_unknown_choice", value=str(kind), choices=choices)
        return None
    known = _STEP_KEYS[kind] | {"id", "kind"} if kind else None
    content = reading.mapping(data, path, known)
    step_id = reading.text(content, "id", path)
    if step_id and not _NAME.fullmatch(step_id):
        reading.note(joined(path, "id"), "rule_bad_name", value=step_id)
    if kind == "action":
        return _read_action(reading, content, path, step_id)
    if kind == "find":
        return _read_find(reading, content, path, step_id)
    if kind == "wait":
        return _read_wait(reading, content, path, step_id)
    if kind == "await":
        return _read_await(reading, content, path, step_id)
    if kind == "branch":
        return _read_branch(reading, content, path, step_id, depth)
    if kind == "email":
        return _read_email(reading, content, path, step_id)
    if kind == "stop":
        return StopStep(step_id, _read_condition(reading, content, path))
    if kind == "notify":
        member = reading.text(content, "member", path)
        return NotifyStep(step_id, member, _read_part(reading, content, path, "text"))
    return None


def _read_email(reading: Reading, data: Mapping[str, Any], path: str, step_id: str) -> EmailStep:
    """Read an e-mail; with HTML its plain text may be left out."""
    html = _read_part(reading, data, path, "html") if data.get("html") is not None else None
    given = data if html is None or data.get("body") is not None else {**data, "body": {"text": ""}}
    to, subject, body = (_read_part(reading, given, path, part) for part in ("to", "subject", "body"))
    return EmailStep(step_id, to, subject, body, reading.flag(data, "transactional", path), html)


def _read_action(reading: Reading, data: Mapping[str, Any], path: str, step_id: str) -> ActionStep:
    return ActionStep(
        id=step_id,
        connection=read_connection(reading, data, path),
        action=reading.text(data, "action", path),
        mappings=_read_mappings(reading, data.get("fields"), joined(path, "fields")),
        repeat=_read_repeat(reading, data.get("repeat"), joined(path, "repeat")),
        key=_read_key(reading, data.get("key"), joined(path, "key")),
        options=read_options(reading, data, path),
        empty=reading.choice(data, "empty", path, Empty, Empty.FAIL),
        combination=_read_combination(reading, data, path),
    )


def _read_combination(reading: Reading, data: Mapping[str, Any], path: str) -> str | int | None:
    value = data.get("combination")
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return reading.text(data, "combination", path, required=False) or None


def _read_find(reading: Reading, data: Mapping[str, Any], path: str, step_id: str) -> FindStep:
    return FindStep(
        id=step_id,
        connection=read_connection(reading, data, path),
        action=reading.text(data, "action", path),
        mappings=_read_mappings(reading, data.get("fields"), joined(path, "fields")),
        missing=reading.choice(data, "missing", path, Missing, Missing.CONTINUE),
        options=read_options(reading, data, path),
    )


def _read_mappings(reading: Reading, data: Any, path: str) -> tuple[FieldMapping, ...]:
    if data is None:
        return ()
    content = reading.mapping(data, path)
    if len(content) > MAX_MAPPINGS:
        reading.note(path, "rule_too_many_mappings", max=MAX_MAPPINGS)
    return tuple(_read_mapping(reading, key, item, joined(path, key)) for key, item in content.items())


_MAPPING_KEYS = frozenset({"from", "text", "value", "write", "on_bad", "instead", "clear", "max", "shared"})


def _read_mapping(reading: Reading, key: str, data: Any, path: str) -> FieldMapping:
    content = reading.mapping(data, path, _MAPPING_KEYS)
    write = content.get("write") and reading.choice(content, "write", path, WritePolicy, WritePolicy.ALWAYS)
    if content.get("max") not in (None, "cut"):
        reading.note(joined(path, "max"), "rule_unknown_choice", value=str(content["max"]), choices=["cut"])
    on_bad = reading.choice(content, "on_bad", path, OnBad, OnBad.FAIL)
    if (on_bad is OnBad.USE) != ("instead" in content):
        reading.note(joined(path, "instead"), "rule_instead_with_use")
    return FieldMapping(
        field=key,
        source=_read_source(reading, content, path),
        write=write or None,
        on_bad=on_bad,
        instead=reading.plain(content.get("instead"), joined(path, "instead")),
        clear=reading.flag(content, "clear", path),
        cut=content.get("max") == "cut",
        shared=reading.flag(content, "shared", path),
    )


def _read_source(reading: Reading, content: Mapping[str, Any], path: str) -> Source:
    given = [origin for origin in Origin if origin.value in content]
    if len(given) != 1:
        reading.note(path, "rule_one_of", keys=[origin.value for origin in Origin])
        return Source(Origin.VALUE, None)
    origin = given[0]
    if origin is Origin.FROM:
        return Source(origin, reading.source(content, "from", path))
    if origin is Origin.TEXT:
        return Source(origin, reading.text(content, "text", path, required=False, most=MAX_TEXT_LENGTH))
    return Source(origin, reading.plain(content["value"], joined(path, "value")))


def _read_part(reading: Reading, data: Mapping[str, Any], path: str, part: str) -> Source:
    place = joined(path, part)
    if data.get(part) is None:
        reading.note(place, "rule_missing", key=part)
        return Source(Origin.VALUE, "")
    return _read_source(reading, reading.mapping(data[part], place, {"from", "text", "value"}), place)


def _read_repeat(reading: Reading, data: Any, path: str) -> Mapping[str, Repeat]:
    repeats: dict[str, Repeat] = {}
    for group, item in reading.mapping(data or {}, path).items():
        place = joined(path, group)
        content = reading.mapping(item, place, {"over", "as"})
        name = reading.text(content, "as", place)
        if name and (not _NAME.fullmatch(name) or name in _RESERVED_NAMES):
            reading.note(joined(place, "as"), "rule_bad_name", value=name)
        repeats[group] = Repeat(reading.source(content, "over", place), name)
    return repeats


def _read_key(reading: Reading, data: Any, path: str) -> KeyChoice | None:
    if data is None:
        return None
    content = reading.mapping(data, path, {"by", "field"})
    if "by" not in content:
        reading.note(joined(path, "by"), "rule_missing", key="by")
    by = reading.choice(content, "by", path, KeyKind, KeyKind.SOURCE)
    field_key = reading.text(content, "field", path, required=by is KeyKind.FIELD)
    return KeyChoice(by, field_key or None)


def _read_wait(reading: Reading, data: Mapping[str, Any], path: str, step_id: str) -> WaitStep:
    if ("for" in data) == ("until" in data):
        reading.note(path, "rule_one_of", keys=["for", "until"])
        return WaitStep(step_id, timedelta())
    if "for" in data:
        return WaitStep(step_id, _read_span(reading, data["for"], joined(path, "for")))
    place = joined(path, "until")
    content = reading.mapping(data["until"], place, {"from", "shift"})
    shift = _read_duration(reading, content.get("shift") or {}, joined(place, "shift"))
    if abs(shift) > MAX_WAIT:
        reading.note(joined(place, "shift"), "rule_bad_duration", max_days=MAX_WAIT.days)
    return WaitStep(step_id, until=reading.source(content, "from", place), shift=shift)


def _read_await(reading: Reading, data: Mapping[str, Any], path: str, step_id: str) -> AwaitStep:
    if "for" not in data:
        reading.note(joined(path, "for"), "rule_missing", key="for")
    place, about, equals = joined(path, "about"), None, None
    if data.get("about") is not None:
        content = reading.mapping(data["about"], place, {"field", "as"})
        about = reading.source(content, "field", place)
        equals = reading.source(content, "as", place) if content.get("as") is not None else None
    return AwaitStep(
        id=step_id,
        connection=read_connection(reading, data, path),
        trigger=reading.text(data, "trigger", path),
        limit=_read_span(reading, data["for"], joined(path, "for")) if "for" in data else timedelta(),
        options=read_options(reading, data, path),
        about=about,
        equals=equals,
        condition=read_group(reading, data["if"], joined(path, "if")) if data.get("if") else None,
    )


def _read_span(reading: Reading, data: Any, path: str) -> timedelta:
    """Read how long something lasts at most."""
    duration = _read_duration(reading, data, path)
    if not timedelta() < duration <= MAX_WAIT:
        reading.note(path, "rule_bad_duration", max_days=MAX_WAIT.days)
    return duration


def _read_duration(reading: Reading, data: Any, path: str) -> timedelta:
    parts: dict[str, float] = {}
    for unit, amount in reading.mapping(data, path, _UNITS).items():
        if isinstance(amount, int | float) and not isinstance(amount, bool) and abs(amount) < 1e6:
            parts[unit] = amount
        else:
            reading.note(joined(path, unit), "rule_wrong_type", expected="number")
    return timedelta(**{unit: amount for unit, amount in parts.items() if unit in _UNITS})


def _read_branch(
    reading: Reading, data: Mapping[str, Any], path: str, step_id: str, depth: int
) -> BranchStep:
    condition = _read_condition(reading, data, path)
    steps = {
        key: read_steps(reading, data.get(key), joined(path, key), depth + 1) for key in ("then", "else")
    }
    if not data.get("then") and not data.get("else"):
        reading.note(path, "rule_no_steps")
    return BranchStep(step_id, condition, steps["then"], steps["else"])


def _read_condition(reading: Reading, data: Mapping[str, Any], path: str) -> Group:
    """Read the ``if`` of a step, which has to ask something."""
    if not data.get("if"):
        reading.note(joined(path, "if"), "rule_missing", key="if")
    return read_group(reading, data.get("if") or {"all": []}, joined(path, "if"))


def steps_to_list(steps: tuple[Step, ...]) -> list[dict[str, Any]]:
    """Return the form that `read_steps` reads."""
    return [step_to_dict(step) for step in steps]


def step_to_dict(step: Step) -> dict[str, Any]:
    """Return the form of one step; what is at its default is left out."""
    match step:
        case ActionStep():
            data: dict[str, Any] = {"kind": "action", "connection": step.connection, "action": step.action}
            if step.key is not None:
                data["key"] = _key_to_dict(step.key)
            data["repeat"] = {group: {"over": r.over, "as": r.name} for group, r in step.repeat.items()}
            data["fields"] = {mapping.field: _mapping_to_dict(mapping) for mapping in step.mappings}
            data["options"] = dict(step.options)
            if step.combination is not None:
                data["combination"] = step.combination
            if step.empty is not Empty.FAIL:
                data["empty"] = step.empty.value
        case FindStep():
            data = {"kind": "find", "connection": step.connection, "action": step.action}
            data["fields"] = {mapping.field: _mapping_to_dict(mapping) for mapping in step.mappings}
            data |= {"missing": step.missing.value, "options": dict(step.options)}
        case WaitStep():
            data = {"kind": "wait", **_wait_to_dict(step)}
        case AwaitStep():
            data = {"kind": "await", **_await_to_dict(step)}
        case BranchStep():
            data = {"kind": "branch", "if": group_to_dict(step.condition)}
            data |= {"then": steps_to_list(step.then), "else": steps_to_list(step.otherwise)}
        case StopStep():
            data = {"kind": "stop", "if": group_to_dict(step.condition)}
        case NotifyStep():
            data = {"kind": "notify", "member": step.member, "text": _source_to_dict(step.text)}
        case _:
            data = {"kind": "email"}
            data |= {part: _source_to_dict(source) for part, source in step.sources.items()}
            if step.transactional:
                data["transactional"] = True
    return {"id": step.id, **{name: value for name, value in data.items() if value not in ({}, [])}}


def _source_to_dict(source: Source) -> dict[str, Any]:
    return {source.origin.value: source.content}


def _key_to_dict(key: KeyChoice) -> dict[str, str]:
    return {"by": key.by.value} | ({"field": key.field} if key.field else {})


def _mapping_to_dict(mapping: FieldMapping) -> dict[str, Any]:
    data: dict[str, Any] = _source_to_dict(mapping.source)
    if mapping.write is not None:
        data["write"] = mapping.write.value
    if mapping.on_bad is not OnBad.FAIL:
        data["on_bad"] = mapping.on_bad.value
    if mapping.on_bad is OnBad.USE:
        data["instead"] = mapping.instead
    if mapping.clear:
        data["clear"] = True
    if mapping.cut:
        data["max"] = "cut"
    if mapping.shared:
        data["shared"] = True
    return data


def _wait_to_dict(step: WaitStep) -> dict[str, Any]:
    if step.until is None:
        return {"for": _duration_to_dict(step.duration or timedelta())}
    shift = _duration_to_dict(step.shift)
    return {"until": {"from": step.until} | ({"shift": shift} if shift else {})}


def _await_to_dict(step: AwaitStep) -> dict[str, Any]:
    data: dict[str, Any] = {"connection": step.connection, "trigger": step.trigger}
    data["options"] = dict(step.options)
    if step.about is not None:
        data["about"] = {"field": step.about} | ({"as": step.equals} if step.equals else {})
    if step.condition is not None:
        data["if"] = group_to_dict(step.condition)
    return data | {"for": _duration_to_dict(step.limit)}


def _duration_to_dict(duration: timedelta) -> dict[str, float]:
    """Write a duration in days and seconds; a negative one has a negative sign in each part."""
    sign, rest = (-1, -duration) if duration < timedelta() else (1, duration)
    seconds = rest.seconds + rest.microseconds / 1e6
    parts = {"days": rest.days, "hours": int(seconds // 3600), "minutes": int(seconds % 3600 // 60)}
    parts_with_seconds = parts | {"seconds": seconds % 60}
    return {unit: sign * amount for unit, amount in parts_with_seconds.items() if amount}
