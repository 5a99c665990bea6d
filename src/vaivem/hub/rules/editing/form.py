"""From the editor's form back to a definition.

A part's name is its place and what it is: ``then.0:does``, ``then.1.then.0:text:deal.name``,
``if.0.1:field``. What the form cannot say (a test's stated type, a number as a number) is taken from the
draft that the form was made from, where it still says the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from django.http import QueryDict

from vaivem.core.operators import WITH_LIST, WITHOUT_VALUE, Operator
from vaivem.core.paths import PathError, split_path
from vaivem.hub.rules.editing.shown import liquid_of, shown_value

OTHER = "\x1fother"  # "none of these choices: a field or a text"
MAX_DEPTH = 8
MAX_MEMBERS = 200
UNITS = ("days", "hours", "minutes")

_ONE_FIELD = re.compile(r"\s*\{\{\s*([^{}|%]+?)\s*\}\}\s*")

Before = Mapping[str, Any]


def read_form(given: QueryDict, before: Mapping[str, Any]) -> dict[str, Any]:
    """Return the definition that the form says; `before` is the draft it was made from."""
    reading = _Reading(given, _steps_by_id(before.get("then")))
    definition: dict[str, Any] = {"title": given.get("title", "").strip(), "when": reading.when(before)}
    condition = reading.group("if", before.get("if"))
    if condition is not None:
        definition["if"] = condition
    automation = reading.automation(before)
    if automation is not None:
        definition["automation"] = automation
    return {**definition, "then": reading.steps("then")}


def source_of(text: str) -> dict[str, Any]:
    """Return what a field is filled from: one field alone, a text with fields, or a fixed text."""
    found = _ONE_FIELD.fullmatch(text)
    if found is not None and is_path(found[1]):
        return {"from": found[1]}
    return {"text": text} if "{{" in text or "{%" in text or not text else {"value": text}


def is_path(text: str) -> bool:
    """Say whether a text names a field."""
    try:
        split_path(text)
    except PathError:
        return False
    return " " not in text or '"' in text or "'" in text


def _steps_by_id(steps: Any, depth: int = 0) -> dict[str, Before]:
    found: dict[str, Before] = {}
    for step in steps if isinstance(steps, list) and depth < MAX_DEPTH else ():
        if isinstance(step, Mapping):
            found[str(step.get("id"))] = step
            found |= _steps_by_id(step.get("then"), depth + 1) | _steps_by_id(step.get("else"), depth + 1)
    return found


def mapping_of(value: Any) -> Mapping[str, Any]:
    """Return an object, {} for anything else: a draft may hold whatever a file said."""
    return value if isinstance(value, Mapping) else {}


class _Reading:
    """Reads one form."""

    def __init__(self, given: QueryDict, before: Mapping[str, Before]) -> None:
        self.given = given
        self.before = before

    def one(self, place: str, part: str) -> str:
        return str(self.given.get(f"{place}:{part}", "")).replace("\r\n", "\n")

    def has(self, place: str, part: str) -> bool:
        return f"{place}:{part}" in self.given

    def parts(self, place: str, part: str) -> Iterator[tuple[str, str]]:
        """Return the keys under a part of a place (each ``deal.name`` of ``then.0:text:``)."""
        prefix = f"{place}:{part}:"
        for name in self.given:
            if name.startswith(prefix):
                yield name.removeprefix(prefix), self.one(place, f"{part}:{name.removeprefix(prefix)}")

    def when(self, before: Mapping[str, Any]) -> dict[str, Any]:
        when: dict[str, Any] = {
            "connection": number_or(self.one("when", "connection")),
            "trigger": self.one("when", "trigger"),
        }
        options = self.options("when", mapping_of(before.get("when")))
        when |= {"options": options} if options else {}
        changed = self.changed(mapping_of(mapping_of(before.get("when")).get("changed")))
        return when | ({"changed": changed} if changed else {})

    def changed(self, before: Before) -> dict[str, Any]:
        """Return the change that the rule waits for; values are of a field, and go with it."""
        if not self.has("when", "changed"):
            return dict(before)
        field = self.one("when", "changed")
        if field != before.get("field"):
            return {"field": field} if field else {}
        found: dict[str, Any] = {"field": field}
        for key in ("from", "to"):
            text = self.one("when", f"changed_{key}").strip()
            if text:
                found[key] = before[key] if shown_value(before.get(key)) == text else text
        return found

    def automation(self, before: Mapping[str, Any]) -> Any:
        """Return what makes the rule an automation, None when it is none."""
        if not self.has("automation", "person"):
            return before.get("automation")
        person, inside = self.one("automation", "person"), self.one("automation", "inside")
        return {"person": person, "inside": inside or "wait"} if person else None

    def options(self, place: str, before: Before) -> dict[str, Any]:
        known = mapping_of(before.get("options"))
        shown = dict(self.parts(place, "option"))
        hidden = set(self.given.getlist(f"{place}:options"))
        kept = {key: value for key, value in known.items() if key not in hidden}
        for key, text in shown.items():
            if self.has(place, f"listed:{key}"):
                texts = [part.strip() for part in text.replace("\n", ",").split(",") if part.strip()]
                kept |= {key: texts} if texts else {}
            elif text:
                kept[key] = known[key] if key in known and shown_value(known[key]) == text else typed(text)
        for key in hidden:
            if picked := [str(one) for one in self.given.getlist(f"{place}:picked:{key}")]:
                more = kept[key] if self.has(place, f"listed:{key}") and key in kept else []
                kept[key] = [*picked, *(one for one in more if one not in picked)]
        return kept

    # Conditions

    def group(self, place: str, before: Any, depth: int = 0) -> dict[str, Any] | None:
        """Return a group of tests; None for one without members, which asks nothing."""
        if not self.has(place, "joint") or depth > MAX_DEPTH:
            return None
        old = members_of(before)
        members = []
        for number in range(MAX_MEMBERS):
            inner = f"{place}.{number}"
            known = old[number] if number < len(old) else None
            if self.has(inner, "joint"):
                members.append(self.group(inner, known, depth + 1) or {self.one(inner, "joint") or "all": []})
            elif self.has(inner, "field"):
                members.append(self.test(inner, mapping_of(known)))
            else:
                break
        joint = self.one(place, "joint")
        return {joint if joint in ("all", "any", "not") else "all": members} if members or depth else None

    def test(self, place: str, before: Before) -> dict[str, Any]:
        field = self.one(place, "field")
        if field == OTHER:
            field = self.one(place, "path").strip()
        operator = self.one(place, "is") or "equals"
        test: dict[str, Any] = {"field": field, "is": operator}
        if operator not in WITHOUT_VALUE:
            test["value"] = self.test_value(place, operator, before)
        if before.get("field") == field and before.get("type"):
            test["type"] = before["type"]
        return test

    def test_value(self, place: str, operator: str, before: Before) -> Any:
        given = [str(text) for text in self.given.getlist(f"{place}:value")]
        old = before.get("value")
        if operator == Operator.BETWEEN:
            value: Any = [*given, "", ""][:2]
        elif operator in WITH_LIST:
            value = [one.strip() for text in given for one in text.split("\n") if one.strip()]
        else:
            value = given[0].strip() if given else ""
        if isinstance(value, list):
            same = isinstance(old, list) and [shown_value(one) for one in old] == value
        else:
            same = old is not None and shown_value(old) == value
        return old if same else value

    # Steps

    def steps(self, place: str, depth: int = 0) -> list[dict[str, Any]]:
        found = []
        for number in range(MAX_MEMBERS):
            inner = f"{place}.{number}"
            if not self.has(inner, "kind") or depth > MAX_DEPTH:
                break
            found.append(self.step(inner, depth))
        return found

    def step(self, place: str, depth: int) -> dict[str, Any]:
        step: dict[str, Any] = {"id": self.one(place, "id"), "kind": self.one(place, "kind")}
        before = self.before.get(step["id"], {})
        if step["kind"] in ("action", "find"):
            return step | self.action(place, step["kind"], before)
        if step["kind"] == "wait":
            return step | self.wait(place, before)
        if step["kind"] == "await":
            return step | self.awaits(place, before)
        if step["kind"] == "stop":
            return step | {"if": self.group(f"{place}.if", before.get("if")) or {"all": []}}
        if step["kind"] == "notify":
            text = self.source(self.one(place, "text"), before.get("text"))
            return step | {"member": self.one(place, "member"), "text": text}
        if step["kind"] == "branch":
            return step | {
                "if": self.group(f"{place}.if", before.get("if")) or {"all": []},
                "then": self.steps(f"{place}.then", depth + 1),
                "else": self.steps(f"{place}.else", depth + 1),
            }
        parts = {
            part: self.source(self.one(place, part), before.get(part)) for part in ("to", "subject", "body")
        }
        if self.one(place, "html").strip():
            parts["html"] = self.source(self.one(place, "html"), before.get("html"))
        return step | parts | ({"transactional": True} if self.has(place, "transactional") else {})

    def source(self, text: str, before: Any) -> dict[str, Any]:
        old = {key: value for key, value in mapping_of(before).items() if key in ("from", "text", "value")}
        return old if old and liquid_of(old) == text else source_of(text)

    def action(self, place: str, kind: str, before: Before) -> dict[str, Any]:
        ref, _, action = self.one(place, "does").partition("|")
        connection = number_or(ref)
        data: dict[str, Any] = {"connection": connection, "action": action}
        same = str(before.get("connection")) == ref and before.get("action") == action
        if kind == "find" and self.one(place, "missing"):
            data["missing"] = self.one(place, "missing")
        empty = self.one(place, "empty") if self.has(place, "empty") else str(before.get("empty") or "")
        if kind == "action" and same and empty:
            data["empty"] = empty
        if kind == "action" and self.one(place, "key"):
            by, _, field = self.one(place, "key").partition("|")
            data["key"] = {"by": by} | ({"field": field} if field else {})
        repeat = self.repeats(place, mapping_of(before.get("repeat")))
        if repeat:
            data["repeat"] = repeat
        options = self.options(place, before if same else {})
        if options:
            data["options"] = options
        if combination := self.one(place, "combination"):
            data["combination"] = number_or(combination)
        elif before.get("combination") and not self.has(place, "combination"):
            data["combination"] = before["combination"]
        return data | {"fields": self.fields(place, mapping_of(before.get("fields")))}

    def repeats(self, place: str, before: Before) -> dict[str, Any]:
        found = {}
        for group, over in self.parts(place, "over"):
            if over:
                old = mapping_of(before.get(group))
                name = str(old.get("as")) if old.get("over") == over else element_name(over)
                found[group] = {"over": over, "as": name}
        return found

    def fields(self, place: str, before: Before) -> dict[str, Any]:
        keys = self.given.getlist(f"{place}:fields")
        return {key: self.field(place, key, mapping_of(before.get(key))) for key in dict.fromkeys(keys)}

    def field(self, place: str, key: str, before: Before) -> dict[str, Any]:
        pick, picks = self.one(place, f"pick:{key}"), self.given.getlist(f"{place}:picks:{key}")
        old = {name: value for name, value in before.items() if name in ("from", "text", "value")}
        if self.has(place, f"many:{key}"):
            source: dict[str, Any] = {"value": picks}
            source = old if "value" in old and _texts(old["value"]) == picks else source
        elif self.has(place, f"pick:{key}") and pick != OTHER:
            source = old if "value" in old and shown_value(old["value"]) == pick else {"value": pick}
            source = source if pick else {"text": ""}
        else:
            source = self.source(self.one(place, f"text:{key}"), before)
        data: dict[str, Any] = dict(source)
        for part, name in (("write", "write"), ("bad", "on_bad")):
            value = self.one(place, f"{part}:{key}")
            if value and not (name == "on_bad" and value == "fail"):
                data[name] = value
        if data.get("on_bad") == "use":
            text, known = self.one(place, f"instead:{key}"), before.get("instead")
            data["instead"] = known if known is not None and shown_value(known) == text else text
        if self.has(place, f"clear:{key}"):
            data["clear"] = True
        if self.has(place, f"cut:{key}"):
            data["max"] = "cut"
        if before.get("shared") and _same(data, before):
            data["shared"] = True
        return data

    def wait(self, place: str, before: Before) -> dict[str, Any]:
        if self.one(place, "wait") == "until":
            field = self.one(place, "until")
            field = self.one(place, "path").strip() if field == OTHER else field
            shift = self.duration(place, "shift_")
            sign = -1 if self.one(place, "way") == "before" else 1
            moved = {unit: sign * amount for unit, amount in shift.items()}
            return {"until": {"from": field} | ({"shift": moved} if moved else {})}
        kept = {key: value for key, value in mapping_of(before.get("for")).items() if key not in UNITS}
        return {"for": self.duration(place, "") | kept}

    def awaits(self, place: str, before: Before) -> dict[str, Any]:
        ref, _, trigger = self.one(place, "event").partition("|")
        same = str(before.get("connection")) == ref and before.get("trigger") == trigger
        data: dict[str, Any] = {"connection": number_or(ref), "trigger": trigger}
        if options := self.options(place, before if same else {}):
            data["options"] = options
        if about := self.one(place, "about"):
            known = self.one(place, "as")
            data["about"] = {"field": about} | ({"as": known} if known else {})
        if condition := self.group(f"{place}.if", before.get("if")):
            data["if"] = condition
        kept = {key: value for key, value in mapping_of(before.get("for")).items() if key not in UNITS}
        return data | {"for": self.duration(place, "") | kept}

    def duration(self, place: str, prefix: str) -> dict[str, Any]:
        amounts = {unit: self.one(place, f"{prefix}{unit}").strip().replace(",", ".") for unit in UNITS}
        return {unit: number_or(text) for unit, text in amounts.items() if text and text != "0"}


def members_of(group: Any) -> list[Any]:
    """Return the members of a group in its JSON form."""
    if isinstance(group, list):
        return group
    inner: Any = next(iter(mapping_of(group).values()), [])
    return inner if isinstance(inner, list) else [inner]


def element_name(over: str) -> str:
    """Return the name that mappings read one element of a list by: ``signer`` of ``signers``."""
    last = re.sub(r"[^a-z0-9_]", "", over.rpartition(".")[2].lower()) or "one"
    name = last.removesuffix("s") if len(last) > 3 else last
    return f"one_{name}" if name in ("step", "rule", "today", "now") or not name[:1].isalpha() else name


def number_or(text: str) -> int | float | str:
    """Return a number where the text is one."""
    if re.fullmatch(r"-?\d{1,9}", text):
        return int(text)
    return float(text) if re.fullmatch(r"-?\d{1,9}\.\d{1,6}", text) else text


def typed(text: str) -> Any:
    """Return an option's value: yes and no are not texts."""
    return {"true": True, "false": False}.get(text, text)


def _same(data: Mapping[str, Any], before: Before) -> bool:
    """Say whether a field that came from a combination was left as it was; forms name the write always."""
    old = {key: value for key, value in before.items() if key not in ("shared", "write")}
    new = {key: value for key, value in data.items() if key != "write"}
    return old == new and ("write" not in before or before["write"] == data.get("write"))


def _texts(value: Any) -> list[str]:
    return [shown_value(one) for one in value] if isinstance(value, list) else []
