"""What an account's plan allows (pipedrive.readme.io/docs/core-api-concepts-rate-limiting)."""

from __future__ import annotations

from collections.abc import Mapping

from vaivem.connectors.pipedrive.client import SEARCH
from vaivem.connectors.sdk import Connection, Quota
from vaivem.connectors.sdk.manifest import Limit

TOKENS_A_DAY = 30_000  # for each seat, times the plan's multiplier
MULTIPLIERS: Mapping[str, int] = {"lite": 1, "growth": 2, "premium": 5, "ultimate": 7}
BURSTS: Mapping[str, Mapping[str, int]] = {
    "token": {"lite": 20, "growth": 40, "premium": 100, "ultimate": 120},
    "oauth": {"lite": 80, "growth": 160, "premium": 400, "ultimate": 480},
}
BURST_SECONDS = 2.0
SEARCHES = 10


def limits(connection: Connection) -> tuple[Limit, ...]:
    """Return the burst limit, which counts requests, and the narrower one for searches."""
    settings = connection.settings
    calls, seconds = settings.get("limit_calls"), settings.get("limit_seconds")
    bursts = BURSTS.get(connection.method, BURSTS["token"])
    burst = Limit(
        calls=int(calls) if calls and seconds else bursts.get(str(settings.get("plan")), bursts["lite"]),
        seconds=float(seconds) if calls and seconds else BURST_SECONDS,
        counts="calls",
    )
    return burst, Limit(calls=SEARCHES, seconds=BURST_SECONDS, counts="calls", scope=SEARCH)


def quota(connection: Connection) -> Quota:
    """Return the tokens that the account's plan and seats give it a day, with those bought besides.

    They are counted anew at midnight of a zone that the vendor does not name; a person may know better.
    """
    settings = connection.settings
    seats = max(1, int(settings.get("seats") or 1))
    size = TOKENS_A_DAY * MULTIPLIERS.get(str(settings.get("plan")), 1) * seats
    return Quota(
        size + max(0, int(settings.get("top_up") or 0)), min(23, max(0, int(settings.get("reset_hour") or 0)))
    )
