"""How a replay reads: its state, its runs', what was asked for, how long it takes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from vaivem.core.errors import VaivemError
from vaivem.core.rules import ActionStep, EmailStep, NotifyStep, parse_rule
from vaivem.engine.replays import Part, ReplayState
from vaivem.hub.history.filters import Shown
from vaivem.hub.history.lines import BADGES, Badge
from vaivem.hub.history.names import Names
from vaivem.hub.replays.sets import ReplaySet
from vaivem.hub.rules.models import RuleVersion
from vaivem.hub.rules.words import action_name
from vaivem.hub.shell.templatetags.shell import num

SETS = {
    ReplayState.LOOKING: Badge("wait", "clock", gettext_lazy("Being looked at")),
    ReplayState.LOOKED_AT: Badge("warn", "hand", gettext_lazy("Ready to start")),
    ReplayState.UNDER_WAY: Badge("wait", "clock", gettext_lazy("Under way")),
    ReplayState.DONE: Badge("ok", "ok", gettext_lazy("Finished")),
    ReplayState.STOPPING: Badge("wait", "clock", gettext_lazy("Being stopped")),
    ReplayState.STOPPED: Badge("off", "x", gettext_lazy("Stopped")),
}
PARTS = {
    Part.NEW: Badge("wait", "clock", gettext_lazy("Not looked at yet")),
    Part.READY: Badge("ok", "ok", gettext_lazy("Would be done")),
    Part.FAILS: Badge("bad", "bad", gettext_lazy("Would fail")),
    Part.NOTHING: Badge("off", "skip", gettext_lazy("Would do nothing")),
    Part.CANNOT: Badge("off", "x", gettext_lazy("Cannot be repeated")),
    Part.OVERTAKEN: Badge("warn", "warn", gettext_lazy("Overtaken")),
    Part.QUEUED: Badge("wait", "clock", gettext_lazy("Under way")),
    Part.DONE: Badge("ok", "ok", gettext_lazy("Done")),
    Part.FAILED: Badge("bad", "bad", gettext_lazy("Failed")),
    Part.ENDED: Badge("off", "skip", gettext_lazy("No action")),
    Part.LEFT_OUT: Badge("off", "skip", gettext_lazy("Left out")),
}


def set_badge(found: ReplaySet) -> Badge:
    """Return a set's pill."""
    return SETS[found.state]


def part_badge(part: Part) -> Badge:
    """Return the pill of a run in a set."""
    return PARTS[part]


def said(found: ReplaySet) -> str:
    """Return where a set stands, in a sentence with figures."""
    if found.state is ReplayState.LOOKING:
        return _("%(done)s of %(total)s runs looked at. Nothing is sent yet.") % _figures(
            found.looked_at, found.total
        )
    if found.state is ReplayState.LOOKED_AT:
        ready = found.counts.get(Part.READY, 0)
        text = ngettext(
            "%(done)s of %(total)s runs would be done with the rule of today. Nothing is sent yet.",
            "%(done)s of %(total)s runs would be done with the rule of today. Nothing is sent yet.",
            ready,
        )
        return text % _figures(ready, found.total)
    done, failed = found.counts.get(Part.DONE, 0), found.counts.get(Part.FAILED, 0)
    text = _("%(done)s of %(total)s runs are done.") % _figures(done, found.wanted)
    if failed:
        text += " " + ngettext("%(number)s failed again.", "%(number)s failed again.", failed) % {
            "number": num(failed)
        }
    return text


def _figures(done: int, total: int) -> dict[str, str]:
    return {"done": num(done), "total": num(total)}


def asked_words(found: ReplaySet, names: Names) -> str:
    """Return what was asked for: picked runs, or a filter in words."""
    asked = found.asked
    if "runs" in asked:
        number = len(asked["runs"])
        return ngettext("%(number)s picked run", "%(number)s picked runs", number) % {"number": num(number)}
    parts = []
    if asked.get("q"):
        parts.append(_("“%(text)s”") % {"text": asked["q"]})
    if asked.get("status") in {shown.value for shown in Shown}:
        parts.append(str(BADGES[Shown(asked["status"])].word))
    if str(asked.get("rule", "")).isdecimal():
        parts.append(names.rule(int(asked["rule"])))
    if str(asked.get("connection", "")).isdecimal():
        parts.append(names.connection(int(asked["connection"])))
    parts += [str(asked[name]) for name in ("from", "to") if asked.get(name)]
    if asked.get("period"):
        parts.append(str(PERIODS.get(str(asked["period"]), "")))
    return ", ".join(part for part in parts if part) or _("All runs")


PERIODS = {
    "today": gettext_lazy("Today"),
    "yesterday": gettext_lazy("Yesterday"),
    "7days": gettext_lazy("Last 7 days"),
    "30days": gettext_lazy("Last 30 days"),
}


def time_left(seconds: float) -> str:
    """Return about how long something still takes."""
    if seconds < 60:
        return _("less than a minute left")
    minutes = round(seconds / 60)
    if minutes < 90:
        return ngettext("about %(number)s minute left", "about %(number)s minutes left", minutes) % {
            "number": minutes
        }
    hours = round(minutes / 60)
    return ngettext("about %(number)s hour left", "about %(number)s hours left", hours) % {"number": hours}


def step_words(found: Iterable[tuple[str, int, str, int]], names: Names) -> list[dict[str, Any]]:
    """Return the steps that add one more and had been done, each with the words of its tick."""
    steps: list[dict[str, Any]] = []
    for key, rule, step, number in found:
        name = _adding(rule, step, names)
        if name:
            steps.append({"key": key, "name": name, "rule": names.rule(rule), "number": number})
    return steps


def _adding(rule: int, step_id: str, names: Names) -> str:
    """Return the name of a step that adds one more each time it is done, "" for any other."""
    from vaivem.connectors.sdk.registry import get_connector

    known = names.rules.get(rule)
    row = RuleVersion.objects.filter(rule=rule, number=known.version or 0).first() if known else None
    if row is None:
        return ""
    try:
        steps = {step.id: step for _, step in parse_rule(row.definition).all_steps()}
    except VaivemError:
        return ""
    step = steps.get(step_id)
    if isinstance(step, EmailStep):
        return _("Send an e-mail")
    if isinstance(step, NotifyStep):
        return _("Notify a member")
    if not isinstance(step, ActionStep):
        return ""
    pairs = {str(ref): number for ref, number in row.compiled.get("connections", ())}
    connector = names.connector(pairs.get(str(step.connection), 0))
    if not connector:
        return ""
    try:
        action = get_connector(connector).action(step.action)
    except KeyError:
        return ""
    name = action_name(connector, step.action)
    return name[:1].upper() + name[1:] if action.adds(step.options) else ""
