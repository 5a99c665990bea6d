"""What is wrong with a draft, in words for who is filling its form: no paths, no run to repeat."""

from __future__ import annotations

import re
from typing import Any

from django.utils.translation import gettext as _

from vaivem.core.errors import Problem
from vaivem.core.fields import Field, FieldType
from vaivem.core.operators import Operator
from vaivem.hub.messages import named
from vaivem.hub.rules import words
from vaivem.hub.rules.catalog import WorkspaceCatalog

_VALUE = re.compile(r"bad_\w+|phone_no_area_code|too_short")
_WAIT = re.compile(r"\.(for|shift)(\.|$)")
_DATES = frozenset({Operator.BEFORE.value, Operator.AFTER.value})
_NUMBERS = frozenset({Operator.GREATER.value, Operator.LESS.value})


def edit_words(problem: Problem, definition: Any, catalog: WorkspaceCatalog) -> str:
    """Return what is wrong and what to do."""
    told = words.explained(problem, definition, catalog)
    if _VALUE.fullmatch(problem.code):
        return told.text  # a fixed value: its place is where it is mended, and no run has failed
    return _own_words(problem, definition, catalog) or str(told)


def _own_words(problem: Problem, definition: Any, catalog: WorkspaceCatalog) -> str:
    make = {
        "rule_missing": _missing,
        "rule_no_steps": lambda *_a: _("There is no step yet. Add one."),
        "rule_too_long": _too_long,
        "rule_wrong_type": _wrong_form,
        "rule_bad_duration": _duration,
        "connection_unknown": lambda *_a: _("The account that was chosen here is gone. Choose another one."),
        "trigger_unknown": lambda *_a: _("What started this rule is no longer offered. Choose what happens."),
        "action_unknown": lambda *_a: _("What this step did is no longer offered. Choose what it does."),
        "field_unknown": _field_gone,
        "field_missing": _field_missing,
        "unknown_option": _option_gone,
        "type_clash": _clash,
        "test_value_wrong": _compared,
        "step_unknown": lambda *_a: _(
            "It takes something from a step that is no longer there. Choose another field."
        ),
        "template_syntax": _template,
    }.get(problem.code)
    return str(make(problem, definition, catalog)) if make else ""


def _missing(problem: Problem, _definition: Any, _catalog: WorkspaceCatalog) -> str:
    return {
        "title": _("Give the rule a name."),
        "connection": _("Choose an account."),
        "trigger": _("Choose what happens."),
        "action": _("Choose what the step does."),
        "field": _("Choose a field."),
        "value": _("Say with what to compare."),
        "from": _("Choose a date."),
        "member": _("Choose a member."),
        "for": _("Write how long."),
        "if": _("Add a condition."),
    }.get(problem.path.rpartition(".")[2], "")


def _too_long(problem: Problem, _definition: Any, _catalog: WorkspaceCatalog) -> str:
    most = {"max": problem.params.get("max", "")}
    if problem.path == "title":
        return _("The name has more than %(max)s characters.") % most
    return _("This text has more than %(max)s characters.") % most


def _wrong_form(problem: Problem, _definition: Any, _catalog: WorkspaceCatalog) -> str:
    return _("Write the time as a number.") if _WAIT.search(problem.path) else ""


def _duration(problem: Problem, _definition: Any, _catalog: WorkspaceCatalog) -> str:
    most = {"days": problem.params.get("max_days", "")}
    return _("Write how long: more than nothing, and %(days)s days at most.") % most


def _field_gone(problem: Problem, definition: Any, catalog: WorkspaceCatalog) -> str:
    place = {
        "in_the": named(words.connector_at(definition, problem.path, catalog))["in_the"],
        "field": problem.params.get("field", ""),
    }
    return _("The field “%(field)s” does not exist %(in_the)s, or no longer. Take it out.") % place


def _field_missing(problem: Problem, _definition: Any, _catalog: WorkspaceCatalog) -> str:
    part = words.EMAIL_PARTS.get(str(problem.params.get("field")))
    return _("“%(field)s” is still empty.") % {"field": part} if part else ""


def _option_gone(problem: Problem, definition: Any, catalog: WorkspaceCatalog) -> str:
    place = {
        "in_the": named(words.connector_at(definition, problem.path, catalog))["in_the"],
        "value": str(problem.params.get("value", ""))[:100],
    }
    return _("“%(value)s” does not exist %(in_the)s, or no longer. Choose again.") % place


def _clash(problem: Problem, _definition: Any, _catalog: WorkspaceCatalog) -> str:
    kinds = {
        name: words.type_name(Field("x", FieldType(problem.params[name]))) for name in ("source", "target")
    }  # as the badge beside the field says it
    return _("This field takes: %(target)s. What was chosen is: %(source)s. Choose another field.") % kinds


def _compared(problem: Problem, _definition: Any, _catalog: WorkspaceCatalog) -> str:
    operator, value = problem.params.get("operator"), {"value": problem.params.get("value", "")}
    if operator in _DATES:
        return _("“%(value)s” is not a date. Write it like 2026-12-31.") % value
    if operator in _NUMBERS:
        return _("“%(value)s” is not a number.") % value
    if operator == Operator.BETWEEN.value:
        return _("Write two numbers or two dates, from and to.")
    if operator == Operator.WITHIN_DAYS.value:
        return _("“%(value)s” is not a number of days.") % value
    return _("“%(value)s” does not fit this condition.") % value


def _template(problem: Problem, _definition: Any, _catalog: WorkspaceCatalog) -> str:
    said = problem.detail
    if "expected '}}'" in said or "expected '%}'" in said:
        return _("A “{{” is not closed. Write “}}” after the field, or choose the field from the list.")
    if ending := re.match(r"expected tag (end\w+)", said):
        return _("“%(tag)s” is missing at the end.") % {"tag": f"{{% {ending[1]} %}}"}
    if tag := re.match(r"unexpected tag '(\w+)'", said):
        name = {"tag": f"{{% {tag[1]} %}}"}
        if tag[1].startswith("end"):
            return _("“%(tag)s” closes nothing.") % name
        return _("“%(tag)s” cannot be used in these texts.") % name
    if "ranges" in said:
        return _("Counting with “(1..3)” is not possible in these texts.")
    return _("What stands between “{{” and “}}” cannot be read. Choose the field from the list.")
