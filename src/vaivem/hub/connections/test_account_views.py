"""The page of test accounts, and the button that connects those that this installation serves."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from vaivem.core.errors import VaivemError
from vaivem.hub.connections import test_accounts
from vaivem.hub.connections.lines import config
from vaivem.hub.connections.list_views import pages_of
from vaivem.hub.connections.models import Connection
from vaivem.hub.messages import explain_error
from vaivem.hub.shell.links import way_back
from vaivem.hub.workspaces.guard import MemberRequest, for_role
from vaivem.hub.workspaces.models import Role


@require_safe
@for_role(place="test_accounts")
def listing(request: MemberRequest) -> HttpResponse:
    """Show the simulated vendors that are connected, with the way to their pages, and those that could be."""
    rows = test_accounts.connected(request.workspace)
    values = {
        "accounts": [{"row": row, "pages": pages_of(row)} for row in rows],
        "offered": test_accounts.offered(request.workspace),
        "served": bool(config().test_accounts),
        "can_connect": request.membership.at_least(Role.ADMIN),
    }
    return render(request, "connections/test_accounts.html", values)


@require_POST
@for_role(place="test_accounts", change=Role.ADMIN)
def connect(request: MemberRequest) -> HttpResponse:
    """Connect the test accounts of the systems named (`key`, any number), else all that are served here."""
    keys = request.POST.getlist("key")
    made: list[Connection] = []
    for one in test_accounts.offered(request.workspace):
        if keys and one.key not in keys:
            continue
        try:
            made.append(test_accounts.connect(request.workspace, request.user, one.key))
        except VaivemError as error:
            text = _("The test account of %(system)s was not connected.") % {"system": one.manifest.name}
            messages.error(request, f"{text} {explain_error(error, one.key)}")
    if made:
        messages.success(request, _("Connected: %(names)s.") % {"names": ", ".join(row.name for row in made)})
    return redirect(way_back(request, reverse("test_accounts", args=[request.workspace.slug])))
