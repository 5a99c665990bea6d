"""E-mail steps: a message by the operator's mail server. A repeat would be a second message."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from email.message import EmailMessage
from email.utils import make_msgid
from urllib.parse import unquote, urlsplit

from vaivem.core.compiler import EmailContent
from vaivem.core.errors import RecordError, RetryError, RuleError, VaivemError
from vaivem.engine.desk import Desk, RunState
from vaivem.engine.journal import StepRow
from vaivem.engine.memory import DONE_BEFORE
from vaivem.engine.parking import ParkError, SkipStepError

SMTP_SECONDS = 20.0


async def send_letter(desk: Desk, run: RunState, n: int, step: str, letter: EmailContent) -> None:
    """Send a letter once. What may have gone out waits for a person's decision."""
    before = run.former.write(step, "mail.send", 0) if run.former else None
    if before is not None:
        run.steps.append(_row(desk, run, n, step, letter, DONE_BEFORE))
        return
    if desk.smtp_url is None:
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
        code = await asyncio.to_thread(_deliver, desk.smtp_url, letter)
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


def _deliver(smtp_url: str, letter: EmailContent) -> str:
    """Hand the letter to the mail server; return "" when it took it, a code when that is unknown.

    Raises what is certainly not done.
    """
    parts = urlsplit(smtp_url)
    message = EmailMessage()
    sender = unquote(parts.path.strip("/")) or unquote(parts.username or "") or "vaivem@localhost"
    message["From"], message["To"], message["Subject"] = sender, ", ".join(letter.to), letter.subject
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    message.set_content(letter.body)
    handed = taken = False
    try:
        with _server(smtp_url) as server:
            if parts.username:
                server.login(unquote(parts.username), unquote(parts.password or ""))
            handed = True
            server.send_message(message)
            taken = True
    except smtplib.SMTPNotSupportedError as error:  # said before anything is sent
        raise RecordError("mail_refused", params={"message": str(error)[:300]}) from error
    except (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused) as error:
        if not taken:
            raise _refused(error) from error
    except (OSError, smtplib.SMTPException) as error:
        if taken:
            return ""  # the goodbye went wrong; the letter is on its way all the same
        if not handed:
            raise RetryError("mail_server_unreachable", detail=str(error)[:300]) from error
        return "mail_answer_lost"
    return ""


def _server(smtp_url: str) -> smtplib.SMTP:
    parts = urlsplit(smtp_url)
    host = parts.hostname or "localhost"
    if parts.scheme == "smtps":
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(host, parts.port or 465, timeout=SMTP_SECONDS, context=context)
    server = smtplib.SMTP(host, parts.port or 25, timeout=SMTP_SECONDS)
    if parts.scheme == "smtp+tls":
        server.starttls(context=ssl.create_default_context())
    return server


def _refused(error: smtplib.SMTPResponseException | smtplib.SMTPRecipientsRefused) -> VaivemError:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return RecordError("mail_address_refused", params={"message": str(error)[:300]})
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return RuleError("mail_credentials_refused")
    if 400 <= error.smtp_code < 500:
        return RetryError("mail_server_busy", detail=str(error)[:300])
    return RecordError("mail_refused", params={"message": str(error.smtp_error)[:300]})
