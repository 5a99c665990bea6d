"""Connecting: the token as sent, the account, the checks, the pages of lists."""

from __future__ import annotations

from typing import Any

import pytest
from tests.connectors.clicksign.recorded import answered, connection, connector
from tests.connectors.fake_context import FakeReader, answer

from vaivem.connectors.clicksign import client
from vaivem.connectors.sdk import Answer, Authorisation, Connection
from vaivem.core.errors import ReconnectError, RecordError, UncertainError

TOKEN = "5f2c8e1a-0000-4000-8000-00000000d04b"


def with_token(token: str, **settings: Any) -> Connection:
    return Connection(7, 1, "clicksign", "C", "token", credentials={"token": token}, settings=settings)


@pytest.mark.parametrize(
    ("scheme", "proof"),
    [
        (None, Authorisation(headers=(("Authorization", TOKEN),))),
        ("bare", Authorisation(headers=(("Authorization", TOKEN),))),
        ("bearer", Authorisation(headers=(("Authorization", f"Bearer {TOKEN}"),))),
        ("query", Authorisation(query=(("access_token", TOKEN),))),
    ],
)
def test_the_token_is_sent_as_chosen(scheme: str | None, proof: Authorisation) -> None:
    assert connector.authorise(with_token(TOKEN, scheme=scheme)) == proof


@pytest.mark.parametrize(
    "pasted", [f" {TOKEN}\n", f'"{TOKEN}"', f"<{TOKEN}>", f"“{TOKEN}” ", f"{TOKEN[:9]}\r\n{TOKEN[9:]}"]
)
def test_what_is_pasted_around_a_token_is_forgiven(pasted: str) -> None:
    assert connector.authorise(with_token(pasted)).headers == (("Authorization", TOKEN),)


@pytest.mark.parametrize(
    ("settings", "address", "calls"),
    [
        ({}, "https://app.clicksign.com/api/v3", 50),
        ({"environment": "sandbox"}, "https://sandbox.clicksign.com/api/v3", 20),
        ({"address_api": "http://127.0.0.1:9/api/v3/"}, "http://127.0.0.1:9/api/v3", 50),
    ],
)
def test_the_environment_decides_address_and_limit(
    settings: dict[str, Any], address: str, calls: int
) -> None:
    used = {**connector.manifest.defaults(), **settings}
    assert connector.manifest.address("api", used) == address
    (limit,) = connector.manifest.limit(used)
    assert (limit.calls, limit.seconds, limit.share) == (calls, 10.0, 0.95)


async def test_the_account_is_proved_by_the_cheapest_call() -> None:
    there = FakeReader(connector, connection(), {"envelopes.try": answered("envelopes__one")})
    account = await connector.account(there)
    assert (account.id, account.details) == ("", {"envelopes": 212})
    assert there.vendor.last("envelopes.try").query == (("page[size]", "1"),)
    assert connector.suggested_name(account) == "Clicksign"


async def test_a_refused_token_is_said_as_such() -> None:
    there = FakeReader(connector, connection(), {"envelopes.try": answered("error__401", 401)})
    with pytest.raises(ReconnectError):
        await connector.account(there)


async def lines(*, envelopes: Answer, webhooks: Answer | None = None, **settings: Any) -> dict[str, Any]:
    routes = {"envelopes.try": envelopes} | ({"webhooks.list": webhooks} if webhooks else {})
    there = FakeReader(connector, connection(**settings), routes)
    found = await connector.checks(there)
    for line in found:
        for language in ("pt_BR", "en", "fr", "es"):
            assert connector.text(language, f"checks.{line.key}.{line.state}", **line.params), line
    return {line.key: (line.state, dict(line.params)) for line in found}


async def test_all_is_well() -> None:
    found = await lines(
        envelopes=answered("envelopes__one", x_rate_limit="50"), webhooks=answered("webhooks__others_only")
    )
    assert found == {
        "token": ("ok", {}),
        "envelopes": ("ok", {"count": 212}),
        "webhooks": ("ok", {"count": 1}),
        "limit": ("ok", {"calls": 50}),
    }


async def test_an_unstated_limit_is_said() -> None:
    found = await lines(envelopes=answered("envelopes__one"), webhooks=answered("webhooks__others_only"))
    assert found["limit"] == ("warn", {})


@pytest.mark.parametrize("environment", ["production", "sandbox"])
async def test_a_wrong_token_hints_at_the_environment(environment: str) -> None:
    found = await lines(envelopes=answered("error__401", 401), environment=environment)
    assert found == {
        "token": ("bad", {"message": "Access Token inválido"}),
        f"environment_{environment}": ("warn", {}),
    }


@pytest.mark.parametrize(
    ("name", "status", "key"),
    [
        ("error__403_user", 403, "api_user"),
        ("error__401_user", 401, "api_user"),
        ("error__403_blocked", 403, "account"),
        ("error__503_envelopes", 503, "envelopes"),
    ],
)
async def test_what_must_be_mended_at_the_vendor_is_named(name: str, status: int, key: str) -> None:
    found = await lines(envelopes=answered(name, status))
    assert list(found) == [key]
    assert found[key][0] == "bad"


@pytest.mark.parametrize("given", [Answer(429), Answer(500), Answer(200, content=b"<html>")])
async def test_a_vendor_that_is_away_is_not_a_bad_token(given: Answer) -> None:
    assert list(await lines(envelopes=given)) == ["reachable"]


async def test_a_missing_permission_for_webhooks_is_found() -> None:
    found = await lines(envelopes=answered("envelopes__one"), webhooks=answered("error__403_feature", 403))
    assert found["webhooks"][0] == "bad"


async def test_what_nobody_foresaw_is_not_hidden() -> None:
    with pytest.raises(RecordError):
        await lines(envelopes=answer(418))


# Pages


def page(rows: int, *, count: int | None = None, following: bool = False) -> Answer:
    content: dict[str, Any] = {"data": [{"id": str(n)} for n in range(rows)]}
    if count is not None:
        content["meta"] = {"record_count": count}
    if following:
        content["links"] = {"next": "https://x"}
    return answer(json=content)


@pytest.mark.parametrize(
    ("pages", "rows"),
    [
        ([page(0, count=0)], 0),
        ([page(3, count=3)], 3),
        ([page(50, count=53), page(3, count=53)], 53),
        ([page(20, count=25), page(5, count=25)], 25),  # the vendor holds its pages smaller than asked
        ([page(50), page(7)], 57),
        ([page(50), page(0)], 50),
        ([page(5, following=True), page(5)], 10),
        ([page(5, count=9), page(0, count=9)], 5),  # records removed while we read
    ],
)
async def test_lists_are_read_to_their_end(pages: list[Answer], rows: int) -> None:
    there = FakeReader(connector, connection(), {"webhooks.list": pages})
    found = [row async for row in client.each(there, client.list_webhooks())]
    assert len(found) == rows
    assert len(there.vendor.calls) == len(pages)


@pytest.mark.parametrize(("asked", "sent"), [(None, "50"), (20, "20"), (500, "50"), (-1, "1")])
async def test_the_page_size_is_what_a_person_chose(asked: int | None, sent: str) -> None:
    there = FakeReader(connector, connection(page_size=asked), {"webhooks.list": page(0)})
    assert [row async for row in client.each(there, client.list_webhooks())] == []
    assert dict(there.vendor.calls[0].query)["page[size]"] == sent


@pytest.mark.parametrize("given", [answer(json=[]), answer(json={"data": {}}), Answer(200)])
async def test_a_list_that_is_none_is_an_error(given: Answer) -> None:
    there = FakeReader(connector, connection(), {"webhooks.list": given})
    with pytest.raises(UncertainError):
        [row async for row in client.each(there, client.list_webhooks())]


def test_every_call_speaks_json_api() -> None:
    calls = [
        client.list_envelopes(),
        client.create_webhook("https://x", ["sign"]),
        client.update_webhook("1", {}),
        client.delete_webhook("1"),
    ]
    for call in calls:
        headers = dict(call.headers)
        assert headers["Accept"] == "application/vnd.api+json"
        assert headers.get("Content-Type", "application/vnd.api+json") == "application/vnd.api+json"
        assert ("Content-Type" in headers) == (call.json is not None)
