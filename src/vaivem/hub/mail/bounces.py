"""Whether letters that come back are seen here, and how reading them went."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from django.db import connection

from vaivem.engine.bounces import FACT
from vaivem.hub.connections.lines import config
from vaivem.hub.messages import Explained, explain


@dataclass(frozen=True, slots=True)
class BounceReading:
    """The mailbox that bounces are read from; `server` "" when there is none, `at` when it was last read."""

    server: str = ""
    at: datetime | None = None
    problem: Explained | None = None


def bounce_reading() -> BounceReading:
    """Return how reading the bounce mailbox stands."""
    url = config().bounces_url
    if not url:
        return BounceReading()
    with connection.cursor() as cursor:
        cursor.execute("select value::text, at from fact where name = %s", [FACT])
        row = cursor.fetchone()
    server = str(urlsplit(url).hostname or "")
    if row is None:
        return BounceReading(server)
    fact = json.loads(row[0])
    code = str(fact.get("code") or "")
    return BounceReading(server, row[1], explain(code, {"message": fact.get("said", "")}) if code else None)
