"""Home: is it flowing, what needs a person, what happened."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from vaivem.connectors.sdk.registry import connector_keys, get_connector
from vaivem.hub.alerts.notices import open_notices, put_away
from vaivem.hub.connections import test_accounts
from vaivem.hub.connections.addresses import public_address
from vaivem.hub.connections.health import Health, all_health
from vaivem.hub.connections.lines import config
from vaivem.hub.home.charts import day_chart, spark
from vaivem.hub.home.figures import (
    DONE,
    FAILED,
    Day,
    Latest,
    has_history,
    read_day,
    read_figures,
    read_latest,
    read_sparks,
)
from vaivem.hub.home.headline import headline
from vaivem.hub.home.needs import read_needs
from vaivem.hub.messages import connector_text, explain_run
from vaivem.hub.rules.held import held_rules
from vaivem.hub.shell import clock
from vaivem.hub.shell.counts import waiting_for_people
from vaivem.hub.shell.links import page
from vaivem.hub.shell.templatetags.shell import named_day, num
from vaivem.hub.workspaces.guard import MemberRequest, for_role
from vaivem.hub.workspaces.models import Role

CONNECTIONS_SHOWN = 6


@require_safe
@for_role(place="home")
def home(request: MemberRequest) -> HttpResponse:
    """Show the workspace's state; before anything happened, the first steps."""
    workspace, now = request.workspace, clock.now()
    health = all_health(workspace.pk, now)
    if not has_history(workspace.pk):
        return _first_steps(request, health)
    zone = ZoneInfo(workspace.zone)
    day = read_day(workspace.pk, zone, now)
    figures = read_figures(workspace.pk, zone, now)
    waiting = waiting_for_people(workspace.pk)
    held = [row.title for row in held_rules(workspace.pk)]
    needs = read_needs(workspace.pk, workspace.slug, health, now)
    notices, notices_count = open_notices(request.membership)
    sparks = read_sparks(workspace.pk, now)
    label = _("Events by hour today, compared with yesterday")
    values = {
        "now": now,
        "today": named_day(localtime(now).date()),
        "headline": headline(health, held, waiting, day, figures),
        "day": day,
        "figures": figures,
        "needs": needs,
        "notices": notices,
        "notices_count": notices_count,
        "needs_count": waiting.needs,
        "chart": day_chart(day, label),
        "narrow_chart": day_chart(day, label, narrow=True),
        "finding": finding(day),
        "latest": [line_of(one, workspace.slug) for one in read_latest(workspace.pk)],
        "health": [(one, spark(sparks.get(one.row.pk, [0] * 10))) for one in health[:CONNECTIONS_SHOWN]],
        "public_address": public_address(),
        "only_tests": all(one.row.test_account for one in health),
        "can_change": request.membership.at_least(Role.ADMIN),
    }
    return render(request, "home/home.html", values)


@require_POST
@for_role(place="home", change=Role.VIEWER)
def notice_away(request: MemberRequest, number: int) -> HttpResponse:
    """Put away one of the member's own notices; 0 for all of them."""
    if not put_away(request.membership, number or None) and number:
        raise Http404
    return redirect("home", request.workspace.slug)


def _first_steps(request: MemberRequest, health: list[Health]) -> HttpResponse:
    connectors = [get_connector(key) for key in connector_keys()]
    connectors.sort(key=lambda one: (one.manifest.generic, one.manifest.name.lower()))
    values = {
        "connectors": connectors,
        "connected": health,
        "offered": test_accounts.offered(request.workspace),
        "served": bool(config().test_accounts),
        "can_change": request.membership.at_least(Role.ADMIN),
        "public_address": public_address(),
    }
    return render(request, "home/first.html", values)


def finding(day: Day) -> str:
    """Return what the chart says, for those who do not see it."""
    if not day.events:
        return _("No events today yet. Yesterday by this time there were %(yesterday)s.") % {
            "yesterday": num(day.yesterday_so_far)
        }
    return _(
        "Events by hour, from midnight to %(hour)s:00. The peak is at %(peak)s:00 with %(most)s events. "
        "Yesterday by this time there were %(yesterday)s."
    ) % {
        "hour": day.hour,
        "peak": day.peak,
        "most": num(day.hours[day.peak].events),
        "yesterday": num(day.yesterday_so_far),
    }


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of "just now": what, and what came of it."""

    run: Latest
    url: str
    dot: str
    icon: str
    text: str
    note: str


def line_of(run: Latest, slug: str) -> Line:
    """Say what came of a run."""
    url = page("run", slug, run.id)
    path = " → ".join(_system(key) for key in (run.source, *run.targets) if key)
    connector = run.targets[0] if run.targets else run.source
    if run.status == DONE:
        return Line(run, url, "ok", "ok", _came_of(run, connector), path)
    why = " ".join(str(one.text) for one in explain_run(run.code, run.params, connector)[:1])
    if run.status == FAILED:
        return Line(run, url, "bad", "bad", _("failed"), why)
    return Line(run, url, "", "skip", _("led to nothing"), why)


def _came_of(run: Latest, connector: str) -> str:
    names: dict[str, list[str]] = {}
    for record in run.records:
        kind = connector_text(connector, f"objects.{record.get('object')}") or str(record.get("object") or "")
        names.setdefault(str(record.get("did")), []).append(kind)
    for did, text in (
        ("created", _("made %(what)s")),
        ("updated", _("changed %(what)s")),
        ("found", _("found %(what)s")),
    ):
        if names.get(did):
            return text % {"what": ", ".join(dict.fromkeys(name.lower() for name in names[did]))}
    return _("is done")


def _system(key: str) -> str:
    return get_connector(key).manifest.name if key in connector_keys() else key
