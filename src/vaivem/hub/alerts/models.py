"""What was told to whom, so that it is not told again and again."""

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
