"""A vendor's OAuth side for tests: hands out pairs that rotate, and lets in whoever has the last one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from .vendor import Reply


@dataclass
class Grants:
    """One grant. `outage` answers token calls in its place for as long as it is set."""

    access: str = "access-1"
    refresh: str = "refresh-1"
    expired: bool = False
    dead: bool = False
    outage: Reply | None = None
    asked: list[dict[str, str]] = field(default_factory=list)
    authorizations: list[str] = field(default_factory=list)
    refused: int = 0
    on_refresh: Callable[[], None] = lambda: None

    def door(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply | None:
        """Answer token calls, and calls that show no valid access token."""
        if path == "/oauth/token":
            self.asked.append({name: values[0] for name, values in parse_qs(body.decode()).items()})
            self.authorizations.append(headers.get("authorization", ""))
            return self.outage or self._token(self.asked[-1])
        if self.expired or headers.get("authorization") != f"Bearer {self.access}":
            self.refused += 1
            return 401, {"error": "token expired"}, {}
        return None

    def _token(self, form: dict[str, str]) -> Reply:
        if form["grant_type"] == "refresh_token" and (self.dead or form["refresh_token"] != self.refresh):
            return 400, {"error": "invalid_grant"}, {}
        number = int(self.access.rpartition("-")[2]) + 1
        self.access, self.refresh, self.expired = f"access-{number}", f"refresh-{number}", False
        self.on_refresh()
        return 200, {"access_token": self.access, "refresh_token": self.refresh, "expires_in": 7200}, {}
