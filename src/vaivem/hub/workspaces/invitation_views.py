"""Accepting an invitation: with the account that one has, or with a new one."""

from __future__ import annotations

from allauth.account.utils import perform_login
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from vaivem.hub.workspaces.forms import NewAccountForm
from vaivem.hub.workspaces.guard import LAST_WORKSPACE
from vaivem.hub.workspaces.invitations import accept, find_invitation
from vaivem.hub.workspaces.limits import allowed, too_many
from vaivem.hub.workspaces.models import Invitation, Member


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def invitation(request: HttpRequest, token: str) -> HttpResponseBase:
    """Show what one is invited to; joining takes a button, so that a preview of the link joins nothing."""
    if not allowed(request, "accept_invitation"):
        return too_many(request)
    found = find_invitation(token)
    if found is None:
        return render(request, "workspaces/invitation.html", {"invitation": None}, status=410)
    known = Member.objects.filter(email=found.email).first()
    if request.user.is_authenticated:
        return _as_member(request, found)
    if known is not None:
        return render(request, "workspaces/invitation.html", {"invitation": found, "known": known})
    return _as_new(request, found)


def _as_member(request: HttpRequest, found: Invitation) -> HttpResponse:
    """Let who is signed in join, if the invitation is theirs."""
    member = request.user
    assert isinstance(member, Member)  # noqa: S101 - checked before
    fits = member.email == found.email
    if request.method == "POST" and fits:
        workspace = found.workspace
        accept(found, member)
        request.session[LAST_WORKSPACE] = workspace.slug
        messages.success(request, _("You are in %(name)s.") % {"name": workspace.name})
        return redirect("home", workspace.slug)
    values = {"invitation": found, "joins": fits, "other": not fits}
    return render(request, "workspaces/invitation.html", values, status=200 if fits else 403)


def _as_new(request: HttpRequest, found: Invitation) -> HttpResponseBase:
    """Let somebody without an account make one, and join."""
    form = NewAccountForm(request.POST or None, email=found.email)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        language = found.workspace.language
        member = Member.objects.create_user(
            found.email, values["password"], name=values["name"], language=language
        )
        workspace = found.workspace
        accept(found, member)
        answer: HttpResponseBase = perform_login(
            request, member, email_verification="none", redirect_url=f"/w/{workspace.slug}/"
        )
        return answer
    status = 422 if form.errors else 200
    return render(request, "workspaces/invitation.html", {"invitation": found, "form": form}, status=status)
