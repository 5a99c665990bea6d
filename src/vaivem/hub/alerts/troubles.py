"""What is wrong in a workspace right now. A trouble keeps its key for as long as it lasts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection as database
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from vaivem.engine.ids import id_at, time_of
from vaivem.hub.alerts.kinds import Kind
from vaivem.hub.connections.health import Health, all_health
from vaivem.hub.messages import explain_run, named
from vaivem.hub.rules.held import held_rules, why_held
from vaivem.hub.shell.links import page
from vaivem.hub.shell.numbers import number
from vaivem.hub.shell.templatetags.shell import day_time
from vaivem.hub.workspaces.models import Workspace

DAY = timedelta(days=1)
SOON = timedelta(days=7)
MOST = 200


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that needs a person, in the current language. `path` leads to where it is mended."""

    kind: Kind
    key: str
    title: str
    text: str
    path: str


def read_troubles(workspace: Workspace, now: datetime) -> list[Trouble]:
    """Return all troubles of a workspace, the most urgent first, in the current language and time zone."""
    health = all_health(workspace.pk, now)
    return [
        *(_reconnect(workspace, one) for one in health if one.broken),
        *(_expiring(workspace, one, now) for one in health if _ends_soon(one, now)),
        *(_silent(workspace, one) for one in health if one.hook_problem and not one.broken),
        *_held(workspace),
        *_failing(workspace, now),
        *_late(workspace, now),
        *_decisions(workspace, now),
    ]


def _reconnect(workspace: Workspace, one: Health) -> Trouble:
    waiting = (
        ngettext("%(number)s run waits for it.", "%(number)s runs wait for it.", one.waiting)
        % {"number": number(one.waiting)}
        if one.waiting
        else ""
    )
    why = one.why.text if one.why else _("The access is no longer accepted.")
    return Trouble(
        Kind.RECONNECT,
        f"reconnect/{one.row.pk}",
        _("Reconnect %(the)s “%(name)s”") % {"the": named(one.row.connector)["the"], "name": one.row.name},
        f"{why} {waiting}".strip(),
        page("reconnect", workspace.slug, one.row.pk),
    )


def _ends_soon(one: Health, now: datetime) -> bool:
    """Say whether an access ends that nobody renews.

    One that renews itself is late at half its time, or after a day of renewals that failed.
    """
    if one.broken:
        return False
    if one.unrenewed_since is not None and now - one.unrenewed_since > DAY:
        return True
    if one.valid_until is None:
        return False
    left = one.valid_until - now
    lasts = one.valid_until - (one.row.refreshed or now)
    return left < SOON and (not one.renews or left < lasts / 2)


def _expiring(workspace: Workspace, one: Health, now: datetime) -> Trouble:
    ends = (
        _("It ends: %(when)s. Reconnect before, and nothing has to wait.")
        % {"when": day_time(one.valid_until, now)}
        if one.valid_until
        else _("Reconnect it, and nothing has to wait.")
    )
    why = one.renewal_problem.text if one.renewal_problem else ""
    last = one.valid_until or one.unrenewed_since or now
    return Trouble(
        Kind.EXPIRING,
        f"expiring/{one.row.pk}/{last.date()}",
        _("The access of “%(name)s” could not be renewed") % {"name": one.row.name}
        if why
        else _("The access of “%(name)s” ends soon") % {"name": one.row.name},
        f"{why} {ends}".strip(),
        page("reconnect", workspace.slug, one.row.pk),
    )


def _silent(workspace: Workspace, one: Health) -> Trouble:
    return Trouble(
        Kind.SILENT,
        f"silent/{one.row.pk}",
        _("Events from “%(name)s” do not arrive") % {"name": one.row.name},
        str(one.hook_problem),
        page("connection", workspace.slug, one.row.pk),
    )


def _held(workspace: Workspace) -> list[Trouble]:
    """Return the rules that the breaker holds."""
    return [
        Trouble(
            Kind.HELD,
            f"held/{row.pk}/{row.held_since:%Y%m%d%H%M%S}",
            _("“%(title)s” is held") % {"title": row.title},
            str(why_held(row)),
            page("rule", workspace.slug, row.pk),
        )
        for row in held_rules(workspace.pk)
    ]


def _failing(workspace: Workspace, now: datetime) -> list[Trouble]:
    """Return the failures of the last 24 hours, one a rule and cause."""
    rows = _rows(
        "select r.rule, rule.title, r.code, count(*), (array_agg(r.params::text order by r.id desc))[1],"
        " max(r.id), max(c.connector)"
        " from run r left join rule on rule.id = r.rule"
        " left join event e on e.ws = r.ws and e.id = r.event_id"
        " left join connection c on c.id = e.conn"
        " where r.ws = %s and r.id >= %s and r.status = 2 group by r.rule, rule.title, r.code"
        " order by count(*) desc, max(r.id) desc limit %s",
        [workspace.pk, id_at(now - DAY), MOST],
    )
    found = []
    for rule, title, code, count, params, run, connector in rows:
        told = explain_run(code, json.loads(params) if params else {}, connector or "")
        times = ngettext(
            "failed once in 24 hours", "failed %(number)s times in 24 hours", count
        ) % {"number": number(count)}  # fmt: skip
        found.append(
            Trouble(
                Kind.FAILING,
                f"failing/{rule}/{code}"[:120],
                f"“{title or rule}” {times}",
                " ".join(str(one) for one in told[:2]),
                page("run", workspace.slug, run),
            )
        )
    return found


def _late(workspace: Workspace, now: datetime) -> list[Trouble]:
    """Return the oldest event that waits, unless it is meant to, or another alert says so."""
    rows = _rows(
        "select min(i.run_id), count(*) from item i join lane l on l.ws = i.ws and l.key = i.lane"
        " left join gate g on g.conn = l.gate"
        " where i.ws = %(ws)s and i.run_id < %(before)s and l.state <> 3 and coalesce(g.state, 0) <> 2"
        " and not exists (select 1 from pending p where p.ws = i.ws and p.lane = i.lane"
        "   and p.state in ('wait', 'decision', 'doubt', 'held'))",
        {"ws": workspace.pk, "before": id_at(now - timedelta(minutes=workspace.late_minutes))},
    )
    oldest, count = rows[0]
    if not count:
        return []
    text = ngettext(
        "%(number)s event has waited for more than %(minutes)s minutes.",
        "%(number)s events have waited for more than %(minutes)s minutes.",
        count,
    ) % {"number": number(count), "minutes": number(workspace.late_minutes)}
    since = _("The oldest is of: %(when)s.") % {"when": day_time(time_of(oldest), now)}
    return [
        Trouble(
            Kind.LATE,
            "late",
            _("Events wait for too long"),
            f"{text} {since}",
            page("history", workspace.slug, query="status=waiting"),
        )
    ]


def _decisions(workspace: Workspace, now: datetime) -> list[Trouble]:
    rows = _rows(
        "select d.id, d.run_id, d.kind, d.asked, e.title from decision d"
        " left join event e on e.ws = d.ws and e.id = d.event_id"
        " where d.ws = %s and d.answer is null and d.asked < %s order by d.asked, d.id limit %s",
        [workspace.pk, now - timedelta(hours=workspace.decision_hours), MOST],
    )
    found = []
    for decision, run, kind, asked, title in rows:
        question = (
            _("Which record is right for “%(title)s”?")
            if kind == "choice"
            else _("Was this done for “%(title)s”?")
        )
        found.append(
            Trouble(
                Kind.DECISION,
                f"decision/{decision}",
                question % {"title": title or "–"},
                _("It waits for an answer since: %(when)s.") % {"when": day_time(asked, now)},
                page("run", workspace.slug, run),
            )
        )
    return found


def _rows(query: str, params: Any) -> list[tuple[Any, ...]]:
    with database.cursor() as cursor:
        cursor.execute(query, params)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found
