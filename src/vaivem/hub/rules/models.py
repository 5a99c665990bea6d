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
    """A rule. `version` is the number of the published version that new events are given to.

    `revision` counts the changes of its draft. `marks` are the problems of what runs that the last look at
    its connections' lists found (a stage that is gone), and `marked` is since when.

    `held` says why the breaker paused it (``{"code", "params"}``), `let_go` is when a person last let it go
    on. `record_changes` and `busy_runs` are its own limits of the breaker, null for the workspace's.
    """

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="rules")
    title = models.CharField(max_length=120)
    state = models.CharField(max_length=10, choices=RuleState, default=RuleState.DRAFT, db_default="draft")
    version = models.IntegerField(null=True)
    on_since = models.DateTimeField(null=True)
    draft: models.JSONField[Any, Any] = models.JSONField(default=dict, db_default={})
    revision = models.IntegerField(default=0, db_default=0)
    recipe = models.CharField(max_length=60, blank=True, default="", db_default="")
    marks: models.JSONField[Any, Any] = models.JSONField(default=list, db_default=[])
    marked = models.DateTimeField(null=True)
    held: models.JSONField[Any, Any] = models.JSONField(null=True)
    held_since = models.DateTimeField(null=True)
    let_go = models.DateTimeField(null=True)
    record_changes = models.PositiveIntegerField(null=True)
    busy_runs = models.PositiveIntegerField(null=True)
    created = models.DateTimeField(db_default=Now(), editable=False)
    updated = models.DateTimeField(auto_now=True, db_default=Now())

    class Meta:
        """The table's name is a contract with the engine."""

        db_table = "rule"
        indexes = [models.Index(fields=["workspace", "state"], name="rule_workspace_state")]

    @override
    def __str__(self) -> str:
        return self.title


class Combination(models.Model):
    """Which fields of one account fill an object of another: what many steps share.

    `object` is the group of the action's fields (``person``), `fields` a step's ``fields`` as JSON.
    Steps hold a copy of it, so nothing that runs reads this table.
    """

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="combinations")
    title = models.CharField(max_length=120)
    source = models.ForeignKey("connections.Connection", models.PROTECT, related_name="+")
    target = models.ForeignKey("connections.Connection", models.PROTECT, related_name="+")
    object = models.CharField(max_length=60)
    fields: models.JSONField[Any, Any] = models.JSONField(default=dict)
    revision = models.IntegerField(default=1, db_default=1)
    removed = models.DateTimeField(null=True)
    created = models.DateTimeField(db_default=Now(), editable=False)
    updated = models.DateTimeField(auto_now=True, db_default=Now())

    class Meta:
        """A title names one combination."""

        db_table = "combination"
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "title"],
                condition=models.Q(removed__isnull=True),
                name="combination_title_once",
            )
        ]

    @override
    def __str__(self) -> str:
        return self.title


class RuleDraft(models.Model):
    """A draft as it was at one revision: who made it so, and what a later undo goes back to."""

    rule = models.ForeignKey(Rule, models.CASCADE, related_name="drafts")
    revision = models.IntegerField()
    definition: models.JSONField[Any, Any] = models.JSONField()
    member = models.ForeignKey(Member, models.SET_NULL, null=True)
    created = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        """Revisions count up within a rule."""

        db_table = "rule_draft"
        constraints = [models.UniqueConstraint(fields=["rule", "revision"], name="rule_draft_once")]


class RuleVersion(models.Model):
    """What was published, never changed again. `compiled` is all that the engine needs at run time.

    A draft that is tried with one real event has a version too; its number is negative.
    """

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


class TrialKind(models.TextChoices):
    """How a draft is tried."""

    TEST = "test", _("Test with a real event")
    REHEARSAL = "rehearsal", _("Dry run")


class TrialState(models.TextChoices):
    """How far a trial is."""

    WAITING = "waiting", _("Waiting")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    STOPPED = "stopped", _("Stopped")
    FAILED = "failed", _("Failed")


class RuleTrial(models.Model):
    """A draft that is tried: with the next real event, or without writing on what happened before.

    A test has a `version` (negative) and, once an event came, its `run`. A dry run has `found`, one entry for
    each of its events: ``{"event", "title", "result", "steps": [...]}``; `total` is how many there are.
    """

    rule = models.ForeignKey(Rule, models.CASCADE, related_name="trials")
    member = models.ForeignKey(Member, models.SET_NULL, null=True)
    kind = models.CharField(max_length=10, choices=TrialKind)
    state = models.CharField(max_length=10, choices=TrialState)
    version = models.IntegerField(null=True)
    run = models.BigIntegerField(null=True)
    compiled: models.JSONField[Any, Any] = models.JSONField(default=dict, db_default={})
    since = models.DateTimeField(null=True)
    until = models.DateTimeField(null=True)
    total = models.IntegerField(null=True)
    found: models.JSONField[Any, Any] = models.JSONField(default=list, db_default=[])
    code = models.CharField(max_length=60, default="", db_default="")
    params: models.JSONField[Any, Any] = models.JSONField(default=dict, db_default={})
    beat = models.DateTimeField(null=True)
    created = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        """The table's name is a contract with the engine. A rule has one test at a time."""

        db_table = "rule_trial"
        indexes = [models.Index(fields=["rule", "kind", "-id"], name="rule_trial_last")]
        constraints = [
            models.UniqueConstraint(
                fields=["rule"],
                condition=models.Q(kind="test", state="waiting"),
                name="rule_trial_one_waits",
            )
        ]


class MoveState(models.TextChoices):
    """How far the look for what exists already is."""

    SKIPPED = "skipped", _("Not asked for")
    WAITING = "waiting", _("Waiting")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    STOPPED = "stopped", _("Stopped")
    FAILED = "failed", _("Failed")


class Move(models.Model):
    """A move from an old integration: the look for what exists already, then the switch, and its undoing.

    `form` are the answers it was asked with, `seen` what they meant then, `rules` the new rules as they are
    compiled. Once it was made, `made` says what it did, as `moving` needs it to undo it.
    """

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="moves")
    member = models.ForeignKey(Member, models.SET_NULL, null=True)
    form: models.JSONField[Any, Any] = models.JSONField(default=dict)
    seen = models.CharField(max_length=64)
    rules: models.JSONField[Any, Any] = models.JSONField(default=list)
    state = models.CharField(max_length=10, choices=MoveState)
    since = models.DateTimeField(null=True)
    until = models.DateTimeField(null=True)
    reads = models.IntegerField(default=0, db_default=0)
    total = models.IntegerField(null=True)
    code = models.CharField(max_length=60, default="", db_default="")
    params: models.JSONField[Any, Any] = models.JSONField(default=dict, db_default={})
    beat = models.DateTimeField(null=True)
    made: models.JSONField[Any, Any] = models.JSONField(default=dict, db_default={})
    moved = models.DateTimeField(null=True)
    undone = models.DateTimeField(null=True)
    created = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        """The table's name is a contract with the engine."""

        db_table = "move"


class MoveFound(models.Model):
    """What one new rule would find for one record of the source: `n` counts both.

    `steps` say how each step ends (``found``, ``several``, ``new``, ``failed``), `links` and `keys` what is
    kept when the move is made.
    """

    move = models.ForeignKey(Move, models.CASCADE, related_name="found")
    n = models.IntegerField()
    rule = models.IntegerField()
    title = models.CharField(max_length=160)
    result = models.CharField(max_length=12)
    code = models.CharField(max_length=60, default="", db_default="")
    params: models.JSONField[Any, Any] = models.JSONField(default=dict, db_default={})
    steps: models.JSONField[Any, Any] = models.JSONField(default=list)
    links: models.JSONField[Any, Any] = models.JSONField(default=list)
    keys: models.JSONField[Any, Any] = models.JSONField(default=list)

    class Meta:
        """The table's name is a contract with the engine."""

        db_table = "move_found"
        constraints = [models.UniqueConstraint(fields=["move", "n"], name="move_found_once")]


class MoveRead(models.Model):
    """An answer that a look got, so that it is not asked for again after a kill. Gone with its end."""

    move = models.ForeignKey(Move, models.CASCADE, related_name="kept_reads")
    key = models.CharField(max_length=40)
    status = models.IntegerField()
    headers: models.JSONField[Any, Any] = models.JSONField(default=dict)
    content = models.BinaryField()

    class Meta:
        """The table's name is a contract with the engine."""

        db_table = "move_read"
        constraints = [models.UniqueConstraint(fields=["move", "key"], name="move_read_once")]
