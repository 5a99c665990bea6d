"""What a letter is made of, and how it is put into the post."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import make_msgid
from zoneinfo import ZoneInfo

from django.db import connection
from django.template.loader import render_to_string
from django.utils import timezone, translation

from vaivem.engine.control import wake_chore
from vaivem.engine.post import Outgoing, is_outbox, sender_of
from vaivem.hub.connections.addresses import public_address
from vaivem.hub.connections.lines import config, vault
from vaivem.hub.mail.models import Letter, LetterState
from vaivem.hub.shell.numbers import written_as
from vaivem.hub.workspaces.models import Workspace


@dataclass(frozen=True, slots=True)
class Button:
    """A link that a letter is about."""

    text: str
    url: str


@dataclass(frozen=True, slots=True)
class Line:
    """One of several things that a letter lists."""

    title: str
    text: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with its lines."""

    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Content:
    """A letter in words. `parts` are paragraphs, buttons and sections in order; `foot` says why it came."""

    subject: str
    parts: tuple[str | Button | Section, ...]
    foot: tuple[str | Button, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


def can_mail() -> bool:
    """Say whether letters can leave (VAIVEM_SMTP_URL), or are shown on a page."""
    return config().smtp_url is not None


def kept_on_a_page() -> bool:
    """Say whether letters are shown on a page and sent to nobody, as in the demo."""
    url = config().smtp_url
    return url is not None and is_outbox(url)


def address_of(path: str) -> str:
    """Return a whole address for a letter. Never made of what a request claims to be its host."""
    return f"{public_address() or config().local_url}{path}"


@contextmanager
def speaking(language: str, workspace: Workspace | None = None) -> Iterator[None]:
    """Write in a language (``pt_BR``), in the workspace's time zone and number format."""
    with translation.override(language.replace("_", "-").lower()):
        if workspace is None:
            yield
        else:
            with timezone.override(ZoneInfo(workspace.zone)), written_as(workspace):
                yield


def composed(recipient: str, content: Content, message_id: str = "") -> Outgoing:
    """Return the letter in the current language, as plain text and HTML."""
    values = {"content": content, "language": translation.get_language() or "pt-br"}
    return Outgoing(
        (recipient,),
        " ".join(content.subject.split()),
        _text(content),
        render_to_string("mail/letter.html", values),
        {"Auto-Submitted": "auto-generated", **content.headers},
        message_id,
    )


def post(kind: str, recipient: str, content: Content, workspace: Workspace | None = None) -> Letter:
    """Keep a letter and let a worker send it; in the demo it stays on its page."""
    url = config().smtp_url or "outbox:"
    message_id = make_msgid(domain="outbox" if is_outbox(url) else sender_of(url).rpartition("@")[2])
    return keep(kind, composed(recipient, content, message_id), workspace)


def keep(kind: str, letter: Outgoing, workspace: Workspace | None) -> Letter:
    """Keep a letter that is written already, as `post` does."""
    stays = kept_on_a_page()
    row = Letter.objects.create(
        workspace=workspace,
        kind=kind,
        recipient=", ".join(letter.to)[:400],
        subject=letter.subject[:200],
        content=vault().seal({"text": letter.text, "html": letter.html, "headers": letter.headers}),
        message_id=letter.message_id,
        state=LetterState.KEPT if stays else LetterState.WAITING,
    )
    if not stays:
        with connection.cursor() as cursor:
            wake_chore(cursor, "send_letters", {})
    return row


def _text(content: Content) -> str:
    blocks: list[str] = []
    for part in content.parts:
        if isinstance(part, str):
            blocks.append(part)
        elif isinstance(part, Button):
            blocks.append(f"{part.text}:\n{part.url}")
        else:
            blocks.append(f"{part.title}\n" + "\n".join(_line(line) for line in part.lines))
    foot = [part if isinstance(part, str) else f"{part.text}: {part.url}" for part in content.foot]
    return "\n\n".join([*blocks, "-- \n" + "\n".join(foot)] if foot else blocks) + "\n"


def _line(line: Line) -> str:
    rest = [f"  {more}" for more in (line.text, line.url) if more]
    return "\n".join([f"- {line.title}", *rest])
