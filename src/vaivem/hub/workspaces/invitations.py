"""Invitations, one for an address and a workspace: by letter where there is a mail server, else by link."""

from __future__ import annotations

import secrets
from datetime import timedelta

from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from vaivem.hub.mail.letters import can_mail, post, speaking
from vaivem.hub.workspaces import audit, people_letters
from vaivem.hub.workspaces.access import digest
from vaivem.hub.workspaces.models import ROLE_ORDER, Invitation, Member, Membership, Role, Workspace

LASTS = timedelta(days=7)


@transaction.atomic
def invite(workspace: Workspace, by: Member, email: str, role: str) -> tuple[Invitation, str]:
    """Invite somebody, or anew; return the invitation and the path of its link, which is shown only now.

    The letter, if there can be one, is on its way; an older link no longer works.
    """
    address = email.strip().lower()
    token = secrets.token_urlsafe(32)
    made, _ = Invitation.objects.update_or_create(
        workspace=workspace,
        email=address,
        defaults={
            "role": role,
            "invited_by": by,
            "token_hash": digest(token),
            "expires": timezone.now() + LASTS,
            "letter": None,
        },
    )
    if can_mail():
        known = Member.objects.filter(email=address).first()
        with speaking(known.language if known else workspace.language, workspace):
            content = people_letters.invitation(made, by, _path(token))
            made.letter = post("invitation", address, content, workspace).pk
        made.save(update_fields=["letter"])
    audit.note(workspace, by, "member.invited", address, after={"role": role})
    return made, _path(token)


def find_invitation(token: str) -> Invitation | None:
    """Return an invitation that can still be used."""
    return (
        Invitation.objects.select_related("workspace", "invited_by")
        .filter(token_hash=digest(token), expires__gt=timezone.now())
        .first()
    )


@transaction.atomic
def accept(invitation: Invitation, member: Member) -> Membership:
    """Let the member in with the invited role; who is in already keeps the higher of both roles."""
    workspace = invitation.workspace
    made, new = Membership.objects.get_or_create(
        workspace=workspace, member=member, defaults={"role": invitation.role}
    )
    if not new and ROLE_ORDER.index(Role(invitation.role)) > ROLE_ORDER.index(Role(made.role)):
        made.role = invitation.role
        made.save(update_fields=["role"])
    invitation.delete()
    audit.note(workspace, member, "member.joined", member.email, after={"role": made.role})
    return made


@transaction.atomic
def withdraw(invitation: Invitation, by: Member) -> None:
    """Let an invitation work no longer."""
    invitation.delete()
    audit.note(invitation.workspace, by, "member.invitation_withdrawn", invitation.email)


def _path(token: str) -> str:
    return reverse("invitation", args=[token])
