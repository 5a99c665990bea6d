"""How a write is made safe to repeat (guarantee 5).

Every write says one of these. After a crash, a time-out or a lost answer the engine acts by it:

- `Idempotent`: sent again (PUT of a whole value, an upsert).
- `Keyed`: sent again with the same key, which the vendor keeps unique or looks up exactly.
- `Findable`: looked for first, after a settling time; adopted when found, sent again when not.
- `Unsafe`: never sent again by itself; a person decides.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Idempotent:
    """Repeating gives the same state."""


@dataclass(frozen=True, slots=True)
class Keyed:
    """`key` was chosen by us and is part of the call; the vendor refuses or recognises it the second time.

    `find` (optional) fetches the record when the vendor refuses the repeat as a duplicate.
    """

    key: str
    find: Callable[[], Awaitable[Any | None]] | None = None


@dataclass(frozen=True, slots=True)
class Findable:
    """`find` looks for the record by a natural key and returns it in the shape that `take` gives, or None.

    `settle` (seconds) is how long the vendor's search may lag behind its writes; None takes the manifest's.
    It exceeds the call's time-out, so that a request still under way cannot land after the look.
    `sure` is False when finding nothing does not prove that nothing was done: then a person decides.
    """

    find: Callable[[], Awaitable[Any | None]]
    settle: float | None = None
    sure: bool = True


@dataclass(frozen=True, slots=True)
class Unsafe:
    """A repeat would be a second effect (a note, an e-mail, a POST to anywhere)."""


Repeat = Idempotent | Keyed | Findable | Unsafe
