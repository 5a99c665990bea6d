"""Requests: how they are built, where credentials go, how a repeat is made safe."""

from __future__ import annotations

import pytest
from tests.connectors.http.calling import connection, connector, sent, step

from vaivem.connectors.http.actions import BODIES, METHODS
from vaivem.connectors.sdk import Authorisation, Idempotent, Keyed, Unsafe
from vaivem.core.errors import (
    DecisionError,
    RecordError,
    RuleError,
)

# Addresses


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("/pedidos", "/pedidos"),
        (" pedidos/7 ", "pedidos/7"),
        ("/pedidos?pagina=1&ordem=-data", "/pedidos?pagina=1&ordem=-data"),
        ("/clientes/Ana Ávila", "/clientes/Ana%20%C3%81vila"),
        ("/clientes/a%40b.co", "/clientes/a%40b.co"),
        ("/a\r\nX-Evil: 1", "/a%0D%0AX-Evil:%201"),
        ('/a"b\\c', "/a%22b%5Cc"),
        ("/a#parte", "/a"),
        ("HTTPS://api.example.com/v1/x y", "https://api.example.com/v1/x%20y"),
        ("//evil.example/x", "//evil.example/x"),
    ],
)
async def test_an_address_is_made_safe_to_send(url: str, path: str) -> None:
    assert (await sent({"url": url})).path == path


@pytest.mark.parametrize("url", ["ftp://example.com/x", "file:///etc/passwd", "javascript://x"])
async def test_other_schemes_are_refused(url: str) -> None:
    with pytest.raises(RuleError) as refused:
        await sent({"url": url})
    assert refused.value.code == "address_not_usable"


@pytest.mark.parametrize("method", ["none", "bearer"])
async def test_a_path_needs_a_base_address(method: str) -> None:
    with pytest.raises(RuleError) as refused:
        await sent({}, connection(method, base=""))
    assert refused.value.code == "base_address_missing"


# Credentials


@pytest.mark.parametrize(
    ("method", "proof"),
    [
        ("none", Authorisation()),
        ("bearer", Authorisation(headers=(("Authorization", "Bearer t0ken"),))),
        ("basic", Authorisation(headers=(("Authorization", "Basic bG9qYTpzOm5oYSDDpw=="),))),
        ("header", Authorisation(headers=(("X-Api-Key", "k3y"),))),
        ("query", Authorisation(query=(("api_key", "k3y"),))),
    ],
)
def test_each_way_to_prove_ourselves(method: str, proof: Authorisation) -> None:
    assert connector.authorise(connection(method)) == proof


@pytest.mark.parametrize(
    ("url", "proved"),
    [
        ("/pedidos", True),
        ("https://api.example.com/v2/x", True),
        ("https://API.example.com:443/x", True),
        ("http://api.example.com/v1/x", False),
        ("https://api.example.com:8443/x", False),
        ("https://api.example.com.evil.example/x", False),
        ("https://evil.example/api.example.com", False),
        ("https://evil.example?https://api.example.com", False),
    ],
)
async def test_credentials_go_to_the_bases_server_alone(url: str, proved: bool) -> None:
    assert (await sent({"url": url})).authorise is proved
    assert (await sent({"url": url}, connection("none"))).authorise is False


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com@evil.example/x",
        "https://api.example.com\\@evil.example/x",
        "https://:80/x",
        "https://api.example.com:port/x",
        "https://[/x",
    ],
)
async def test_addresses_that_deceive_are_refused(url: str) -> None:
    with pytest.raises(RuleError) as refused:
        await sent({"url": url})
    assert refused.value.code == "address_not_usable"


async def test_credentials_without_a_base_go_nowhere() -> None:
    with pytest.raises(RuleError) as refused:
        await sent({"url": "https://evil.example/x"}, connection(base=""))
    assert refused.value.code == "base_address_missing"


# Query, headers, body


async def test_query_and_headers_are_lines() -> None:
    call = await sent(
        {
            "query": "a=1\n\n b = x=y \n",
            "headers": "X-Origem: vaivém".replace("é", "e") + "\nAccept:text/plain",
        }
    )
    assert call.query == (("a", "1"), ("b", "x=y"))
    assert call.headers == (("X-Origem", "vaivem"), ("Accept", "text/plain"))


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("no colon", "no colon"),
        (": value", ""),
        ("Na me: x", "Na me"),
        ("Host: evil.example", "Host"),
        ("content-length: 0", "content-length"),
        ("Transfer-Encoding: chunked", "Transfer-Encoding"),
        ("X-Nome: Ávila", "X-Nome"),
        ("X-Nome: a\tb\x01", "X-Nome"),
    ],
)
async def test_headers_that_cannot_be_sent_are_said(header: str, name: str) -> None:
    with pytest.raises(RuleError) as refused:
        await sent({"headers": f"X-Good: 1\n{header}"})
    assert (refused.value.code, refused.value.params) == ("header_not_usable", {"name": name})


@pytest.mark.parametrize("line", ["pagina", "=1"])
async def test_a_query_that_is_none_is_said(line: str) -> None:
    with pytest.raises(RuleError) as refused:
        await sent({"query": line})
    assert refused.value.code == "query_not_usable"


@pytest.mark.parametrize(
    ("body_as", "body", "content", "type_"),
    [
        ("json", '{"v": 1.10, "n": 1234567890123}', b'{"v": 1.10, "n": 1234567890123}', "application/json"),
        ("text", "olá", "olá".encode(), "text/plain; charset=utf-8"),
        ("xml", "<a>é</a>", "<a>é</a>".encode(), "application/xml; charset=utf-8"),
    ],
)  # fmt: skip
async def test_a_body_is_sent_as_written(body_as: str, body: str, content: bytes, type_: str) -> None:
    call = await sent({"body": body}, body_as=body_as)
    assert call.body() == content
    assert dict(call.headers) == {"Content-Type": type_}


async def test_a_type_of_ones_own_is_kept() -> None:
    call = await sent({"body": "<a/>", "headers": "content-type: application/soap+xml"}, body_as="xml")
    assert call.headers == (("content-type", "application/soap+xml"),)


async def test_a_form_is_lines() -> None:
    call = await sent({"body": "nome=Ana & Bia\nvazio="}, body_as="form")
    assert call.form == (("nome", "Ana & Bia"), ("vazio", ""))
    with pytest.raises(RuleError) as refused:
        await sent({"body": "nome"}, body_as="form")
    assert refused.value.code == "form_not_usable"


async def test_a_whole_object_goes_instead_of_the_body() -> None:
    call = await sent({"data": {"cliente": {"nome": 'An"a'}}, "body": "ignored"})
    assert call.json == {"cliente": {"nome": 'An"a'}}
    assert (await sent({"data": {"a": 1}, "body": "x"}, body_as="text")).content == b"x"


async def test_no_body_is_no_body() -> None:
    for body_as in BODIES:
        call = await sent({"body": " "}, body_as=body_as)
        assert (call.body(), call.headers) == (b"", ())


async def test_a_json_body_that_is_none_is_not_sent() -> None:
    context = step({"body": '{"nome": "An"a"}'})
    with pytest.raises(RecordError) as refused:
        await context.run()
    assert refused.value.code == "body_not_json"
    assert refused.value.params["line"] == 1
    assert context.vendor.calls == []


@pytest.mark.parametrize(("chosen", "used"), [(None, 20.0), (45, 45.0), (600, 60.0), (-5, 1.0)])
async def test_the_wait_is_bounded(chosen: int | None, used: float) -> None:
    call = await sent({}, connection(timeout=chosen))
    assert call.timeout == used
    assert used < connector.manifest.settle


# Repeats


@pytest.mark.parametrize(
    ("method", "repeat"),
    [("POST", Unsafe), ("PATCH", Unsafe), ("PUT", Idempotent), ("DELETE", Idempotent)],
)
async def test_each_method_says_how_it_may_be_repeated(method: str, repeat: type) -> None:
    context = step({}, options={"method": method})
    await context.run()
    assert type(context.repeats["request"]) is repeat
    assert context.vendor.calls[0].method == method


async def test_a_get_is_a_read() -> None:
    context = step({"body": "never sent"}, options={"method": "get"})
    await context.run()
    assert context.repeats == {}
    assert (context.vendor.calls[0].method, context.vendor.calls[0].body()) == ("GET", b"")


async def test_a_post_in_doubt_waits_for_a_person() -> None:
    context = step({}, lost=["request"])
    with pytest.raises(DecisionError):
        await context.run()
    assert len(context.vendor.calls) == 1


async def test_a_post_that_may_be_repeated_is() -> None:
    context = step({}, options={"repeat_ok": True}, lost=["request"])
    await context.run()
    assert len(context.vendor.calls) == 2


async def test_a_key_of_ours_makes_a_repeat_safe() -> None:
    context = step(
        {"headers": "idempotency-key: mine"}, options={"key_header": "Idempotency-Key"}, lost=["request"]
    )
    await context.run()
    first, second = context.vendor.calls
    ((name, key),) = first.headers
    assert (name, context.repeats["request"]) == ("Idempotency-Key", Keyed(key))
    assert first == second
    assert key.startswith(context.reference)


async def test_the_key_is_of_this_run_and_request_alone() -> None:
    keys = set()
    for values in ({}, {"body": "1"}, {"query": "a=1"}, {"url": "/other"}, {"data": {"a": 1}}):
        context = step(values, options={"key_header": "K"})
        await context.run()
        keys.add(dict(context.vendor.calls[0].headers)["K"])
    later = step({}, options={"key_header": "K"})
    later.now = later.now.replace(minute=1)
    await later.run()
    keys.add(dict(later.vendor.calls[0].headers)["K"])
    assert len(keys) == 6


async def test_a_key_header_that_is_none_is_said() -> None:
    with pytest.raises(RuleError):
        await sent({}, key_header="Na me")


async def test_a_method_of_nobody_is_said() -> None:
    with pytest.raises(RuleError) as refused:
        await sent({}, method="TRACE")
    assert refused.value.code == "method_not_offered"
    assert "TRACE" not in METHODS
