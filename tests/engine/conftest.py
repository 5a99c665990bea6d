"""A small installation for the engine's tests: a database, a stub vendor, workers as real processes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import psycopg
import pytest

from vaivem import connectors
from vaivem.config import Config
from vaivem.connectors.sdk.registry import connector_keys, get_connector
from vaivem.core.catalog import ActionShape, TriggerShape
from vaivem.core.compiler import compile_rule
from vaivem.core.rules import parse_rule
from vaivem.engine.ingest import IngestApp
from vaivem.vault import Vault

from .mail import Mail
from .vendor import Vendor

CONNECTORS = Path(__file__).with_name("connectors")
HOOK = "abcdefghijkmnpqrstuvwxyz22"
KEY = "the-secret-key-of-the-stub"


@contextmanager
def registered() -> Iterator[None]:
    """Have the stubs in the registry; tests of other folders in this process know nothing of them."""
    caches = (connector_keys, get_connector)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VAIVEM_CONNECTORS", str(CONNECTORS))
        patch.setattr(connectors, "__path__", [*connectors.__path__, str(CONNECTORS)])
        for cache in caches:
            cache.cache_clear()
        yield
    for cache in caches:
        cache.cache_clear()


with registered():
    STUB = get_connector("stub")


class StubCatalog:
    """What the stub offers to rules."""

    def connection_id(self, ref: str | int) -> int | None:
        return int(ref)

    def trigger(self, ref: str | int, key: str) -> TriggerShape | None:
        trigger = get_connector("stub").trigger(key)
        return TriggerShape(trigger.kinds)

    def action(self, ref: str | int, key: str) -> ActionShape | None:
        action = get_connector("stub").action(key)
        return ActionShape(action.fields(None))  # type: ignore[arg-type]

    def has_member(self, address: str) -> bool:
        return True


class House:
    """The installation: rules are made by `rule`, deliveries sent by `deliver`, workers by `worker`."""

    def __init__(self, dsn: str, folder: Path, vendor: Vendor) -> None:
        self.dsn = dsn
        self.folder = folder
        self.vendor = vendor
        self.vault = Vault.from_folder(folder)
        ours = {name: value for name, value in os.environ.items() if name != "VAIVEM_SMTP_URL"}
        self.environment = ours | {
            "VAIVEM_DSN": dsn,
            "VAIVEM_DATA_DIR": str(folder),
            "VAIVEM_ALLOW_PRIVATE": "127.0.0.1",
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        self.config = Config.from_environment(self.environment)
        self.workers: list[subprocess.Popen[bytes]] = []
        self.app = IngestApp(self.config)
        self.known: set[int] = set()
        with self.db() as db:
            db.execute(
                "insert into workspace (name, slug, zone, language, retention_days, created) "
                "values ('W', 'w', 'America/Sao_Paulo', 'en', 90, now())"
            )
            db.execute("update workspace set record_changes = 1000000, busy_runs = 1000000")  # no breaker
        self.connection(HOOK)

    def db(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.dsn, autocommit=True)

    def rows(self, query: str, *arguments: Any) -> list[tuple[Any, ...]]:
        with self.db() as db:
            return db.execute(query, arguments or None).fetchall()

    def value(self, query: str, *arguments: Any) -> Any:
        return self.rows(query, *arguments)[0][0]

    def connection(self, hook: str, **settings: Any) -> int:
        settings = {"address_api": self.vendor.url, **settings}
        with self.db() as db:
            row = db.execute(
                "insert into connection (workspace_id, connector, name, slug, method, state, credentials,"
                " settings, account, catalog, hook, subscription, wants_hook, catch_up, created,"
                " test_account) values (1, 'stub', %s, %s, 'token', 'working', %s, %s, '{}', '{}', %s, '{}',"
                " false, true, now(), false) returning id",
                (hook, hook, self.vault.seal({"token": KEY}), json.dumps(settings), hook),
            ).fetchone()
            db.execute(
                "insert into gate (conn, ws) select id, workspace_id from connection on conflict do nothing"
            )
        assert row is not None
        return int(row[0])

    def rule(self, action: str, *, then: list[Mapping[str, Any]] | None = None, **parts: Any) -> int:
        fields = {
            "thing.name": {"from": "name"},
            "thing.email": {"from": "email"},
            "thing.record": {"from": "record"},
        }
        step = {"id": "do", "kind": "action", "connection": 1, "action": action, "fields": fields}
        definition = {
            "title": action,
            "when": {"connection": 1, "trigger": "thing_happened"},
            "then": then or [step],
        }
        compiled = compile_rule(parse_rule(definition | parts), StubCatalog()).to_dict()
        with self.db() as db:
            row = db.execute(
                "insert into rule (workspace_id, title, state, version, on_since, draft, recipe, created,"
                " updated) values (1, %s, 'on', 1, now(), '{}', '', now(), now()) returning id",
                (action,),
            ).fetchone()
            assert row is not None
            db.execute(
                "insert into rule_version (rule_id, number, definition, compiled, created)"
                " values (%s, 1, %s, %s, now())",
                (row[0], json.dumps(definition | parts), json.dumps(compiled)),
            )
        self.known.add(int(row[0]))
        return int(row[0])

    async def start(self) -> None:
        await self.app.startup()
        await self.until(lambda: bool(self.app._topology.lines), 30)

    async def send(self, body: bytes, *, hook: str = HOOK, **headers: str) -> int:
        """Send one request to the hook; return the status."""
        await self.until(lambda: self.known <= self.app._topology.rules.keys(), 30)
        sent = {"x-key": KEY, "content-type": "application/json", **headers}
        scope = {
            "type": "http", "method": "POST", "path": f"/hook/{hook}", "query_string": b"",
            "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in sent.items()],
        }  # fmt: skip
        answers: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def answer(message: Any) -> None:
            answers.append(message)

        await self.app(scope, receive, answer)
        return int(answers[0]["status"])

    async def deliver(self, **event: Any) -> int:
        return await self.send(json.dumps({"record": "r1", "name": "n", "email": "a@b.c", **event}).encode())

    def worker(self, crash_at: str = "") -> subprocess.Popen[bytes]:
        environment = self.environment | ({"VAIVEM_CRASH_AT": crash_at} if crash_at else {})
        code = (
            "from vaivem.config import Config; from vaivem.engine.worker import main; import os;"
            " os._exit(main(Config.from_environment()))"
        )
        with self.folder.joinpath(f"worker-{len(self.workers)}.log").open("wb") as log:
            process = subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=log, stderr=log)
        self.workers.append(process)
        return process

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        process.send_signal(signal.SIGKILL)
        process.wait()

    async def until(self, done: Callable[[], Any], seconds: float = 45.0) -> None:
        limit = time.monotonic() + seconds
        while not done():
            if time.monotonic() > limit:
                raise AssertionError(f"not within {seconds} s\n{self.state()}")
            await asyncio.sleep(0.05)

    async def until_idle(self, seconds: float = 60.0) -> None:
        """Wait until no lane is left."""
        await self.until(lambda: self.value("select count(*) from lane") == 0, seconds)

    def state(self) -> str:
        parts = [
            f"{name}: {self.rows(query)}"
            for name, query in {
                "lanes": "select key, state, due, owner, recover from lane limit 5",
                "pending": "select state, code, params, due from pending limit 5",
                "runs": "select status, code, params, count(*) from run group by 1, 2, 3 limit 5",
                "gates": "select conn, state, code, closed_until from gate",
            }.items()
        ]
        logs = [path.read_text()[-3000:] for path in sorted(self.folder.glob("worker-*.log"))]
        return "\n".join(parts + logs + [str(datetime.now(UTC))])

    def runs(self) -> list[tuple[int, str]]:
        return [(status, code) for status, code in self.rows("select status, code from run order by id")]

    async def close(self) -> None:
        for process in self.workers:
            if process.poll() is None:
                self.kill(process)
        await self.app.shutdown()


@pytest.fixture
async def mail() -> AsyncIterator[Mail]:
    """A mail server on loopback."""
    made = Mail()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture(autouse=True)
def stubs() -> Iterator[None]:
    """Let the registry find the stubs, here and in processes that are started, and only for this test."""
    with registered():
        yield


@pytest.fixture
async def vendor() -> AsyncIterator[Vendor]:
    """A vendor that answers."""
    made = Vendor()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def house(stubs: None, database: str, data_dir: Path, vendor: Vendor) -> AsyncIterator[House]:
    """An installation without workers yet."""
    made = House(database, data_dir, vendor)
    await made.start()
    yield made
    await made.close()


Settled = Callable[[asyncpg.Connection], Awaitable[bool]]
