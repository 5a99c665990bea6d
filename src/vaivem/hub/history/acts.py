"""What people and programs do to runs, decisions and rejected deliveries. Each act leaves an audit entry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import connection as database
from django.db import transaction

from vaivem.core.errors import RuleError
from vaivem.engine import control
from vaivem.hub.history.detail import DecisionRow, decision_one, find_event
from vaivem.hub.history.filters import Shown
from vaivem.hub.history.names import Names
from vaivem.hub.history.queries import RunRow
from vaivem.hub.history.record_lanes import record_lane
from vaivem.hub.workspaces import audit
from vaivem.hub.workspaces.models import Member, Workspace

CHOICES = {"doubt": ("done", "do", "skip"), "choice": ("record", "create", "skip")}
BY_PROGRAM = 0  # who answered, when no member did


class ActError(RuleError):
    """Something cannot be done as things stand: somebody was faster, or it never could."""

    default_code = "run_not_waiting"


class AnswerError(RuleError):
    """An answer that does not fit its question; `path` is the part that is wrong."""

    default_code = "answer_wrong"


@transaction.atomic
def answer(
    workspace: Workspace, decision: int, given: Mapping[str, Any], member: Member | None = None
) -> None:
    """Settle a decision; its run goes on by itself.

    `given`: ``choice`` (``done do skip`` of a write in doubt, ``record create skip`` of several matches),
    ``record`` (the id at the vendor) and ``remember``. Raises AnswerError, or ActError when it is settled
    already or not there.
    """
    found = decision_one(workspace.pk, decision)
    if found is None or found.answer is not None:
        raise ActError("decision_settled")
    kept = _checked(found, given)
    with database.cursor() as cursor:
        who = member.pk if member else BY_PROGRAM
        if not control.answer_decision(cursor, workspace.pk, decision, kept, who):
            raise ActError("decision_settled")
    audit.note(workspace, member, "decision.answered", str(decision), after={"run": found.run_id, **kept})


@transaction.atomic
def look_again(workspace: Workspace, decision: DecisionRow) -> None:
    """Let the run that asks look at the vendor once more. Raises ActError when it does not wait any more."""
    with database.cursor() as cursor:
        if not control.look_again(cursor, workspace.pk, decision.id):
            raise ActError("decision_settled")


def _checked(decision: DecisionRow, given: Mapping[str, Any]) -> dict[str, Any]:
    choice = given.get("choice")
    if choice not in CHOICES.get(decision.kind, ()):
        raise AnswerError(path="choice", params={"choices": list(CHOICES.get(decision.kind, ()))})
    kept: dict[str, Any] = {"choice": choice}
    record = str(given.get("record") or "").strip()[:200]
    if choice == "record":
        candidates = [str(one.get("id")) for one in decision.question.get("candidates", ())]
        if record not in candidates:
            raise AnswerError(path="record", params={"choices": candidates})
        return {**kept, "record": record, "remember": bool(given.get("remember"))}
    if choice == "done" and record:
        kept["record"] = record
    return kept


class OvertakenError(ActError):
    """The record has had a newer event since, whose data older ones would replace. `run` is the newer run."""

    default_code = "record_has_newer"

    def __init__(self, run: int) -> None:
        super().__init__(params={"run": str(run)})
        self.run = run


@transaction.atomic
def retry(workspace: Workspace, run: RunRow, member: Member | None = None, *, older: bool = False) -> None:
    """Let a failed run go on from its failed step, or a waiting one try at once. Raises ActError.

    A failed one goes on in the lane of its record, before all that waits there. Raises OvertakenError where a
    newer event of the record went before already, unless that is meant (`older`).
    """
    with database.cursor() as cursor:
        if run.shown is Shown.FAILED:
            done = _retry_failed(cursor, workspace, run, older=older)
        else:
            done = run.shown is Shown.WAITING and control.retry_now(cursor, workspace.pk, run.id)
    if not done:
        raise ActError
    audit.note(workspace, member, "run.retried", run.title, after={"run": run.id})


def _retry_failed(cursor: control.Cursor, workspace: Workspace, run: RunRow, *, older: bool) -> bool:
    received, names = find_event(workspace.pk, run.event_id), Names(workspace)
    lane = record_lane(received, run.rule, names) if received else None
    done = control.retry_run(cursor, workspace.pk, run.id, lane)
    if done and received is not None and lane is not None and not older:
        event = received.event
        newer = control.newer_run(
            cursor, workspace.pk, event.id, rule=run.rule, conn=event.conn, object=event.object,
            record=event.record, lane=lane,
        )  # fmt: skip
        if newer is not None:
            raise OvertakenError(newer)  # the transaction goes back: nothing was retried
    return done


@transaction.atomic
def stop(workspace: Workspace, run: RunRow, member: Member | None = None) -> None:
    """End a waiting run. Raises ActError when it does not wait, or is being worked at this moment."""
    with database.cursor() as cursor:
        if not control.cancel_run(cursor, workspace.pk, run.id):
            raise ActError
    audit.note(workspace, member, "run.stopped", run.title, after={"run": run.id})


@transaction.atomic
def retake(workspace: Workspace, number: int, member: Member | None = None) -> None:
    """Have a rejected delivery read again. Raises ActError when it does not wait any more."""
    with database.cursor() as cursor:
        if not control.retake_rejected(cursor, workspace.pk, number):
            raise ActError("rejected_settled")
    audit.note(workspace, member, "rejected.retaken", str(number))


@transaction.atomic
def retake_all(workspace: Workspace, member: Member | None = None) -> int:
    """Have all rejected deliveries that wait read again; return how many."""
    with database.cursor() as cursor:
        number = control.retake_all(cursor, workspace.pk)
    if number:
        audit.note(workspace, member, "rejected.retaken_all", str(number))
    return number


@transaction.atomic
def dismiss(workspace: Workspace, number: int, member: Member | None = None) -> None:
    """Take a rejected delivery off the list. Raises ActError when it does not wait any more."""
    with database.cursor() as cursor:
        if not control.dismiss_rejected(cursor, workspace.pk, number):
            raise ActError("rejected_settled")
    audit.note(workspace, member, "rejected.dismissed", str(number))
