"""Notices: a member is told something, with a link to the run. Kept by run and step, so never twice."""

from __future__ import annotations

from vaivem.core.steps import NotifyStep
from vaivem.engine.desk import Desk, RunState, plain
from vaivem.engine.journal import StepRow
from vaivem.engine.memory import DONE_BEFORE
from vaivem.engine.statements import statement

CALL = "notice.keep"


async def send_notice(desk: Desk, run: RunState, n: int, step: NotifyStep, text: str) -> bool:
    """Keep a notice for a member; False when nobody with that address is a member (any more).

    A run that goes on after a crash keeps it again and changes nothing. The letter about it is the hub's.
    """
    item = run.item
    before = run.former.write(step.id, CALL, 0) if run.former else None
    if before is None:
        arguments = (item.ws, item.run_id, n, item.rule, step.member, plain(text), plain(item.title)[:200])
        if await desk.pool.fetchval(statement("notices", "keep"), *arguments) is None:
            return False
    code = "" if before is None else DONE_BEFORE
    run.steps.append(
        StepRow(
            n=n, try_=1, step=step.id, name=CALL, conn=0, write=True, done=True, known=None, method="",
            url="", status=0, request=f"{step.member}\n\n{text}".encode(), response=b"{}", code=code, ms=0,
            at=desk.clock.now(),
        )
    )  # fmt: skip
    run.settled = True
    return True
