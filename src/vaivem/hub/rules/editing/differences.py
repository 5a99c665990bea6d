"""What differs between two definitions, in words; and who made it differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Any

from django.utils.translation import gettext as _

from vaivem.core.errors import RuleError
from vaivem.core.fields import Field
from vaivem.core.rules import read_rule
from vaivem.core.steps import ActionStep, FindStep, Step
from vaivem.engine.settling import Settling
from vaivem.hub.messages import connector_text
from vaivem.hub.rules import words
from vaivem.hub.rules.catalog import WorkspaceCatalog
from vaivem.hub.rules.models import RuleDraft
from vaivem.hub.rules.sentences import StepShown, shown_rule

LONG = 600
CONTEXT = 60

Key = tuple[str, ...]
Parts = dict[Key, tuple[str, str]]  # where, and what stands there


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that differs: where, and what stood and stands there; "" for nothing.

    `who` changed it last, and when, where that is known.
    """

    where: str
    before: str
    after: str
    who: str = ""
    at: datetime | None = None


def differences(
    before: Mapping[str, Any], after: Mapping[str, Any], catalog: WorkspaceCatalog
) -> list[Difference]:
    """Return what differs, in the order of the newer one; what is gone stands last."""
    return list(_differing(_described(before, catalog), _described(after, catalog)).values())


def changes_since(seen: RuleDraft, since: Sequence[RuleDraft], catalog: WorkspaceCatalog) -> list[Difference]:
    """Return what several saves changed in the end, each with the person who changed it last.

    `since` are the saves after `seen`, oldest first.
    """
    first = before = _described(seen.definition, catalog)
    last_by: dict[Key, RuleDraft] = {}
    for _member, saves in groupby(since, key=lambda draft: draft.member_id):
        *_earlier, draft = saves  # what one person typed in a row counts as one
        after = _described(draft.definition, catalog)
        last_by |= dict.fromkeys(_differing(before, after), draft)
        before = after
    return [
        replace(one, who=str(last_by[key].member or ""), at=last_by[key].created)
        for key, one in _differing(first, before).items()
    ]


def _differing(old: Parts, new: Parts) -> dict[Key, Difference]:
    found = {
        key: Difference(where, *_around(old.get(key, ("", ""))[1], text))
        for key, (where, text) in new.items()
        if old.get(key, ("", ""))[1] != text
    }
    gone = {
        key: Difference(where, *_around(text, ""))
        for key, (where, text) in old.items()
        if key not in new and text
    }
    return found | gone


def _around(before: str, after: str) -> tuple[str, str]:
    """Return two texts, or of long ones the part that differs with a little of what stands around it."""
    if max(len(before), len(after)) <= LONG:
        return before, after
    same = _same_start(before, after)
    begin = max(0, same - CONTEXT)
    tail = _same_start(before[same:][::-1], after[same:][::-1])
    return _cut(before, begin, len(before) - tail), _cut(after, begin, len(after) - tail)


def _same_start(one: str, other: str) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))


def _cut(text: str, begin: int, end: int) -> str:
    end = min(end + CONTEXT, begin + LONG, len(text))
    return ("…" if begin and text else "") + text[begin:end] + ("…" if end < len(text) else "")


def _described(data: Mapping[str, Any], catalog: WorkspaceCatalog) -> Parts:
    """Return each part of a definition, which may be half done."""
    try:
        rule = Settling(catalog).rule(read_rule(data)[0])
        told = shown_rule(rule, catalog)
    except (RuleError, LookupError, TypeError, ValueError):
        # A file may have said anything: what no form can show is compared as it is written.
        return {("all", str(key)): (str(key), str(value)) for key, value in dict(data).items()}
    row = catalog.connection(rule.when.connection)
    connector = row.connector if row else ""
    found: Parts = {
        ("title",): (_("Name"), rule.title),
        ("when",): (
            _("Start"),
            f"{words.trigger_name(connector, rule.when.trigger)} · {row.name if row else ''}",
        ),
        ("if",): (_("Conditions"), "; ".join(told.conditions)),
    }
    if rule.when.options:
        start = catalog.trigger(rule.when.connection, rule.when.trigger)
        found |= _options(("option",), "", connector, rule.when.options, start.options if start else ())
    for (_path, step), shown in zip(rule.all_steps(), told.steps, strict=True):
        found |= _step(step, shown, catalog)
    order = ", ".join(f"{shown.number} {shown.title}" for shown in told.steps)
    return found | {("order",): (_("Order of the steps"), order)}


def _step(step: Step, shown: StepShown, catalog: WorkspaceCatalog) -> Parts:
    key = ("step", step.id)
    name = _("Step “%(title)s”") % {"title": shown.title}
    about = "; ".join(part for part in (shown.title, shown.connection, *shown.notes) if part)
    found: Parts = {key: (name, about)}
    if isinstance(step, ActionStep | FindStep) and step.options:
        does = catalog.action(step.connection, step.action)
        offered = does.options if does else ()
        found |= _options((*key, "option"), f"{name}, ", shown.connector, step.options, offered)
    for row in shown.rows:
        text = "".join(f"[{part.text}]" if part.is_field else part.text for part in row.parts)
        more = "; ".join(part for part in (row.write, row.bad) if part)
        found[*key, row.key] = (f"{name}, {row.label}", f"{text} ({more})" if more else text)
    return found


def _options(
    key: Key, lead: str, connector: str, options: Mapping[str, Any], offered: Iterable[Field]
) -> Parts:
    """Return what was chosen beside the fields, choices by their names."""
    fields = {field.key: field for field in offered}
    found: Parts = {}
    for name, value in options.items():
        field = fields.get(name, Field(name))
        label = (
            words.label(connector, field) if name in fields else connector_text(connector, f"fields.{name}")
        )
        chosen = value if isinstance(value, list) else [value]
        found[*key, name] = (
            f"{lead}{label or name}", ", ".join(_chosen(connector, field, one) for one in chosen)
        )  # fmt: skip
    return found


def _chosen(connector: str, field: Field, value: Any) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return words.option_name(connector, field, value)
