"""An installation for the benchmark: everything that `vaivem up` starts, and the vendor."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import orjson
from pyreqwest.client import Client
from pyreqwest.exceptions import PyreqwestError

from vaivem import connectors
from vaivem.bench.events import SIGNATURE_HEADER, event_body, signature, update_name
from vaivem.bench.load import Result, Spec
from vaivem.cli import parts
from vaivem.cli.reporting import CommandError
from vaivem.config import Config, set_by_operator
from vaivem.engine.outbound import new_client
from vaivem.postgres import EmbeddedServer
from vaivem.processes.parts import Part, ReadyLine, Step
from vaivem.processes.supervisor import Progress, Supervisor

CONNECTORS = Path(__file__).with_name("connectors")
START_SECONDS = 60.0
FOLLOW_SECONDS = 60.0
EACH_SECONDS = 10.0
CALLS = {"a": 1, "b": 3, "u": 2}


class Installation:
    """The processes, and what may be asked of them."""

    def __init__(self, config: Config, progress: Progress) -> None:
        self.config = config
        self.logs = config.data_dir / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        for name in set_by_operator(os.environ):
            del os.environ[name]
        os.environ["VAIVEM_CONNECTORS"] = str(CONNECTORS)
        if str(CONNECTORS) not in connectors.__path__:
            connectors.__path__.append(str(CONNECTORS))
        if config.database_url:
            os.environ["DATABASE_URL"] = config.database_url
        os.environ.update(parts.settings(config))  # the seeding runs in this process
        self.server = EmbeddedServer(config.data_dir, user=config.database_user)
        vendor = Part(
            "vendor",
            (sys.executable, "-m", "vaivem.bench.vendor"),
            ready=ReadyLine(),
            log=self.logs / "vendor.log",
        )
        self.supervisor = Supervisor(
            [
                *parts.database(config),
                (parts.tables(config), vendor),
                Step("workspace", self._seed),
                Step("clock", self._begin),
                (parts.web(config, self.logs), parts.worker(config, logs=self.logs)),
            ],
            progress,
        )
        self.client: Client = new_client().build()
        self.token = ""
        self.secret = ""
        self.hooks: dict[int, str] = {}
        self.cold_start = 0.0
        self._first: asyncio.Task[float]
        self._followed = 0

    async def __aenter__(self) -> Installation:
        await self.supervisor.__aenter__()
        try:
            async with asyncio.timeout(START_SECONDS):
                self.cold_start = await self._first
        except BaseException as error:
            await self.__aexit__()
            if isinstance(error, TimeoutError):
                raise CommandError("No delivery was accepted after the start.") from error
            raise
        return self

    async def __aexit__(self, *about: Any) -> None:
        await self.supervisor.stop()
        await self.client.close()

    @property
    def dsn(self) -> str:
        """The database's address."""
        return self.config.database_url or self.supervisor.environment["VAIVEM_DSN"]

    @property
    def vendor_port(self) -> int:
        """Where the vendor answers."""
        return int(json.loads(self.supervisor.first_line("vendor"))["port"])

    @property
    def vendor_url(self) -> str:
        """The vendor's address."""
        return f"http://127.0.0.1:{self.vendor_port}"

    @property
    def ours(self) -> dict[str, int]:
        """The process numbers of web and worker."""
        return {name: self.supervisor.pid(name) for name in ("web", "worker")}

    async def _seed(self) -> None:
        os.environ["VAIVEM_ALLOW_PRIVATE"] = f"127.0.0.1:{self.vendor_port}"
        await asyncio.to_thread(self._seed_apart)

    def _seed_apart(self) -> None:
        from vaivem.cli.migration import use_django  # Django: only once the database is there
        from vaivem.connectors.sdk.registry import connector_keys

        connector_keys.cache_clear()
        use_django(self.dsn)
        from vaivem.bench import seeding

        self.secret = seeding.SECRET
        self.token = seeding.make_workspace()["token"]
        self._connect()

    def _connect(self) -> int:
        from vaivem.bench import seeding

        made = seeding.make_connection(self.vendor_url)
        self.hooks[made["connection"]] = made["hook"]
        number: int = made["connection"]
        for flow in ("a", "b", "u"):
            seeding.make_rule(number, flow, flow)
        return number

    async def add_connections(self, many: int) -> None:
        """Connect more accounts, each with its rules."""
        await asyncio.to_thread(lambda: [self._connect() for _ in range(many)])

    async def add_rules(self, first: int, last: int) -> None:
        """Publish more rules for the first account; each takes the documents of its own template."""
        from vaivem.bench import seeding

        connection = next(iter(self.hooks))
        await asyncio.to_thread(
            lambda: [seeding.make_rule(connection, "b", f"r{n}") for n in range(first, last + 1)]
        )

    async def _begin(self) -> None:
        self._first = asyncio.create_task(self._first_accepted(time.monotonic()))

    async def _first_accepted(self, begun: float) -> float:
        while await self._deliver("cold", 1, "a") != 200:  # noqa: ASYNC110 - the server is another process
            await asyncio.sleep(0.02)
        return time.monotonic() - begun

    async def _deliver(self, prefix: str, number: int, template: str, hook: str = "") -> int:
        body = event_body(prefix, number, template)
        headers = [
            (SIGNATURE_HEADER, signature(self.secret.encode(), body).decode()),
            ("content-type", "application/json"),
        ]
        url = self.config.local_url + (hook or next(iter(self.hooks.values())))
        try:
            answer = await self.client.post(url).headers(headers).body_bytes(body).build().send()
        except PyreqwestError:
            return 0
        return answer.status

    async def follow(self, flow: str, template: str = "", hook: str = "") -> None:
        """Follow one event to the target, and read its run with all its steps in the history.

        Raises CommandError when it does not come, or its history is not whole.
        """
        await self.vendor("begin?delay_ms=0")
        limit = time.monotonic() + FOLLOW_SECONDS
        while time.monotonic() < limit:
            self._followed += 1
            status = await self._deliver("check", self._followed, template or flow, hook)
            if status != 200:
                raise CommandError(f"The event before the measurement was answered {status}.")
            if await self._arrives(self._followed, flow):
                return
        raise CommandError("The event before the measurement is not at the target with its whole history.")

    async def _arrives(self, number: int, flow: str) -> bool:
        """Wait for one event; one that came before its new rule was known comes to nothing."""
        limit = time.monotonic() + EACH_SECONDS
        while time.monotonic() < limit:
            if await self._is_whole(number, flow):
                return True
            await asyncio.sleep(0.05)
        return False

    async def _is_whole(self, number: int, flow: str) -> bool:
        record = f"check-{number:06d}"
        arrival = update_name("check", number, number) if flow == "u" else record
        if arrival not in await self.vendor("arrivals"):
            return False
        found = (await self._api(f"runs?q={record}"))["items"]
        if not found or found[0]["status"] != "done":
            return False
        steps = (await self._api(f"runs/{found[0]['id']}"))["steps"]
        whole = [step for step in steps if step["done"] and step["response"] and 200 <= step["status"] < 300]
        return len(whole) == CALLS[flow]

    async def _api(self, path: str) -> Any:
        request = self.client.get(f"{self.config.local_url}/api/v1/{path}")
        answer = await request.headers([("Authorization", f"Bearer {self.token}")]).build().send()
        if answer.status != 200:
            raise CommandError(f"The API answered {answer.status} for {path}.")
        return orjson.loads(bytes(await answer.bytes()))

    async def vendor(self, path: str) -> Any:
        """Ask the vendor's control."""
        answer = await self.client.get(f"{self.vendor_url}/control/{path}").build().send()
        return orjson.loads(bytes(await answer.bytes()))

    def spec(self, prefix: str, template: str, **given: Any) -> Spec:
        """Return a load for the web process."""
        hooks = given.pop("hooks", None) or (next(iter(self.hooks.values())),)
        return Spec(
            port=given.pop("port", self.config.port),
            hooks=tuple(hooks),
            secret=self.secret,
            prefix=prefix,
            templates=(template,),
            vendor_port=self.vendor_port,
            **given,
        )

    async def load(self, spec: Spec) -> Result:
        """Run a load to its end."""
        result = self.config.data_dir / "load.json"
        with result.open("wb") as out, (self.logs / "load.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "vaivem.bench.load",
                msgspec.json.encode(spec).decode(),
                env={**os.environ, "VAIVEM_SUPERVISOR_PID": str(os.getpid())},
                stdout=out,
                stderr=log,
            )
        try:
            code = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
        if code:
            said = (self.logs / "load.log").read_text("utf-8", "replace")
            raise CommandError(f"The load ended with {code}: {said[-2000:]}")
        return msgspec.json.decode(result.read_bytes(), type=Result, strict=False)
