"""What was told to whom, so that it is not told again and again; and what rules tell members."""

from __future__ import annotations

from django.db import models


class Told(models.Model):
    """A trouble that a member is to be told of, or was. `times` counts the mails, `at` is the last one, or
    before the first when the trouble was first seen; `seen` is when it was last there.
    """

    id = models.BigAutoField(primary_key=True)
    membership = models.ForeignKey("workspaces.Membership", models.CASCADE, related_name="told")
    trouble = models.CharField(max_length=120)
    at = models.DateTimeField()
    seen = models.DateTimeField()
    times = models.SmallIntegerField(default=0, db_default=0)

    class Meta:
        """Each trouble once a member."""

        db_table = "alert_told"
        constraints = [models.UniqueConstraint(fields=["membership", "trouble"], name="told_once")]


class Notice(models.Model):
    """What a rule told a member; the engine writes it. `place` is the step's place in the run.

    `about` names the event's record, `seen` is when the member put it away, `mailed` when the letter about
    it was posted.
    """

    id = models.BigAutoField(primary_key=True)
    workspace = models.ForeignKey("workspaces.Workspace", models.CASCADE, related_name="+")
    membership = models.ForeignKey("workspaces.Membership", models.CASCADE, related_name="notices")
    rule = models.ForeignKey("rules.Rule", models.CASCADE, related_name="+")
    run = models.BigIntegerField()
    place = models.IntegerField()
    text = models.CharField(max_length=500)
    about = models.CharField(max_length=200, default="", db_default="")
    at = models.DateTimeField()
    seen = models.DateTimeField(null=True)
    mailed = models.DateTimeField(null=True)

    class Meta:
        """The table's name is a contract with the engine. A step of a run tells one member once."""

        db_table = "notice"
        constraints = [models.UniqueConstraint(fields=["run", "place"], name="notice_once")]
        indexes = [
            models.Index(
                fields=["membership", "-id"], name="notice_open", condition=models.Q(seen__isnull=True)
            ),
            models.Index(fields=["id"], name="notice_unmailed", condition=models.Q(mailed__isnull=True)),
        ]
