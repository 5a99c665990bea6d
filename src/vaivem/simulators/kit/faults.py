"""What goes wrong on purpose: by chance, seeded, or once, at a named call."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

# What can happen to one call. "Before" kinds leave the account as it was; the others run the handler first.
BEFORE_KINDS = frozenset({"reset_before", "429", "500", "html", "timeout"})
AFTER_KINDS = frozenset({"reset_after_write", "500_after_write", "timeout_after_write", "empty", "half_body"})
KINDS = BEFORE_KINDS | AFTER_KINDS

_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_PROBABILITIES = (
    "p_429",
    "p_500",
    "p_reset_after_write",
    "p_html",
    "p_webhook_double",
    "p_webhook_missing",
    "p_webhook_reorder",
)
KEYS = ("latency_ms", *_PROBABILITIES, "expire_tokens", "down", "seed", "next")


class UnknownFaultError(ValueError):
    """A key or kind that does not exist, or a value out of range; the message lists what does exist."""


@dataclass(slots=True)
class OneShot:
    """A fault for the next ``times`` calls that match; ``path`` may hold ``*``."""

    fault: str
    method: str = "*"
    path: str = "*"
    times: int = 1

    def matches(self, method: str, path: str) -> bool:
        return self.method in ("*", method) and fnmatchcase(path, self.path)


class Faults:
    """The standing faults and the queue of one-shot faults of one simulator."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """No faults, and the random numbers from their start."""
        self.latency_ms = 0.0
        self.p_429 = self.p_500 = self.p_reset_after_write = self.p_html = 0.0
        self.p_webhook_double = self.p_webhook_missing = self.p_webhook_reorder = 0.0
        self.expire_tokens = False
        self.down = False
        self.seed = 0
        self.random = random.Random(0)
        self.next: list[OneShot] = []

    def update(self, changes: Mapping[str, Any]) -> None:
        """Set any of ``KEYS``; all or nothing. Raises ``UnknownFaultError``."""
        unknown = sorted(set(changes) - set(KEYS))
        if unknown:
            raise UnknownFaultError(f"unknown: {', '.join(unknown)}; known: {', '.join(KEYS)}")
        checked = {key: _checked(key, value) for key, value in changes.items()}
        for key, value in checked.items():
            setattr(self, key, value)
        if "seed" in checked:
            self.random = random.Random(self.seed)

    def as_dict(self) -> dict[str, Any]:
        """The standing faults and the one-shots still waiting."""
        standing = {key: getattr(self, key) for key in KEYS if key != "next"}
        shots = [{"method": s.method, "path": s.path, "fault": s.fault, "times": s.times} for s in self.next]
        return {**standing, "next": shots}

    def draw(self, method: str, path: str) -> str | None:
        """The fault of this call, or None. A one-shot that matches comes before chance and is used up."""
        for shot in self.next:
            if shot.matches(method, path):
                shot.times -= 1
                if shot.times <= 0:
                    self.next.remove(shot)
                return shot.fault
        if self.down:
            return "reset_before"
        return self._by_chance(method)

    def chance(self, probability: float) -> bool:
        """One draw; no number is used up where the probability is nought."""
        return probability > 0 and self.random.random() < probability

    def _by_chance(self, method: str) -> str | None:
        if self.chance(self.p_429):
            return "429"
        if self.chance(self.p_500):
            return "500"
        if self.chance(self.p_html):
            return "html"
        if method not in _READS and self.chance(self.p_reset_after_write):
            return "reset_after_write"
        return None


def _checked(key: str, value: Any) -> Any:
    if key == "next":
        return _one_shots(value)
    if key in ("expire_tokens", "down"):
        if not isinstance(value, bool):
            raise UnknownFaultError(f"{key} is true or false")
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UnknownFaultError(f"{key} is a number")
    if key in _PROBABILITIES and not 0 <= value <= 1:
        raise UnknownFaultError(f"{key} is a probability from 0 to 1")
    if key == "latency_ms" and value < 0:
        raise UnknownFaultError("latency_ms is not negative")
    return value


def _one_shots(value: Any) -> list[OneShot]:
    if not isinstance(value, list):
        raise UnknownFaultError('next is a list of {"method", "path", "fault", "times"}')
    shots = []
    for item in value:
        if not isinstance(item, dict) or set(item) - {"method", "path", "fault", "times"}:
            raise UnknownFaultError('next holds objects of "method", "path", "fault", "times"')
        if str(item.get("fault")) not in KINDS:
            raise UnknownFaultError(f"fault is one of {', '.join(sorted(KINDS))}")
        method, path = str(item.get("method", "*")).upper(), str(item.get("path", "*"))
        shots.append(OneShot(str(item["fault"]), method, path, int(item.get("times", 1))))
    return shots
