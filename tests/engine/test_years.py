"""Connections that do not die: 400 days against the three vendors' test accounts, idle and busy.

Both clocks move together, ours (the table `clock`) and theirs (`/_control/clock`); two processes do chores
and calls. What is printed are the refreshes of each connection in a year.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from pyreqwest.client import ClientBuilder

from vaivem.connectors.sdk import App, Connection
from vaivem.connectors.sdk.registry import get_connector
from vaivem.engine import oauth
from vaivem.engine.direct import ChoreCaller
from vaivem.engine.keepalive import KeepAlive
from vaivem.engine.outbound import Outbound
from vaivem.simulators.kit.account import Settings
from vaivem.simulators.kit.server import BoundServer
from vaivem.simulators.serve import make, run

from .chored import Chored, chores
from .conftest import House
from .inside import pass_time

pytestmark = pytest.mark.soak

long = pytest.mark.skipif(not os.environ.get("VAIVEM_LONG"), reason="minutes long: set VAIVEM_LONG=1")

# Which vendor, by which way to connect, where its consent page is and where its tokens come from.
WAYS = (
    ("pipedrive", "oauth", "/oauth/authorize", "/oauth/token", ""),
    ("rd_station_crm", "oauth", "/oauth/authorize", "/oauth2/token", "/crm/v2"),
    ("rd_station_marketing", "oauth", "/auth/dialog", "/auth/token", ""),
    ("rd_station_marketing", "oauth_accounts", "/oauth/authorize", "/oauth2/token", ""),
)
RETURN = "http://127.0.0.1:8000/oauth/callback"


@dataclass
class Vendors:
    """The test accounts, and the connections made by consent at them."""

    house: House
    urls: Mapping[str, str]
    secrets: Mapping[str, Mapping[str, str]]
    names: dict[int, str] = field(default_factory=dict)
    busy: list[int] = field(default_factory=list)

    async def ask(self, method: str, url: str, body: Any = None) -> tuple[int, Mapping[str, str], bytes]:
        async with ClientBuilder().follow_redirects(False).no_proxy().build() as client:
            request = client.request(method, url)
            if body is not None:
                request = request.body_bytes(orjson.dumps(body)).header("Content-Type", "application/json")
            answer = await request.build().send()
            return answer.status, dict(answer.headers.items()), bytes(await answer.bytes())

    async def pass_time(self, **span: float) -> None:
        """Let time go by here and there."""
        seconds = 3600.0 * span.get("hours", 0) + 86400.0 * span.get("days", 0)
        pass_time(self.house, **span)
        for url in self.urls.values():
            status, _, _ = await self.ask("POST", f"{url}/_control/clock", {"advance_seconds": seconds})
            assert status == 200

    async def connect(self, way: tuple[str, str, str, str, str], *, busy: bool) -> int:
        """Connect by the vendor's consent page, as a person does."""
        key, method, page, token, api = way
        url, number = self.urls[key], len(self.names) + 2
        connector = get_connector(key)
        app = App(self.secrets[key]["client_id"], self.secrets[key]["client_secret"])
        settings = {
            "address_api": f"{url}{api}",
            "address_authorize": f"{url}{page}",
            "address_token": f"{url}{token}",
        }
        connection = Connection(0, 1, key, key, method, {}, connector.manifest.defaults() | settings)
        asked = oauth.authorise_url(connector, connection, app, state="s", redirect_uri=RETURN, verifier=None)
        _, _, shown = await self.ask("GET", asked)
        links = [part.split('"')[0].replace("&amp;", "&") for part in shown.decode().split('href="')[1:]]
        yes = [link for link in links if "decision=allow" in link]
        chosen = yes[busy % len(yes)]  # another user there: another grant
        _, headers, _ = await self.ask("GET", f"{url}{chosen}")
        code = parse_qs(urlsplit(headers["location"]).query)["code"][0]
        outbound = Outbound(self.house.config.allowed_private_hosts)
        made = await oauth.exchange_code(
            outbound, connector, connection, app, code=code, redirect_uri=RETURN, verifier=None
        )
        await outbound.close()
        with self.house.db() as db:
            db.execute(
                "insert into connection (id, workspace_id, connector, name, slug, method, state, credentials,"
                " settings, hook, expires, refreshed, created) overriding system value values (%s, 1, %s, %s,"
                " %s, %s, 'working', %s, %s, %s, vv_now() + make_interval(secs => %s), vv_now(), now())",
                (
                    number, key, f"{key} {number}", f"c{number}", method, self.house.vault.seal(made),
                    json.dumps(settings), f"hook{number}", made["lasts_seconds"],
                ),
            )  # fmt: skip
        self.names[number] = f"{key} ({method}), {'busy' if busy else 'idle'}"
        if busy:
            self.busy.append(number)
        return number

    def states(self) -> set[str]:
        return {row[0] for row in self.house.rows("select state from connection where id > 1")}

    def refreshes(self) -> dict[int, int]:
        return dict(self.house.rows("select id, refreshes from connection where id > 1 order by id"))

    async def refusals(self) -> list[Any]:
        """Return what the vendors' token addresses refused."""
        found = []
        for key, url in self.urls.items():
            _, _, body = await self.ask("GET", f"{url}/_control/requests")
            found += [
                (key, one) for one in orjson.loads(body) if "token" in one["path"] and one["status"] >= 400
            ]
        return found


@pytest.fixture
async def vendors(house: House) -> AsyncIterator[Vendors]:
    """Serve the test accounts in this process; our app is known to each."""
    async with contextlib.AsyncExitStack() as stack:
        urls, secrets = {}, {}
        for key in sorted({way[0] for way in WAYS}):
            simulator = make(key)
            ready: asyncio.Future[BoundServer] = asyncio.get_running_loop().create_future()
            serving = asyncio.create_task(run(simulator, Settings("off"), on_ready=ready.set_result))
            server = await ready

            async def stop(server: BoundServer = server, serving: asyncio.Task[None] = serving) -> None:
                server.stop()
                await serving

            stack.push_async_callback(stop)
            urls[key], secrets[key] = simulator.base_url, simulator.credentials()
            with house.db() as db:
                db.execute(
                    "insert into oauth_app (workspace_id, connector, client_id, client_secret)"
                    " values (null, %s, %s, %s)",
                    (
                        key,
                        secrets[key]["client_id"],
                        house.vault.seal({"client_secret": secrets[key]["client_secret"]}),
                    ),
                )
        yield Vendors(house, urls, secrets)


async def call(process: Chored, conn: int) -> None:
    """Do what a run does: ask the vendor something."""
    line = process.topology.lines[conn]
    await line.connector.account(ChoreCaller(process.caller, line))


async def live(vendors: Vendors, days: int, hours: int, processes: list[Chored]) -> None:
    """Let days pass in steps; in each both processes do their round, and call what is busy."""
    for _ in range(days * 24 // hours):
        await vendors.pass_time(hours=hours)
        await asyncio.gather(*(one.look() for one in processes))
        await asyncio.gather(*(KeepAlive(one.desk).run() for one in processes))
        await asyncio.gather(*(call(one, conn) for one in processes for conn in vendors.busy))
        assert vendors.states() == {"working"}


def show(vendors: Vendors, days: int) -> None:
    for number, count in vendors.refreshes().items():
        print(  # noqa: T201 - the figures are what the test is run for
            f"{vendors.names[number]:48} {count * 365 / days:8.0f} refreshes a year"
        )


@pytest.mark.timeout(3000)
@pytest.mark.parametrize(
    ("days", "hours", "apart"),
    [
        pytest.param(400, 24, False, id="days"),
        pytest.param(400, 2, False, marks=long, id="hours"),
        pytest.param(400, 48, True, marks=long, id="apart"),
    ],
)
async def test_no_connection_dies_in_400_days(
    house: House, vendors: Vendors, days: int, hours: int, *, apart: bool
) -> None:
    for way in WAYS:
        await vendors.connect(way, busy=False)
        await vendors.connect(way, busy=True)
    async with chores(house, apart=apart) as one, chores(house, apart=apart) as two:
        await live(vendors, days, hours, [one, two])
        show(vendors, days)
        for process in (one, two):
            await process.look()
            for conn in vendors.names:
                await call(process, conn)
    assert await vendors.refusals() == []
    count = vendors.refreshes()
    idle = {vendors.names[number]: found for number, found in count.items() if number not in vendors.busy}
    # The last calls add one. What is idle is refreshed at 40 to 50 % of its vendor's limit, and no oftener;
    # that it is due is seen at the next step.
    for name, limit in (
        ("pipedrive (oauth), idle", 60),
        ("rd_station_crm (oauth), idle", 14),
        ("rd_station_marketing (oauth), idle", 60),
        ("rd_station_marketing (oauth_accounts), idle", 14),
    ):
        assert days / (limit * 0.5 + hours / 24) - 1 <= idle[name] <= days / (limit * 0.4) + 1, name
    for number in vendors.busy:
        assert count[number] >= days * 24 // max(hours, 24) - 1


async def test_without_us_they_would_die(house: House, vendors: Vendors) -> None:
    """What the others show: the vendors' limits are real."""
    for way in WAYS:
        await vendors.connect(way, busy=False)
    async with chores(house, apart=False) as one:
        await vendors.pass_time(days=61)
        await one.look()
        await KeepAlive(one.desk).run()
    dead = [
        row[0]
        for row in house.rows("select connector || ' ' || method from connection where state = 'reconnect'")
    ]
    assert sorted(dead) == ["pipedrive oauth", "rd_station_crm oauth", "rd_station_marketing oauth_accounts"]


@pytest.mark.timeout(300)
async def test_workers_that_were_off_for_days_and_are_killed_lose_none(
    house: House, vendors: Vendors
) -> None:
    """Real worker processes, killed at random while they catch up with what was due."""
    made = [await vendors.connect(way, busy=False) for way in WAYS]
    chance = random.Random(5)
    for due in (1, 2, 3):
        await vendors.pass_time(days=12)
        workers = [house.worker(), house.worker()]
        await asyncio.sleep(chance.uniform(1.0, 4.0))
        for worker in workers:
            house.kill(worker)
        workers = [house.worker(), house.worker()]
        rotating = (
            "select count(*) = 2 from connection where id > 1 and refreshes >= %s"
            " and (connector = 'rd_station_crm' or method = 'oauth_accounts')"
        )
        await house.until(partial(house.value, rotating, due), 120)
        for worker in workers:
            house.kill(worker)
    await asyncio.sleep(2)  # what a killed worker had begun ends by itself
    assert vendors.states() == {"working"}
    async with chores(house) as one:
        for conn in made:
            await call(one, conn)
    assert await vendors.refusals() == []
