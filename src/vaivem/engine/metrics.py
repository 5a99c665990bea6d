"""Figures for Prometheus, in its text form: what waits, what is wrong, who is at work.

Most are read from the database, so that any web process tells them of the whole installation; deliveries are
counted by each web process for itself.
"""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Iterable

from vaivem.engine.links import Link
from vaivem.engine.statements import statement

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = 5.0
HELP = {
    "vaivem_lanes": ("state", "Lanes with work, by state"),
    "vaivem_lane_oldest_due_seconds": ("", "How long the first ready lane has been due"),
    "vaivem_runs_pending": ("state", "Runs that began and wait, by what they wait for"),
    "vaivem_decisions_open": ("", "Questions that wait for a person"),
    "vaivem_deliveries_rejected": ("", "Deliveries that could not be taken and wait for a person"),
    "vaivem_connections": ("gate", "Connections, by whether they may be called"),
    "vaivem_rules_held": ("", "Rules that were held because they ran wild"),
    "vaivem_workers": ("", "Workers with a valid lease"),
}


class Metrics:
    """Counts this process's deliveries, and reads the rest."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._deliveries: Counter[int] = Counter()

    def delivered(self, status: int) -> None:
        """Count a delivery that was answered."""
        self._deliveries[status] += 1

    async def close(self) -> None:
        """Close its connection."""
        await self._link.close()

    async def text(self) -> str:
        """Return all figures; raises DatabaseAwayError."""
        rows = await self._link.fetch(statement("metrics", "gauges"), seconds=SECONDS)
        found: dict[str, list[tuple[str, float]]] = {name: [] for name in HELP}
        for row in rows:
            found[row["name"]].append((row["label"], row["value"]))
        lines = [line for name, values in found.items() for line in _gauge(name, values)]
        lines += ["# HELP vaivem_deliveries_total Deliveries answered by this process, by status"]
        lines += ["# TYPE vaivem_deliveries_total counter"]
        lines += [
            f'vaivem_deliveries_total{{status="{status}"}} {count}'
            for status, count in sorted(self._deliveries.items())
        ]
        return "\n".join(lines) + "\n"


def _gauge(name: str, values: Iterable[tuple[str, float]]) -> Iterable[str]:
    label, about = HELP[name]
    yield f"# HELP {name} {about}"
    yield f"# TYPE {name} gauge"
    given = list(values) or ([] if label else [("", 0.0)])
    for value_of, value in sorted(given):
        place = f'{{{label}="{value_of}"}}' if label else ""
        yield f"{name}{place} {value:.15g}"  # Python's own "g" rounds a million and one to a million


def may_read(token: str | None, sent: bytes) -> bool:
    """Say whether an Authorization header proves who may read the figures; nobody may without a token set."""
    if not token:
        return False
    return hmac.compare_digest(sent, f"Bearer {token}".encode())
