"""Settings of a workspace: company, public address, members, API tokens, OAuth apps, who changed what."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from vaivem.hub.connections.addresses import AddressError, choose_address, chosen_address, public_address
from vaivem.hub.connections.lines import config
from vaivem.hub.connections.models import OAuthApp
from vaivem.hub.workspaces import audit
from vaivem.hub.workspaces.access import link_for, token_for
from vaivem.hub.workspaces.forms import ApiTokenForm, MemberForm, WorkspaceForm
from vaivem.hub.workspaces.guard import MemberRequest, for_role
from vaivem.hub.workspaces.models import ApiToken, AuditEntry, Member, Membership, Role

AUDIT_SHOWN = 50
# Three forms with a field `name` stand on one page, and each label must find its own.
MEMBER_IDS = "member_%s"
TOKEN_IDS = "token_%s"  # noqa: S105 - no secret
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
    """Change the workspace's name, zone, language, retention."""
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
@transaction.atomic
def add_member(request: MemberRequest) -> HttpResponse:
    """Add a member; a person who already has an account only gets the role, and no link."""
    form = MemberForm(request.POST, auto_id=MEMBER_IDS)
    if not form.is_valid():
        return _page(request, member=form)
    values = form.cleaned_data
    _may_give(request, values["role"])
    known = Member.objects.filter(email=values["email"].strip().lower()).first()
    person = known
    if person is None:
        person = Member.objects.create_user(
            values["email"], None, name=values["name"], language=request.workspace.language
        )
    made, new = Membership.objects.get_or_create(
        workspace=request.workspace, member=person, defaults={"role": values["role"]}
    )
    if not new:
        form.add_error("email", _("This person is already a member."))
        return _page(request, member=form)
    audit.note(request.workspace, request.user, "member.added", person.email, after={"role": made.role})
    if known is not None:
        return _saved(request, _("%(name)s has access now.") % {"name": person})
    return _page(request, link=_link(request, person), link_for_member=person)


@require_POST
@admins
def member_link(request: MemberRequest, number: int) -> HttpResponse:
    """Make a sign-in link for a member, to pass on."""
    membership = _membership(request, number)
    _may_touch(request, membership)
    elsewhere = Membership.objects.filter(member=membership.member).exclude(workspace=request.workspace)
    if elsewhere.exists() and not request.user.operator:
        # The link signs in to everything that the person may see, which is not this workspace's to give.
        raise PermissionDenied
    audit.note(request.workspace, request.user, "member.link_made", membership.member.email)
    return _page(request, link=_link(request, membership.member), link_for_member=membership.member)


@require_POST
@admins
def change_role(request: MemberRequest, number: int) -> HttpResponse:
    """Give a member another role."""
    membership = _membership(request, number)
    role = request.POST.get("role", "")
    if role not in Role.values:
        return _saved(request, "")
    _may_touch(request, membership)
    _may_give(request, role)
    before = membership.role
    membership.role = role
    if _is_last_owner(membership, leaving=role != Role.OWNER):
        return _page(request, problem=_("A workspace needs an owner. Make somebody else the owner first."))
    membership.save(update_fields=["role"])
    audit.note(
        request.workspace, request.user, "member.role_changed", membership.member.email,
        before={"role": before}, after={"role": role},
    )  # fmt: skip
    return _saved(request, _("Saved."))


@require_POST
@admins
def remove_member(request: MemberRequest, number: int) -> HttpResponse:
    """Take a member's access to this workspace away."""
    membership = _membership(request, number)
    _may_touch(request, membership)
    if _is_last_owner(membership, leaving=True):
        return _page(request, problem=_("A workspace needs an owner. Make somebody else the owner first."))
    membership.delete()
    audit.note(request.workspace, request.user, "member.removed", membership.member.email)
    return _saved(request, _("%(name)s no longer has access.") % {"name": membership.member})


@require_POST
@admins
def make_token(request: MemberRequest) -> HttpResponse:
    """Make an API token and show it, once."""
    form = ApiTokenForm(request.POST, auto_id=TOKEN_IDS)
    if not form.is_valid():
        return _page(request, token_form=form)
    scopes = ("read",) if form.cleaned_data["scope"] == "read" else ("read", "write")
    token = token_for(request.workspace, form.cleaned_data["name"], scopes)
    audit.note(
        request.workspace,
        request.user,
        "api_token.made",
        form.cleaned_data["name"],
        after={"scopes": list(scopes)},
    )
    return _page(request, token=token)


@require_POST
@admins
def revoke_token(request: MemberRequest, number: int) -> HttpResponse:
    """Let a token work no longer."""
    token = get_object_or_404(ApiToken, pk=number, workspace=request.workspace, revoked=None)
    token.revoked = timezone.now()
    token.save(update_fields=["revoked"])
    audit.note(request.workspace, request.user, "api_token.revoked", token.name)
    return _saved(request, _("The token no longer works."))


@require_POST
@admins
def remove_app(request: MemberRequest, number: int) -> HttpResponse:
    """Forget an OAuth app; connections made through it can no longer renew their access."""
    app = get_object_or_404(OAuthApp, pk=number)
    if app.workspace_id is None:
        _operators_only(request)
    elif app.workspace_id != request.workspace.pk:
        raise PermissionDenied
    app.delete()
    audit.note(request.workspace, request.user, "oauth_app.removed", app.connector)
    return _saved(request, _("The app is forgotten."))


def _page(
    request: MemberRequest,
    *,
    company: WorkspaceForm | None = None,
    member: MemberForm | None = None,
    token_form: ApiTokenForm | None = None,
    **shown: object,
) -> HttpResponse:
    workspace = request.workspace
    given: list[forms.BaseForm | None] = [company, member, token_form]
    wrong = (
        any(form is not None and form.errors for form in given)
        or "problem" in shown
        or "address_problem" in shown
    )
    values = {
        "company": company or WorkspaceForm(instance=workspace),
        "member_form": member or MemberForm(auto_id=MEMBER_IDS),
        "token_form": token_form or ApiTokenForm(auto_id=TOKEN_IDS),
        "memberships": Membership.objects.filter(workspace=workspace).select_related("member").order_by("id"),
        "roles": Role.choices,
        "tokens": ApiToken.objects.filter(workspace=workspace, revoked=None).order_by("id"),
        "apps": OAuthApp.objects.filter(workspace=workspace) | OAuthApp.objects.filter(workspace=None),
        "entries": AuditEntry.objects.filter(workspace=workspace)
        .select_related("member")
        .order_by("-id")[:AUDIT_SHOWN],
        "address": public_address(),
        "address_fixed": bool(config().public_url),
        **shown,
    }
    return render(request, "workspaces/settings.html", values, status=422 if wrong else 200)


def _saved(request: MemberRequest, text: str) -> HttpResponse:
    if text:
        messages.success(request, text)
    return redirect("settings", request.workspace.slug)


def _link(request: MemberRequest, person: Member) -> str:
    path = link_for(person)
    return f"{public_address()}{path}" if public_address() else request.build_absolute_uri(path)


def _membership(request: MemberRequest, number: int) -> Membership:
    return get_object_or_404(
        Membership.objects.select_related("member"), pk=number, workspace=request.workspace
    )


def _may_touch(request: MemberRequest, membership: Membership) -> None:
    """Only an owner may act on an owner, and only an operator on an operator: else an administrator could
    take over what they hold.
    """
    if membership.role == Role.OWNER and not request.membership.at_least(Role.OWNER):
        raise PermissionDenied
    if membership.member.operator and not request.user.operator:
        raise PermissionDenied


def _may_give(request: MemberRequest, role: str) -> None:
    if role == Role.OWNER and not request.membership.at_least(Role.OWNER):
        raise PermissionDenied


def _is_last_owner(membership: Membership, *, leaving: bool) -> bool:
    owners = Membership.objects.filter(workspace=membership.workspace_id, role=Role.OWNER)
    return (
        leaving and not owners.exclude(pk=membership.pk).exists() and owners.filter(pk=membership.pk).exists()
    )


def _operators_only(request: MemberRequest) -> None:
    if not request.user.operator:
        raise PermissionDenied
