"""Why did nothing happen? What is known of an event that no rule took, and of a run that did nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from vaivem.connectors.sdk import Connection, Delivery, Event, Trigger
from vaivem.connectors.sdk.registry import get_connector
from vaivem.core.errors import VaivemError
from vaivem.core.fields import FieldType
from vaivem.core.numbers import parse_datetime
from vaivem.core.operators import Operator
from vaivem.core.paths import read
from vaivem.hub.history.detail import Received
from vaivem.hub.history.names import Names
from vaivem.hub.rules.models import Rule, RuleState, RuleVersion
from vaivem.hub.rules.words import label, option_name

FIELDS_SHOWN = 16
# What tells one person or company from another of the same name.
TELLING = frozenset({FieldType.EMAIL, FieldType.PHONE, FieldType.CPF, FieldType.CNPJ, FieldType.CPF_CNPJ})

OPERATORS = {
    Operator.EQUALS: gettext_lazy("is"),
    Operator.NOT_EQUALS: gettext_lazy("is not"),
    Operator.CONTAINS: gettext_lazy("contains"),
    Operator.NOT_CONTAINS: gettext_lazy("does not contain"),
    Operator.STARTS_WITH: gettext_lazy("begins with"),
    Operator.ENDS_WITH: gettext_lazy("ends with"),
    Operator.ONE_OF: gettext_lazy("is one of"),
    Operator.NONE_OF: gettext_lazy("is none of"),
    Operator.GREATER: gettext_lazy("is greater than"),
    Operator.LESS: gettext_lazy("is less than"),
    Operator.BETWEEN: gettext_lazy("is between"),
    Operator.BEFORE: gettext_lazy("is before"),
    Operator.AFTER: gettext_lazy("is after"),
    Operator.WITHIN_DAYS: gettext_lazy("is within days of today:"),
    Operator.IS_EMPTY: gettext_lazy("is empty"),
    Operator.IS_NOT_EMPTY: gettext_lazy("is filled"),
    Operator.IS_TRUE: gettext_lazy("is yes"),
    Operator.IS_FALSE: gettext_lazy("is no"),
}


@dataclass(frozen=True, slots=True)
class TestLine:
    """One condition with the value that it saw."""

    __test__ = False  # not a test of pytest's

    field: str
    operator: str
    wanted: str
    seen: str
    passed: bool


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a rule did not take an event."""

    rule: Rule
    text: str


def tests(params: Mapping[str, Any], labels: Mapping[str, str]) -> list[TestLine]:
    """Return the conditions that decided a run that did nothing."""
    return [
        TestLine(
            field=labels.get(str(row.get("field")), str(row.get("field"))),
            operator=operator_name(str(row.get("is"))),
            wanted=shown(row.get("value")),
            seen=shown(row.get("seen")),
            passed=bool(row.get("passed")),
        )
        for row in params.get("tests", ())
    ]


def operator_name(key: str) -> str:
    """Return how an operator reads."""
    return next((str(name) for operator, name in OPERATORS.items() if operator.value == key), key)


def shown(value: Any) -> str:
    """Return a value for people."""
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return ", ".join(shown(one) for one in value)
    return str(value)


def typed(value: Any, type_: FieldType, zone: str) -> str:
    """Return a value of a field for people: dates as the language writes them."""
    moment = parse_datetime(value, zone) if type_ is FieldType.DATETIME else None
    if moment is not None:
        return str(formats.date_format(timezone.localtime(moment), "SHORT_DATETIME_FORMAT"))
    return shown(value)


def trigger_of(received: Received, names: Names, key: str = "") -> Trigger | None:
    """Return the trigger that a run began with, or one that listens to the event's kind."""
    connector = names.connector(received.event.conn)
    if not connector:
        return None
    triggers = get_connector(connector).triggers
    named = [trigger for trigger in triggers if trigger.key == key]
    listening = [trigger for trigger in triggers if received.event.kind in trigger.kinds]
    return next(iter(named or listening), None)


def event_of(received: Received, names: Names) -> Event | None:
    """Return the event as its connector reads it now, None when it cannot."""
    seen = names.seen(received.event.conn)
    webhooks = get_connector(seen.connector).webhooks if seen is not None else None
    if seen is None or webhooks is None:
        return None
    delivery = Delivery(received.method, received.path, received.query, received.headers, received.body)
    try:
        return webhooks.parse(delivery, seen)[received.part]
    except (VaivemError, IndexError, KeyError, TypeError, ValueError, orjson.JSONDecodeError):
        return None  # the page then shows the delivery as it came


def labels_of(received: Received, names: Names, key: str = "") -> dict[str, str]:
    """Return the names of what mappings can read of an event, by path."""
    trigger, seen = trigger_of(received, names, key), names.seen(received.event.conn)
    if trigger is None or seen is None:
        return {}
    return {field.key: label(seen.connector, field) for field in trigger.fields(seen)}


def main_fields(received: Received, names: Names, key: str = "") -> list[tuple[str, str]]:
    """Return the event's first filled fields, each with its name."""
    trigger, event, seen = (
        trigger_of(received, names, key),
        event_of(received, names),
        names.seen(received.event.conn),
    )
    if trigger is None or event is None or seen is None:
        return []
    found = []
    for field in trigger.fields(seen):
        value = None if field.type in (FieldType.LIST, FieldType.OBJECT) else read(event.data, field.key)
        if isinstance(value, str | int | float | bool) and value != "":
            said = typed(value, field.type, names.workspace.zone)
            known = choice_name(seen, field.key, value, event.data)
            told = option_name(seen.connector, field, value) if field.options else known or said
            found.append((label(seen.connector, field), told))
    return found[:FIELDS_SHOWN]


def choice_name(seen: Connection, key: str, value: Any, data: Mapping[str, Any]) -> str:
    """Return what people call a value out of one of the account's lists, "" for any other.

    Which list that is, an action tells that writes the field; an event has no more than the code.
    """
    for action in get_connector(seen.connector).actions:
        for field in action.fields(seen):
            if field.key == key and field.source:
                parent = f"/{read(data, field.depends_on)}" if field.depends_on else ""
                listed = seen.options(f"{field.source}{parent}")
                return next((one.label or "" for one in listed if str(one.value) == str(value)), "")
    return ""


def people_of(received: Received, names: Names) -> list[str]:
    """Return the people and companies that the event is about, each with what tells one from another."""
    trigger, event = trigger_of(received, names), event_of(received, names)
    seen = names.seen(received.event.conn)
    if trigger is None or event is None or seen is None:
        return []
    fields = trigger.fields(seen)
    telling = {field.key.rpartition(".")[::2] for field in fields if field.type in TELLING}
    keys = list(dict.fromkeys(["name", *(last for _group, last in sorted(telling))]))
    lists = [read(event.data, field.key) for field in fields if field.type is FieldType.LIST]
    parts = [one for several in lists if isinstance(several, list) for one in several]
    parts += [read(event.data, group) for group, _last in sorted(telling) if group]
    found = [
        ", ".join(str(one[key]) for key in keys if isinstance(one.get(key), str) and one[key])
        for one in parts
        if isinstance(one, dict) and any(one.get(last) for _group, last in telling)
    ]
    return list(dict.fromkeys(found))[:FIELDS_SHOWN]


def told_by_content(received: Received, names: Names) -> bool:
    """Say whether a repeat was known by its content, where the connection could tell it otherwise."""
    connector = names.connector(received.event.conn)
    return received.event.alike and bool(connector) and get_connector(connector).manifest.generic


def reasons_without_rule(received: Received, names: Names) -> list[Reason]:
    """Return, for each rule that starts from this connection, why it did not take the event."""
    event = event_of(received, names)
    found = []
    versions = RuleVersion.objects.select_related("rule").filter(rule__workspace=names.workspace)
    for version in versions.exclude(rule__state=RuleState.REMOVED).order_by("rule_id", "-number"):
        if version.number == version.rule.version and _starts_at(version, received.event.conn):
            found.append(Reason(version.rule, _reason(version, received, event, names)))
    return found


def _starts_at(version: RuleVersion, conn: int) -> bool:
    pairs = {str(ref): number for ref, number in version.compiled.get("connections", ())}
    return pairs.get(str(version.definition.get("when", {}).get("connection"))) == conn


def _reason(version: RuleVersion, received: Received, event: Event | None, names: Names) -> str:
    rule, when = version.rule, version.definition.get("when", {})
    if received.event.kind not in version.compiled.get("kinds", ()):
        return _("It starts from another kind of event.")
    occurred = received.event.occurred or received.event.at
    if rule.on_since is not None and occurred < rule.on_since:
        return _("It was switched on after this happened, and takes only what happens from then on.")
    trigger = trigger_of(received, names, str(when.get("trigger")))
    if event is not None and trigger is not None and not trigger.accepts(event, when.get("options", {})):
        return _("Its options do not let this event through.")
    return _("It was published or changed after this event arrived.")
