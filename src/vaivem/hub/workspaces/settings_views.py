"""Settings of a workspace: company, public address, OAuth apps."""

from __future__ import annotations

from decimal import Decimal

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from vaivem.hub.connections.addresses import AddressError, choose_address, chosen_address, public_address
from vaivem.hub.connections.lines import config
from vaivem.hub.connections.models import OAuthApp
from vaivem.hub.workspaces import audit
from vaivem.hub.workspaces.forms import WorkspaceForm
from vaivem.hub.workspaces.guard import MemberRequest, for_role
from vaivem.hub.workspaces.models import Role

admins = for_role(Role.ADMIN, place="settings", change=Role.ADMIN)


@require_safe
@never_cache
@admins
def settings(request: MemberRequest) -> HttpResponse:
    """Show everything that can be set."""
    return _page(request)


@require_POST
@admins
def company(request: MemberRequest) -> HttpResponse:
    """Change the workspace's name, zone, language, currency, number format, retention."""
    before = {name: getattr(request.workspace, name) for name in WorkspaceForm.Meta.fields}
    form = WorkspaceForm(request.POST, instance=request.workspace)
    if not form.is_valid():
        request.workspace.refresh_from_db()
        return _page(request, company=form)
    form.save()
    changed = {name: form.cleaned_data[name] for name in form.changed_data}
    audit.note(
        request.workspace, request.user, "workspace.changed", request.workspace.name,
        before={name: before[name] for name in changed}, after=changed,
    )  # fmt: skip
    return _saved(request, _("Saved."))


@require_POST
@admins
def address(request: MemberRequest) -> HttpResponse:
    """Choose the address that vendors reach; the registered webhooks move to it."""
    _operators_only(request)
    before = chosen_address()
    try:
        kept = choose_address(request.POST.get("address", ""))
    except AddressError:
        return _page(
            request, address_problem=_("Write a whole address, such as https://vaivem.example.com.br.")
        )
    audit.note(
        None, request.user, "public_address.changed", kept, before={"url": before}, after={"url": kept}
    )
    return _saved(request, _("Saved. Registered webhooks move to the address within a minute."))


@require_POST
@admins
def remove_app(request: MemberRequest, number: int) -> HttpResponse:
    """Forget an OAuth app; connections made through it can no longer renew their access."""
    app = get_object_or_404(OAuthApp, pk=number)
    if app.workspace_id is None:
        _operators_only(request)
    elif app.workspace_id != request.workspace.pk:
        raise Http404
    app.delete()
    audit.note(request.workspace, request.user, "oauth_app.removed", app.connector)
    return _saved(request, _("The app is forgotten."))


def _page(request: MemberRequest, *, company: WorkspaceForm | None = None, **shown: object) -> HttpResponse:
    workspace = request.workspace
    wrong = bool(company and company.errors) or "address_problem" in shown
    values = {
        "tab": "company",
        "company": company or WorkspaceForm(instance=workspace),
        "apps": OAuthApp.objects.filter(workspace=workspace) | OAuthApp.objects.filter(workspace=None),
        "address": public_address(),
        "address_fixed": bool(config().public_url),
        "example": Decimal("31900.5"),
        **shown,
    }
    return render(request, "workspaces/settings.html", values, status=422 if wrong else 200)


def _saved(request: MemberRequest, text: str) -> HttpResponse:
    messages.success(request, text)
    return redirect("settings", request.workspace.slug)


def _operators_only(request: MemberRequest) -> None:
    if not request.user.operator:
        raise PermissionDenied
