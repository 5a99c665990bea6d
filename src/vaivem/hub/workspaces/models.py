"""Workspaces, members and what lets them in. The engine reads `workspace` with SQL of its own."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower, Now
from django.utils.translation import gettext_lazy as _
from typing_extensions import override


class Role(models.TextChoices):
    """What a member may do in a workspace, from most to least."""

    OWNER = "owner", _("Owner")
    ADMIN = "admin", _("Administrator")
    EDITOR = "editor", _("Editor")
    VIEWER = "viewer", _("Viewer")


ROLE_ORDER = (Role.VIEWER, Role.EDITOR, Role.ADMIN, Role.OWNER)


class NumberFormat(models.TextChoices):
    """How numbers are written. The value is an example; its second and sixth characters are the marks."""

    POINT_COMMA = "1.234,56", "1.234,56"
    COMMA_POINT = "1,234.56", "1,234.56"
    SPACE_COMMA = "1 234,56", "1 234,56"
    QUOTE_POINT = "1’234.56", "1’234.56"


class Workspace(models.Model):
    """One customer's world. `zone` and `language` are its own; a member's language wins on their screens.

    `currency` is a code of ISO 4217. `late_minutes` and `decision_hours` say when waiting is worth an alert.

    A rule is held that changes one record more than `record_changes` times in an hour, or that runs many
    times more often than ever before, and more than `busy_runs` times in an hour.
    """

    name = models.CharField(max_length=80)
    slug = models.SlugField(max_length=60, unique=True)
    zone = models.CharField(max_length=60, default="America/Sao_Paulo", db_default="America/Sao_Paulo")
    language = models.CharField(max_length=5, default="pt_BR", db_default="pt_BR")
    currency = models.CharField(max_length=3, default="BRL", db_default="BRL")
    number_format = models.CharField(
        max_length=8, choices=NumberFormat, default=NumberFormat.POINT_COMMA, db_default="1.234,56"
    )
    retention_days = models.PositiveSmallIntegerField(default=90, db_default=90)
    late_minutes = models.PositiveSmallIntegerField(default=60, db_default=60)
    decision_hours = models.PositiveSmallIntegerField(default=4, db_default=4)
    record_changes = models.PositiveIntegerField(default=20, db_default=20)
    busy_runs = models.PositiveIntegerField(default=100, db_default=100)
    created = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        """The table's name is a contract with the engine."""

        db_table = "workspace"

    @override
    def __str__(self) -> str:
        return self.name


class MemberManager(BaseUserManager["Member"]):
    """Makes and finds members by e-mail, whatever its letters' case."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> Member:
        """Make a member; without a password they sign in by link until they choose one."""
        member = self.model(email=email.strip().lower(), **fields)
        member.set_password(password)
        member.save()
        return member

    @override
    def get_by_natural_key(self, username: str | None) -> Member:
        """Find a member by e-mail; raises Member.DoesNotExist."""
        return self.get(email=(username or "").strip().lower())


class Member(AbstractBaseUser):
    """A human user. `operator` runs the installation: public address, OAuth apps for everyone."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=80, blank=True)
    language = models.CharField(max_length=5, default="pt_BR", db_default="pt_BR")
    theme = models.CharField(max_length=5, default="auto", db_default="auto")
    keyboard = models.BooleanField(default=True, db_default=True)
    operator = models.BooleanField(default=False, db_default=False)
    is_active = models.BooleanField(default=True, db_default=True)
    created = models.DateTimeField(db_default=Now(), editable=False)

    workspaces = models.ManyToManyField(Workspace, through="Membership", related_name="members")
    objects: ClassVar[MemberManager] = MemberManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        """One account an e-mail, whatever its letters' case."""

        db_table = "member"
        constraints = [models.UniqueConstraint(Lower("email"), name="member_email_lower")]

    @override
    def __str__(self) -> str:
        return self.name or self.email

    @property
    def first_word(self) -> str:
        """Return the name that a greeting uses."""
        return (self.name.split() or [self.email])[0]

    @property
    def initials(self) -> str:
        """Return one or two letters for the round mark."""
        words = self.name.split() or [self.email]
        letters = words[0][:1] + (words[-1][:1] if len(words) > 1 else "")
        return letters.upper()


class Membership(models.Model):
    """A member's role in a workspace. `alerts` are the kinds of alerts wanted; None: those of the role."""

    member = models.ForeignKey(Member, models.CASCADE, related_name="memberships")
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role, default=Role.VIEWER)
    alerts: models.JSONField[list[str] | None, list[str] | None] = models.JSONField(null=True)
    created = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        """One role a member and workspace."""

        db_table = "membership"
        constraints = [models.UniqueConstraint(fields=["member", "workspace"], name="membership_once")]

    @override
    def __str__(self) -> str:
        return f"{self.member} ({self.role})"

    def at_least(self, role: Role | str) -> bool:
        """Say whether this role may do what `role` may."""
        return ROLE_ORDER.index(Role(self.role)) >= ROLE_ORDER.index(Role(role))


class LoginLink(models.Model):
    """A sign-in link: used once, within minutes. Only the token's hash is kept."""

    token_hash = models.CharField(max_length=64, unique=True)
    member = models.ForeignKey(Member, models.CASCADE, related_name="login_links")
    expires = models.DateTimeField()
    used = models.DateTimeField(null=True)
    created = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        """The table."""

        db_table = "login_link"


class Invitation(models.Model):
    """An invitation to a workspace, for one e-mail address. Only the token's hash is kept."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="invitations")
    email = models.EmailField()
    role = models.CharField(max_length=10, choices=Role, default=Role.VIEWER)
    invited_by = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+")
    token_hash = models.CharField(max_length=64, unique=True)
    letter = models.BigIntegerField(null=True)
    created = models.DateTimeField(db_default=Now(), editable=False)
    expires = models.DateTimeField()

    class Meta:
        """One open invitation a person and workspace; it is deleted when it is used or withdrawn."""

        db_table = "invitation"
        constraints = [models.UniqueConstraint("workspace", Lower("email"), name="invitation_once")]


class ApiToken(models.Model):
    """A token for the REST API. Shown once; `prefix` lets people recognise it. None in `expires`: never."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=80)
    hash = models.CharField(max_length=64, unique=True)
    prefix = models.CharField(max_length=16)
    scopes: models.JSONField[list[str], list[str]] = models.JSONField(default=list)
    created = models.DateTimeField(db_default=Now(), editable=False)
    expires = models.DateTimeField(null=True)
    last_used = models.DateTimeField(null=True)
    revoked = models.DateTimeField(null=True)

    class Meta:
        """The table."""

        db_table = "api_token"

    @override
    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class AuditEntry(models.Model):
    """Who changed what, with the values before and after; never a secret. `via` is the API token that did."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="audit", null=True)
    member = models.ForeignKey(Member, models.SET_NULL, null=True)
    via = models.CharField(max_length=100, blank=True, db_default="")
    at = models.DateTimeField(db_default=Now(), editable=False)
    action = models.CharField(max_length=60)
    object = models.CharField(max_length=160, blank=True)
    before: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(default=dict)
    after: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(default=dict)

    class Meta:
        """Read by workspace, newest first."""

        db_table = "audit_entry"
        indexes = [
            models.Index(fields=["workspace", "-at"], name="audit_recent"),
            models.Index(fields=["workspace", "-id"], name="audit_newest"),
        ]


def passed(moment: datetime | None, now: datetime) -> bool:
    """Say whether a moment is set and not after `now`."""
    return moment is not None and moment <= now
