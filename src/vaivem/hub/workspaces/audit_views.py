"""Who changed what."""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from vaivem.hub.rules import logged
from vaivem.hub.shell import clock
from vaivem.hub.workspaces.guard import MemberRequest, for_role
from vaivem.hub.workspaces.models import Member, Role
from vaivem.hub.workspaces.trail import Wanted, changes, read_trail


@require_safe
@for_role(Role.ADMIN, place="settings")
def audit_log(request: MemberRequest) -> HttpResponse:
    """Show a page of the workspace's audit log."""
    query = {name: value for name, value in request.GET.items() if isinstance(value, str)}
    wanted = Wanted.from_query(query)
    entries, older = read_trail(request.workspace, wanted)
    told = logged.told(request.workspace, entries)
    kept = {name: query[name] for name in ("member", "kind", "period", "q") if query.get(name)}
    values = {
        "tab": "audit",
        "now": clock.now(),
        "wanted": wanted,
        "filtered": bool(kept),
        "entries": [(entry, told.get(entry.pk, changes(entry))) for entry in entries],
        "older": urlencode({**kept, "before": older}) if older else "",
        "people": Member.objects.filter(auditentry__workspace=request.workspace)
        .distinct()
        .order_by("name", "pk"),
        "kinds": kinds(),
        "periods": [("day", _("last 24 hours")), ("week", _("last 7 days")), ("month", _("last 30 days"))],
    }
    return render(request, "workspaces/audit.html", values)


def kinds() -> list[tuple[str, str]]:
    """Return the kinds of entries that can be asked for."""
    return [
        ("connection", _("Connections")),
        ("rule", _("Rules")),
        ("run", _("Runs")),
        ("decision", _("Decisions")),
        ("rejected", _("Refused deliveries")),
        ("member", _("Members")),
        ("api_token", _("API tokens")),
        ("oauth_app", _("OAuth apps")),
        ("workspace", _("Workspace")),
    ]
