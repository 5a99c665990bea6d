"""One installation as an operator runs it: PostgreSQL 15, a TLS proxy, a mail server, two workers."""

from __future__ import annotations

import gzip
import http.client
import http.cookiejar
import json
import os
import re
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlencode

import pytest
from aiosmtpd.controller import Controller

from tests.gates.surroundings import COMMAND, answers, lacking, postgres_15, tls_proxy, trusting, vaivem_up
from tests.place import data_folder
from vaivem.postgres.server import free_port

pytestmark = [pytest.mark.soak, pytest.mark.gates, pytest.mark.timeout(400)]


@dataclass
class Letters:
    """A mail server's box."""

    taken: list[EmailMessage] = field(default_factory=list)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        letter = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(letter, EmailMessage)
        self.taken.append(letter)
        return "250 taken"


@dataclass
class Place:
    """The installation, seen from outside."""

    url: str
    inner: int
    environment: dict[str, str]
    context: ssl.SSLContext
    letters: Letters

    def command(self, *arguments: str) -> dict[str, Any]:
        """Run a `vaivem` command and return what it reports."""
        done = subprocess.run(
            [*COMMAND, *arguments, "--json"],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    def api(self, token: str, method: str, path: str, body: Any = None) -> Any:
        """Ask the REST API through the proxy."""
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"{self.url}/api/v1{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=30, context=self.context) as answer:
            return json.load(answer)


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    missing = lacking()
    if missing and not os.environ.get("VAIVEM_REQUIRE_GATES"):
        pytest.skip(f"Not installed here: {', '.join(missing)} (apt-get install {' '.join(missing)}).")
    assert missing == []
    port, inner, mail = (free_port("127.0.0.1") for _ in range(3))
    letters = Letters()
    post = Controller(letters, hostname="127.0.0.1", port=mail)
    post.start()
    url = f"https://localhost:{port}"
    with (
        data_folder("vaivem-gates-") as folder,
        postgres_15(folder) as dsn,
        tls_proxy(folder, port, inner),
    ):
        environment = {
            **os.environ,
            "VAIVEM_DATA_DIR": str(folder / "data"),
            "DATABASE_URL": dsn,
            "VAIVEM_PUBLIC_URL": url,
            "VAIVEM_TRUSTED_PROXIES": "127.0.0.1",
            "VAIVEM_SMTP_URL": f"smtp://127.0.0.1:{mail}/avisos@raiar.example",
            "HOST": "127.0.0.1",
            "PORT": str(inner),
            "VAIVEM_SUPERVISOR_PID": str(os.getpid()),  # ends with us, also when we are killed
        }
        context = trusting(folder)
        with vaivem_up(environment, folder / "up.log", lambda: answers(f"{url}/readyz", context)):
            yield Place(url, inner, environment, context, letters)
    post.stop()


@pytest.fixture(scope="module")
def token(place: Place) -> str:
    """The first owner comes in through the proxy; return an API token of their workspace."""
    code = place.command("owner-code")["code"]
    jar = http.cookiejar.CookieJar()
    browser = urllib.request.build_opener(
        urllib.request.HTTPSHandler(context=place.context), urllib.request.HTTPCookieProcessor(jar)
    )
    with browser.open(f"{place.url}/start/", timeout=30) as page:
        csrf = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.read().decode())
        assert "max-age" in page.headers["Strict-Transport-Security"]
    assert csrf
    form = {
        "csrfmiddlewaretoken": csrf[1], "code": code, "workspace": "Raiar", "name": "Júlia Prates",
        "email": "julia@raiar.example", "password": "uma-frase-bem-comprida",
    }  # fmt: skip
    sent = urllib.request.Request(
        f"{place.url}/start/", urlencode(form).encode(), {"Referer": f"{place.url}/start/"}
    )
    with browser.open(sent, timeout=30) as home:
        assert home.url == f"{place.url}/w/raiar/"
    assert {cookie.name for cookie in jar} >= {"vaivem_session", "vaivem_csrf"}
    assert all(cookie.secure for cookie in jar if cookie.name in {"vaivem_session", "vaivem_csrf"})
    made: str = place.command("api-token", "create")["token"]
    return made


def wait_for(found: Callable[[], Any], seconds: float = 60) -> Any:
    limit = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < limit
        time.sleep(0.3)
    return value


def test_two_workers_hold_leases_and_the_doctor_is_content(place: Place, token: str) -> None:
    assert place.api(token, "GET", "/health")["workers"] == 2
    report = place.command("doctor")
    bad = [check for check in report["checks"] if check["state"] == "bad"]
    assert bad == []
    assert any("PostgreSQL 15" in check["sentence"] for check in report["checks"])


def test_a_letter_leaves_by_a_worker_with_the_outer_address(place: Place, token: str) -> None:
    form = urlencode({"email": "julia@raiar.example"}).encode()
    jar = http.cookiejar.CookieJar()
    browser = urllib.request.build_opener(
        urllib.request.HTTPSHandler(context=place.context), urllib.request.HTTPCookieProcessor(jar)
    )
    with browser.open(f"{place.url}/enter-by-mail/", timeout=30) as page:
        csrf = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.read().decode())
    assert csrf
    form += b"&" + urlencode({"csrfmiddlewaretoken": csrf[1]}).encode()
    request = urllib.request.Request(
        f"{place.url}/enter-by-mail/", form, {"Referer": f"{place.url}/enter-by-mail/"}
    )
    with browser.open(request, timeout=30) as answer:
        assert answer.status == 200
    letter = wait_for(lambda: place.letters.taken)[0]
    body = letter.get_body(("plain",)).get_content()
    assert f"{place.url}/enter/" in body


@pytest.mark.parametrize("through", ["proxy", "inside"])
@pytest.mark.parametrize("form", ["plain", "gzip", "chunked", "gzip and chunked"])
def test_a_webhook_arrives_whole(place: Place, token: str, form: str, through: str) -> None:
    name = f"{form} {through}"
    connection = place.api(
        token, "POST", "/connections", {"connector": "webhook", "method": "none", "name": name}
    )
    path = "/hook/" + connection["hook"].rpartition("/hook/")[2]
    assert connection["hook"].startswith(place.url)
    body = json.dumps({"kind": "signed", "name": f"Contrato {name} ção"}).encode()
    headers = {"Content-Type": "application/json"}
    if "gzip" in form:
        body, headers["Content-Encoding"] = gzip.compress(body), "gzip"
    host = place.url.removeprefix("https://") if through == "proxy" else f"127.0.0.1:{place.inner}"
    client: http.client.HTTPConnection = (
        http.client.HTTPSConnection(host, context=place.context, timeout=30)
        if through == "proxy"
        else http.client.HTTPConnection(host, timeout=30)
    )
    pieces = iter([body[:7], body[7:20], body[20:]]) if "chunked" in form else body
    client.request("POST", path, pieces, headers, encode_chunked="chunked" in form)
    answer = client.getresponse()
    assert 200 <= answer.status < 300, answer.read()
    client.close()
    events = place.api(token, "GET", f"/events?connection={connection['id']}")["items"]
    assert len(events) == 1
    kept = place.api(token, "GET", f"/events/{events[0]['id']}")
    assert json.loads(kept["body"])["name"] == f"Contrato {name} ção"
