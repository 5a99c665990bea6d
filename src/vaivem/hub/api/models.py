"""What the REST API remembers of its own."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models.functions import Now

from vaivem.hub.workspaces.models import Workspace


class AnsweredRequest(models.Model):
    """A request with an Idempotency-Key and what it was answered, kept for a day."""

    workspace = models.ForeignKey(Workspace, models.CASCADE)
    key = models.CharField(max_length=200)
    digest = models.CharField(max_length=64)  # of method, path and body
    status = models.SmallIntegerField()
    answer: models.JSONField[Any, Any] = models.JSONField()
    created = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        """A key counts within its workspace."""

        db_table = "api_answered_request"
        constraints = [models.UniqueConstraint(fields=["workspace", "key"], name="api_key_once")]
