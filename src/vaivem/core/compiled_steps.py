"""Compiled steps: what a step of a rule does with what is known so far, prepared once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from vaivem.core.conditions import PreparedGroup, Verdict
from vaivem.core.convert import convert
from vaivem.core.errors import Problem
from vaivem.core.fields import Field, FieldType
from vaivem.core.identity import match_keys
from vaivem.core.letter_html import as_text, clean
from vaivem.core.mapping import Evaluate, MappingError, MappingPlan, html_reader, source_reader
from vaivem.core.numbers import DEFAULT_ZONE, parse_datetime
from vaivem.core.paths import Scope, reader
from vaivem.core.steps import (
    ActionStep,
    AwaitStep,
    BranchStep,
    EmailStep,
    FindStep,
    NotifyStep,
    StopStep,
    WaitStep,
)
from vaivem.core.templates import TemplateError
from vaivem.core.values import Values


class CompiledAction:
    """An action or a lookup, ready to run."""

    def __init__(self, step: ActionStep | FindStep, connection_id: int, fields: Mapping[str, Field]) -> None:
        self.step = step
        self.id = step.id
        self.connection_id = connection_id
        self.fields = fields
        self._plan = MappingPlan(step, fields)

    def resolve(self, scope: Scope, *, zone: str = DEFAULT_ZONE) -> Values:
        """Fill the fields. Raises MappingError with all problems."""
        return self._plan.resolve(scope, zone=zone)

    def attempt(self, scope: Scope, *, zone: str = DEFAULT_ZONE) -> tuple[Values, tuple[Problem, ...]]:
        """Fill the fields, and return with them what would make `resolve` raise."""
        return self._plan.attempt(scope, zone=zone)


class CompiledWait:
    """A wait, ready to run."""

    def __init__(self, step: WaitStep) -> None:
        self.step = step
        self.id = step.id
        self._read = reader(step.until) if step.until else None

    def until(self, scope: Scope, *, now: datetime, zone: str = DEFAULT_ZONE) -> datetime:
        """Return when the run goes on; it may be past. Raises MappingError when there is no such date."""
        if self._read is None:
            return now + (self.step.duration or timedelta())
        seen = self._read(scope)
        moment = parse_datetime(seen, zone)
        if moment is None:
            params = {"value": "" if seen is None else str(seen)[:120], "field": self.step.until}
            raise MappingError(problems=(Problem("wait_no_date", params, "until"),))
        return moment + self.step.shift


class CompiledAwait:
    """A wait for an event, ready to run."""

    def __init__(self, step: AwaitStep, connection_id: int) -> None:
        self.step = step
        self.id = step.id
        self.connection_id = connection_id
        self._told = reader(step.about) if step.about else None
        self._equals = reader(step.equals) if step.equals else None
        self._conditions = PreparedGroup(step.condition) if step.condition else None

    def known(self, scope: Scope) -> tuple[str, ...]:
        """Return what the run knows that the event has to tell too; not asked for the automation's person."""
        return _texts(self._equals(scope)) if self._equals else ()

    def is_about(self, told: Scope, known: Iterable[str]) -> bool:
        """Say whether an event is about one of the things known; always without a field to tell it by."""
        if self._told is None:
            return True
        return not _as_compared(_texts(self._told(told))).isdisjoint(_as_compared(known))

    def lets_through(self, told: Scope, *, zone: str = DEFAULT_ZONE) -> bool:
        """Say whether an event meets the condition."""
        return self._conditions is None or self._conditions.evaluate(told, zone=zone).passed


def _texts(seen: Any) -> tuple[str, ...]:
    values = seen if isinstance(seen, list | tuple) else (seen,)
    return tuple(str(value).strip() for value in values if value is not None and str(value).strip())


def _as_compared(values: Iterable[str]) -> set[str]:
    """Return texts as they are compared: addresses, CPF and CNPJ by what they mean."""
    found: set[str] = set()
    for value in values:
        keys = match_keys("person", email=value, cpf_cnpj=value)
        found |= {str(key) for key in keys} or {value.casefold()}
    return found


class CompiledBranch:
    """A branch, ready to run."""

    def __init__(
        self, step: BranchStep, then: tuple[CompiledStep, ...], otherwise: tuple[CompiledStep, ...]
    ) -> None:
        self.step = step
        self.id = step.id
        self.then = then
        self.otherwise = otherwise
        self._conditions = PreparedGroup(step.condition)

    def choose(self, scope: Scope, *, zone: str = DEFAULT_ZONE) -> tuple[Verdict, tuple[CompiledStep, ...]]:
        """Return the verdict, and the steps to go on with."""
        verdict = self._conditions.evaluate(scope, zone=zone)
        return verdict, self.then if verdict.passed else self.otherwise


@dataclass(frozen=True, slots=True)
class EmailContent:
    """An e-mail to send: plain text, and the same as clean HTML ("" for none)."""

    to: tuple[str, ...]
    subject: str
    body: str
    html: str = ""


class CompiledEmail:
    """An e-mail step, ready to run."""

    def __init__(self, step: EmailStep) -> None:
        self.step = step
        self.id = step.id
        readers = {name: source_reader(source) for name, source in step.sources.items() if name != "html"}
        if step.html is not None:
            readers["html"] = html_reader(step.html)
        self._texts = _Texts(_EMAIL_FIELDS, readers)

    def fill(self, scope: Scope, *, zone: str = DEFAULT_ZONE) -> EmailContent:
        """Return the e-mail. Raises MappingError when an address, the subject or a template is wrong."""
        found = self._texts.fill(scope, zone)
        html = clean(found.get("html") or "")
        body = found["body"] or ""
        return EmailContent(
            tuple(found["to"]), found["subject"], body if body.strip() else as_text(html), html
        )


class CompiledStop:
    """A condition to stop at, ready to run."""

    def __init__(self, step: StopStep) -> None:
        self.step = step
        self.id = step.id
        self._conditions = PreparedGroup(step.condition)

    def look(self, scope: Scope, *, zone: str = DEFAULT_ZONE) -> Verdict:
        """Return the verdict: the run ends here when it passed."""
        return self._conditions.evaluate(scope, zone=zone)


class CompiledNotify:
    """A notice to a member, ready to run."""

    def __init__(self, step: NotifyStep) -> None:
        self.step = step
        self.id = step.id
        self._texts = _Texts(_NOTICE_FIELDS, {"text": source_reader(step.text)})

    def fill(self, scope: Scope, *, zone: str = DEFAULT_ZONE) -> str:
        """Return what the member is told, cut where it is long. Raises MappingError where there is none."""
        text: str = self._texts.fill(scope, zone)["text"]
        return text if len(text) <= MOST_NOTICE else f"{text[: MOST_NOTICE - 1]}…"


class _Texts:
    """The texts of a step that are written for people, each as a field is filled."""

    def __init__(self, fields: Mapping[str, Field], parts: Mapping[str, Evaluate]) -> None:
        self._fields = fields
        self._parts = parts

    def fill(self, scope: Scope, zone: str) -> dict[str, Any]:
        """Return the texts by name. Raises MappingError with everything that is wrong with them."""
        problems: list[Problem] = []
        found: dict[str, Any] = {}
        for name, evaluate in self._parts.items():
            field = self._fields[name]
            try:
                converted = convert(evaluate(scope, zone), field, zone=zone)
            except TemplateError as error:
                problems.append(Problem(error.code, error.params, name, error.detail))
                continue
            if converted.problem is not None:
                problems.append(converted.problem)
            elif converted.value is None and field.required:
                problems.append(Problem("required_missing", path=name))
            found[name] = converted.value
        if problems:
            raise MappingError(problems=tuple(problems))
        return found


_EMAIL_FIELDS = {
    "to": Field("to", FieldType.EMAIL, many=True, required=True),
    "subject": Field("subject", FieldType.TEXT, max_length=250, required=True),
    "body": Field("body", FieldType.LONG_TEXT),
    "html": Field("html", FieldType.LONG_TEXT),
}
MOST_NOTICE = 500
_NOTICE_FIELDS = {"text": Field("text", FieldType.LONG_TEXT, required=True)}

CompiledStep = (
    CompiledAction
    | CompiledWait
    | CompiledAwait
    | CompiledBranch
    | CompiledEmail
    | CompiledStop
    | CompiledNotify
)


def flat(steps: Iterable[CompiledStep]) -> Iterable[CompiledStep]:
    """Return every step, those inside branches included, in order."""
    for step in steps:
        yield step
        if isinstance(step, CompiledBranch):
            yield from flat(step.then)
            yield from flat(step.otherwise)
