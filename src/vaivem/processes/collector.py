"""The garbage collector of a process that serves: it leaves alone what is loaded, and looks less often."""

from __future__ import annotations

import gc

YOUNG = 20_000  # objects made and not yet freed before the young are looked at (Python's own choice is 700)
OLDER = 20


def tune_collector() -> None:
    """Set what was loaded so far aside, and collect less often: a run frees nearly all by itself.

    Call it when the process has loaded its code. Cycles are still found, only later.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, OLDER, OLDER)
