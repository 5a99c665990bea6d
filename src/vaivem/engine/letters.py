"""E-mail steps: a message by the operator's mail server. A repeat would be a second message."""

from __future__ import annotations

from vaivem.core.compiler import EmailContent
from vaivem.core.errors import RecordError, RuleError
from vaivem.engine.desk import Desk, RunState
from vaivem.engine.journal import StepRow
from vaivem.engine.memory import DONE_BEFORE
from vaivem.engine.parking import ParkError, SkipStepError
from vaivem.engine.post import SMTP_SECONDS, Outgoing


async def send_letter(desk: Desk, run: RunState, n: int, step: str, letter: EmailContent) -> None:
    """Send a letter once. What may have gone out waits for a person's decision."""
    before = run.former.write(step, "mail.send", 0) if run.former else None
    if before is not None:
        run.steps.append(_row(desk, run, n, step, letter, DONE_BEFORE))
        return
    if not desk.post.open:
        raise RuleError("mail_not_configured")
    if not letter.to:
        raise RecordError("letter_without_address", params={"step": step})
    doubt, run.memory.doubt = run.memory.doubt, None
    answer = run.memory.answers.get(f"doubt:{n}:{run.memory.sent.get(n, 0)}")
    if doubt is not None and answer is None:
        raise await _ask(desk, run, n, letter, "write_in_doubt")
    if answer is not None and answer.get("choice") == "skip":
        raise SkipStepError
    if answer is None or answer.get("choice") != "done":
        if answer is not None:
            run.steps.append(_row(desk, run, n, step, letter, "told_to_do_it"))
        await desk.flush(run, intent=n)
        await desk.look_at_lease(SMTP_SECONDS)
        code = await desk.post.hand(run.item.ws, Outgoing(tuple(letter.to), letter.subject, letter.body))
        if code:
            run.steps.append(_row(desk, run, n, step, letter, code))
            raise await _ask(desk, run, n, letter, code)
    run.steps.append(_row(desk, run, n, step, letter, ""))
    run.settled = True


async def _ask(desk: Desk, run: RunState, n: int, letter: EmailContent, code: str) -> ParkError:
    sent = f"{', '.join(letter.to)}\n{letter.subject}\n\n{letter.body[:2000]}"
    question = {"code": code, "call": "mail.send", "method": "SMTP", "url": "", "sent": sent}
    await desk.ask(run, 0, f"doubt:{n}:{run.memory.sent.get(n, 0)}", "doubt", question)
    return ParkError("decision", code, None, params={"call": "mail.send"}, keeps=True)


def _row(desk: Desk, run: RunState, n: int, step: str, letter: EmailContent, code: str) -> StepRow:
    request = f"To: {', '.join(letter.to)}\nSubject: {letter.subject}\n\n{letter.body}".encode()
    run.memory.sent[n] = tries = run.memory.sent.get(n, 0) + 1
    left_out = code == DONE_BEFORE
    return StepRow(
        n=n,
        try_=tries,
        step=step,
        name="mail.send",
        conn=0,
        write=True,
        done=not code or left_out,
        known=None,
        method="" if left_out else "SMTP",
        url="",
        status=0 if code else 250,
        request=None if left_out else request,
        response=b"{}",
        code=code,
        ms=0,
        at=desk.clock.now(),
    )
