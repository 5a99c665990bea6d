"""What needs a person, the most urgent first: reconnects, decisions, failures, refused deliveries."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection as database
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from vaivem.core.errors import Problem
from vaivem.engine.ids import id_at
from vaivem.hub.connections.health import Health
from vaivem.hub.messages import explain, explain_run, named
from vaivem.hub.rules import words
from vaivem.hub.rules.catalog import WorkspaceCatalog
from vaivem.hub.rules.held import held_rules, why_held
from vaivem.hub.rules.models import Rule
from vaivem.hub.shell.links import page
from vaivem.hub.shell.templatetags.shell import day_time, num

DECISIONS_SHOWN = 3
FAILURES_SHOWN = 8
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Need:
    """One line of the list: what happened and why, and the button that leads on."""

    connector: str
    title: str
    text: str
    url: str
    button: str
    primary: bool = False


def read_needs(workspace_id: int, slug: str, health: list[Health], now: datetime) -> list[Need]:
    """Return everything that waits for a person."""
    return [
        *(_reconnect(slug, one) for one in health if one.broken),
        *(_hook(slug, one) for one in health if one.hook_problem and not one.broken),
        *(_spent(slug, one, now) for one in health if one.spent and not one.broken),
        *_held(workspace_id, slug),
        *_decisions(workspace_id, slug),
        *_marked(workspace_id, slug),
        *_failures(workspace_id, slug, now),
        *_rejected(workspace_id, slug),
    ]


def _reconnect(slug: str, one: Health) -> Need:
    waiting = (
        ngettext(
            "%(number)s run waits and goes on by itself as soon as you reconnect.",
            "%(number)s runs wait and go on by themselves, in order, as soon as you reconnect.",
            one.waiting,
        )
        % {"number": one.waiting}
        if one.waiting
        else _("No run waits for it yet.")
    )
    why = one.why.text if one.why else _("The access is no longer accepted.")
    name = {"the": named(one.row.connector)["the"], "name": one.row.name}
    return Need(
        one.row.connector,
        _("Reconnect %(the)s “%(name)s”") % name,
        f"{why} {waiting}",
        page("reconnect", slug, one.row.pk),
        _("Reconnect"),
        primary=True,
    )


def _spent(slug: str, one: Health, now: datetime) -> Need:
    """Say that the budget of the day is used up, and when it goes on."""
    waiting = (
        ngettext("%(number)s run waits.", "%(number)s runs wait.", one.waiting) % {"number": num(one.waiting)}
        if one.waiting
        else _("No run waits for it yet.")
    )
    again = day_time(one.gate.until or now, now)
    until = _("Live events are tried now and then; the rest goes on by itself (%(time)s).") % {"time": again}
    return Need(
        one.row.connector,
        _("The day’s budget of “%(name)s” is spent") % {"name": one.row.name},
        f"{waiting} {until}",
        page("connection", slug, one.row.pk),
        _("See"),
    )


def _held(workspace_id: int, slug: str) -> list[Need]:
    """Return the rules that the breaker holds."""
    return [
        Need(
            "",
            _("“%(title)s” is held") % {"title": row.title},
            str(why_held(row)),
            page("rule", slug, row.pk),
            _("See"),
            primary=True,
        )
        for row in held_rules(workspace_id)
    ]


def _marked(workspace_id: int, slug: str) -> list[Need]:
    """Return the rules that name what is gone at a vendor."""
    rows = Rule.objects.filter(workspace=workspace_id, marked__isnull=False, state__in=("on", "paused"))
    found = []
    for row in rows.select_related("workspace").order_by("marked", "pk"):
        catalog = WorkspaceCatalog(row.workspace)
        version = row.versions.filter(number=row.version or 0).first()
        definition = version.definition if version else row.draft
        problem = Problem.from_dict(row.marks[0])
        where = words.place(problem.path, definition, catalog)
        text = str(words.explained(problem, definition, catalog))
        found.append(
            Need(
                words.connector_at(definition, problem.path, catalog),
                _("Correct the rule “%(title)s”") % {"title": row.title},
                f"{where}: {text}" if where else text,
                page("rule_edit", slug, row.pk),
                _("Correct"),
            )
        )
    return found


def _hook(slug: str, one: Health) -> Need:
    return Need(
        one.row.connector,
        _("Events from “%(name)s” do not arrive") % {"name": one.row.name},
        str(one.hook_problem),
        page("connection", slug, one.row.pk),
        _("See"),
    )


def _decisions(workspace_id: int, slug: str) -> list[Need]:
    rows = _rows(
        "select d.id, d.kind, d.question::text, e.title, c.connector, count(*) over ()"
        " from decision d left join event e on e.ws = d.ws and e.id = d.event_id"
        " left join connection c on c.id = d.conn"
        " where d.ws = %s and d.answer is null order by d.id limit %s",
        [workspace_id, DECISIONS_SHOWN],
    )
    found = [
        _decision(slug, number, kind, json.loads(question), title or "", connector or "")
        for number, kind, question, title, connector, _count in rows
    ]
    more = (rows[0][5] if rows else 0) - len(found)
    if more > 0:
        text = ngettext("%(number)s more decision waits", "%(number)s more decisions wait", more)
        url = page("decisions", slug) or page("history", slug, query="status=needs_you")
        found.append(Need("", text % {"number": more}, "", url, _("See all")))
    return found


def _decision(
    slug: str, number: int, kind: str, question: dict[str, Any], title: str, connector: str
) -> Need:
    if kind == "choice":
        fitting = len(question.get("candidates") or ())
        text = ngettext("%(number)s record fits.", "%(number)s records fit.", fitting) % {"number": fitting}
        return Need(
            connector,
            _("Which record is right for “%(title)s”?") % {"title": title},
            text + " " + _("The run waits for your choice."),
            page("decision", slug, number),
            _("Choose"),
        )
    why = explain(str(question.get("code") or "decision_needed"), question.get("params"), connector)
    return Need(
        connector,
        _("Was this done for “%(title)s”?") % {"title": title},
        why.text + " " + _("Repeating it might do it twice, so Vaivém asks you."),
        page("decision", slug, number),
        _("Decide"),
    )


def _failures(workspace_id: int, slug: str, now: datetime) -> list[Need]:
    """Return the failures of the last 24 hours, one line a rule and cause."""
    rows = _rows(
        "select r.rule, rule.title, r.code, count(*), (array_agg(r.params::text order by r.id desc))[1],"
        " max(r.id), (array_agg(c.connector order by r.id desc))[1]"
        " from run r left join rule on rule.id = r.rule"
        " left join event e on e.ws = r.ws and e.id = r.event_id"
        " left join lateral (select s.conn from step s where s.ws = r.ws and s.run_id = r.id and s.conn > 0"
        "   order by s.n desc, s.try desc limit 1) last on true"
        " left join connection c on c.id = coalesce(last.conn, e.conn)"
        " where r.ws = %s and r.id >= %s and r.status = 2 and r.replayed_by is null"
        " group by r.rule, rule.title, r.code"
        " order by max(r.id) desc limit %s",
        [workspace_id, id_at(now - DAY), FAILURES_SHOWN],
    )
    found = []
    for rule, title, code, number, params, run, connector in rows:
        told = explain_run(code, json.loads(params) if params else {}, connector or "")
        times = ngettext("failed once", "failed %(number)s times", number) % {"number": number}
        found.append(
            Need(
                connector or "",
                f"“{title or rule}” {times}",
                " ".join(str(one) for one in told[:2]),
                page("run", slug, run),
                _("See"),
            )
        )
    return found


def _rejected(workspace_id: int, slug: str) -> list[Need]:
    rows = _rows(
        "select c.connector, c.name, count(*), (array_agg(x.code order by x.id desc))[1],"
        " (array_agg(x.params::text order by x.id desc))[1]"
        " from rejected x join connection c on c.id = x.conn where x.ws = %s and x.state = 0"
        " group by c.id order by 3 desc, c.id",
        [workspace_id],
    )
    url = page("rejected", slug) or page("history", slug)
    return [
        Need(
            connector,
            ngettext(
                "%(number)s delivery from “%(name)s” could not be taken",
                "%(number)s deliveries from “%(name)s” could not be taken",
                number,
            )
            % {"number": number, "name": name},
            str(explain(code, json.loads(params), connector)),
            url,
            _("See"),
        )
        for connector, name, number, code, params in rows
    ]


def _rows(query: str, params: Any) -> list[tuple[Any, ...]]:
    with database.cursor() as cursor:
        cursor.execute(query, params)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found
