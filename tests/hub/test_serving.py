"""What stands between the server and the pages: proxies, the content policy, files, the ASGI router."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest
from django.test.utils import override_settings
from tests.hub.conftest import Site
from typing_extensions import override

from vaivem.config import Config


def test_forwarded_headers_are_believed_only_from_a_trusted_proxy(site: Site, hub: Config) -> None:
    headers = {
        "x-forwarded-proto": "https",
        "x-forwarded-host": "hub.raiar.example",
        "x-forwarded-for": "9.9.9.9",
    }
    url = site.url("connections/new/rd_station_crm/?method=oauth")
    unknown = site.browser(site.owner).get(url, headers=headers, REMOTE_ADDR="10.0.0.9")
    assert "hub.raiar.example" not in unknown.text
    assert "http://127.0.0.1/oauth/callback" in unknown.text
    with override_settings(VAIVEM=replace(hub, trusted_proxies=(ip_network("10.0.0.0/8"),))):
        trusted = site.browser(site.owner).get(url, headers=headers, REMOTE_ADDR="10.0.0.9")
    assert "https://hub.raiar.example/oauth/callback" in trusted.text


def test_behind_a_proxy_the_client_is_the_last_address_that_is_no_proxy(hub: Config) -> None:
    from django.http import HttpRequest, HttpResponse

    from vaivem.hub.middleware import TrustedProxyMiddleware

    seen: list[str] = []

    def view(request: HttpRequest) -> HttpResponse:
        seen.append(request.META["REMOTE_ADDR"])
        return HttpResponse()

    with override_settings(VAIVEM=replace(hub, trusted_proxies=(ip_network("10.0.0.0/8"),))):
        middleware = TrustedProxyMiddleware(view)
    for chain in ("1.1.1.1, 2.2.2.2, 10.0.0.1", "made up"):
        request = HttpRequest()
        request.META = {"REMOTE_ADDR": "10.0.0.9", "HTTP_X_FORWARDED_FOR": chain}
        middleware(request)
    assert seen == ["2.2.2.2", "10.0.0.9"]


class Recorder:
    """An ASGI app that notes what it was asked."""

    def __init__(self, name: str, log: list[str]) -> None:
        self.name = name
        self.log = log

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.log.append(f"{self.name} {scope['path']}")

    async def startup(self) -> None:
        self.log.append("startup")

    async def shutdown(self) -> None:
        self.log.append("shutdown")


async def test_each_path_goes_to_its_own_app(hub: Config) -> None:
    from vaivem.hub.asgi import Application

    log: list[str] = []
    app = Application(Recorder("pages", log), Recorder("files", log), Recorder("ingest", log))
    for path in ("/hook/abc", "/healthz", "/readyz", "/static/x.css", "/", "/w/raiar/"):
        await app({"type": "http", "path": path}, None, None)  # type: ignore[arg-type]
    assert log == [
        "ingest /hook/abc",
        "ingest /healthz",
        "ingest /readyz",
        "files /static/x.css",
        "pages /",
        "pages /w/raiar/",
    ]


async def test_the_ingest_lives_as_long_as_the_server(hub: Config) -> None:
    from vaivem.hub.asgi import Application

    log: list[str] = []
    app = Application(Recorder("p", log), Recorder("f", log), Recorder("i", log))
    asked, said = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}], []

    async def receive() -> dict[str, Any]:
        return asked.pop(0)

    async def send(message: Any) -> None:
        said.append(message["type"])

    await app({"type": "lifespan"}, receive, send)
    assert log == ["startup", "shutdown"]
    assert said == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_an_ingest_that_cannot_start_stops_the_server(hub: Config) -> None:
    from vaivem.hub.asgi import Application

    class Broken(Recorder):
        @override
        async def startup(self) -> None:
            raise OSError("the database is away")

    said: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        said.append(message)

    app = Application(Recorder("p", []), Recorder("f", []), Broken("i", []))
    await app({"type": "lifespan"}, receive, send)
    assert said == [{"type": "lifespan.startup.failed", "message": "the database is away"}]


async def test_pages_are_bounded_so_that_their_connections_are(hub: Config) -> None:
    from vaivem.hub.asgi import PAGES_AT_ONCE, Application

    now = most = 0

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.01)
        now -= 1

    app = Application(slow, Recorder("f", []), Recorder("i", []))
    await asyncio.gather(*(app({"type": "http", "path": "/"}, None, None) for _ in range(30)))  # type: ignore[arg-type]
    assert most == PAGES_AT_ONCE


@pytest.mark.parametrize(
    ("path", "query", "status", "kept"),
    [
        ("/static/vaivem/app.js", b"v=1", 200, "immutable"),
        ("/static/vaivem/vaivem.css", b"", 200, "no-cache"),
        ("/static/../settings.py", b"", 404, ""),
        ("/static/nothing.js", b"", 404, ""),
    ],
)
async def test_files_are_served_with_how_long_they_may_be_kept(
    hub: Config, path: str, query: bytes, status: int, kept: str
) -> None:
    from vaivem.hub.shell.assets import static_files

    said: list[Any] = []

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(60)  # the browser stays
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        said.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "query_string": query, "headers": []}
    await static_files()(scope, receive, send)
    headers = {name.decode(): value.decode() for name, value in said[0]["headers"]}
    assert said[0]["status"] == status
    assert kept in headers.get("cache-control", "")


def test_every_page_names_its_files_by_version(site: Site) -> None:
    text = site.browser(site.owner).get(site.url()).text
    for name in ("vaivem/vaivem.css", "vaivem/hub.css", "vaivem/app.js"):
        assert f"/static/{name}?v=" in text


def test_an_error_page_has_a_reference_that_the_log_has(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    from django.test import RequestFactory

    from vaivem.hub.shell.views import failed

    page = failed(RequestFactory().get("/w/x/"))
    assert page.status_code == 500
    found = caplog.records[-1].args
    assert isinstance(found, tuple)
    assert str(found[-1]) in page.content.decode()
