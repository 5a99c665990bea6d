"""The smallest simulator: a list of notes, with a webhook for each new one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from typing_extensions import override

from vaivem.simulators.kit.account import Simulator
from vaivem.simulators.kit.answers import json_answer, read_object
from vaivem.simulators.kit.limits import Limit
from vaivem.simulators.kit.pages import Pages


class Toy(Simulator):
    name = "toy"
    title = "Toy"
    api_prefixes = ("/api/",)
    documented_limit = Limit(50, 10)
    documented_retries = (60.0, 300.0)

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []
        self.hook = ""

    @override
    def folder(self) -> Path:
        return Path(__file__).parent / "toy"

    @override
    def routes(self) -> list[BaseRoute]:
        return [Route("/api/notes", self.notes_route, methods=["GET", "POST"])]

    @override
    def pages(self, pages: Pages) -> list[BaseRoute]:
        async def start(request: Request) -> Response:
            return pages.render(request, "start.html", name="<b>Ana</b>")

        return [Route("/", start)]

    async def notes_route(self, request: Request) -> Response:
        if request.method == "GET":
            return json_answer(self.notes)
        text = str((await read_object(request))["text"])
        self.notes.append(text)
        if self.hook:
            self.webhooks.send("noted", self.hook, orjson.dumps({"text": text}), {"X-Event": "noted"})
        return json_answer({"text": text}, 201)

    @override
    def credentials(self) -> dict[str, str]:
        return {"token": "toy-token"}

    @override
    def snapshot(self) -> dict[str, Any]:
        return {"notes": self.notes, "hook": self.hook}

    @override
    def restore(self, data: Mapping[str, Any]) -> None:
        self.notes, self.hook = list(data["notes"]), data["hook"]

    @override
    def reset(self) -> None:
        self.notes = []


@pytest.fixture
def toy() -> Toy:
    return Toy()
