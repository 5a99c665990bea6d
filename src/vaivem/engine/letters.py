"""E-mail steps: messages by the operator's mail server. A repeat would be a second message.

A letter that offers a way out goes to each address by itself, for the way out is that address's own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from vaivem.core.compiled_steps import CompiledEmail, EmailContent
from vaivem.core.errors import Problem, RecordError, RuleError
from vaivem.engine.desk import Desk, RunState
from vaivem.engine.journal import StepRow
from vaivem.engine.memory import DONE_BEFORE, Kept
from vaivem.engine.parking import ParkError, SkipStepError
from vaivem.engine.post import SMTP_SECONDS, SOME_REFUSED, Outgoing
from vaivem.engine.ways_out import WayOut, as_document

CALL = "mail.send"
OPTED_OUT = "address_opted_out"


@dataclass(frozen=True, slots=True)
class Part:
    """One letter of a step: its place, and all addresses that the step writes to, each by itself."""

    n: int
    content: EmailContent
    addresses: tuple[str, ...]

    @property
    def alone(self) -> bool:
        """Whether the step sends no other."""
        return len(self.addresses) < 2


class Letters:
    """The letters of one step of a run. `sent` says whether one left, now or before."""

    def __init__(self, desk: Desk, run: RunState, n: int, step: CompiledEmail) -> None:
        self._desk = desk
        self._run = run
        self._n = n
        self._step = step.id
        self._transactional = step.step.transactional
        first = run.memory.at(n)
        # The first letter fixed to whom the step writes: what is read again later may say others.
        self._addresses = tuple(_told(first).get("all") or ()) if first is not None else ()
        kept = [run.memory.at(n + number) for number in range(max(1, len(self._addresses)))]
        self.remain = any(one is None for one in kept)
        self.sent = any(one is not None and one.code != OPTED_OUT for one in kept)

    async def send(self, content: EmailContent) -> None:
        """Send what was not sent yet. Raises ParkError, and what is certainly not done."""
        for part in self._parts(content):
            if self._run.memory.at(part.n) is not None:
                continue
            try:
                await self._send(part)
            except SkipStepError as skip:
                note = Problem(skip.code, {"step": self._step, **skip.params}).to_dict()
                self._run.notes.append(note)
            else:
                self.sent = True

    def _parts(self, content: EmailContent) -> list[Part]:
        if self._transactional:
            return [Part(self._n, content, ())]
        addresses = self._addresses or tuple({one.lower(): one for one in content.to}.values())
        if len(addresses) < 2:
            return [Part(self._n, replace(content, to=addresses), ())]
        return [
            Part(self._n + number, replace(content, to=(address,)), addresses)
            for number, address in enumerate(addresses)
        ]

    async def _send(self, part: Part) -> None:
        """Send a letter once. What may have gone out waits for a person's decision."""
        run, n = self._run, part.n
        if self._sent_before(part):
            self._note(part, DONE_BEFORE)
            return
        if not self._desk.post.open:
            raise RuleError("mail_not_configured")
        if not part.content.to:
            raise RecordError("letter_without_address", params={"step": self._step})
        doubt = run.memory.doubt if run.memory.doubt_n in (n, -1) else None
        if doubt is not None:
            run.memory.doubt = None
        answer = run.memory.answers.get(f"doubt:{n}:{run.memory.sent.get(n, 0)}")
        if doubt is not None and answer is None:
            raise await self._ask(part, "write_in_doubt")
        if answer is not None and answer.get("choice") == "skip":
            raise SkipStepError
        if answer is None or answer.get("choice") != "done":
            if answer is not None:
                self._note(part, "told_to_do_it")
            async with self._desk.post.turn:
                await self._hand(part)
            return
        self._note(part, "")
        run.settled = True

    async def _hand(self, part: Part) -> None:
        """Send the letter in its turn. What waits for a turn has no intent yet: a kill leaves no doubt."""
        desk, run = self._desk, self._run
        outgoing = await self._outgoing(part)
        await desk.flush(run, intent=part.n)
        await desk.look_at_lease(SMTP_SECONDS)
        code = await desk.post.hand(run.item.ws, outgoing)
        if code == SOME_REFUSED:
            run.notes.append(Problem(code, {"step": self._step}).to_dict())
            code = ""
        self._note(part, code)
        if code:
            raise await self._ask(part, code)
        run.settled = True
        await desk.flush(run)

    async def _outgoing(self, part: Part) -> Outgoing:
        """Return the letter with its way out. Raises SkipStepError for who has used it."""
        content, name = part.content, self._name(part.n)
        if self._transactional or self._desk.post.ways_out is None:
            html = as_document(content.html) if content.html else ""
            return Outgoing(content.to, content.subject, content.body, html, message_id=name)
        way = await self._desk.post.ways_out.of(self._run.item.ws, content.to[0])
        if way is None:
            self._note(part, OPTED_OUT)
            raise SkipStepError(OPTED_OUT, {"address": content.to[0]})
        return _with(way, content, name)

    def _sent_before(self, part: Part) -> bool:
        """Say whether the run that this one repeats sent this letter, or the only one of the step."""
        number = 0
        while self._run.former and (before := self._run.former.write(self._step, CALL, number)):
            number += 1
            if part.alone or _told(before).get("to") in (None, list(part.content.to)):
                return True
        return False

    def _name(self, n: int) -> str:
        """Return the Message-ID: the same when it is sent again, so that mail programs show it once."""
        return f"<{self._run.item.ws}.{self._run.item.run_id}.{n}@{self._desk.post.domain}>"

    async def _ask(self, part: Part, code: str) -> ParkError:
        content, slot = part.content, f"doubt:{part.n}:{self._run.memory.sent.get(part.n, 0)}"
        head = f"{', '.join(content.to)}\n{content.subject}\nMessage-ID: {self._name(part.n)}"
        sent = f"{head}\n\n{content.body[:2000]}"
        question = {"code": code, "call": CALL, "method": "SMTP", "url": "", "sent": sent}
        await self._desk.ask(self._run, 0, slot, "doubt", question, doubt=part.n)
        return ParkError("decision", code, None, params={"call": CALL}, keeps=True)

    def _note(self, part: Part, code: str) -> None:
        """Note a try in the journal; `code` "" for a letter that the mail server took."""
        content, memory = part.content, self._run.memory
        head = f"To: {', '.join(content.to)}\nSubject: {content.subject}\nMessage-ID: {self._name(part.n)}"
        memory.sent[part.n] = tries = memory.sent.get(part.n, 0) + 1
        left_out = code in (DONE_BEFORE, OPTED_OUT)
        html = f"\n\n{content.html}" if content.html else ""
        request = {DONE_BEFORE: None, OPTED_OUT: head}.get(code, f"{head}\n\n{content.body}{html}")
        said = {"to": list(content.to)} | ({"all": list(part.addresses)} if part.addresses else {})
        self._run.steps.append(
            StepRow(
                n=part.n, try_=tries, step=self._step, name="mail.skip" if code == OPTED_OUT else CALL,
                conn=0, write=True, done=not code or left_out, known=None,
                method="" if left_out else "SMTP", url="", status=0 if code else 250,
                request=None if request is None else request.encode(),
                response=json.dumps(said).encode(), code=code, ms=0, at=self._desk.clock.now(),
            )
        )  # fmt: skip


def _with(way: WayOut, content: EmailContent, name: str) -> Outgoing:
    html = as_document(way.below_html(content.html)) if content.html else ""
    return Outgoing(content.to, content.subject, way.below(content.body), html, way.headers, name)


def _told(kept: Kept) -> dict[str, Any]:
    """Return what the journal says of a letter; {} for one of an older version."""
    found = json.loads(kept.response or b"{}")
    return found if isinstance(found, dict) else {}
