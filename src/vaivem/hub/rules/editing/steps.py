"""The steps of a draft as the editor shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from vaivem.connectors import sdk
from vaivem.core.catalog import ActionShape
from vaivem.core.fields import FieldType
from vaivem.hub.messages import connector_text
from vaivem.hub.rules import words
from vaivem.hub.rules.catalog import WorkspaceCatalog
from vaivem.hub.rules.editing.awaits import AwaitForm, amounts, await_form, given_by
from vaivem.hub.rules.editing.conditions import Choice, Choices, GroupForm, field_choices, group_form
from vaivem.hub.rules.editing.form import OTHER, mapping_of
from vaivem.hub.rules.editing.marks import Found, Mark, slug
from vaivem.hub.rules.editing.options import OptionForm, option_forms
from vaivem.hub.rules.editing.pickable import Pickable, of_element, of_step
from vaivem.hub.rules.editing.rows import Block, More, RowMaker
from vaivem.hub.rules.editing.shown import liquid_of
from vaivem.hub.rules.previews import StepPreview
from vaivem.hub.rules.sharing import fitting

MAX_DEPTH = 6
LONG_PARTS = frozenset({"body", "text", "html"})
OPTIONAL_PARTS = frozenset({"body", "html"})


@dataclass(frozen=True, slots=True)
class TextForm:
    """One text of an e-mail or a notice."""

    part: str
    id: str
    label: str
    text: str
    long: bool
    marks: tuple[Mark, ...]
    becomes: str = ""
    required: bool = False


@dataclass(frozen=True, slots=True)
class WaitForm:
    """A wait: for a time, or until a date."""

    until: bool
    amounts: tuple[tuple[str, str, str], ...]
    fields: tuple[Choices, ...]
    other: str | None
    before: bool
    shifts: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class StepForm:
    """One step."""

    place: str
    path: str
    id: str
    number: str
    kind: str
    step_id: str
    title: str
    connector: str
    where: str
    help: str
    first: bool
    last: bool
    open: bool
    marks: tuple[Mark, ...]
    wrong: int
    does: tuple[Choices, ...] = ()
    chosen: bool = False
    keys: tuple[Choice, ...] = ()
    missing: tuple[Choice, ...] = ()
    empties: tuple[Choice, ...] = ()
    combinations: tuple[Choice, ...] = ()
    options: tuple[OptionForm, ...] = ()
    blocks: tuple[Block, ...] = ()
    more: tuple[tuple[str, tuple[More, ...]], ...] = ()
    wait: WaitForm | None = None
    awaits: AwaitForm | None = None
    group: GroupForm | None = None
    then: StepsForm | None = None
    otherwise: StepsForm | None = None
    texts: tuple[TextForm, ...] = ()
    members: tuple[Choice, ...] = ()
    preview: StepPreview | None = None
    transactional: bool = False


@dataclass(frozen=True, slots=True)
class StepsForm:
    """A list of steps: the rule's own, or one way of a branch."""

    place: str
    id: str
    steps: tuple[StepForm, ...]
    nested: bool
    can_branch: bool


class StepMaker:
    """Makes the forms of all steps; `readable` grows by what each step gives."""

    def __init__(
        self,
        catalog: WorkspaceCatalog,
        found: Found,
        event: list[Pickable],
        previews: Mapping[str, StepPreview],
        sample: Mapping[str, Any],
        texts: Mapping[str, str],
        source: Any = "",
        *,
        automation: bool = False,
    ) -> None:
        self.catalog = catalog
        self.found = found
        self.event = event
        self.previews = previews
        self.sample = sample
        self.texts = texts
        self.source = source
        self.automation = automation
        self.given: list[Pickable] = []
        self.elements: list[Pickable] = []

    @property
    def readable(self) -> list[Pickable]:
        """What can be read at this point."""
        return [*self.event, *self.given]

    def steps(self, data: Any, place: str, path: str, number: str = "", depth: int = 0) -> StepsForm:
        """Return the form of a list of steps."""
        steps = [one for one in data if isinstance(one, Mapping)] if isinstance(data, list) else []
        forms = []
        for count, step in enumerate(steps):
            own = f"{number}.{count + 1}" if number else str(count + 1)
            ends = (count == 0 and not depth, count + 1 == len(steps) and not depth)
            forms.append(self._step(step, f"{place}.{count}", f"{path}[{count}]", own, ends, depth))
            give = given_by if step.get("kind") == "await" else of_step
            self.given += give(f"{place}.{count}", own, step, self.catalog)
        return StepsForm(place, slug(place), tuple(forms), depth > 0, depth < MAX_DEPTH - 2)

    def _step(
        self,
        step: Mapping[str, Any],
        place: str,
        path: str,
        number: str,
        ends: tuple[bool, bool],
        depth: int,
    ) -> StepForm:
        kind = str(step.get("kind"))
        marks = self.found.within(path)
        common: dict[str, Any] = {
            "place": place, "path": path, "id": slug(path), "number": number, "kind": kind,
            "step_id": str(step.get("id") or ""), "first": ends[0], "last": ends[1], "wrong": len(marks),
            "marks": tuple(one for one in marks if not _is_inner(one.path, path)),
            "open": bool(marks) or path == "then[0]", "connector": "", "where": "", "help": "", "title": "",
        }  # fmt: skip
        if kind in ("action", "find"):
            return self._action(step, common)
        if kind == "wait":
            wait = _wait(step, self.readable)
            return StepForm(**{**common, "title": _("Wait")}, wait=wait)
        if kind == "await":
            form = await_form(
                step, place, path, self.catalog, self.found, self.readable, automation=self.automation
            )
            return StepForm(**{**common, "title": _("Wait for an event")}, awaits=form)
        if kind == "branch":
            return self._branch(step, common, depth)
        if kind == "stop":
            group = group_form(step.get("if"), f"{place}.if", f"{path}.if", self.readable, self.found)
            return StepForm(**{**common, "title": _("Stop if")}, group=group)
        if kind == "notify":
            texts = self._texts(step, path, {"text": _("Text")})
            members = self._members(str(step.get("member") or ""))
            return StepForm(**{**common, "title": _("Notify a member")}, texts=texts, members=members)
        names = {"to": _("To"), "subject": _("Subject"), "body": _("Text"), "html": _("HTML")}
        texts, transactional = self._texts(step, path, names), bool(step.get("transactional"))
        return StepForm(**{**common, "title": _("Send an e-mail")}, texts=texts, transactional=transactional)

    def _members(self, chosen: str) -> tuple[Choice, ...]:
        """Return the members to choose from; one that is gone stays, so that it is seen."""
        names = self.catalog.members
        found = [Choice(one, f"{name} ({one})", one.lower() == chosen.lower()) for one, name in names.items()]
        if not any(one.chosen for one in found):
            found.insert(0, Choice(chosen, chosen or _("choose a member"), True))
        return tuple(found)

    def _branch(self, step: Mapping[str, Any], common: dict[str, Any], depth: int) -> StepForm:
        place, path, number = common["place"], common["path"], common["number"]
        group = group_form(step.get("if"), f"{place}.if", f"{path}.if", self.readable, self.found)
        before = list(self.given)
        then = self.steps(step.get("then"), f"{place}.then", f"{path}.then", f"{number}a", depth + 1)
        ran, self.given = self.given, before
        otherwise = self.steps(step.get("else"), f"{place}.else", f"{path}.else", f"{number}b", depth + 1)
        self.given = [*ran, *(one for one in self.given if one not in ran)]
        title = _("Go one of two ways")
        return StepForm(
            **{**common, "title": title, "open": True}, group=group, then=then, otherwise=otherwise
        )

    def _texts(self, step: Mapping[str, Any], path: str, names: Mapping[str, str]) -> tuple[TextForm, ...]:
        return tuple(
            TextForm(
                part, slug(f"{path}:{part}"), name, liquid_of(mapping_of(step.get(part))),
                part in LONG_PARTS, self.found.within(f"{path}.{part}"),
                self.texts.get(f"{path}.{part}", ""), part not in OPTIONAL_PARTS,
            )
            for part, name in names.items()
        )  # fmt: skip

    def _action(self, step: Mapping[str, Any], common: dict[str, Any]) -> StepForm:
        ref, key = step.get("connection", ""), str(step.get("action") or "")
        finds = common["kind"] == "find"
        row, seen, shape = self.catalog.connection(ref), self.catalog.seen(ref), self.catalog.action(ref, key)
        does = self._does(str(row.pk) if row else str(ref), key, finds=finds)
        if row is None or seen is None or shape is None:
            title = _("Look something up") if finds else _("Do something")
            return StepForm(**{**common, "title": title, "open": True}, does=does, chosen=bool(key))
        name = words.action_name(row.connector, key)
        shown = self.previews.get(common["path"])
        maker = RowMaker(step, common["place"], common["path"], shape, seen, self.found, shown)
        lists = tuple((one.path, one.label) for one in self.readable if one.field.type is FieldType.LIST)
        for repeat in mapping_of(step.get("repeat")).values():
            over, alias = mapping_of(repeat).get("over"), mapping_of(repeat).get("as")
            self.elements += of_element(str(over or ""), str(alias or ""), self.event, self.sample)
        troubled = bool(shown and shown.wrong)
        return StepForm(
            **{
                **common,
                "title": name[:1].upper() + name[1:],
                "connector": row.connector,
                "where": row.name,
                "help": connector_text(row.connector, f"actions.{key}.help"),
                "open": common["open"] or troubled,
            },
            does=does,
            chosen=True,
            keys=_keys(step, shape, seen),
            missing=_missing(step) if finds else (),
            empties=() if finds else _empties(step, shape),
            combinations=() if finds else self._combinations(step),
            options=option_forms(shape.options, mapping_of(step.get("options")), seen),
            blocks=maker.blocks(lists),
            more=maker.more(),
            preview=shown,
        )

    def _combinations(self, step: Mapping[str, Any]) -> tuple[Choice, ...]:
        """Return the combinations that the step can share, after "its own"; () when there are none."""
        chosen = step.get("combination")
        action = str(step.get("action") or "")
        rows = fitting(self.source, step.get("connection", ""), action, self.catalog)
        found = [Choice(str(row.pk), row.title, row.pk == chosen) for row in rows]
        if chosen and not any(one.chosen for one in found):
            row = self.catalog.combination(chosen)
            found.append(Choice(str(chosen), row.title if row else str(chosen), True))
        return (Choice("", _("the step's own"), not chosen), *found) if found else ()

    def _does(self, ref: str, chosen: str, *, finds: bool) -> tuple[Choices, ...]:
        """Return everything that fits, by connection; the account that the rule starts from comes last."""
        start = self.catalog.connection_id(self.source)
        groups = []
        for row in sorted(self.catalog.connections.values(), key=lambda row: row.pk == start):
            connector, seen = self.catalog.connector(row.pk), self.catalog.seen(row.pk)
            if connector is None or seen is None:
                continue
            entries = tuple(
                Choice(
                    f"{row.pk}|{action.key}",
                    words.action_name(row.connector, action.key),
                    str(row.pk) == ref and action.key == chosen,
                )
                for action in connector.actions
                if action.reads_only is finds and action.available(seen)
            )
            if entries:
                groups.append(Choices(f"{connector.manifest.name} · {row.name}", entries))
        known = any(one.chosen for group in groups for one in group.entries)
        if known:
            return tuple(groups)
        label = _("something that is no longer there") if chosen else _("choose what the step does")
        return (Choices("", (Choice(f"{ref}|{chosen}" if chosen else "", label, True),)), *groups)


def _is_inner(path: str, step: str) -> bool:
    rest = path.removeprefix(step)
    return rest.startswith(
        (".fields.", ".then[", ".else[", ".if.", ".to", ".subject", ".body", ".text", ".html")
    )


def _keys(step: Mapping[str, Any], shape: ActionShape, seen: sdk.Connection) -> tuple[Choice, ...]:
    """Return the ways in which the record can be recognised; own text fields each are one."""
    chosen = mapping_of(step.get("key"))
    by, field = str(chosen.get("by") or ""), str(chosen.get("field") or "")
    names = {
        "source": _("it comes from the same source record"),
        "contact": _("it belongs to the same contact"),
        "name": _("its name is the same"),
    }
    kind = str(step.get("action"))
    found = []
    for key in shape.keys:
        if key == "field":
            found += [
                Choice(
                    f"field|{one.key}",
                    _("“%(field)s” is the same") % {"field": words.label(seen.connector, one)},
                    by == "field" and field == one.key,
                )
                for one in shape.fields
                if ".custom." in one.key and not one.is_list
            ]
        else:
            own = connector_text(seen.connector, f"actions.{kind}.keys.{key}")
            found.append(
                Choice(key, own or str(names.get(key, key)), by == key or (not by and key == shape.keys[0]))
            )
    if found and not any(one.chosen for one in found):
        found.append(Choice(f"{by}|{field}" if field else by, field or by, True))
    return tuple(found)


def _missing(step: Mapping[str, Any]) -> tuple[Choice, ...]:
    chosen = str(step.get("missing") or "continue")
    names = {"continue": _("go on"), "stop": _("end here"), "fail": _("fail and tell me")}
    return tuple(Choice(key, name, key == chosen) for key, name in names.items())


def _empties(step: Mapping[str, Any], shape: ActionShape) -> tuple[Choice, ...]:
    """Return what an action may do without what it needs; () when it needs nothing."""
    if not shape.required and not any(one.required for one in shape.fields):
        return ()
    skips = step.get("empty") == "skip"
    return Choice("", _("stop and tell me"), not skips), Choice("skip", _("leave this step out"), skips)


def _wait(step: Mapping[str, Any], readable: list[Pickable]) -> WaitForm:
    until = mapping_of(step.get("until"))
    chosen = str(until.get("from") or "")
    dates = [one for one in readable if one.field.type in (FieldType.DATE, FieldType.DATETIME)]
    known = any(one.path == chosen for one in dates)
    shift = mapping_of(until.get("shift"))
    numbers = [one for one in shift.values() if isinstance(one, int | float)]
    return WaitForm(
        until="until" in step,
        amounts=amounts(mapping_of(step.get("for"))),
        fields=field_choices(dates, chosen, bool(chosen) and not known),
        other=(chosen if chosen != OTHER else "") if chosen and not known else None,
        before=any(one < 0 for one in numbers),
        shifts=amounts({key: abs(v) for key, v in shift.items() if isinstance(v, int | float)}),
    )
