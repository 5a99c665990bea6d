"""Addresses that open a page once and for a short time, as the vendor gives them to senders and signers."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from vaivem.simulators.docusign.account import Account, Record

LIFE = timedelta(minutes=5)
MOST = 1000


@dataclass(frozen=True, slots=True)
class View:
    """What an address opens: an envelope, for its sender or for one recipient, and the way back."""

    account: str
    envelope: str
    recipient: str
    back: str
    until: datetime


class Views:
    """Tokens of addresses; `now` is the simulated time, `base` this account's own address."""

    def __init__(self, now: Callable[[], datetime], base: Callable[[], str]) -> None:
        self._now = now
        self._base = base
        self._views: dict[str, View] = {}

    def sender(self, account: Account, envelope: Record) -> str:
        """The address at which the sender looks at an envelope."""
        return self._address(View(account.key, envelope["id"], "", "", self._now() + LIFE))

    def recipient(self, account: Account, envelope: Record, recipient: Record, back: str) -> str:
        """The address at which an embedded signer signs."""
        guid = recipient["recipientIdGuid"]
        return self._address(View(account.key, envelope["id"], guid, back, self._now() + LIFE))

    def take(self, token: str) -> View | None:
        """Use an address up."""
        view = self._views.pop(token, None)
        return view if view and view.until > self._now() else None

    def clear(self) -> None:
        self._views.clear()

    def _address(self, view: View) -> str:
        token = secrets.token_urlsafe(32)
        self._views[token] = view
        if len(self._views) > MOST:
            del self._views[next(iter(self._views))]
        return f"{self._base()}/view/{token}"
