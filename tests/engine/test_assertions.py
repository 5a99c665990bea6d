"""Access for servers: signed as the standard says, got once, got anew; a person only where one is needed."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from vaivem.connectors.sdk import Call, Connection
from vaivem.connectors.sdk.manifest import Assertion
from vaivem.core.errors import ReconnectError
from vaivem.engine.assertions import GRANT, signed
from vaivem.engine.caller import Exchange
from vaivem.engine.direct import DirectCaller
from vaivem.engine.gates import HELD
from vaivem.hub.connections.pasting import clean_lines

from .chored import Chored, chores
from .conftest import House
from .grants import Grants
from .vendor import Reply

READ = Call("things.list", "GET", "/things")
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
).decode()
PASTED = {"client_id": "app-1", "user": "user-1", "private_key": PEM}


class Server(Grants):
    """A vendor that gives an access for each JWT that the key signed. `refusal` answers in its place."""

    refusal: Reply | None = None

    def _token(self, form: dict[str, str]) -> Reply:
        assert form["grant_type"] == GRANT
        assert "client_secret" not in form
        claims(form["assertion"])
        if self.refusal:
            return self.refusal
        self.access, self.expired = f"access-{int(self.access.rpartition('-')[2]) + 1}", False
        return 200, {"access_token": self.access, "token_type": "Bearer", "expires_in": 3600}, {}


def claims(assertion: str) -> dict[str, Any]:
    """Return what a JWT says, its signature proved."""
    head, content, signature = assertion.split(".")
    KEY.public_key().verify(
        decoded(signature), f"{head}.{content}".encode(), padding.PKCS1v15(), hashes.SHA256()
    )
    assert json.loads(decoded(head)) == {"typ": "JWT", "alg": "RS256"}
    told: dict[str, Any] = json.loads(decoded(content))
    return told


def decoded(part: str) -> bytes:
    assert "=" not in part
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def pasted(**changes: str) -> Connection:
    return Connection(1, 1, "stub", "s", "server", credentials={**PASTED, **changes})


@pytest.fixture
async def server(house: House) -> Server:
    """Make the house's connection one of a server, with nothing but what was pasted."""
    made = Server()
    house.vendor.door = made.door
    settings = {"address_api": house.vendor.url, "address_token": f"{house.vendor.url}/oauth/token"}
    with house.db() as db:
        db.execute(
            "update connection set method = 'server', credentials = %s, settings = %s where id = 1",
            (house.vault.seal(PASTED), json.dumps(settings)),
        )
    await house.until(lambda: house.app._topology.lines[1].connection.method == "server")
    return made


@pytest.fixture
async def one(house: House, server: Server) -> AsyncIterator[Chored]:
    """A process that calls."""
    async with chores(house) as made:
        yield made


async def ask(process: Chored) -> Exchange:
    return await process.caller.exchange(process.topology.lines[1], READ)


@pytest.mark.parametrize(
    ("audience", "wanted"), [("host", "stub.example:8443"), ("url", "https://stub.example:8443/t")]
)
def test_the_jwt_says_who_asks_for_whom_and_not_for_long(audience: Any, wanted: str) -> None:
    method = Assertion(scopes=("signature", "impersonation"), audience=audience)
    told = claims(signed(method, pasted(), "https://stub.example:8443/t", 1_700_000_000.5))
    assert told == {
        "iss": "app-1",
        "sub": "user-1",
        "aud": wanted,
        "iat": 1_699_999_940,
        "exp": 1_700_000_600,
        "scope": "signature impersonation",
    }


def test_a_key_is_read_as_people_paste_it() -> None:
    method = Assertion()
    for text in (f"\n  “{PEM}”  ", PEM.replace("\n", "\\n"), PEM.replace("\n", "\r\n") + "\u200b"):
        assert claims(signed(method, pasted(private_key=clean_lines(text)), "https://x.example", 1.0))


@pytest.mark.parametrize(
    "key",
    [
        "",
        "secret",
        PEM[: len(PEM) // 2],
        KEY.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode(),
        ec.generate_private_key(ec.SECP256R1())
        .private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        .decode(),
    ],
)
def test_what_is_no_rsa_key_is_said_and_not_shown(key: str) -> None:
    with pytest.raises(ReconnectError) as refused:
        signed(Assertion(), pasted(private_key=key), "https://x.example", 1.0)
    assert refused.value.code == "private_key_unreadable"
    assert not key or key not in repr(refused.value)


async def test_the_first_call_gets_an_access_and_the_next_ones_use_it(
    house: House, server: Server, one: Chored
) -> None:
    for _ in range(3):
        exchange = await ask(one)
        assert exchange.error is None, exchange.error
    assert len(server.asked) == 1
    kept = house.vault.open(house.value("select credentials from connection where id = 1"))
    assert kept == {**PASTED, "access_token": "access-2", "refresh_token": "", "lasts_seconds": 3600.0}
    assert server.refused == 0, "no call left without an access"


async def test_an_access_that_is_over_is_got_anew_by_itself(
    house: House, server: Server, one: Chored
) -> None:
    await ask(one)
    await one.look()
    server.expired = True
    assert (await ask(one)).error is None
    assert len(server.asked) == 2
    assert house.value("select state from connection where id = 1") == "working"


@pytest.mark.parametrize(
    ("told", "code"), [("consent_required", "consent_required"), ("invalid_grant", "refresh_refused")]
)
async def test_what_only_a_person_can_mend_holds_the_connection(
    house: House, server: Server, one: Chored, told: str, code: str
) -> None:
    server.refusal = (400, {"error": told}, {})
    exchange = await ask(one)
    assert isinstance(exchange.error, ReconnectError)
    assert exchange.error.code == code
    assert one.caller.gates.state(1) == HELD


async def test_a_vendor_that_is_down_holds_nothing(house: House, server: Server, one: Chored) -> None:
    server.outage = (503, {"error": "temporarily_unavailable"}, {})
    assert (await ask(one)).error is not None
    assert one.caller.gates.state(1) != HELD
    server.outage = None
    assert (await ask(one)).error is None


async def test_a_connect_page_signs_for_itself(house: House, server: Server) -> None:
    settings = {"address_api": house.vendor.url, "address_token": f"{house.vendor.url}/oauth/token"}
    unsaved = Connection(0, 1, "stub", "s", "server", credentials=PASTED, settings=settings)
    async with DirectCaller(house.config, unsaved) as caller:
        assert (await caller.read(READ)).ok
        assert (await caller.read(READ)).ok
    assert len(server.asked) == 1
    assert "access_token" not in house.vault.open(house.value("select credentials from connection"))
