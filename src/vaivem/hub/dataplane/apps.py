"""The engine's tables: made by migrations here, read and written by the engine's own SQL."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import pre_migrate
from typing_extensions import override


class DataplaneConfig(AppConfig):
    """The app's name and label."""

    name = "vaivem.hub.dataplane"
    label = "dataplane"

    @override
    def ready(self) -> None:
        """Let migrations take the time they need: the limits of `settings.py` are for pages."""
        pre_migrate.connect(_without_limits, dispatch_uid="dataplane.without_limits")


def _without_limits(using: str = "default", **_: Any) -> None:
    from django.db import connections

    with connections[using].cursor() as cursor:
        cursor.execute(
            "select set_config('statement_timeout', '0', false), set_config('lock_timeout', '0', false),"
            " set_config('idle_in_transaction_session_timeout', '0', false)"
        )
