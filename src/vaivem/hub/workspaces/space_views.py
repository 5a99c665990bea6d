"""Workspaces of a person: making one, and leaving one."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from vaivem.hub.workspaces import audit
from vaivem.hub.workspaces.access import make_workspace
from vaivem.hub.workspaces.forms import NewWorkspaceForm
from vaivem.hub.workspaces.guard import LAST_WORKSPACE
from vaivem.hub.workspaces.models import Member, Membership, Role
from vaivem.hub.workspaces.people_views import is_last_owner


def may_make(member: Member) -> bool:
    """Say whether a person may make workspaces: who runs the installation, and owners."""
    return member.operator or Membership.objects.filter(member=member, role=Role.OWNER).exists()


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def new_workspace(request: HttpRequest) -> HttpResponse:
    """Make a workspace; its maker becomes its owner."""
    member = request.user
    assert isinstance(member, Member)  # noqa: S101 - login_required
    if not may_make(member):
        raise PermissionDenied
    form = NewWorkspaceForm(request.POST or None, initial={"zone": "America/Sao_Paulo"})
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            made = make_workspace(form.cleaned_data["name"])
            made.zone, made.language = form.cleaned_data["zone"], member.language
            made.save(update_fields=["zone", "language"])
            Membership.objects.create(member=member, workspace=made, role=Role.OWNER)
            audit.note(made, member, "workspace.made", made.name, after={"zone": made.zone})
        request.session[LAST_WORKSPACE] = made.slug
        return redirect("home", made.slug)
    return render(request, "workspaces/new.html", {"form": form}, status=422 if form.errors else 200)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def leave_workspace(request: HttpRequest, slug: str) -> HttpResponse:
    """Ask, then give up one's own membership."""
    membership = get_object_or_404(
        Membership.objects.select_related("workspace"), member=request.user, workspace__slug=slug
    )
    last = is_last_owner(membership, leaving=True)
    if request.method == "POST" and not last:
        name = membership.workspace.name
        audit.note(
            membership.workspace, membership.member, "member.left", membership.member.email,
            before={"role": membership.role},
        )  # fmt: skip
        membership.delete()
        messages.success(request, _("You have left %(name)s.") % {"name": name})
        return redirect("front")
    values = {"one": membership, "last_owner": last}
    return render(request, "workspaces/leave.html", values, status=422 if request.method == "POST" else 200)
