"""OAuth: one refresh for all, saved before it is used, and a person only when the grant is dead."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from vaivem.connectors.sdk import Answer, App, Call, Connection, Connector
from vaivem.connectors.sdk.manifest import AuthMethod, Manifest, OAuth
from vaivem.core.errors import ReconnectError, RetryError, RuleError
from vaivem.engine import control, oauth
from vaivem.engine.caller import Exchange
from vaivem.engine.gates import HELD, OPEN
from vaivem.engine.keepalive import KeepAlive
from vaivem.engine.topology import Line

from .chored import Chored, chores
from .conftest import KEY, House
from .grants import Grants
from .inside import pass_time, working
from .vendor import Reply

READ = Call("things.list", "GET", "/things")
PAIR = {"token": KEY, "access_token": "access-1", "refresh_token": "refresh-1", "lasts_seconds": 7200.0}


@pytest.fixture
async def grants(house: House) -> Grants:
    """Make the house's connection one by OAuth."""
    made = Grants()
    house.vendor.door = made.door
    settings = {"address_api": house.vendor.url, "address_token": f"{house.vendor.url}/oauth/token"}
    with house.db() as db:
        db.execute(
            "update connection set method = 'oauth', credentials = %s, settings = %s where id = 1",
            (house.vault.seal(PAIR), json.dumps(settings)),
        )
        db.execute(
            "insert into oauth_app (workspace_id, connector, client_id, client_secret)"
            " values (null, 'stub', 'us', %s)",
            (house.vault.seal({"client_secret": "hush"}),),
        )
    await house.until(lambda: house.app._topology.lines[1].connection.method == "oauth")
    return made


@pytest.fixture
async def one(house: House, grants: Grants) -> AsyncIterator[Chored]:
    """A process that calls."""
    async with chores(house) as made:
        yield made


def stored(house: House) -> dict[str, Any]:
    return house.vault.open(house.value("select credentials from connection where id = 1"))


def state(house: House) -> tuple[str, int]:
    return house.rows("select c.state, g.state from connection c join gate g on g.conn = c.id")[0]  # type: ignore[return-value]


async def ask(process: Chored) -> Exchange:
    return await process.caller.exchange(process.topology.lines[1], READ)


def test_a_vendor_may_want_json_and_nothing_but_its_own() -> None:
    flow = OAuth(
        authorize_url="https://x.example/a", token_url="https://x.example/t", body="json", plain=True
    )

    class Plain(Connector):
        manifest = Manifest(key="p", name="P", mark="PP", auth=(AuthMethod(key="oauth", oauth=flow),))

    url = oauth.authorise_url(
        Plain(),
        Connection(1, 1, "p", "p", "oauth"),
        App("us", "hush"),
        state="s",
        redirect_uri="https://hub.example.com/back",
        verifier=None,
    )
    assert parse_qs(urlsplit(url).query) == {
        "client_id": ["us"],
        "redirect_uri": ["https://hub.example.com/back"],
        "state": ["s"],
    }


async def test_a_plain_token_request_is_json_without_a_grant_type() -> None:
    sent: list[Call] = []

    class Door:
        async def send(self, connector: Connector, connection: Connection, call: Call) -> Answer:
            sent.append(call)
            return Answer(200, {}, b'{"access_token": "a", "refresh_token": "r", "expires_in": 86400}')

    flow = OAuth(
        authorize_url="https://x.example/a",
        token_url="https://x.example/t",
        body="json",
        plain=True,
        code_query="token_by=code",
    )

    class Plain(Connector):
        manifest = Manifest(key="p", name="P", mark="PP", auth=(AuthMethod(key="oauth", oauth=flow),))

    found = await oauth.exchange_code(
        Door(),  # type: ignore[arg-type]
        Plain(),
        Connection(1, 1, "p", "p", "oauth"),
        App("us", "hush"),
        code="c",
        redirect_uri="https://hub.example.com/back",
        verifier=None,
    )
    assert (sent[0].path, sent[0].form) == ("https://x.example/t?token_by=code", None)
    assert sent[0].json == {"code": "c", "client_id": "us", "client_secret": "hush"}
    assert found["refresh_token"] == "r"


async def test_an_expired_token_costs_one_refresh_and_one_repeat(
    house: House, grants: Grants, one: Chored
) -> None:
    grants.expired = True
    exchange = await ask(one)
    assert exchange.error is None
    assert exchange.answer is not None
    assert exchange.answer.ok
    assert house.vendor.calls == {"GET things": 2, "POST oauth": 1}
    assert grants.asked == [
        {
            "grant_type": "refresh_token",
            "refresh_token": "refresh-1",
            "client_id": "us",
            "client_secret": "hush",
        }
    ]
    assert stored(house) == PAIR | {"access_token": "access-2", "refresh_token": "refresh-2"}
    left = "extract(epoch from expires - vv_now())"
    assert 7100 < house.value(f"select {left}::float8 from connection") <= 7200  # noqa: S608
    assert (await ask(one)).error is None  # though the process's configuration still has the old pair
    await one.look()
    assert (await ask(one)).error is None
    assert house.vendor.calls == {"GET things": 4, "POST oauth": 1}


async def test_a_new_token_that_is_refused_too_needs_a_person(
    house: House, grants: Grants, one: Chored
) -> None:
    grants.on_refresh = lambda: setattr(grants, "expired", True)
    grants.expired = True
    exchange = await ask(one)
    assert isinstance(exchange.error, ReconnectError)
    assert house.vendor.calls == {"GET things": 2, "POST oauth": 1}
    assert state(house) == ("reconnect", HELD)
    assert isinstance((await ask(one)).error, ReconnectError)
    assert house.vendor.calls["GET things"] == 2  # nobody calls while it is held


async def test_two_processes_refresh_once(house: House, grants: Grants, one: Chored) -> None:
    grants.expired = True
    house.vendor.fault = lambda method, path, nth: 0.2 if path == "/oauth/token" else None
    async with chores(house) as other:
        exchanges = await asyncio.gather(*(ask(process) for process in (one, other) for _ in range(20)))
        assert [exchange.error for exchange in exchanges] == [None] * 40
        assert len(grants.asked) == 1
        assert grants.refused == 40
        assert stored(house)["access_token"] == grants.access == "access-2"
        exchanges = await asyncio.gather(*(ask(process) for process in (one, other) for _ in range(5)))
        assert [exchange.error for exchange in exchanges] == [None] * 10
        assert grants.refused == 40  # both use the new pair
    assert state(house) == ("working", OPEN)


async def test_a_refresh_that_hangs_leaves_the_database_to_others(
    house: House, grants: Grants, one: Chored
) -> None:
    grants.expired = True
    house.vendor.fault = lambda method, path, nth: 4.0 if path == "/oauth/token" else None
    asking = [asyncio.create_task(ask(one)) for _ in range(30)]
    await house.until(lambda: house.vendor.calls["POST oauth"])
    await asyncio.sleep(0.2)
    await asyncio.gather(*(one.pool.fetchval("select 1") for _ in range(3)))  # the pool has three links
    assert not any(task.done() for task in asking)  # the refresh hangs longer
    assert [(await task).error for task in asking] == [None] * 30


async def test_the_new_pair_is_saved_before_it_is_used(house: House, grants: Grants, one: Chored) -> None:
    kept: list[str] = []
    door = grants.door

    def watched(method: str, path: str, headers: dict[str, str], body: bytes) -> Reply | None:
        reply = door(method, path, headers, body)
        if reply is None:
            kept.append(stored(house)["access_token"])
        return reply

    house.vendor.door = watched
    grants.expired = True
    assert (await ask(one)).error is None
    assert kept == ["access-2"]


async def test_what_is_saved_during_a_refresh_stays(house: House, grants: Grants, one: Chored) -> None:
    def meanwhile() -> None:
        save(house, stored(house) | {"webhook": {"secret": "new"}})

    grants.expired, grants.on_refresh = True, meanwhile
    assert (await ask(one)).error is None
    assert stored(house) == PAIR | {
        "access_token": "access-2", "refresh_token": "refresh-2",
        "webhook": {"secret": "new"},
    }  # fmt: skip


async def test_a_persons_reconnect_wins_over_a_refresh(house: House, grants: Grants, one: Chored) -> None:
    theirs = PAIR | {"access_token": "access-9", "refresh_token": "refresh-9"}

    def meanwhile() -> None:
        save(house, theirs)
        grants.access, grants.refresh = "access-9", "refresh-9"

    grants.expired, grants.on_refresh = True, meanwhile
    assert (await ask(one)).error is None
    assert stored(house) == theirs


def save(house: House, credentials: dict[str, Any]) -> None:
    with house.db() as db:
        db.execute("update connection set credentials = %s where id = 1", (house.vault.seal(credentials),))


def reconnect(house: House, grants: Grants) -> None:
    """Do what the pages do after a person has signed in at the vendor again."""
    grants.access, grants.refresh, grants.dead, grants.expired = "access-7", "refresh-7", False, False
    new = PAIR | {"access_token": "access-7", "refresh_token": "refresh-7"}
    with psycopg.connect(house.dsn) as db, db.cursor() as cursor:
        cursor.execute(
            "update connection set credentials = %s, state = 'working' where id = 1", (house.vault.seal(new),)
        )
        control.open_gate(cursor, 1)  # type: ignore[arg-type]


@pytest.mark.soak
async def test_a_worker_killed_in_the_middle_of_a_refresh_leaves_a_working_connection(
    house: House, grants: Grants
) -> None:
    house.rule("put")
    grants.expired = True
    house.vendor.fault = lambda method, path, nth: 1.0 if path == "/oauth/token" else None
    first = house.worker("oauth.refreshing_apart")  # killed while the vendor rotates the pair
    await house.deliver(delivery="d1")
    await house.until(lambda: first.poll() is not None)
    house.worker()
    await house.until_idle()
    assert house.runs() == [(1, "")]
    assert len(grants.asked) == 1
    assert stored(house) == PAIR | {"access_token": "access-2", "refresh_token": "refresh-2"}
    assert state(house) == ("working", OPEN)


@pytest.mark.soak
async def test_a_refresh_goes_on_when_its_worker_is_killed(house: House, grants: Grants) -> None:
    house.rule("put")
    grants.expired = True
    house.vendor.fault = lambda method, path, nth: 4.0 if path == "/oauth/token" else None
    first = house.worker()
    await house.deliver(delivery="d1")
    await house.until(lambda: house.vendor.calls["POST oauth"])
    house.kill(first)
    await house.until(lambda: stored(house)["access_token"] == "access-2", 20)
    assert len(grants.asked) == 1


async def test_a_refresh_goes_on_when_nobody_waits_for_it_any_more(
    house: House, grants: Grants, one: Chored
) -> None:
    grants.expired = True
    house.vendor.fault = lambda method, path, nth: 4.0 if path == "/oauth/token" else None
    asking = asyncio.create_task(ask(one))
    await house.until(lambda: house.vendor.calls["POST oauth"])
    asking.cancel()
    await house.until(lambda: stored(house)["access_token"] == "access-2", 20)
    assert asking.cancelled()
    assert len(grants.asked) == 1


@pytest.mark.soak
async def test_a_refresh_that_is_killed_itself_asks_for_a_person(house: House, grants: Grants) -> None:
    house.rule("put")
    grants.expired = True
    house.worker("oauth.before_save")  # the process apart gets there, and dies with the new pair
    await house.deliver(delivery="d1")
    await house.until(lambda: state(house) == ("reconnect", HELD))
    await house.until(lambda: house.rows("select 1 from pending where state = 'held'"))
    assert [one["refresh_token"] for one in grants.asked] == [
        "refresh-1"
    ] * 2  # rotated away: it died at once
    assert house.rows("select state, code from pending") == [("held", "refresh_refused")]
    reconnect(house, grants)
    await house.until_idle()
    assert house.runs() == [(1, "")]
    assert len(house.vendor.puts) == 1


async def test_a_dead_grant_holds_runs_until_a_person_reconnects(house: House, grants: Grants) -> None:
    house.rule("put")
    grants.expired = grants.dead = True
    async with working(house):
        for n in range(4):
            await house.deliver(delivery=f"d{n}", record="r1", name=f"{n}")
        await house.until(lambda: state(house) == ("reconnect", HELD))
        await asyncio.sleep(0.5)
        assert len(grants.asked) == 1
        reconnect(house, grants)
        await house.until_idle()
    assert [body["name"] for _, body in house.vendor.puts] == ["0", "1", "2", "3"]
    assert house.runs() == [(1, "")] * 4


@pytest.mark.soak
@pytest.mark.parametrize(
    "outage",
    [
        (500, {}, {}),
        (503, {"error": "temporarily_unavailable"}, {}),
        (400, {"error": "temporarily_unavailable"}, {}),
        (403, b"<html>blocked</html>", {"content-type": "text/html"}),
        (200, b"<html>sorry</html>", {"content-type": "text/html"}),
        (200, {"hello": "there"}, {}),
        (429, {}, {"retry-after": "9"}),
    ],
)
async def test_a_token_endpoint_in_trouble_is_tried_again(
    house: House, grants: Grants, one: Chored, outage: Reply
) -> None:
    grants.expired, grants.outage = True, outage
    assert isinstance((await ask(one)).error, RetryError)
    assert stored(house) == PAIR
    assert house.value("select state from connection where id = 1") == "working"
    grants.outage = None
    assert (await ask(one)).error is None
    assert len(grants.asked) == 2


async def test_a_token_answer_that_never_comes_is_asked_for_again(
    house: House, grants: Grants, one: Chored
) -> None:
    grants.expired = True
    house.vendor.fault = lambda method, path, nth: "refuse" if path == "/oauth/token" and nth == 1 else None
    error = (await ask(one)).error
    assert isinstance(error, RetryError)  # for what was to be called nothing is uncertain: it never left
    assert (await ask(one)).error is None
    assert state(house) == ("working", OPEN)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, b'{"error": "invalid_grant"}', ReconnectError),
        (401, b'{"errors": [{"error_type": "INVALID_REFRESH_TOKEN"}]}', ReconnectError),
        (403, b'{"error": "unauthorized_client"}', ReconnectError),
        (422, b'{"error": "invalid_grant"}', ReconnectError),
        (400, b"", RetryError),
        (401, b"<html>", RetryError),
        (502, b'{"error": "server_error"}', RetryError),
        (404, b'{"message": "moved"}', RetryError),
    ],
)
def test_only_a_dead_grant_asks_for_a_person(status: int, body: bytes, kind: type[Exception]) -> None:
    assert isinstance(oauth.token_error(Answer(status, content=body)), kind)


def ends_in(house: House, minutes: float) -> None:
    with house.db() as db:
        db.execute("update connection set expires = vv_now() + make_interval(mins => %s)", (minutes,))


async def test_a_token_that_is_over_is_refreshed_before_the_call(
    house: House, grants: Grants, one: Chored
) -> None:
    ends_in(house, -1)
    await one.look()
    assert [exchange.error for exchange in await asyncio.gather(*(ask(one) for _ in range(5)))] == [None] * 5
    assert (len(grants.asked), grants.refused) == (1, 0)
    assert house.vendor.calls["GET things"] == 5


async def test_a_token_in_use_is_refreshed_ahead_of_its_end(
    house: House, grants: Grants, one: Chored
) -> None:
    for minutes, asked in ((20, 0), (4, 1)):
        ends_in(house, minutes)
        await one.look()
        assert (await ask(one)).error is None
        assert len(grants.asked) == asked
    await one.look()
    assert (await ask(one)).error is None
    assert (len(grants.asked), grants.refused) == (1, 0)


async def test_a_token_that_still_holds_is_used_while_no_new_one_can_be_had(
    house: House, grants: Grants, one: Chored
) -> None:
    grants.outage = (500, {}, {})
    ends_in(house, 4)
    await one.look()
    assert [(await ask(one)).error for _ in range(5)] == [None] * 5
    assert len(grants.asked) == 1  # not with each call
    ends_in(house, -1)
    await one.look()
    assert isinstance((await ask(one)).error, RetryError)


def idle_since(house: House, days: float) -> None:
    with house.db() as db:
        db.execute("update connection set refreshed = vv_now() - make_interval(secs => %s)", (86400 * days,))


async def test_an_idle_connection_is_refreshed_long_before_its_grant_dies(
    house: House, grants: Grants, one: Chored
) -> None:
    for days, asked in ((23.9, 0), (30, 1), (1, 1)):
        idle_since(house, days)
        await one.look()
        await KeepAlive(one.desk).run()
        assert len(grants.asked) == asked
    await KeepAlive(one.desk).run()
    assert len(grants.asked) == 1
    assert house.value("select refreshes from connection where id = 1") == 1


async def test_after_a_long_absence_the_most_urgent_come_first(
    house: House, grants: Grants, one: Chored
) -> None:
    others = [house.connection(f"hook{n}" + "a" * 20) for n in range(3)]
    asked: list[int] = []

    async def renew(line: Line) -> None:
        asked.append(line.connection.id)

    with house.db() as db:
        for number, days in ((1, 40), (others[0], 50), (others[1], 31), (others[2], 2)):
            db.execute(
                "update connection set method = 'oauth', refreshed = vv_now() - make_interval(days => %s)"
                " where id = %s", (days, number),
            )  # fmt: skip
    await one.look()
    one.caller.renew = renew  # type: ignore[method-assign]
    await KeepAlive(one.desk).run()
    assert asked == [others[0], 1, others[1]]


async def test_a_renewal_that_fails_is_noted_and_tried_again_in_growing_pauses(
    house: House, grants: Grants, one: Chored
) -> None:
    idle_since(house, 31)
    grants.outage = (500, {}, {})
    await one.look()
    for minutes, asked in ((0, 1), (0.5, 1), (1, 2), (1, 2), (1.1, 3)):
        pass_time(house, minutes=minutes)
        await one.look()
        await KeepAlive(one.desk).run()
        assert len(grants.asked) == asked
    known = house.value("select renewal from connection where id = 1")
    assert (known["code"], known["tries"]) == ("vendor_unavailable", 3)
    assert house.value("select state from connection where id = 1") == "working"
    grants.outage, grants.dead = None, True
    pass_time(house, hours=2)
    await one.look()
    await KeepAlive(one.desk).run()
    await KeepAlive(one.desk).run()
    assert state(house) == ("reconnect", HELD)
    assert len(grants.asked) == 4


async def test_without_an_app_nothing_can_be_refreshed(house: House, grants: Grants, one: Chored) -> None:
    grants.expired = True
    with house.db() as db:
        db.execute("delete from oauth_app")
    error = (await ask(one)).error
    assert isinstance(error, RuleError)
    assert error.code == "oauth_app_missing"
