"""What strangers send: every connector's proof and parser, and the hook, take anything without stumbling.

`VAIVEM_FUZZ=20000 pytest tests/fuzz` looks at more.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import os
import time
import zlib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engine.conftest import KEY, House, house, stubs, vendor  # noqa: F401 - fixtures
from vaivem.connectors.sdk import Connection, Delivery
from vaivem.connectors.sdk.registry import connector_keys, get_connector
from vaivem.core.errors import SignatureError, VaivemError
from vaivem.engine.ingest import unpacked

EXAMPLES = int(os.environ.get("VAIVEM_FUZZ", "150"))
SECONDS = 2.0  # for one delivery, on a loaded machine

CONNECTORS = [key for key in connector_keys() if get_connector(key).webhooks is not None]
TEXTS = st.text(max_size=40) | st.sampled_from(["", "\x00", "\ud800", "á", "9" * 400, "-1", "1e999", "NaN"])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
WORDS = st.sampled_from(
    [
        *(
            "event",
            "event_name",
            "event_type",
            "data",
            "meta",
            "current",
            "previous",
            "document",
            "documents",
        ),
        *("contact", "uuid", "leads", "id", "name", "type", "attributes", "acceptance", "signer", "items"),
        *("occurred_at", "timestamp", "entity", "action", "deal", "person", "kind", "object"),
    ]
)
JSON: st.SearchStrategy[Any] = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS | TEXTS, inner, max_size=6),
    max_leaves=25,
)
KINDS = [
    "application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/xml",
    "text/xml; charset=latin-1",
    "text/plain; charset=nonsense",
    "",
]


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


BODIES = st.one_of(
    JSON.map(as_json),
    JSON.map(as_json).map(lambda body: body[: len(body) // 2]),
    st.binary(max_size=300),
    st.integers(1, 3000).map(lambda depth: b"[" * depth),
    st.integers(1, 3000).map(lambda depth: b'{"event":' * depth),
    st.sampled_from(
        [
            b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;">]><a>&c;</a>',
            b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
            b"<a" + b"><a" * 2000,
            b'--x\r\nContent-Disposition: form-data; name="a"; filename="b"\r\n\r\n',
            b"a=1&a=2&%ZZ=%00&=",
            b"&" * 5000,
            b"\xef\xbb\xbf{}",
            b"\xff\xfe{\x00}\x00",
        ]
    ),
)
NAMES = st.sampled_from(
    [
        "content-hmac",
        "authorization",
        "x-key",
        "x-signature",
        "x-hub-signature-256",
        "content-encoding",
        "date",
    ]
)
HEADERS = st.dictionaries(NAMES, st.text(st.characters(max_codepoint=255), max_size=80), max_size=4)
DELIVERIES = st.builds(
    lambda method, query, headers, kind, body: Delivery(
        method, "", query, {**headers, "content-type": kind}, body
    ),
    st.sampled_from(["POST", "GET", "PUT", "HEAD"]),
    st.text(st.characters(max_codepoint=255), max_size=60),
    HEADERS,
    st.sampled_from(KINDS),
    BODIES,
)
FUZZ = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize="VAIVEM_FUZZ" not in os.environ,
    suppress_health_check=list(HealthCheck),
)


def connections(key: str) -> list[Connection]:
    """Return a connection of each method, with secrets."""
    connector = get_connector(key)
    secrets = {"secrets": ["a-secret"], "user": "u", "password": "p", "keys": ["k"], "key": "k"}
    return [
        Connection(
            id=1,
            workspace=1,
            connector=key,
            name="x",
            method=method.key,
            credentials={**{field.key: "a-secret" for field in method.fields}, "webhook": secrets},
            settings=connector.manifest.defaults(),
        )
        for method in connector.manifest.auth
    ]


@pytest.mark.parametrize("key", CONNECTORS)
def test_a_proof_says_yes_or_no(key: str) -> None:
    webhooks = get_connector(key).webhooks
    assert webhooks is not None

    @FUZZ
    @given(DELIVERIES)
    def look(delivery: Delivery) -> None:
        for connection in connections(key):
            with contextlib.suppress(SignatureError):
                webhooks.verify(delivery, connection)

    look()


@pytest.mark.parametrize("key", CONNECTORS)
def test_a_parser_reads_or_says_that_it_cannot(key: str) -> None:
    webhooks = get_connector(key).webhooks
    assert webhooks is not None

    @FUZZ
    @given(DELIVERIES)
    def look(delivery: Delivery) -> None:
        for connection in connections(key):
            begun = time.process_time()
            try:
                plain = unpacked(delivery, webhooks.max_bytes)
                webhooks.is_probe(plain, connection)
                events = webhooks.parse(plain, connection)
            except VaivemError:
                pass
            else:
                assert all(
                    isinstance(text, str) for one in events for text in (one.kind, one.record, *one.same)
                )
            assert time.process_time() - begun < SECONDS

    look()


@pytest.mark.parametrize("squeeze", [gzip.compress, zlib.compress])
def test_a_small_body_does_not_become_a_large_one(squeeze: Any) -> None:
    bomb = squeeze(bytes(200 * 1024 * 1024))
    name = "gzip" if squeeze is gzip.compress else "deflate"
    begun = time.process_time()
    with pytest.raises(VaivemError):
        unpacked(Delivery("POST", "", "", {"content-encoding": name}, bomb), 5 * 1024 * 1024)
    assert time.process_time() - begun < SECONDS


async def test_the_hook_answers_everything(house: House) -> None:  # noqa: F811 - the fixture
    """What is proved is kept or turned away with a reason: never a 500, and the next one is taken."""
    house.rule("put")
    samples: list[tuple[bytes, dict[str, str]]] = []
    loop = asyncio.get_running_loop()
    sent = 0

    @FUZZ
    @given(BODIES, HEADERS)
    def collect(body: bytes, headers: dict[str, str]) -> None:
        samples.append((body, headers))

    await loop.run_in_executor(None, collect)
    for body, headers in samples:
        kept = {name: value for name, value in headers.items() if name != "x-key"}
        status = await house.send(body, x_key=KEY, **kept)
        assert status in (200, 413), (status, body[:80])
        sent += 1
    assert sent >= EXAMPLES // 2
    assert await house.deliver(delivery="last") == 200
    events = house.value("select count(*) from event")
    rejected = house.value("select count(*) from rejected")
    assert events >= 1
    assert events + rejected > 1
