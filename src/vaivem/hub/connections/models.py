"""Connections, and what OAuth needs. The engine reads and writes these tables with SQL of its own."""

from __future__ import annotations

import secrets
from typing import Any

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

from vaivem.hub.workspaces.models import Member, Workspace

HOOK_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"  # no letters that are misread: addresses get typed
HOOK_LENGTH = 26  # 130 bits


def new_hook() -> str:
    """Return an address part that nobody can guess."""
    return "".join(secrets.choice(HOOK_ALPHABET) for _ in range(HOOK_LENGTH))


class ConnectionState(models.TextChoices):
    """How a connection stands, as kept; that it is at a limit or paused by a failing vendor is its gate's."""

    WORKING = "working", _("Working")
    RECONNECT = "reconnect", _("Reconnect")
    PAUSED = "paused", _("Paused")
    OFF = "off", _("Off")
    REMOVED = "removed", _("Removed")


class Connection(models.Model):
    """One authorised account of a connector. `credentials` is what `Vault.seal` made of a dict.

    `refreshes` counts the renewals of its access; `renewal` says what went wrong with the last, if it did.
    """

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="connections")
    connector = models.CharField(max_length=40)
    name = models.CharField(max_length=80)
    slug = models.SlugField(max_length=80)
    method = models.CharField(max_length=20)
    state = models.CharField(
        max_length=10, choices=ConnectionState, default=ConnectionState.WORKING, db_default="working"
    )
    credentials = models.BinaryField()
    settings: models.JSONField[Any, Any] = models.JSONField(default=dict, db_default={})
    account: models.JSONField[Any, Any] = models.JSONField(default=dict, db_default={})
    catalog: models.JSONField[Any, Any] = models.JSONField(default=dict, db_default={})
    hook = models.CharField(max_length=26, unique=True, default=new_hook)
    subscription: models.JSONField[Any, Any] = models.JSONField(default=dict, db_default={})
    expires = models.DateTimeField(null=True)
    refreshed = models.DateTimeField(null=True)
    refresh_until = models.DateTimeField(null=True)
    refreshes = models.IntegerField(default=0, db_default=0)
    renewal: models.JSONField[Any, Any] = models.JSONField(default=dict, db_default={})
    wants_hook = models.BooleanField(default=False, db_default=False)
    catch_up = models.BooleanField(default=True, db_default=True)
    created = models.DateTimeField(db_default=Now(), editable=False)
    removed = models.DateTimeField(null=True)
    test_account = models.BooleanField(default=False, db_default=False)

    class Meta:
        """Names are unique among the connections that are not removed."""

        db_table = "connection"
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "slug"], condition=~Q(state="removed"), name="connection_slug_once"
            )
        ]

    @override
    def __str__(self) -> str:
        return self.name


class OAuthApp(models.Model):
    """The client id and secret of an app at a vendor. Without a workspace it is the operator's, for all."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="oauth_apps", null=True)
    connector = models.CharField(max_length=40)
    client_id = models.CharField(max_length=300)
    client_secret = models.BinaryField()
    settings: models.JSONField[Any, Any] = models.JSONField(default=dict, db_default={})

    class Meta:
        """One app a connector and workspace."""

        db_table = "oauth_app"
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "connector"], name="oauth_app_once", nulls_distinct=False
            )
        ]


class OAuthState(models.Model):
    """A sign-in at a vendor that is under way. Used once; `verifier` is sealed (PKCE)."""

    state = models.TextField(primary_key=True)
    workspace = models.ForeignKey(Workspace, models.CASCADE)
    connector = models.CharField(max_length=40)
    method = models.CharField(max_length=20, default="oauth", db_default="oauth")
    connection = models.ForeignKey(Connection, models.CASCADE, null=True)
    verifier = models.BinaryField(null=True)
    settings: models.JSONField[Any, Any] = models.JSONField(default=dict, db_default={})
    name = models.CharField(max_length=80, blank=True)
    member = models.ForeignKey(Member, models.CASCADE)
    created = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        """The table."""

        db_table = "oauth_state"
