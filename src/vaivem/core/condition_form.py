"""The JSON or YAML form of conditions: reading and writing it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vaivem.core.conditions import Group, Joint, Test
from vaivem.core.fields import FieldType
from vaivem.core.operators import WITH_LIST, WITHOUT_VALUE, Operator
from vaivem.core.reading import Reading, joined

MAX_TESTS = 100
MAX_DEPTH = 5


def read_group(reading: Reading, data: Any, path: str, depth: int = 1) -> Group:
    """Read ``{all: [...]}``, ``{any: [...]}``, ``{not: {...}}`` or a list, which means "all"."""
    if depth > MAX_DEPTH:
        reading.note(path, "rule_too_deep", max=MAX_DEPTH)
        return Group(Joint.ALL, ())
    if isinstance(data, list | tuple):
        data = {"all": data}
    content = reading.mapping(data, path, {joint.value for joint in Joint})
    if len(content) != 1:
        reading.note(path, "rule_one_of", keys=[joint.value for joint in Joint])
        return Group(Joint.ALL, ())
    (key, inner), *_ = content.items()
    if key not in {joint.value for joint in Joint}:
        return Group(Joint.ALL, ())
    if key == "not" and isinstance(inner, Mapping):
        return Group(Joint.NOT, (_read_member(reading, inner, joined(path, key), depth),))
    members = [
        _read_member(reading, item, place, depth) for place, item in reading.items(inner, joined(path, key))
    ]
    return Group(Joint(key), tuple(members))


def _read_member(reading: Reading, data: Any, path: str, depth: int) -> Group | Test:
    if isinstance(data, Mapping) and "field" in data:
        return _read_test(reading, data, path)
    return read_group(reading, data, path, depth + 1)


def _read_test(reading: Reading, data: Mapping[str, Any], path: str) -> Test:
    content = reading.mapping(data, path, {"field", "is", "value", "type"})
    if "is" not in content:
        reading.note(joined(path, "is"), "rule_missing", key="is")
    operator = reading.choice(content, "is", path, Operator, Operator.IS_NOT_EMPTY)
    value = reading.plain(content.get("value"), joined(path, "value"))
    if operator in WITHOUT_VALUE:
        value = None
    elif value is None or value == "" or value == []:
        reading.note(joined(path, "value"), "rule_missing", key="value")
    elif (operator in WITH_LIST) != isinstance(value, list):
        expected = "list" if operator in WITH_LIST else "single"
        reading.note(joined(path, "value"), "rule_wrong_type", expected=expected)
    elif operator is Operator.BETWEEN and len(value) != 2:
        reading.note(joined(path, "value"), "rule_two_values")
    type_ = reading.choice(content, "type", path, FieldType, FieldType.TEXT) if "type" in content else None
    return Test(reading.source(content, "field", path), operator, value, type_)


def group_to_dict(group: Group) -> dict[str, Any]:
    """Return the form that `read_group` reads."""
    members = [_member_to_dict(member) for member in group.members]
    return {group.joint.value: members}


def _member_to_dict(member: Group | Test) -> dict[str, Any]:
    if isinstance(member, Group):
        return group_to_dict(member)
    data: dict[str, Any] = {"field": member.field, "is": member.operator.value}
    if member.operator not in WITHOUT_VALUE:
        data["value"] = member.value
    if member.type is not None:
        data["type"] = member.type.value
    return data
