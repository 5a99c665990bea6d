"""Members of a workspace: who they are, inviting, roles, taking access away."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from vaivem.hub.connections.addresses import public_address
from vaivem.hub.mail.letters import can_mail, kept_on_a_page
from vaivem.hub.mail.models import Letter
from vaivem.hub.shell import clock
from vaivem.hub.workspaces import audit, invitations
from vaivem.hub.workspaces.access import link_for
from vaivem.hub.workspaces.forms import InvitationForm
from vaivem.hub.workspaces.guard import MemberRequest, for_role
from vaivem.hub.workspaces.limits import allowed, too_many
from vaivem.hub.workspaces.models import Invitation, Membership, Role
from vaivem.hub.workspaces.permissions import PERMISSIONS

admins = for_role(Role.ADMIN, place="settings", change=Role.ADMIN)


@require_safe
@never_cache
@admins
def members(request: MemberRequest) -> HttpResponse:
    """Show who is in the workspace, who is invited, and what each role may do."""
    return _page(request)


@require_POST
@admins
def invite(request: MemberRequest) -> HttpResponse:
    """Invite somebody by letter, or show the link to pass on where there is no mail server."""
    form = InvitationForm(request.POST)
    if not form.is_valid():
        return _page(request, form=form)
    values = form.cleaned_data
    _may_give(request, values["role"])
    email = values["email"].strip().lower()
    if Membership.objects.filter(workspace=request.workspace, member__email=email).exists():
        form.add_error("email", _("This person is already a member."))
        return _page(request, form=form)
    if not allowed(request, "invite"):
        return too_many(request)
    made, path = invitations.invite(request.workspace, request.user, email, values["role"])
    return _invited(request, made, path)


@require_POST
@admins
def invite_again(request: MemberRequest, number: int) -> HttpResponse:
    """Send an invitation anew, with a new link."""
    found = _invitation(request, number)
    _may_give(request, found.role)
    if not allowed(request, "invite"):
        return too_many(request)
    made, path = invitations.invite(request.workspace, request.user, found.email, found.role)
    return _invited(request, made, path)


@require_POST
@admins
def withdraw_invitation(request: MemberRequest, number: int) -> HttpResponse:
    """Let an invitation work no longer."""
    found = _invitation(request, number)
    _may_give(request, found.role)
    invitations.withdraw(found, request.user)
    return _saved(request, _("The invitation no longer works."))


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
    link = _absolute(request, link_for(membership.member))
    return _page(request, link=link, link_for=membership.member, link_kind="sign_in")


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
    if is_last_owner(membership, leaving=role != Role.OWNER):
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
    if is_last_owner(membership, leaving=True):
        return _page(request, problem=_("A workspace needs an owner. Make somebody else the owner first."))
    membership.delete()
    audit.note(
        request.workspace, request.user, "member.removed", membership.member.email,
        before={"role": membership.role},
    )  # fmt: skip
    if membership.member == request.user:
        messages.success(request, _("You have left %(name)s.") % {"name": request.workspace.name})
        return redirect("front")
    return _saved(request, _("%(name)s no longer has access.") % {"name": membership.member})


def is_last_owner(membership: Membership, *, leaving: bool) -> bool:
    """Say whether the workspace would be left without an owner."""
    owners = Membership.objects.filter(workspace=membership.workspace_id, role=Role.OWNER)
    return (
        leaving and not owners.exclude(pk=membership.pk).exists() and owners.filter(pk=membership.pk).exists()
    )


def _page(request: MemberRequest, *, form: InvitationForm | None = None, **shown: Any) -> HttpResponse:
    workspace = request.workspace
    invited = list(
        Invitation.objects.filter(workspace=workspace).select_related("invited_by").order_by("email")
    )
    letters = Letter.objects.in_bulk([one.letter for one in invited if one.letter])
    now = clock.now()
    values = {
        "now": now,
        "tab": "members",
        "form": form or InvitationForm(),
        "memberships": Membership.objects.filter(workspace=workspace).select_related("member").order_by("id"),
        "invitations": [(one, letters.get(one.letter or 0), one.expires < now) for one in invited],
        "roles": Role.choices,
        "permissions": PERMISSIONS,
        "can_mail": can_mail(),
        "kept_on_a_page": kept_on_a_page(),
        **shown,
    }
    wrong = bool(form and form.errors) or "problem" in shown
    return render(request, "workspaces/members.html", values, status=422 if wrong else 200)


def _invited(request: MemberRequest, made: Invitation, path: str) -> HttpResponse:
    link = _absolute(request, path)
    return _page(request, link=link, link_for=made.email, link_kind="invitation", posted=made.letter)


def _saved(request: MemberRequest, text: str) -> HttpResponse:
    if text:
        messages.success(request, text)
    return redirect("members", request.workspace.slug)


def _absolute(request: MemberRequest, path: str) -> str:
    return f"{public_address()}{path}" if public_address() else request.build_absolute_uri(path)


def _membership(request: MemberRequest, number: int) -> Membership:
    return get_object_or_404(
        Membership.objects.select_related("member"), pk=number, workspace=request.workspace
    )


def _invitation(request: MemberRequest, number: int) -> Invitation:
    return get_object_or_404(Invitation, pk=number, workspace=request.workspace)


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
