"""Conditions as the editor shows them: groups in groups, and in them tests on fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from vaivem.core.fields import FieldType
from vaivem.core.operators import WITH_LIST, WITHOUT_VALUE, Operator
from vaivem.hub.history.why import operator_name
from vaivem.hub.rules import words
from vaivem.hub.rules.editing.form import MAX_DEPTH, OTHER, mapping_of, members_of
from vaivem.hub.rules.editing.marks import Found, Mark, slug
from vaivem.hub.rules.editing.pickable import Pickable
from vaivem.hub.rules.editing.shown import shown_value

DEEPEST = 5
TEXTS = (
    Operator.EQUALS, Operator.NOT_EQUALS, Operator.CONTAINS, Operator.NOT_CONTAINS, Operator.STARTS_WITH,
    Operator.ENDS_WITH, Operator.ONE_OF, Operator.NONE_OF,
)  # fmt: skip
EMPTY = (Operator.IS_EMPTY, Operator.IS_NOT_EMPTY)
NUMBERS = (Operator.EQUALS, Operator.NOT_EQUALS, Operator.GREATER, Operator.LESS, Operator.BETWEEN)
DATES = (Operator.EQUALS, Operator.BEFORE, Operator.AFTER, Operator.BETWEEN, Operator.WITHIN_DAYS)
CHOICES = (Operator.EQUALS, Operator.NOT_EQUALS, Operator.ONE_OF, Operator.NONE_OF)
YES_NO = (Operator.IS_TRUE, Operator.IS_FALSE)
FITTING: Mapping[FieldType, tuple[Operator, ...]] = {
    FieldType.INTEGER: NUMBERS + EMPTY,
    FieldType.NUMBER: NUMBERS + EMPTY,
    FieldType.MONEY: NUMBERS + EMPTY,
    FieldType.BOOLEAN: YES_NO + EMPTY,
    FieldType.DATE: DATES + EMPTY,
    FieldType.DATETIME: DATES + EMPTY,
    FieldType.OPTION: CHOICES + EMPTY,
    FieldType.OPTIONS: CHOICES + EMPTY,
    FieldType.OBJECT: EMPTY,
}
ANY = (*TEXTS, *(one for one in Operator if one not in TEXTS))


@dataclass(frozen=True, slots=True)
class Choice:
    """One entry of a select."""

    value: str
    label: str
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class Choices:
    """Entries of a select under a heading, "" for none."""

    label: str
    entries: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class TestForm:
    """One test. `control` says how its value is asked: none, text, number, date, select, list or two."""

    __test__ = False  # not a test of pytest's

    place: str
    id: str
    fields: tuple[Choices, ...]
    other: str | None
    operators: tuple[Choice, ...]
    control: str
    values: tuple[str, ...]
    options: tuple[Choice, ...]
    marks: tuple[Mark, ...]
    name: str


@dataclass(frozen=True, slots=True)
class GroupForm:
    """A group of tests and groups. `nested` for one inside another; `can_nest` while it is not too deep."""

    place: str
    id: str
    joint: str
    joints: tuple[Choice, ...]
    members: tuple[GroupForm | TestForm, ...]
    nested: bool
    can_nest: bool
    marks: tuple[Mark, ...] = ()

    @property
    def is_group(self) -> bool:
        """Say that this is a group: templates cannot ask for a class."""
        return True


def group_form(
    data: Any, place: str, path: str, readable: list[Pickable], found: Found, depth: int = 1
) -> GroupForm:
    """Return a group's form; of nothing, an empty one that asks nothing."""
    if isinstance(data, list):
        data = {"all": data}
    joint = next(iter(mapping_of(data)), "all")
    members = list(_members(data, joint, place, path, readable, found, depth))
    names = {"all": _("all of these"), "any": _("at least one of these"), "not": _("none of these")}
    return GroupForm(
        place=place,
        id=slug(place),
        joint=joint,
        joints=tuple(Choice(key, name, key == joint) for key, name in names.items()),
        members=tuple(members),
        nested=depth > 1,
        can_nest=depth < DEEPEST,
        marks=found.at(path),
    )


def _members(
    data: Any, joint: str, place: str, path: str, readable: list[Pickable], found: Found, depth: int
) -> Iterator[GroupForm | TestForm]:
    members = members_of(data) if depth <= MAX_DEPTH else []
    for number, member in enumerate(members):
        inner = f"{path}.{joint}[{number}]"
        if joint == "not" and len(members) == 1 and found.has_below(f"{path}.not", but=f"{path}.not["):
            inner = f"{path}.not"
        if isinstance(member, Mapping) and "field" in member:
            yield _test_form(member, f"{place}.{number}", inner, readable, found)
        else:
            yield group_form(member, f"{place}.{number}", inner, readable, found, depth + 1)


def _test_form(
    data: Mapping[str, Any], place: str, path: str, readable: list[Pickable], found: Found
) -> TestForm:
    field_path, operator = str(data.get("field") or ""), str(data.get("is") or "equals")
    pickable = next((one for one in readable if one.path == field_path), None)
    other = field_path if field_path and pickable is None else None
    operators = tuple(
        Choice(one.value, operator_name(one.value), one.value == operator)
        for one in _operators(pickable, operator)
    )
    control = _control(operator, pickable)
    values = _values(data.get("value"), operator)
    return TestForm(
        place=place,
        id=slug(place),
        fields=field_choices(readable, field_path, other is not None),
        other=other if other != OTHER else "",
        operators=operators,
        control=control,
        values=values,
        options=_options(pickable, values) if control == "select" else (),
        marks=found.within(path),
        name=pickable.label if pickable else field_path or _("a condition"),
    )


def field_choices(readable: list[Pickable], chosen: str, other: bool) -> tuple[Choices, ...]:
    """Return what can be read as a select's entries: the event's fields, then each step's."""
    groups: dict[str, list[Choice]] = {}
    for one in readable:
        heading = _("What happened") if not one.step else _("Earlier steps")
        groups.setdefault(heading, []).append(Choice(one.path, one.label, one.path == chosen))
    start = [] if chosen else [Choices("", (Choice("", _("choose a field"), True),))]
    last = Choices("", (Choice(OTHER, _("another field…"), other),))
    return (*start, *(Choices(name, tuple(entries)) for name, entries in groups.items()), last)


def _operators(pickable: Pickable | None, chosen: str) -> tuple[Operator, ...]:
    fitting = ANY if pickable is None else FITTING.get(pickable.field.type, TEXTS + EMPTY)
    if pickable is not None and pickable.is_list and pickable.field.type not in FITTING:
        fitting = TEXTS + EMPTY
    return fitting if chosen in fitting else (*fitting, *(one for one in Operator if one == chosen))


def _control(operator: str, pickable: Pickable | None) -> str:
    type_ = pickable.field.type if pickable else FieldType.TEXT
    if operator in WITHOUT_VALUE:
        return "none"
    if operator == Operator.BETWEEN:
        return "two_dates" if type_ in (FieldType.DATE, FieldType.DATETIME) else "two"
    if operator in WITH_LIST:
        return "list"
    if operator == Operator.WITHIN_DAYS:
        return "number"
    if operator in (Operator.BEFORE, Operator.AFTER) or type_ is FieldType.DATE:
        return "date"
    return "select" if pickable is not None and pickable.field.options else "text"


def _values(value: Any, operator: str) -> tuple[str, ...]:
    if operator == Operator.BETWEEN:
        both = [shown_value(one) for one in value] if isinstance(value, list) else [shown_value(value)]
        return tuple([*both, "", ""][:2])
    if isinstance(value, list):
        return ("\n".join(shown_value(one) for one in value),)
    return (shown_value(value),)


def _options(pickable: Pickable | None, values: tuple[str, ...]) -> tuple[Choice, ...]:
    if pickable is None:
        return ()
    field = pickable.field
    known = tuple(
        Choice(
            str(one.value), words.option_name(pickable.connector, field, one.value), str(one.value) in values
        )
        for one in field.options
    )
    if any(one.chosen for one in known):
        return known
    start = Choice(values[0], values[0] or _("choose"), True)
    return (start, *known)
