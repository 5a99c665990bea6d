"""What the control plane asks of the data plane: plain statements on a Django or psycopg cursor."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from vaivem.core.crossing import SHIFT
from vaivem.core.identity import record_hash
from vaivem.engine.lane_keys import lane_key
from vaivem.engine.statements import named, statement


class Cursor(Protocol):
    """A DB-API cursor with psycopg's placeholders."""

    def execute(self, query: str, params: Mapping[str, Any] | None = None) -> Any:
        """Run a statement."""
        ...

    def fetchone(self) -> Sequence[Any] | None:
        """Return the next row."""
        ...


def _run(cursor: Cursor, statement_name: str, /, **params: Any) -> Sequence[Any] | None:
    cursor.execute(statement("control", statement_name), params)
    return cursor.fetchone()


def open_gate(cursor: Cursor, conn: int) -> None:
    """After a reconnect: held runs go on by themselves, in order."""
    _run(cursor, "open_gate", conn=conn)
    _wake(cursor)


def hold_gate(cursor: Cursor, conn: int, code: str, params: Mapping[str, Any]) -> None:
    """Let a connection's runs wait until `open_gate`."""
    _run(cursor, "hold_gate", conn=conn, code=code, params=json.dumps(dict(params)))


def answer_decision(cursor: Cursor, ws: int, decision: int, answer: Mapping[str, Any], member: int) -> bool:
    """Settle what waits for a person; its run goes on. False when it was settled before, or is not there.

    For a write in doubt: ``{"choice": "done" | "do" | "skip", "record": id}``; for several matches:
    ``{"choice": "record" | "create" | "skip", "record": id, "remember": bool}``.
    """
    row = _run(
        cursor, "answer_decision", ws=ws, decision=decision, answer=json.dumps(dict(answer)), member=member
    )
    if row is None:
        return False
    # In a statement of its own: a run that parks at this moment is to be seen as it is after that.
    _run(cursor, "wake_answered", ws=ws, run_id=row[0])
    _wake(cursor)
    return True


def look_again(cursor: Cursor, ws: int, decision: int) -> bool:
    """Let the run that asks look at the vendor once more. False when it does not wait for an answer."""
    row = _run(cursor, "look_again", ws=ws, decision=decision)
    _wake(cursor)
    return row is not None


def retry_now(cursor: Cursor, ws: int, run_id: int) -> bool:
    """Let a waiting run try again at once. False when it does not wait."""
    row = _run(cursor, "retry_now", ws=ws, run_id=run_id)
    _wake(cursor)
    return row is not None


def retry_run(cursor: Cursor, ws: int, run_id: int, lane: int | None = None) -> bool:
    """Let a failed run go on from its failed step, with its own version. False when it did not fail.

    `lane` is the lane of its record: it goes before all that waits there. Without one (nothing can be read of
    its event any more) it has a lane of its own.
    """
    lane = lane_key("retry", run_id) if lane is None else lane
    locked = _run(cursor, "lock_lane", ws=ws, run_id=run_id, lane=lane)
    if locked is None:
        return False
    row = _run(cursor, "retry_run", ws=ws, run_id=run_id, lane=lane, owned=locked[0], tail=locked[1])
    _wake(cursor)
    return row is not None


def newer_run(
    cursor: Cursor, ws: int, event: int, *, rule: int, conn: int, object: str, record: str, lane: int
) -> int | None:
    """Return a run for a newer event of the same record that went before, None when there is none.

    To be asked in the transaction that locked the lane: after `retry_run`.
    """
    named = {"rule": rule, "conn": conn, "object": object, "record": record, "lane": lane}
    row = _run(cursor, "newer_run", ws=ws, event=event, hash=record_hash(ws, record), **named)
    return int(row[0]) if row else None


def cancel_run(cursor: Cursor, ws: int, run_id: int) -> bool:
    """End a waiting run as stopped by a person. False when it does not wait."""
    return _run(cursor, "cancel_run", ws=ws, run_id=run_id) is not None


@dataclass(frozen=True, slots=True)
class Crossing:
    """Whom to move: runs of a rule that wait at `step` of version `before`. `run`: only this one.

    `gate` is the main connection of version `version`, `by` the name of who moves them.
    """

    rule: int
    step: str
    before: int
    version: int
    gate: int
    by: str
    run: int | None = None


def cross(cursor: Cursor, ws: int, crossing: Crossing) -> int:
    """Let runs that wait at a step go on in another version, behind that step; return how many did.

    In a transaction. One that a worker has in hand at this moment finishes its version.
    """
    given = {name: getattr(crossing, name) for name in ("rule", "step", "before", "run")}
    locked = _run(cursor, "lock_waiting", ws=ws, **given)
    if locked is None or not locked[0]:
        return 0
    told = {"step": crossing.step, "from": crossing.before, "to": crossing.version, "by": crossing.by}
    more = {
        "version": crossing.version,
        "gate": crossing.gate,
        "shift": SHIFT * 1000,
        "told": json.dumps(told),
    }
    # In a statement of its own, so that it sees what was done until the lanes were locked.
    row = _run(cursor, "cross", ws=ws, lanes=locked[0], **given, **more)
    return int(row[0]) if row else 0


def start_replay(cursor: Cursor, ws: int, replay: int, again: Sequence[str], *, older: bool) -> bool:
    """Let a replay that was looked at begin. `again`: ``<rule>:<step>`` of what is done once more.

    False when it cannot begin (any more).
    """
    row = _run(cursor, "start_replay", ws=ws, replay=replay, again=list(again), older=older)
    return row is not None


def stop_replay(cursor: Cursor, ws: int, replay: int) -> bool:
    """Stop a replay: what has begun ends, the rest is left out. False when there is nothing to stop."""
    return _run(cursor, "stop_replay", ws=ws, replay=replay) is not None


def bulk_waiting(cursor: Cursor, ws: int, rule: int) -> int:
    """Return how many runs of bulk events (of the past, or caught up) a rule has in its lanes."""
    cursor.execute(named("backfills", "waiting", "ws", "rule"), {"ws": ws, "rule": rule})
    row = cursor.fetchone()
    return int(row[0]) if row else 0


def pause_rule(cursor: Cursor, rule: int) -> None:
    """Let a rule's lanes wait; events go on being taken in."""
    _run(cursor, "pause_rule", rule=rule)


def resume_rule(cursor: Cursor, rule: int) -> None:
    """Let a rule's lanes go on."""
    _run(cursor, "resume_rule", rule=rule)
    _wake(cursor)


def let_rule_go_on(cursor: Cursor, rule: int) -> None:
    """Count a held rule anew: what it did until now passes."""
    _run(cursor, "let_rule_go_on", rule=rule)


def leave_connection(cursor: Cursor, ws: int, conn: int) -> None:
    """End what waits for a connection that was removed, as failed with this reason."""
    _run(cursor, "leave_connection", ws=ws, conn=conn)
    _wake(cursor)


def drop_rule_work(cursor: Cursor, rule: int) -> None:
    """End what waits of a removed rule as stopped; what a worker has in hand finishes."""
    _run(cursor, "drop_rule_work", rule=rule)
    _wake(cursor)


def retake_rejected(cursor: Cursor, ws: int, rejected: int) -> bool:
    """Ask for a rejected delivery to be read again. False when it is not there, or is not authentic."""
    row = _run(cursor, "retake_rejected", ws=ws, rejected=rejected)
    if row is not None:
        wake_chore(cursor, "retake_rejected", {"ws": ws, "id": rejected})
    return row is not None


def retake_all(cursor: Cursor, ws: int) -> int:
    """Ask for all rejected deliveries that wait to be read again; return how many."""
    row = _run(cursor, "retake_all", ws=ws)
    return int(row[0]) if row else 0


def dismiss_rejected(cursor: Cursor, ws: int, rejected: int) -> bool:
    """Take a rejected delivery off the list. False when it is not there."""
    return _run(cursor, "dismiss_rejected", ws=ws, rejected=rejected) is not None


def wake_chore(cursor: Cursor, name: str, payload: Mapping[str, Any]) -> None:
    """Put a chore into its queue: a worker does it within a second or two."""
    _run(cursor, "wake_chore", name=name, payload=json.dumps(dict(payload)).encode())


def keep_found(cursor: Cursor, ws: int, move: int) -> tuple[list[Any], list[Any]]:
    """Keep the links and keys that a move's look found; return those that were not there before."""
    links = _run(cursor, "keep_found_links", ws=ws, move=move)
    keys = _run(cursor, "keep_found_keys", ws=ws, move=move)
    return json.loads(links[0]) if links else [], json.loads(keys[0]) if keys else []


def drop_found(cursor: Cursor, ws: int, links: Sequence[Any], keys: Sequence[Any]) -> None:
    """Drop links and keys that a move kept."""
    _run(cursor, "drop_links", ws=ws, links=json.dumps(list(links)))
    _run(cursor, "drop_keys", ws=ws, keys=json.dumps(list(keys)))


def _wake(cursor: Cursor) -> None:
    cursor.execute("notify vv_lanes")
