"""Named places where a test lets the process die, so that crashes become repeatable.

``VAIVEM_CRASH_AT=journal.after_intent:3`` kills this process with SIGKILL the third time it gets there.
"""

from __future__ import annotations

import os
import signal
from collections import Counter

POINTS = (
    "ingest.before_commit",
    "ingest.after_commit",
    "lanes.after_claim",
    "journal.before_intent",
    "journal.after_intent",
    "call.before_send",
    "call.after_send",
    "journal.before_outcome",
    "journal.after_outcome",
    "oauth.before_save",
    "oauth.refreshing_apart",
    "run.before_finish",
    "run.after_finish",
    "run.before_park",
    "run.after_park",
    "lease.before_takeover",
    "lease.after_takeover",
)

_wanted, _, _nth = os.environ.get("VAIVEM_CRASH_AT", "").partition(":")
_visits: Counter[str] = Counter()
if _wanted and _wanted not in POINTS:
    raise ValueError(f"VAIVEM_CRASH_AT names no crash point: {_wanted!r}; there are {', '.join(POINTS)}")


def reach(point: str) -> None:
    """Say that the process is at `point`. Free unless a test asked for a crash here."""
    if _wanted != point:
        return
    _visits[point] += 1
    if _visits[point] >= int(_nth or 1):
        os.kill(os.getpid(), signal.SIGKILL)
