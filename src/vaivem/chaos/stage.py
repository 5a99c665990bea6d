"""What a scenario gets to play with, and how scenarios are described."""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

from vaivem.chaos.counting import Counts
from vaivem.chaos.load import Load
from vaivem.chaos.target import Target
from vaivem.chaos.town import Town, Way

T = TypeVar("T")

SHORT_SECONDS = 50.0
SETTLING_SECONDS = 20.0  # of the short form: what was under way comes to rest, everything stops


class Form(Enum):
    """How much of a scenario is played."""

    SHORT = "short"
    USUAL = "usual"
    LONG = "long"


@dataclass(slots=True)
class Stage:
    """One scenario's playing: its dice (all chance comes from the seed), how long it may take, its folder."""

    seed: int
    form: Form
    folder: Path
    wanted_seconds: float | None = None
    counts: Counts = field(default_factory=Counts)
    words: str = ""
    begun: float = field(default_factory=time.monotonic)
    dice: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)  # noqa: S311 - chance that can be repeated, no secret

    def size(self, short: T, usual: T, long: T) -> T:
        """Return what fits the form."""
        return {Form.SHORT: short, Form.USUAL: usual, Form.LONG: long}[self.form]

    def seconds(self, short: float, usual: float, long: float) -> float:
        """Return how long the faults go on: as wanted, else what fits the form."""
        return self.wanted_seconds or self.size(short, usual, long)

    def room(self, seconds: float) -> float:
        """Return `seconds`, or what the short form has left of its time when the start took long."""
        left = SHORT_SECONDS - SETTLING_SECONDS - (time.monotonic() - self.begun)
        return max(5.0, min(seconds, left))

    @asynccontextmanager
    async def playing(self, ways: Sequence[Way], **options: Any) -> AsyncIterator[tuple[Town, Load, Target]]:
        """Start a target, an installation with these ways, and a load."""
        target = Target(self.dice)
        target.host = options.pop("target_host", "127.0.0.1")
        await target.start()
        town = Town(self.folder, target, ways, **options)
        try:
            async with town, Load(town) as load:
                yield town, load, target
        finally:
            self.words = town.last_words()
            await target.stop()


Play = Callable[[Stage], Awaitable[Counts]]


@dataclass(frozen=True, slots=True)
class Scenario:
    """Something that goes wrong. `lacks` says why it cannot be played here, and what to do about it."""

    key: str
    title: str
    play: Play
    lacks: Callable[[], str] = lambda: ""
    short: bool = False


@contextmanager
def fresh_folder() -> Iterator[Path]:
    """Make a short folder that a database's user can reach, and remove it afterwards."""
    made = Path(tempfile.mkdtemp(prefix="vaivem-chaos-"))
    made.chmod(0o755)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
