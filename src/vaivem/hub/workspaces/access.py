"""What lets people and programs in: the first owner's code, sign-in links, API tokens.

The command line and the pages both use these; only hashes are kept, and each secret is shown once.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from datetime import datetime, timedelta
from hmac import compare_digest
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify

from vaivem.hub.workspaces.models import (
    ApiToken,
    LoginLink,
    Member,
    Membership,
    Role,
    Workspace,
    passed,
)
from vaivem.hub.workspaces.scopes import ACTS, SCOPES

LINK_MINUTES = 15
OWNER_CODE_FILE = "owner.code"
CODE_ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
TOKEN_MARK = "vv_"  # noqa: S105 - how our tokens begin, so that scanners find lost ones


class AccessError(Exception):
    """Cannot be given; the text is a sentence for people."""


def owner_code() -> str:
    """Return the code that guards the making of the first owner; made once, kept in the data folder."""
    path = _code_path()
    try:
        code = path.read_text("ascii").strip()
    except FileNotFoundError:
        code = ""
    return code or _make_code(path)


def is_owner_code(given: str) -> bool:
    """Compare what a person typed, whatever its case, blanks and hyphens."""
    plain = "".join(given.split()).replace("-", "").upper()
    return compare_digest(plain.encode(), owner_code().replace("-", "").encode())


def needs_owner() -> bool:
    """Say whether nobody can sign in yet."""
    return not Member.objects.exists()


@transaction.atomic
def make_owner(name: str, email: str, password: str | None, workspace: str) -> Membership:
    """Make the first member, who runs the installation, and their workspace; the code is spent."""
    member = Member.objects.create_user(email, password, name=name, operator=True)
    made = Membership.objects.create(member=member, workspace=make_workspace(workspace), role=Role.OWNER)
    _code_path().unlink(missing_ok=True)
    return made


def make_workspace(name: str) -> Workspace:
    """Make a workspace whose address is free."""
    stem = slugify(name)[:50] or "workspace"
    taken = set(Workspace.objects.filter(slug__startswith=stem).values_list("slug", flat=True))
    slug = next(s for s in (stem, *(f"{stem}-{n}" for n in range(2, len(taken) + 3))) if s not in taken)
    return Workspace.objects.create(name=name, slug=slug)


def make_login_link(email: str | None = None) -> str:
    """Return the path of a sign-in link for a member, the first operator by default.

    It works once, within 15 minutes. Raises `AccessError` when there is nobody to sign in.
    """
    members = Member.objects.filter(is_active=True)
    if email:
        member = members.filter(email=email.strip().lower()).first()
        if member is None:
            raise AccessError(f"There is no member with the e-mail {email}.")
    else:
        member = members.filter(operator=True).order_by("id").first()
        if member is None:
            raise AccessError(
                "There is no owner yet: open the pages and make one with the code shown at start."
            )
    return link_for(member)


def link_for(member: Member) -> str:
    """Return the path of a new sign-in link for this member."""
    token = secrets.token_urlsafe(32)
    LoginLink.objects.create(
        token_hash=digest(token), member=member, expires=timezone.now() + timedelta(minutes=LINK_MINUTES)
    )
    return reverse("login_link", args=[token])


def find_link(token: str) -> LoginLink | None:
    """Return a link that can still be used, without using it."""
    return (
        LoginLink.objects.select_related("member")
        .filter(token_hash=digest(token), used=None, expires__gt=timezone.now(), member__is_active=True)
        .first()
    )


def use_link(token: str) -> Member | None:
    """Use a link up and return whose it is; None when it was used, is too old or never was."""
    link = find_link(token)
    if link is None:
        return None
    # One statement: of two that come at once, one gets the row.
    taken = LoginLink.objects.filter(id=link.id, used=None).update(used=timezone.now())
    return link.member if taken else None


def chosen_workspace(slug: str | None) -> Workspace:
    """Return the workspace with this slug; None takes the only one. Raises `AccessError` in a sentence."""
    found = list(Workspace.objects.filter(slug=slug) if slug else Workspace.objects.all()[:2])
    if not found:
        raise AccessError(f"There is no workspace {slug}." if slug else "There is no workspace yet.")
    if len(found) > 1:
        raise AccessError("There are several workspaces: say which.")
    return found[0]


def make_api_token(
    workspace: str | None, name: str, scopes: tuple[str, ...] = ACTS, days: int | None = None
) -> str:
    """Make a token for `/api/v1` and return it; it cannot be shown again.

    `workspace` is its slug; None takes the only one. Raises `AccessError` when that says nothing.
    """
    found = chosen_workspace(workspace)
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown:
        raise AccessError(f"There is no scope {unknown[0]}; there are {', '.join(SCOPES)}.")
    return token_for(found, name, scopes, timezone.now() + timedelta(days=days) if days else None)


def token_for(
    workspace: Workspace, name: str, scopes: tuple[str, ...] = ACTS, expires: datetime | None = None
) -> str:
    """Make a token of this workspace; without `expires` it works until it is revoked."""
    token = TOKEN_MARK + secrets.token_urlsafe(32)
    ApiToken.objects.create(
        workspace=workspace,
        name=name,
        hash=digest(token),
        prefix=token[:9],
        scopes=list(scopes),
        expires=expires,
    )
    return token


def find_token(token: str) -> ApiToken | None:
    """Return the token's row if it is valid, and note its use (at most once a minute)."""
    now = timezone.now()
    found = ApiToken.objects.select_related("workspace").filter(hash=digest(token), revoked=None).first()
    if found and passed(found.expires, now):
        return None
    if found and (found.last_used is None or now - found.last_used > timedelta(minutes=1)):
        ApiToken.objects.filter(id=found.id).update(last_used=now)
    return found


def digest(token: str) -> str:
    """Return what is kept of a token. It is random and long, so a plain hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()


def _code_path() -> Path:
    folder: Path = settings.VAIVEM.data_dir
    return folder / OWNER_CODE_FILE


def _make_code(path: Path) -> str:
    letters = "".join(secrets.choice(CODE_ALPHABET) for _ in range(12))
    code = "-".join((letters[:4], letters[4:8], letters[8:]))
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(code + "\n")
    except FileExistsError:  # another process made it meanwhile
        return path.read_text("ascii").strip()
    return code
