"""Letters of rules that came back: read from the mailbox that bounces arrive in, and noted with their run.

The mailbox is only looked at: nothing in it is marked, moved or deleted, for a person may read it too.
"""

from __future__ import annotations

import asyncio
import contextlib
import email
import hashlib
import imaplib
import json
import logging
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import Message
from urllib.parse import unquote, urlsplit

import asyncpg

from vaivem.core.errors import RetryError, RuleError, VaivemError
from vaivem.core.identity import normalise_email
from vaivem.engine.statements import statement

FACT = "bounces"
IMAP_SECONDS = 20.0
FIRST_LOOK = timedelta(days=7)
MOST_AT_ONCE = 200
READ_BYTES = 262_144  # of a report: what came back whole may be large, and says no more
MOST_SAID = 300
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_NAME = re.compile(r"<(\d{1,9})\.(\d{1,19})\.(\d{1,9})@[^<>\s]+>")  # as `Letters` names them

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Bounce:
    """One address that a letter could not reach, as a mail server reported it later (RFC 3464)."""

    ws: int
    run: int
    place: int
    recipient: str
    status: str
    said: str


@dataclass(frozen=True, slots=True)
class Position:
    """How far a mailbox was read. `validity` is the server's word for "the numbers are still the same"."""

    validity: int = 0
    uid: int = 0


class Bounces:
    """Reads one mailbox. Safe to repeat, and for several workers."""

    def __init__(self, imap_url: str | None, pool: asyncpg.Pool) -> None:
        self._url = imap_url
        self._pool = pool

    async def look(self) -> None:
        """Read what is new in the mailbox; note how that went, for the page in Settings."""
        if self._url is None:
            return
        box = hashlib.sha256(_without_password(self._url).encode()).hexdigest()[:16]
        known = json.loads(await self._pool.fetchval(statement("chores", "fact"), FACT) or "{}")
        since = (
            Position(known.get("validity", 0), known.get("uid", 0)) if known.get("box") == box else Position()
        )
        problem: dict[str, str] = {}
        try:
            since, reports = await asyncio.to_thread(fetch, self._url, since, datetime.now(UTC))
            for raw in reports:
                for bounce in read_report(raw):
                    await self._note(bounce)
        except VaivemError as error:
            problem = {"code": error.code, "said": str(error.detail)[:MOST_SAID]}
            log.warning("The mailbox for bounces was not read: %s", error.code)
        fact = {"box": box, "validity": since.validity, "uid": since.uid, **problem}
        await self._pool.execute(statement("chores", "note_fact"), FACT, json.dumps(fact))

    async def _note(self, bounce: Bounce) -> None:
        """Note a bounce of a letter that was sent; a report about anything else is not ours."""
        sent = await self._pool.fetchval(statement("letters", "sent_to"), bounce.ws, bounce.run, bounce.place)
        if sent is None:
            return
        to = [str(one) for one in json.loads(bytes(sent) or b"{}").get("to") or ()]
        wanted = normalise_email(bounce.recipient)
        found = next((one for one in to if normalise_email(one) == wanted), None)
        if found is None and len(to) == 1:
            found = to[0]  # it was passed on, and did not arrive there
        if found is not None:
            address = normalise_email(found) or found
            arguments = (bounce.ws, bounce.run, bounce.place, address, bounce.status, bounce.said)
            await self._pool.execute(statement("letters", "bounced"), *arguments)


def read_report(raw: bytes) -> list[Bounce]:
    """Return the addresses that a report says were not reached; [] for any other letter."""
    report = email.message_from_bytes(raw)
    if report.get_content_type() != "multipart/report":
        return []
    named = _NAME.fullmatch(_message_id(report))
    if named is None:
        return []
    ws, run, place = (int(part) for part in named.groups())
    if ws >= 2**31 or run >= 2**63 or place >= 2**31:
        return []
    return [Bounce(ws, run, place, *failed) for failed in _failed(report)]


def fetch(url: str, since: Position, now: datetime) -> tuple[Position, list[bytes]]:
    """Return the reports that came since, and how far that is. Raises RetryError and RuleError."""
    try:
        with _mailbox(url) as box:
            return _fetch(box, since, now)
    except (OSError, imaplib.IMAP4.abort) as error:
        raise RetryError("bounces_unreachable", detail=str(error)[:MOST_SAID]) from error
    except imaplib.IMAP4.error as error:
        raise RuleError("bounces_refused", detail=str(error)[:MOST_SAID]) from error


@contextlib.contextmanager
def _mailbox(url: str) -> Iterator[imaplib.IMAP4]:
    """Sign in and open the folder to be read only."""
    parts = urlsplit(url)
    host = parts.hostname or "localhost"
    context = ssl.create_default_context()
    box: imaplib.IMAP4
    if parts.scheme == "imaps":
        box = imaplib.IMAP4_SSL(host, parts.port or 993, ssl_context=context, timeout=IMAP_SECONDS)
    else:
        box = imaplib.IMAP4(host, parts.port or 143, timeout=IMAP_SECONDS)
    try:
        if parts.scheme == "imap+tls":
            box.starttls(context)
        box.login(unquote(parts.username or ""), unquote(parts.password or ""))
        folder = unquote(parts.path.strip("/")) or "INBOX"
        answer, said = box.select('"' + folder.replace("\\", "\\\\").replace('"', '\\"') + '"', readonly=True)
        if answer != "OK":
            raise imaplib.IMAP4.error(repr(said))
        yield box
    finally:
        with contextlib.suppress(OSError, imaplib.IMAP4.error):
            box.logout()


def _fetch(box: imaplib.IMAP4, since: Position, now: datetime) -> tuple[Position, list[bytes]]:
    validity = int((box.response("UIDVALIDITY")[1] or [b"0"])[0] or 0)
    same = since.uid > 0 and validity == since.validity
    first = now - FIRST_LOOK
    wanted = f"UID {since.uid + 1}:*" if same else f"SINCE {first.day}-{MONTHS[first.month - 1]}-{first.year}"
    _, found = box.uid("SEARCH", wanted)
    above = since.uid if same else 0  # "5:*" holds the last letter even when that is the third
    uids = sorted(int(one) for one in (found[0] or b"").split() if int(one) > above)[:MOST_AT_ONCE]
    reports = [raw for uid in uids if (raw := _report(box, uid))]
    return Position(validity, uids[-1] if uids else above), reports


def _report(box: imaplib.IMAP4, uid: int) -> bytes:
    head = _body(box, uid, "HEADER.FIELDS (CONTENT-TYPE)", "")
    return _body(box, uid, "", f"<0.{READ_BYTES}>") if b"multipart/report" in head.lower() else b""


def _body(box: imaplib.IMAP4, uid: int, part: str, piece: str) -> bytes:
    """Return a part of a letter without marking it as read; b"" when it is gone meanwhile."""
    _, answer = box.uid("FETCH", str(uid), f"(BODY.PEEK[{part}]{piece})")
    return next((bytes(one[1]) for one in answer if isinstance(one, tuple)), b"")


def _message_id(report: Message) -> str:
    """Return the Message-ID of the letter that came back, "" when the report does not say."""
    for part in report.walk():
        kind, inner = part.get_content_type(), part.get_payload()
        if kind == "message/rfc822" and isinstance(inner, list) and inner:
            return str(inner[0].get("Message-ID") or "").strip()  # type: ignore[union-attr]
        if kind == "text/rfc822-headers":
            headers = part.get_payload(decode=True)
            text = headers if isinstance(headers, bytes) else b""
            return str(email.message_from_bytes(text).get("Message-ID") or "").strip()
    return str(report.get("In-Reply-To") or "").strip()


def _failed(report: Message) -> Iterator[tuple[str, str, str]]:
    """Return address, status and words of each recipient that failed for good; delays are left out."""
    for part in report.walk():
        blocks = part.get_payload()
        if part.get_content_type() != "message/delivery-status" or not isinstance(blocks, list):
            continue
        for block in blocks:
            if not isinstance(block, Message) or str(block.get("Action") or "").strip().lower() != "failed":
                continue
            whom = block.get("Original-Recipient") or block.get("Final-Recipient") or ""
            said = " ".join(_value(block.get("Diagnostic-Code") or "").split())
            yield _value(whom), str(block.get("Status") or "").strip()[:12], _plain(said)[:MOST_SAID]


def _value(text: str) -> str:
    """Return what stands behind the type: ``rfc822;ana@example.com``."""
    return str(text).partition(";")[2].strip() or str(text).strip()


def _plain(text: str) -> str:
    return text.replace("\x00", "")


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.username}@{parts.hostname}:{parts.port}{parts.path}"
