"""The moment that screens count from: the engine's, so that a test can let days pass."""

from __future__ import annotations

from datetime import datetime

from django.db import connection


def now() -> datetime:
    """Return the engine's time (UTC)."""
    with connection.cursor() as cursor:
        cursor.execute("select vv_now()")
        moment: datetime = cursor.fetchone()[0]
    return moment
