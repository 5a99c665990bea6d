"""The ways to call a running account that are the same at every vendor."""

from __future__ import annotations

from typing import Any, Protocol


class Answer(Protocol):
    """What a call came to."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any: ...

    @property
    def text(self) -> str: ...


class Reached:
    """A running simulator and the ways to call it that need no login."""

    def __init__(self, running: Any) -> None:
        self.running = running
        self.base_url: str = running.base_url
        self.credentials: dict[str, Any] = running.simulator.credentials()

    async def call(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """Call anything, as nobody."""
        answer: Answer = await self.running.call(method, path, body, headers)
        return answer

    async def form(self, path: str, fields: dict[str, str]) -> Answer:
        """Send a form."""
        answer: Answer = await self.running.form(path, fields)
        return answer

    async def control(self, path: str, body: Any = None, method: str = "") -> Any:
        """Call the control app: GET without a body, POST with one. The call must be answered with 200."""
        answer = await self.call(method or ("GET" if body is None else "POST"), f"/_control/{path}", body)
        assert answer.status == 200, answer.text
        return answer.json
