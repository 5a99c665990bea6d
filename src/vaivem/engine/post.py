"""Letters on their way: by the operator's mail server, or in a demo onto a page.

A letter that may have gone out is never sent again by itself: people answer a second invitation or alert with
distrust, and a rule's letter twice is a rule that runs twice.
"""

from __future__ import annotations

import asyncio
import logging
import smtplib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.headerregistry import BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import EmailPolicy, Policy
from email.utils import make_msgid
from typing import Any
from urllib.parse import unquote, urlsplit

import asyncpg
from typing_extensions import override

from vaivem.core.errors import RecordError, RetryError, RuleError, VaivemError
from vaivem.engine.statements import statement
from vaivem.engine.ways_out import WaysOut
from vaivem.vault import Vault, VaultError

SMTP_SECONDS = 20.0
LETTERS_AT_ONCE = (
    4  # under the fewest threads that asyncio keeps (5), so that whoever has a turn really sends
)
OUTBOX_SCHEME = "outbox"
FIRST_PAUSE_SECONDS = 30.0
LONGEST_PAUSE_SECONDS = 3600.0
MOST_TRIES = 24
REFUSED, LOST = 3, 4
SOME_REFUSED = "mail_some_refused"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A letter as it is handed over. `to` are addresses; `html` "" for plain text only."""

    to: tuple[str, ...]
    subject: str
    text: str
    html: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    message_id: str = ""


class Post:
    """The way out for letters of one worker."""

    def __init__(
        self, smtp_url: str | None, pool: asyncpg.Pool, vault: Vault, ways_out: WaysOut | None = None
    ) -> None:
        self._smtp_url = smtp_url
        self.ways_out = ways_out
        self._pool = pool
        self._vault = vault
        # Held from before a letter's intent until its outcome is kept: a kill leaves no more in doubt.
        self.turn = asyncio.Semaphore(LETTERS_AT_ONCE)

    @property
    def open(self) -> bool:
        """Whether letters can leave at all."""
        return self._smtp_url is not None

    @property
    def domain(self) -> str:
        """The domain that letters come from."""
        return sender_of(self._smtp_url or "").rpartition("@")[2]

    async def hand(self, workspace: int, letter: Outgoing) -> str:
        """Send a rule's letter now; return "" when it was taken, a code when nobody can know.

        The caller holds a `turn`. Raises what is certainly not done.
        """
        if self._smtp_url is None:
            raise RuleError("mail_not_configured")
        if is_outbox(self._smtp_url):
            await self._keep(workspace, letter)
            return ""
        return await asyncio.to_thread(deliver, self._smtp_url, letter)

    async def send_waiting(self) -> None:
        """Send the hub's letters that wait, one after the other. Safe to repeat, and for several workers."""
        if self._smtp_url is None or is_outbox(self._smtp_url):
            return
        await self._pool.execute(statement("letters", "lose"))
        while row := await self._pool.fetchrow(statement("letters", "claim")):
            await self._send(row, self._smtp_url)

    async def forget(self) -> None:
        """Delete what is older than a month, and what came back half a year ago."""
        await self._pool.execute(statement("letters", "forget"))
        await self._pool.execute(statement("letters", "forget_bounces"))

    async def _send(self, row: asyncpg.Record, smtp_url: str) -> None:
        try:
            content = self._vault.open(bytes(row["content"]))
            letter = Outgoing(
                (row["recipient"],),
                row["subject"],
                content["text"],
                content.get("html", ""),
                dict(content.get("headers") or {}),
                row["message_id"],
            )
            code = await asyncio.to_thread(deliver, smtp_url, letter)
        except RetryError as error:
            await self._later(row, error)
        except VaivemError as error:
            await self._end(row, REFUSED, error.code, _said(error))
        except VaultError:
            await self._end(row, REFUSED, "mail_unreadable", "")
        else:
            if code:
                await self._end(row, LOST, code, "")
            else:
                await self._pool.execute(statement("letters", "sent"), row["id"])

    async def _later(self, row: asyncpg.Record, error: VaivemError) -> None:
        if row["tries"] >= MOST_TRIES:
            await self._end(row, REFUSED, error.code, _said(error))
            return
        pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** (row["tries"] - 1))
        await self._pool.execute(statement("letters", "later"), row["id"], error.code, _said(error), pause)

    async def _end(self, row: asyncpg.Record, state: int, code: str, said: str) -> None:
        log.warning("Letter %s (%s) did not go out: %s", row["id"], row["kind"], code)
        await self._pool.execute(statement("letters", "ended"), row["id"], state, code, said)

    async def _keep(self, workspace: int, letter: Outgoing) -> None:
        sealed = self._vault.seal({"text": letter.text, "html": letter.html, "headers": letter.headers})
        recipient, subject = ", ".join(letter.to)[:400], letter.subject[:200]
        await self._pool.execute(
            statement("letters", "keep"), workspace, recipient, subject, sealed, make_msgid(domain="outbox")
        )


def is_outbox(smtp_url: str) -> bool:
    """Say whether letters are only kept, as in a demo."""
    return urlsplit(smtp_url).scheme == OUTBOX_SCHEME


def sender_of(smtp_url: str) -> str:
    """Return the address that letters come from."""
    parts = urlsplit(smtp_url)
    return unquote(parts.path.strip("/")) or unquote(parts.username or "") or "vaivem@localhost"


def deliver(smtp_url: str, letter: Outgoing) -> str:
    """Hand a letter to the mail server; return "" when it took it, a code when that is unknown.

    SOME_REFUSED: it took it, but not for each of several addresses.

    Raises what is certainly not done: RetryError for what may pass, RecordError for what was refused,
    RuleError for what only the operator can put right.
    """
    parts = urlsplit(smtp_url)
    message = _message(sender_of(smtp_url), letter)
    handed = taken = False
    refused: Mapping[str, object] = {}
    try:
        with _server(smtp_url) as server:
            if parts.username:
                server.login(unquote(parts.username), unquote(parts.password or ""))
            handed = True
            refused = server.send_message(message)
            taken = True
    except smtplib.SMTPNotSupportedError as error:  # said before anything is sent
        raise RecordError("mail_refused", params={"message": str(error)[:300]}) from error
    except (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused) as error:
        if not taken:
            raise _refused(error) from error
    except (OSError, smtplib.SMTPException) as error:
        if taken:
            return (
                SOME_REFUSED if refused else ""
            )  # the goodbye went wrong; the letter is on its way all the same
        if not handed:
            raise RetryError("mail_server_unreachable", detail=str(error)[:300]) from error
        return "mail_answer_lost"
    return SOME_REFUSED if refused else ""


def reach(smtp_url: str) -> None:
    """Reach the mail server and sign in without sending anything; raises as `deliver` does."""
    parts = urlsplit(smtp_url)
    try:
        with _server(smtp_url) as server:
            server.ehlo()
            if parts.username:
                server.login(unquote(parts.username), unquote(parts.password or ""))
    except smtplib.SMTPNotSupportedError as error:
        raise RecordError("mail_refused", params={"message": str(error)[:300]}) from error
    except smtplib.SMTPResponseException as error:
        raise _refused(error) from error
    except (OSError, smtplib.SMTPException) as error:
        raise RetryError("mail_server_unreachable", detail=str(error)[:300]) from error


class _WholeHeader(UnstructuredHeader, BaseHeader):
    """A header in one line: folded, a long address would be encoded as words, and mail programs miss it."""

    @override
    def fold(self, *, policy: Policy[Any]) -> str:
        return f"{self.name}: {self}{policy.linesep}"


def _policy() -> EmailPolicy[EmailMessage]:
    registry = HeaderRegistry()
    registry.map_to_type("list-unsubscribe", _WholeHeader)
    return EmailPolicy(header_factory=registry)


_POLICY = _policy()


def _message(sender: str, letter: Outgoing) -> EmailMessage:
    message = EmailMessage(policy=_POLICY)
    message["From"], message["To"], message["Subject"] = sender, ", ".join(letter.to), letter.subject
    message["Message-ID"] = letter.message_id or make_msgid(domain=sender.rpartition("@")[2])
    for name, value in letter.headers.items():
        message[name] = value
    message.set_content(letter.text)
    if letter.html:
        message.add_alternative(letter.html, subtype="html")
    return message


def _server(smtp_url: str) -> smtplib.SMTP:
    parts = urlsplit(smtp_url)
    host = parts.hostname or "localhost"
    if parts.scheme == "smtps":
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(host, parts.port or 465, timeout=SMTP_SECONDS, context=context)
    server = smtplib.SMTP(host, parts.port or 25, timeout=SMTP_SECONDS)
    if parts.scheme == "smtp+tls":
        try:
            server.starttls(context=ssl.create_default_context())
        except BaseException:
            server.close()
            raise
    return server


def _refused(error: smtplib.SMTPResponseException | smtplib.SMTPRecipientsRefused) -> VaivemError:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return RecordError("mail_address_refused", params={"message": str(error)[:300]})
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return RuleError("mail_credentials_refused")
    if 400 <= error.smtp_code < 500:
        return RetryError("mail_server_busy", detail=str(error)[:300])
    return RecordError("mail_refused", params={"message": str(error.smtp_error)[:300]})


def _said(error: VaivemError) -> str:
    return str(error.params.get("message") or error.detail or "")[:300]
