"""What a simulator is: the vendor's part is a subclass, everything else comes from here."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from vaivem.simulators.kit import control
from vaivem.simulators.kit.answers import json_answer
from vaivem.simulators.kit.clock import Clock
from vaivem.simulators.kit.faults import Faults
from vaivem.simulators.kit.gate import ApiGate
from vaivem.simulators.kit.limits import Limit, Limits, Reading
from vaivem.simulators.kit.pages import Pages
from vaivem.simulators.kit.requests import RequestLog
from vaivem.simulators.kit.store import Store
from vaivem.simulators.kit.webhooks import Webhooks

TICK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Settings:
    """How one simulator is run. ``retries`` None means the vendor's own schedule."""

    limits: str = "documented"
    retries: tuple[float, ...] | None = None
    state: Path | None = None


class Simulator(ABC):
    """One vendor's account.

    A subclass sets the class attributes and gives ``routes`` (the vendor's API, under ``api_prefixes``),
    ``pages`` and, if it has any, ``controls`` (mounted under ``/_control``). Handlers are plain Starlette
    endpoints that close over the simulator. ``snapshot``, ``restore`` and ``reset`` speak of the vendor's
    data only; clock, limits and webhooks keep their own.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    api_prefixes: ClassVar[tuple[str, ...]]
    documented_limit: ClassVar[Limit]
    documented_retries: ClassVar[tuple[float, ...]]

    def __init__(self) -> None:
        self.clock = Clock()
        self.faults = Faults()
        self.limits = Limits(self.documented_limit)
        self.requests = RequestLog()
        self.webhooks = Webhooks(self.clock, self.faults, self.documented_retries)
        self.settings = Settings()
        self.store: Store | None = None
        # Set when the server is to stop: what hangs on purpose must not hold it up.
        self.stopping = asyncio.Event()
        # Known once the server has its port; `public_base` of `serve` goes before it.
        self.base_url = ""
        self.clock.on_move(self.tick)

    # -- the vendor's part

    @abstractmethod
    def routes(self) -> list[BaseRoute]:
        """The vendor's API."""

    @abstractmethod
    def pages(self, pages: Pages) -> list[BaseRoute]:
        """The pages, ``/`` among them; ``pages.render`` answers them."""

    def folder(self) -> Path:
        """Where ``templates`` and ``locale`` are: beside the module of the class."""
        return Path(inspect.getfile(type(self))).parent

    def controls(self) -> list[BaseRoute]:
        """More under ``/_control``: what a person would do at the vendor."""
        return []

    @abstractmethod
    def credentials(self) -> dict[str, str]:
        """What to type into a connection form; stable over ``reset``."""

    def grant(self) -> dict[str, str]:
        """Credentials for one more connection. Where refreshing uses a token up, each gets its own."""
        return self.credentials()

    @abstractmethod
    def snapshot(self) -> dict[str, Any]:
        """The account's data, JSON-able."""

    @abstractmethod
    def restore(self, data: Mapping[str, Any]) -> None:
        """Take back a ``snapshot``."""

    @abstractmethod
    def reset(self) -> None:
        """Back to the seed data."""

    def tick(self) -> None:  # noqa: B027
        """Called every second and after the clock was moved: deadlines, expiries, suspended things."""

    def expire_tokens(self) -> None:  # noqa: B027
        """Called when the fault ``expire_tokens`` is switched on; ``faults.expire_tokens`` stays readable."""

    def take(self, method: str, path: str) -> Reading:
        """Count one call of the API against the limit it falls under; a vendor may have several."""
        return self.limits.take()

    def limit_headers(self, reading: Reading) -> dict[str, str]:
        """The vendor's limit headers, put on every answer of the API."""
        return {}

    def too_many_requests(self, reading: Reading) -> Response:
        """The vendor's 429."""
        return json_answer({"error": "too many requests"}, 429)

    def server_error(self) -> Response:
        """The vendor's 500."""
        return json_answer({"error": "internal server error"}, 500)

    def http_error(self, request: Request, error: HTTPException) -> Response:
        """The vendor's answer to an address or method its API does not have."""
        return json_answer({"error": error.detail}, error.status_code)

    # -- the same for all

    def touch(self) -> None:
        """Say that something worth saving has changed."""
        if self.store is not None:
            self.store.dirty = True

    def reset_all(self) -> None:
        """The seed data again, the real time, no faults, empty logs; limits' mode and retry schedule stay."""
        self.faults.clear()
        self.limits.clear()
        self.requests.clear()
        self.webhooks.clear()
        self.clock.real()
        self.reset()
        self.touch()

    def state(self) -> dict[str, Any]:
        """Everything that ``restore_all`` needs."""
        return {
            "clock_offset_seconds": self.clock.offset_seconds,
            "webhooks": self.webhooks.snapshot(),
            "account": self.snapshot(),
        }

    def restore_all(self, state: Mapping[str, Any]) -> None:
        """Take back a ``state``."""
        self.restore(state["account"])
        self.webhooks.restore(state["webhooks"])
        self.clock.advance(state["clock_offset_seconds"])


def build_app(simulator: Simulator, settings: Settings | None = None) -> Starlette:
    """The ASGI app of one simulator. A saved state is read here, so that a bad file fails before serving."""
    settings = settings or Settings()
    simulator.settings = settings
    simulator.limits.set_mode(settings.limits)
    if settings.retries is not None:
        simulator.webhooks.set_schedule(settings.retries)
    if settings.state is not None:
        simulator.store = Store(settings.state, simulator.name)
        saved = simulator.store.load()
        if saved is not None:
            simulator.restore_all(saved)
    pages = Pages(simulator.folder(), simulator.title)

    async def on_http_error(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        if request.url.path.startswith(simulator.api_prefixes):
            return simulator.http_error(request, error)
        if request.url.path.startswith(control.PREFIX):
            return json_answer({"error": error.detail}, error.status_code)
        return pages.render(request, "error.html", status=error.status_code, http_status=error.status_code)

    routes = [*simulator.routes(), control.mount(simulator), *pages.routes(), *simulator.pages(pages)]
    app = Starlette(
        routes=routes,
        exception_handlers={HTTPException: on_http_error},
        lifespan=lambda _app: _background(simulator),
    )
    app.add_middleware(ApiGate, simulator=simulator)
    app.add_middleware(control.SameSite, simulator=simulator)
    return app


@contextlib.asynccontextmanager
async def _background(simulator: Simulator) -> AsyncIterator[None]:
    """Webhooks, the second hand and the saving, for as long as the server runs."""
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(simulator.webhooks.run()), loop.create_task(_tick(simulator))]
    if simulator.store is not None:
        tasks.append(loop.create_task(simulator.store.keep(simulator.state)))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if simulator.store is not None:
            simulator.store.save(simulator.state())


async def _tick(simulator: Simulator) -> None:
    while True:
        await asyncio.sleep(TICK_SECONDS)
        simulator.tick()
