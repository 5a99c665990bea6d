"""Who wants no e-mails of a workspace's rules: told by their link, by a member, or by a program."""

from __future__ import annotations

import secrets

from django.db import transaction
from django.db.models import QuerySet

from vaivem.core.identity import normalise_email
from vaivem.engine.ways_out import TOKEN_BYTES
from vaivem.hub.mail.models import Address
from vaivem.hub.shell import clock
from vaivem.hub.workspaces import audit
from vaivem.hub.workspaces.models import Member, Workspace

BY_LINK, BY_MEMBER, BY_PROGRAM = "link", "member", "api"


def opted_out(workspace: Workspace, text: str = "") -> QuerySet[Address]:
    """Return the addresses that opted out, the newest first; `text` is a part of them."""
    rows = Address.objects.filter(workspace=workspace, opted_out__isnull=False)
    if text:
        rows = rows.filter(address__icontains=text)
    return rows.order_by("-opted_out", "-id")


def by_token(token: str) -> Address | None:
    """Return whose link a token is of."""
    return Address.objects.select_related("workspace").filter(token=token).first()


def add(workspace: Workspace, text: str, member: Member | None, how: str) -> Address | None:
    """Let an address opt out; None when the text is no address."""
    known = normalise_email(text)
    if known is None:
        return None
    row, _ = Address.objects.get_or_create(
        workspace=workspace, address=known, defaults={"token": secrets.token_urlsafe(TOKEN_BYTES)}
    )
    opt_out(row, member, how)
    return row


@transaction.atomic
def opt_out(row: Address, member: Member | None, how: str) -> None:
    """Send nothing more there but what is transactional. Once out, it stays as it was noted first."""
    changed = Address.objects.filter(pk=row.pk, opted_out__isnull=True).update(opted_out=clock.now(), how=how)
    if changed:
        audit.note(row.workspace, member, "address.opted_out", row.address, after={"how": how})


@transaction.atomic
def opt_in(row: Address, member: Member | None, how: str) -> None:
    """Take an opt-out back."""
    changed = Address.objects.filter(pk=row.pk, opted_out__isnull=False).update(opted_out=None, how="")
    if changed:
        audit.note(row.workspace, member, "address.opted_in", row.address, after={"how": how})
