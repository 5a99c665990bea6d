"""Rules and their published versions. The engine reads both with SQL of its own."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

from vaivem.hub.workspaces.models import Member, Workspace


class RuleState(models.TextChoices):
    """How a rule stands."""

    DRAFT = "draft", _("Draft")
    ON = "on", _("On")
    PAUSED = "paused", _("Paused")
    REMOVED = "removed", _("Removed")


class Rule(models.Model):
    """A rule. `version` is the number of the published version that new events are given to."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="rules")
    title = models.CharField(max_length=120)
    state = models.CharField(max_length=10, choices=RuleState, default=RuleState.DRAFT, db_default="draft")
    version = models.IntegerField(null=True)
    on_since = models.DateTimeField(null=True)
    draft: models.JSONField[Any, Any] = models.JSONField(default=dict, db_default={})
    recipe = models.CharField(max_length=60, blank=True, default="", db_default="")
    created = models.DateTimeField(db_default=Now(), editable=False)
    updated = models.DateTimeField(auto_now=True, db_default=Now())

    class Meta:
        """The table's name is a contract with the engine."""

        db_table = "rule"
        indexes = [models.Index(fields=["workspace", "state"], name="rule_workspace_state")]

    @override
    def __str__(self) -> str:
        return self.title


class RuleVersion(models.Model):
    """What was published, never changed again. `compiled` is all that the engine needs at run time."""

    rule = models.ForeignKey(Rule, models.CASCADE, related_name="versions")
    number = models.IntegerField()
    definition: models.JSONField[Any, Any] = models.JSONField()
    compiled: models.JSONField[Any, Any] = models.JSONField()
    created = models.DateTimeField(db_default=Now(), editable=False)
    author = models.ForeignKey(Member, models.SET_NULL, null=True)

    class Meta:
        """Numbers count up within a rule."""

        db_table = "rule_version"
        constraints = [models.UniqueConstraint(fields=["rule", "number"], name="rule_version_once")]
