"""Outbound calls and where they may go: private networks, rebinding, redirects, credentials."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from ipaddress import ip_address
from typing import Any

import pytest

from vaivem.config import Config, PrivateHost
from vaivem.connectors.sdk import Answer, Call, Connection
from vaivem.connectors.sdk.registry import get_connector
from vaivem.core.errors import RetryError, RuleError
from vaivem.engine import outbound as outbound_module
from vaivem.engine.guard import checked_address, is_allowed, is_public
from vaivem.engine.outbound import Outbound

SECRET = "Bearer the-secret"


def allowing(text: str) -> tuple[PrivateHost, ...]:
    return Config.from_environment({"VAIVEM_ALLOW_PRIVATE": text}).allowed_private_hosts


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.255.0.9", "169.254.169.254", "172.16.0.1",
        "192.168.1.1", "198.18.0.1", "192.0.2.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
        "::", "::1", "fe80::1", "fc00::1", "fd12:3456::1", "fec0::1", "ff02::1", "ff0e::1", "2001:db8::1",
        "::ffff:10.0.0.1", "::ffff:127.0.0.1", "2002:7f00:1::", "2002:c0a8:101::1", "64:ff9b::10.0.0.1",
        "64:ff9b::a9fe:a9fe", "::7f00:1",
    ],
)  # fmt: skip
def test_private_in_every_form(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "200.147.3.157", "2606:4700::1111", "2804:49c::1", "64:ff9b::808:808", "::ffff:8.8.8.8"],
)
def test_the_open_internet(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    ("allowed", "address", "host", "port", "may"),
    [
        ("127.0.0.1", "127.0.0.1", "127.0.0.1", 80, True),
        ("127.0.0.1", "127.0.0.2", "127.0.0.2", 80, False),
        ("127.0.0.1:8080", "127.0.0.1", "127.0.0.1", 8080, True),
        ("127.0.0.1:8080", "127.0.0.1", "127.0.0.1", 8081, False),
        ("erp.local", "10.0.0.5", "erp.local", 443, True),
        ("erp.local", "10.0.0.5", "other.local", 443, False),
        ("erp.local:443", "10.0.0.5", "erp.local", 80, False),
        ("10.0.0.5", "10.0.0.5", "any.example", 80, True),
        ("10.0.0.0/8", "10.200.0.1", "any.example", 80, True),
        ("10.0.0.0/8", "11.0.0.1", "public.example", 80, True),
        ("10.0.0.0/8", "192.168.0.1", "any.example", 80, False),
        ("::1", "::1", "::1", 80, True),
        ("[::1]:8080", "::1", "::1", 8080, True),
        ("[::1]:8080", "::1", "::1", 80, False),
        ("fd00::/8", "fd12::1", "any.example", 80, True),
        ("fd00::/8", "10.0.0.1", "any.example", 80, False),
        ("", "127.0.0.1", "127.0.0.1", 80, False),
    ],
)
def test_the_operators_list(allowed: str, address: str, host: str, port: int, may: bool) -> None:
    assert is_allowed(ip_address(address), host, port, allowing(allowed)) is may


class Names:
    """A resolver of our own: names and what they lead to now. Counts look-ups."""

    def __init__(self) -> None:
        self.known: dict[str, list[str]] = {}
        self.asked: list[str] = []

    async def getaddrinfo(self, host: str, port: int, **rest: Any) -> list[Any]:
        self.asked.append(host)
        if host not in self.known:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        family = {True: socket.AF_INET6, False: socket.AF_INET}
        return [
            (family[":" in one], socket.SOCK_STREAM, 6, "", (one, port, 0, 0) if ":" in one else (one, port))
            for one in self.known[host]
        ]


@pytest.fixture
async def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    made = Names()
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", made.getaddrinfo)
    return made


async def test_a_name_is_as_private_as_what_it_leads_to(names: Names) -> None:
    names.known = {
        "inside.example": ["10.0.0.7"],
        "both.example": ["10.0.0.7", "8.8.8.8"],
        "six.example": ["fe80::1%eth0", "2606:4700::1111"],
        "erp.local": ["10.0.0.9"],
    }
    with pytest.raises(RuleError) as caught:
        await checked_address("https://inside.example/x", ())
    assert caught.value.code == "address_is_private"
    assert await checked_address("https://both.example/", ()) == ("both.example", "8.8.8.8", 443)
    assert await checked_address("http://SIX.example:81/", ()) == ("six.example", "2606:4700::1111", 81)
    assert (await checked_address("http://erp.local/", allowing("erp.local")))[1] == "10.0.0.9"
    with pytest.raises(RetryError) as unknown:
        await checked_address("https://nowhere.example/", ())
    assert unknown.value.code == "address_unknown"


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1\\@public.example/",  # one parser sees a user, the client a path
        "http://0x7f.1/", "http://0177.0.0.1/", "http://2130706433/", "http://127.1/",
        "http://１２７.0.0.1/", "http://127。0。0。1/", "http://[::ffff:127.0.0.1]/", "http:\\\\127.0.0.1\\x",
    ],
)  # fmt: skip
async def test_an_address_is_read_as_the_client_reads_it(url: str, names: Names) -> None:
    names.known = {"public.example": ["8.8.8.8"]}
    with pytest.raises(RuleError) as caught:
        await checked_address(url, ())
    assert caught.value.code == "address_is_private"
    assert names.asked == []


class Site:
    """A server on loopback that answers as `answers` says and keeps what was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.answers: dict[str, str] = {}  # path: where it redirects to
        self.port = 0
        self._server: asyncio.Server | None = None

    async def start(self, host: str = "127.0.0.1") -> None:
        self._server = await asyncio.start_server(self._talk, host, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            path = lines[0].split(" ")[1]
            headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
            self.asked.append((path, headers))
            to = self.answers.get(path)
            head = f"HTTP/1.1 302 X\r\nlocation: {to}\r\n" if to else "HTTP/1.1 200 OK\r\n"
            writer.write(f"{head}connection: close\r\ncontent-length: 2\r\n\r\n{{}}".encode())
            await writer.drain()
        finally:
            writer.close()

    def close(self) -> None:
        assert self._server is not None
        self._server.close()


@pytest.fixture
async def sites() -> AsyncIterator[tuple[Site, Site]]:
    made = Site(), Site()
    for one in made:
        await one.start()
    yield made
    for one in made:
        one.close()


async def get(outbound: Outbound, url: str, *, connector: str = "http", **settings: Any) -> Answer:
    connection = Connection(1, 1, connector, "h", "bearer", {"token": "the-secret"}, settings)
    call = Call("get", "GET", url, headers=(("X-Api-Key", "k"), ("Accept", "application/json")))
    return await outbound.send(get_connector(connector), connection, call)


async def test_the_client_does_not_look_the_name_up_again(
    names: Names, sites: tuple[Site, Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    site, _ = sites
    outbound = Outbound(allowing("127.0.0.1"))
    try:
        names.known["rebind.example"] = ["127.0.0.1"]  # no other resolver knows this name
        assert (await get(outbound, f"http://rebind.example:{site.port}/a")).ok
        names.known["rebind.example"] = ["10.0.0.1"]
        assert (await get(outbound, f"http://rebind.example:{site.port}/b")).ok
        assert names.asked == ["rebind.example"]
        assert [headers["host"] for _, headers in site.asked] == [f"rebind.example:{site.port}"] * 2
        monkeypatch.setattr(outbound_module, "PIN_SECONDS", -1.0)
        outbound._checked.clear()  # the pin's time is over: looked up and checked anew
        with pytest.raises(RuleError) as caught:
            await get(outbound, f"http://rebind.example:{site.port}/c")
        assert caught.value.code == "address_is_private"
    finally:
        await outbound.close()


async def test_what_is_allowed_for_one_port_is_not_for_another(sites: tuple[Site, Site]) -> None:
    one, other = sites
    outbound = Outbound(allowing(f"127.0.0.1:{one.port}"))
    try:
        assert (await get(outbound, f"http://127.0.0.1:{one.port}/")).ok
        for url in (f"http://127.0.0.1:{other.port}/", "https://127.0.0.1/", "http://127.0.0.1/"):
            with pytest.raises(RuleError):
                await get(outbound, url)
        assert other.asked == []
    finally:
        await outbound.close()


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/",
        "http://localhost:{other}/",
        "http://[::1]:{other}/",
        "//127.0.0.1:{other}/",
    ],
)
async def test_a_redirect_to_a_private_address_is_refused(sites: tuple[Site, Site], target: str) -> None:
    one, other = sites
    one.answers = {"/a": "/b", "/b": target.format(other=other.port)}
    outbound = Outbound(allowing(f"127.0.0.1:{one.port}"))
    try:
        with pytest.raises(RuleError) as caught:
            await get(outbound, f"http://127.0.0.1:{one.port}/a")
        assert caught.value.code == "address_is_private"
        assert [path for path, _ in one.asked] == ["/a", "/b"]
        assert other.asked == []
    finally:
        await outbound.close()


@pytest.mark.parametrize("target", ["file:///etc/passwd", "mailto:a@b.c", "gopher://127.0.0.1/", "https:///"])
async def test_a_redirect_elsewhere_than_the_web_is_refused(sites: tuple[Site, Site], target: str) -> None:
    one, _ = sites
    one.answers = {"/a": target}
    outbound = Outbound(allowing("127.0.0.1"))
    try:
        with pytest.raises(RuleError) as caught:
            await get(outbound, f"http://127.0.0.1:{one.port}/a")
        assert caught.value.code == "address_not_usable"
    finally:
        await outbound.close()


async def test_credentials_stay_with_their_origin(sites: tuple[Site, Site]) -> None:
    one, other = sites
    one.answers = {"/a": "/b", "/b": f"http://127.0.0.1:{other.port}/c"}
    outbound = Outbound(allowing("127.0.0.1"))
    try:
        assert (await get(outbound, f"http://127.0.0.1:{one.port}/a")).ok
    finally:
        await outbound.close()
    assert [headers.get("authorization") for _, headers in one.asked] == [SECRET.lower()] * 2
    ((path, headers),) = other.asked
    assert path == "/c"
    assert "authorization" not in headers
    assert "x-api-key" not in headers
    assert headers["accept"] == "application/json"


async def test_redirects_end(sites: tuple[Site, Site]) -> None:
    one, _ = sites
    one.answers = {"/a": "/a"}
    outbound = Outbound(allowing("127.0.0.1"))
    try:
        assert (await get(outbound, f"http://127.0.0.1:{one.port}/a")).status == 302
    finally:
        await outbound.close()
    assert len(one.asked) == 1 + outbound_module.MAX_REDIRECTS


async def test_a_vendors_link_to_another_origin_gets_no_credentials(sites: tuple[Site, Site]) -> None:
    one, other = sites
    own = f"http://127.0.0.1:{one.port}"
    outbound = Outbound(allowing("127.0.0.1"))
    try:
        assert (await get(outbound, f"{own}/things?page=2", connector="stub", address_api=own)).ok
        for link in (f"http://127.0.0.1:{other.port}/things", f"{own}.evil.example/", f"{own}@evil.example/"):
            with pytest.raises(RuleError):
                await get(outbound, link, connector="stub", address_api=own)
    finally:
        await outbound.close()
    assert [headers["x-key"] for _, headers in one.asked] == ["the-secret"]
    assert other.asked == []


async def test_an_ipv6_address_is_pinned_too() -> None:
    site = Site()
    try:
        await site.start("::1")
    except OSError:
        pytest.skip("this machine has no IPv6")
    outbound = Outbound(allowing("::1"))
    try:
        assert (await get(outbound, f"http://[::1]:{site.port}/")).ok
    finally:
        await outbound.close()
        site.close()
