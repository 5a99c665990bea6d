"""The way out of a workspace's letters: a link of each address, kept, and who has used it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from html import escape

import asyncpg

from vaivem.config import Config
from vaivem.core.identity import normalise_email
from vaivem.engine.statements import statement

PATH = "/unsubscribe/"
TOKEN_BYTES = 24

# Written in the workspace's language, for nobody knows that of who gets the letter.
_WORDS = {
    "pt_BR": ("Para não receber mais e-mails de {name}:", "Cancelar o recebimento"),
    "en": ("To get no more e-mails from {name}:", "Unsubscribe"),
    "fr": ("Pour ne plus recevoir d’e-mails de {name} :", "Se désabonner"),
    "es": ("Para no recibir más correos de {name}:", "Cancelar la suscripción"),
}


@dataclass(frozen=True, slots=True)
class WayOut:
    """How one address opts out of a workspace's letters. `words` say what for, `label` is the link's text."""

    url: str
    words: str
    label: str

    @property
    def headers(self) -> dict[str, str]:
        """What lets a mail program offer it as one click (RFC 8058)."""
        return {"List-Unsubscribe": f"<{self.url}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}

    def below(self, text: str) -> str:
        """Return a plain text with the way out below it."""
        return f"{text.rstrip()}\n\n-- \n{self.words}\n{self.url}\n"

    def below_html(self, html: str) -> str:
        """Return HTML with the way out below it."""
        link = f'<a href="{escape(self.url)}" style="color:inherit">{escape(self.label)}</a>'
        return (
            f'{html}\n<p style="margin-top:32px;font-size:13px;color:#5a676b">{escape(self.words)} {link}</p>'
        )


def as_document(html: str) -> str:
    """Return a letter's HTML as the whole page that mail programs expect."""
    head = '<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"></head>'
    return f"<!doctype html>\n<html>{head}<body>\n{html}\n</body></html>\n"


class WaysOut:
    """Knows who opted out. The link is a token that is kept, so it outlives every key and names nobody."""

    def __init__(self, config: Config, pool: asyncpg.Pool) -> None:
        self._config = config
        self._pool = pool

    async def of(self, ws: int, address: str) -> WayOut | None:
        """Return an address's way out of the workspace's letters; None when it has opted out."""
        known = normalise_email(address) or address.lower()
        token = secrets.token_urlsafe(TOKEN_BYTES)
        row = await self._pool.fetchrow(statement("letters", "way_out"), ws, known, token)
        if row["opted_out"]:
            return None
        base = self._config.public_url or row["public"].rstrip("/") or self._config.local_url
        words, label = _WORDS.get(row["language"], _WORDS["pt_BR"])
        return WayOut(f"{base}{PATH}{row['token']}/", words.format(name=row["name"]), label)
