"""The OAuth app that people sign in through, and what a vendor tells it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class App:
    """The client that authorises: an operator's or a workspace's own app at the vendor."""

    client_id: str
    client_secret: str


@dataclass(frozen=True, slots=True)
class Removal:
    """A person took the app away at the vendor: of which account (`Account.id`), and when."""

    account: str
    at: datetime | None = None
