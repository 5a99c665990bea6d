"""What a run that is being repeated had done: a replay updates it, and adds nothing a second time."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import asyncpg

from vaivem.engine.memory import Kept
from vaivem.engine.statements import statement


@dataclass(frozen=True, slots=True)
class Former:
    """The run that is repeated, with those that it repeated itself.

    `root` is the first of them, `done` the answers of writes by step and call, `made` the ids of records by
    connection, step and object. `again` are steps that a person wants done once more.
    """

    root: int
    done: Mapping[tuple[str, str], Sequence[Kept]] = field(default_factory=dict)
    made: Mapping[tuple[int, str, str], str] = field(default_factory=dict)
    again: frozenset[str] = frozenset()

    def write(self, step: str, call: str, number: int) -> Kept | None:
        """Return the answer to the nth write of this name in a step, None if it is to be done (again)."""
        answers = self.done.get((step, call), ())
        return answers[number] if number < len(answers) and step not in self.again else None

    def record(self, conn: int, step: str, object_key: str) -> str | None:
        """Return the record that a step made or changed."""
        return self.made.get((conn, step, object_key)) if step not in self.again else None

    def did(self, step: str) -> bool:
        """Say whether a step wrote something, and is not to be done once more."""
        return step not in self.again and any(of == step for of, _ in self.done)

    def waited(self, step: str) -> bool:
        """Say whether a wait is behind us."""
        return (step, "wait") in self.done


async def recall_former(db: asyncpg.Pool, ws: int, rule: int, replay_of: int, run_id: int) -> Former:
    """Read what the run `replay_of` did, for its replay `run_id`."""
    chain = await db.fetch(statement("replays", "former"), ws, replay_of, run_id)
    made: dict[tuple[int, str, str], str] = {}
    for row in chain:  # the newest first: its word counts
        for record in json.loads(row["records"] or "[]"):
            key = (int(record.get("conn") or 0), str(record.get("step")), str(record.get("object")))
            made.setdefault(key, str(record.get("id")))
    ids = [row["id"] for row in chain] or [replay_of]
    done: dict[tuple[str, str], list[Kept]] = {}
    first: dict[tuple[str, str], int] = {}
    for row in await db.fetch(statement("replays", "former_writes"), ws, ids):
        place = (row["step"], row["name"])
        if first.setdefault(place, row["run_id"]) == row["run_id"]:
            kept = Kept(
                row["name"], True, row["known"], row["status"], row["response"] or b"", row["code"],
                at=row["at"],
            )  # fmt: skip
            done.setdefault(place, []).append(kept)
    prefix = f"{rule}:"
    again = next((row["again"] for row in chain), None) or []
    steps = frozenset(one.removeprefix(prefix) for one in again if one.startswith(prefix))
    return Former(ids[-1], done, made, steps)
