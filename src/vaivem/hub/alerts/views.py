"""What a member is told by mail: choosing it, and stopping it from a mail."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from vaivem.hub.alerts.digest import membership_of
from vaivem.hub.alerts.kinds import Kind, wanted
from vaivem.hub.mail.letters import can_mail
from vaivem.hub.workspaces import audit
from vaivem.hub.workspaces.guard import MemberRequest, for_role
from vaivem.hub.workspaces.models import Membership, Role


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@for_role(Role.VIEWER, place="profile", change=Role.VIEWER)
def alerts(request: MemberRequest) -> HttpResponse:
    """Show and change what the member is told of this workspace."""
    membership = request.membership
    if request.method == "POST":
        _choose(membership, [kind.value for kind in Kind if request.POST.get(kind.value)])
        messages.success(request, _("Saved."))
        return redirect("alerts", request.workspace.slug)
    chosen = wanted(membership)
    values = {"kinds": [(kind, kind in chosen) for kind in Kind], "mail_works": can_mail()}
    return render(request, "alerts/choose.html", values)


@csrf_exempt  # a mail program's one-click button (RFC 8058) sends no cookie; the signed token is the proof
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def stop(request: HttpRequest, token: str) -> HttpResponse:
    """Stop a member's alerts of one workspace. Only the button does it, not a preview of the link."""
    membership = membership_of(token)
    if membership is None:
        return render(request, "alerts/stop.html", {"membership": None}, status=410)
    done = request.method == "POST"
    if done:
        _choose(membership, [])
    return render(request, "alerts/stop.html", {"membership": membership, "done": done})


def _choose(membership: Membership, kinds: list[str]) -> None:
    before = [kind.value for kind in wanted(membership)]
    membership.alerts = kinds
    membership.save(update_fields=["alerts"])
    if before != kinds:
        audit.note(
            membership.workspace, membership.member, "alerts.changed", membership.member.email,
            before={"alerts": before}, after={"alerts": kinds},
        )  # fmt: skip
