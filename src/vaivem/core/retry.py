"""Retrying: how long to pause, and when to give up."""

from __future__ import annotations

from hashlib import blake2b

FIRST_PAUSE_SECONDS = 2.0  # the longest first pause; about one second on average
LONGEST_PAUSE_SECONDS = 15 * 60.0
SHORTEST_PAUSE_SECONDS = 0.05
GIVE_UP_SECONDS = 24 * 3600.0


def next_pause(tries: int, *, retry_after: float | None = None, seed: str | int = "") -> float:
    """Return the seconds to wait after `tries` failed tries (1 is the first).

    The pause is drawn evenly up to a ceiling that doubles, so that runs which failed together do not come
    back together; the same `seed` (a run's id) and try give the same pause. `retry_after` is the vendor's
    own word: never sooner, and a little later, at another moment than others who heard it too.
    """
    doublings = min(max(tries, 1) - 1, 30)
    ceiling = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0**doublings)
    share = _share(f"{seed}/{tries}")
    if retry_after is not None and retry_after > 0:
        return retry_after + share * min(ceiling, 1 + retry_after * 0.1)
    return max(SHORTEST_PAUSE_SECONDS, share * ceiling)


def may_retry(worked_seconds: float) -> bool:
    """Say whether to go on after `worked_seconds` of retrying in which the connection was working."""
    return worked_seconds < GIVE_UP_SECONDS


def _share(seed: str) -> float:
    """Return a number from 0 to just under 1, evenly spread and always the same for `seed`."""
    digest = blake2b(seed.encode(), digest_size=6).digest()
    return int.from_bytes(digest, "big") / 2**48
