"""The fields of a step as the editor shows them: what each receives, when it is written, what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _

from vaivem.connectors import sdk
from vaivem.core.catalog import ActionShape
from vaivem.core.fields import COUNTING, Field, FieldType, WritePolicy, group_of
from vaivem.engine.offers import choices
from vaivem.hub.rules import words
from vaivem.hub.rules.editing.conditions import Choice
from vaivem.hub.rules.editing.form import OTHER, mapping_of
from vaivem.hub.rules.editing.marks import Found, Mark, slug
from vaivem.hub.rules.editing.pickable import object_names
from vaivem.hub.rules.editing.shown import liquid_of, shown_value
from vaivem.hub.rules.previews import Line, StepPreview

LONG = frozenset({FieldType.LONG_TEXT, FieldType.OBJECT})


@dataclass(frozen=True, slots=True)
class Row:
    """One field of a step. `control` is how it is asked: text, long, select or many.

    `lines` are what became of it with the example: one, or one for each element of the repeated list.
    """

    place: str
    key: str
    id: str
    label: str
    hint: str
    required: bool
    control: str
    text: str
    picks: tuple[Choice, ...]
    other: bool
    writes: tuple[Choice, ...]
    write_words: str
    bads: tuple[Choice, ...]
    instead: str | None
    clear: bool
    cut: bool
    can_cut: bool
    plain: bool
    marks: tuple[Mark, ...]
    lines: tuple[Line, ...]
    becomes: str
    gone: bool = False

    @property
    def wrong(self) -> bool:
        """Whether it keeps the rule from being published."""
        return bool(self.marks)

    @property
    def example_problem(self) -> str:
        """What is wrong with the example's value, "" when nothing is."""
        return next((line.problem for line in self.lines if line.problem), "")


@dataclass(frozen=True, slots=True)
class Block:
    """Fields that belong together. `over` offers the lists they can be repeated for."""

    group: str
    title: str
    rows: tuple[Row, ...]
    over: tuple[Choice, ...] = ()


@dataclass(frozen=True, slots=True)
class More:
    """A field that a step could fill too."""

    key: str
    label: str
    hint: str


class RowMaker:
    """Makes the rows of one step."""

    def __init__(
        self,
        step: Mapping[str, Any],
        place: str,
        path: str,
        shape: ActionShape,
        seen: sdk.Connection,
        found: Found,
        shown: StepPreview | None,
    ) -> None:
        self.step = step
        self.place = place
        self.path = path
        self.shape = shape
        self.seen = seen
        self.found = found
        self.lines = shown.lines if shown else ()
        self.mapped = mapping_of(step.get("fields"))
        self.finds = step.get("kind") == "find"

    def blocks(self, lists: tuple[tuple[str, str], ...]) -> tuple[Block, ...]:
        """Return the rows in blocks by group. `lists` are paths and names of what can be repeated over."""
        groups: dict[str, list[Row]] = {}
        used = {group_of(key) for key in self.mapped} | {""}
        for field in self.shape.fields:
            group = group_of(field.key)
            needed = field.key in self.shape.required or (field.required and group in used)
            if field.key in self.mapped or needed or (field.required and group == self.main):
                groups.setdefault(group, []).append(self._row(field))
        known = {field.key for field in self.shape.fields}
        for key in self.mapped:
            if key not in known:
                groups.setdefault(group_of(key), []).append(self._gone(key))
        return tuple(self._block(group, rows, lists) for group, rows in groups.items())

    @property
    def main(self) -> str:
        """The group of the action's first field: the record that the step is about."""
        return group_of(self.shape.fields[0].key) if self.shape.fields else ""

    def more(self) -> tuple[tuple[str, tuple[More, ...]], ...]:
        """Return the fields that are not filled yet, by the name of their group."""
        shown = {row.key for block in self.blocks(()) for row in block.rows}
        found: dict[str, list[More]] = {}
        for field in self.shape.fields:
            if field.key not in shown:
                name = object_names(self.seen.connector, group_of(field.key))
                entry = More(field.key, words.label(self.seen.connector, field), words.type_name(field))
                found.setdefault(name, []).append(entry)
        return tuple((name, tuple(entries)) for name, entries in found.items())

    def _block(self, group: str, rows: list[Row], lists: tuple[tuple[str, str], ...]) -> Block:
        title = object_names(self.seen.connector, group) if group else ""
        over: tuple[Choice, ...] = ()
        if group in self.shape.groups and not self.finds:
            chosen = str(mapping_of(mapping_of(self.step.get("repeat")).get(group)).get("over") or "")
            known = [*lists, *([(chosen, chosen)] if chosen and chosen not in dict(lists) else [])]
            once = Choice("", _("only once"), not chosen)
            over = (once, *(Choice(path, name, path == chosen) for path, name in known))
        return Block(group, title, tuple(rows), over if len(over) > 1 else ())

    def _row(self, field: Field) -> Row:
        data = mapping_of(self.mapped.get(field.key))
        text, control = liquid_of(data), _control(field)
        options = self._options(field) if control in ("select", "many") else ()
        waits = control == "select" and not options and not text and self._lacks_parent(field)
        fixed = "value" in data or not text
        picks: tuple[Choice, ...] = ()
        other = False
        if control == "select":
            known = {str(option.value) for option in options}
            other = bool(text) and (not fixed or (text not in known and not self._by_name(options, text)))
            picks = self._picks(field, options, "" if other else self._by_name(options, text) or text, other)
        elif control == "many":
            values = data.get("value") if isinstance(data.get("value"), list) else []
            other = bool(text) and "value" not in data
            wanted = {str(one) for one in values or ()}
            picks = tuple(
                Choice(str(one.value), one.label, str(one.value) in wanted or one.label in wanted)
                for one in options
            )
            control = "text" if other or not options else control
        write = str(data.get("write") or "")
        lines = tuple(line for line in self.lines if line.key == field.key)
        return Row(
            place=self.place,
            key=field.key,
            id=slug(f"{self.path}:{field.key}"),
            label=words.label(self.seen.connector, field),
            hint=words.type_name(field),
            required=field.required or field.key in self.shape.required,
            control=control if control != "select" or options or waits else "text",
            text=text if control in ("text", "long") or other else "",
            picks=picks,
            other=other,
            writes=()
            if self.finds
            else write_choices(write, field.write, counts=self.shape.can_count(field)),
            write_words=policy_name(WritePolicy(write) if write in set(WritePolicy) else field.write),
            bads=() if self.finds else bad_choices(str(data.get("on_bad") or "fail"), field),
            instead=shown_value(data.get("instead")) if data.get("on_bad") == "use" else None,
            clear=bool(data.get("clear")),
            cut=data.get("max") == "cut",
            can_cut=field.max_length is not None or field.type is FieldType.TEXT,
            plain=not (data.keys() & {"write", "on_bad", "clear", "max"}),
            marks=self._marks(field.key),
            lines=lines,
            becomes="; ".join(line.value for line in lines if line.value),
        )

    def _gone(self, key: str) -> Row:
        """Return the row of a field that the account no longer has."""
        data = mapping_of(self.mapped.get(key))
        return Row(
            place=self.place, key=key, id=slug(f"{self.path}:{key}"), label=key, hint="", required=False,
            control="text", text=liquid_of(data), picks=(), other=False, writes=(), write_words="", bads=(),
            instead=None, clear=False, cut=False, can_cut=False, plain=True, marks=self._marks(key), lines=(),
            becomes="", gone=True,
        )  # fmt: skip

    def _marks(self, key: str) -> tuple[Mark, ...]:
        base = f"{self.path}.fields.{key}"
        ends = ("", ".from", ".text", ".value", ".instead", ".write", ".on_bad", ".max", ".clear")
        return tuple(mark for end in ends for mark in self.found.at(base + end))

    def _options(self, field: Field) -> tuple[Any, ...]:
        parent = mapping_of(self.mapped.get(field.depends_on or "")) if field.depends_on else None
        if field.type is FieldType.BOOLEAN:
            return (Choice("true", _("yes")), Choice("false", _("no")))
        if parent is None:
            offered = field.options or choices(self.seen, field)
        else:
            chosen = self._parent_value(field.depends_on or "", parent)
            offered = choices(self.seen, field, chosen) if chosen else ()
        return tuple(
            Choice(str(one.value), words.option_name(self.seen.connector, _with(field, offered), one.value))
            for one in offered
        )

    def _lacks_parent(self, field: Field) -> bool:
        """Say whether it is chosen from a list that another field's choice opens, and that one is open."""
        if field.depends_on is None:
            return False
        return not self._parent_value(field.depends_on, mapping_of(self.mapped.get(field.depends_on)))

    def _parent_value(self, key: str, data: Mapping[str, Any]) -> str:
        """Return the value of the field that this one's choices depend on, named or given."""
        text = shown_value(data.get("value")) if "value" in data else ""
        parent = next((one for one in self.shape.fields if one.key == key), None)
        options = (parent.options or choices(self.seen, parent)) if parent else ()
        listed = tuple(Choice(str(one.value), one.label) for one in options)
        return self._by_name(listed, text) or text

    @staticmethod
    def _by_name(options: tuple[Any, ...], text: str) -> str:
        """Return the value of the choice that a draft names by its value, or by its name as files do."""
        exact = next((one.value for one in options if one.value == text), "")
        return exact or next((one.value for one in options if one.label.casefold() == text.casefold()), "")

    def _picks(
        self, field: Field, options: tuple[Choice, ...], chosen: str, other: bool
    ) -> tuple[Choice, ...]:
        waits = field.depends_on is not None and not options
        nothing = (
            _("choose the one above first") if waits else _("choose…") if field.required else _("nothing")
        )
        start = Choice("", nothing, not chosen and not other)
        listed = tuple(Choice(one.value, one.label or one.value, one.value == chosen) for one in options)
        return (start, *listed, Choice(OTHER, _("from a field or a text…"), other))


def _with(field: Field, options: Any) -> Field:
    return replace(field, options=tuple(options))


def _control(field: Field) -> str:
    if field.type is FieldType.OPTIONS:
        return "many"
    if field.type in (FieldType.OPTION, FieldType.BOOLEAN) and not field.many:
        return "select"
    return "long" if field.type in LONG else "text"


def policy_name(policy: WritePolicy) -> str:
    """Return when a field is written."""
    return {
        WritePolicy.CREATED: _("only when it is created"),
        WritePolicy.ALWAYS: _("always"),
        WritePolicy.EMPTY: _("only where nothing stands"),
        WritePolicy.RAISE: _("raise what stands there by it"),
        WritePolicy.LOWER: _("lower what stands there by it"),
    }[policy]


def write_choices(chosen: str, own: WritePolicy, *, counts: bool) -> tuple[Choice, ...]:
    """Return when a field may be written; its own way has no value, so that it is not fixed in the rule."""
    found = []
    for policy in WritePolicy:
        if policy in COUNTING and not counts and chosen != policy.value:
            continue
        value = "" if policy is own and chosen != own.value else policy.value
        found.append(Choice(value, policy_name(policy), chosen == value))
    return tuple(found)


def bad_choices(chosen: str, field: Field) -> tuple[Choice, ...]:
    """Return what can be done with a value that does not fit."""
    names = {
        "fail": _("stop and tell me"),
        "skip": _("leave the field as it is"),
        "use": _("use another value"),
        "as_is": _("send it as it came"),
    }
    return tuple(Choice(key, name, key == chosen) for key, name in names.items())
