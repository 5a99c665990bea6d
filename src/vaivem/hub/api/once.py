"""Idempotency-Key: a create that is sent again is answered as the first time, and done once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils import timezone
from ninja.responses import Status

from vaivem.core.errors import Problem
from vaivem.hub.api.access import workspace_of
from vaivem.hub.api.errors import ApiError
from vaivem.hub.api.models import AnsweredRequest

KEPT = timedelta(days=1)
MAX_KEY = 200


def answered(request: HttpRequest) -> Status[Any] | None:
    """Return the first answer to this request, None when it is new. Raises ApiError for a reused key."""
    key = _key(request)
    if not key:
        return None
    found = AnsweredRequest.objects.filter(
        workspace=workspace_of(request), key=key, created__gt=timezone.now() - KEPT
    ).first()
    if found is None:
        return None
    if found.digest != _digest(request):
        raise ApiError(409, Problem("key_used_differently"))
    return Status(found.status, found.answer)


def once(request: HttpRequest, make: Callable[[], dict[str, Any]], status: int = 201) -> Status[Any]:
    """Return the answer that `make` gives, made once for each key.

    Of two requests that come at once, the second waits for the first and gets its answer.
    """
    key = _key(request)
    if not key:
        return Status(status, make())
    before = answered(request)
    if before is not None:
        return before
    workspace = workspace_of(request)
    try:
        with transaction.atomic():
            AnsweredRequest.objects.filter(workspace=workspace, created__lt=timezone.now() - KEPT).delete()
            row = AnsweredRequest.objects.create(
                workspace=workspace, key=key, digest=_digest(request), status=status, answer={}
            )
            row.answer = make()
            row.save(update_fields=["answer"])
            return Status(status, row.answer)
    except IntegrityError:
        late = answered(request)
        if late is None:
            raise
        return late


def _key(request: HttpRequest) -> str:
    key = request.headers.get("Idempotency-Key", "").strip()
    if len(key) > MAX_KEY:
        raise ApiError(400, Problem("request_invalid", {"message": "200"}, "Idempotency-Key"))
    return key


def _digest(request: HttpRequest) -> str:
    head = f"{request.method} {request.get_full_path()}\n".encode()
    return hashlib.sha256(head + request.body).hexdigest()
