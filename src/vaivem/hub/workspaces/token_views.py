"""API tokens of a workspace: what they may do, until when, when they were last used; making and revoking."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from vaivem.hub.shell import clock
from vaivem.hub.workspaces import audit
from vaivem.hub.workspaces.access import token_for
from vaivem.hub.workspaces.forms import ApiTokenForm
from vaivem.hub.workspaces.guard import MemberRequest, for_role
from vaivem.hub.workspaces.models import ApiToken, Role
from vaivem.hub.workspaces.scopes import ACTS, AREAS, allows

admins = for_role(Role.ADMIN, place="settings", change=Role.ADMIN)


@require_safe
@never_cache
@admins
def tokens(request: MemberRequest) -> HttpResponse:
    """Show the tokens that work, and those that have run out."""
    return _page(request)


@require_POST
@never_cache
@admins
def make_token(request: MemberRequest) -> HttpResponse:
    """Make an API token and show it, once."""
    form = ApiTokenForm(request.POST)
    if not form.is_valid():
        return _page(request, form=form)
    name, days, scopes = form.cleaned_data["name"], form.cleaned_data["days"], form.scopes()
    expires = timezone.now() + timedelta(days=days) if days else None
    token = token_for(request.workspace, name, scopes, expires)
    after = {"scopes": list(scopes), "expires": expires.date().isoformat() if expires else None}
    audit.note(request.workspace, request.user, "api_token.made", name, after=after)
    return _page(request, token=token)


@require_POST
@admins
def revoke_token(request: MemberRequest, number: int) -> HttpResponse:
    """Let a token work no longer."""
    token = get_object_or_404(ApiToken, pk=number, workspace=request.workspace, revoked=None)
    token.revoked = timezone.now()
    token.save(update_fields=["revoked"])
    audit.note(
        request.workspace, request.user, "api_token.revoked", token.name, before={"scopes": token.scopes}
    )
    messages.success(request, _("The token no longer works."))
    return redirect("tokens", request.workspace.slug)


def scope_words(scopes: list[str]) -> list[str]:
    """Say what a token may do, an entry an area."""
    may: dict[str, list[str]] = {
        str(label): [act for act in ACTS if allows(scopes, f"{area}:{act}")] for area, label in AREAS.items()
    }
    said = {("read",): _("read"), ("write",): _("change"), ("read", "write"): _("read and change")}
    every = {tuple(acts) for acts in may.values()}
    if len(every) == 1 and (only := every.pop()):
        return [_("everything: %(acts)s") % {"acts": said[only]}]
    return [f"{label}: {said[tuple(acts)]}" for label, acts in may.items() if acts]


def _page(request: MemberRequest, *, form: ApiTokenForm | None = None, **shown: Any) -> HttpResponse:
    now = clock.now()
    rows = ApiToken.objects.filter(workspace=request.workspace, revoked=None).order_by("id")
    values = {
        "now": now,
        "tab": "tokens",
        "form": form or ApiTokenForm(),
        "tokens": [(row, scope_words(row.scopes), bool(row.expires and row.expires <= now)) for row in rows],
        **shown,
    }
    return render(request, "workspaces/tokens.html", values, status=422 if form and form.errors else 200)
