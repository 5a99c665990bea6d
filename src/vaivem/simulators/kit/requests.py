"""The log of API calls, for tests to count and for people to look at."""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass
from urllib.parse import parse_qsl, urlencode

KEPT = 10_000
_SECRETS = frozenset(
    {"token", "access_token", "refresh_token", "client_secret", "code", "api_token", "api_key"}
)


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One call; ``status`` is None where no answer was sent, ``fault`` is what was done to it on purpose."""

    time: str
    method: str
    path: str
    query: str
    status: int | None
    ms: float
    fault: str | None


class RequestLog:
    """The newest ``KEPT`` calls, oldest first."""

    def __init__(self) -> None:
        self._entries: deque[LoggedRequest] = deque(maxlen=KEPT)

    def add(self, entry: LoggedRequest) -> None:
        self._entries.append(entry)

    def clear(self) -> None:
        self._entries.clear()

    def __len__(self) -> int:
        return len(self._entries)

    def list(self, path: str | None = None, method: str | None = None) -> list[dict[str, object]]:
        """Calls whose path begins with ``path`` and of that ``method``; secrets in queries are masked."""
        wanted = method.upper() if method else None
        return [
            {**asdict(entry), "query": masked(entry.query)}
            for entry in self._entries
            if (path is None or entry.path.startswith(path)) and (wanted is None or entry.method == wanted)
        ]


def masked(query: str) -> str:
    """The query string with the values of secrets replaced by ``***``."""
    if not query:
        return ""
    pairs = parse_qsl(query, keep_blank_values=True)
    return urlencode([(k, "***" if k in _SECRETS else v) for k, v in pairs], safe="*[],:")
