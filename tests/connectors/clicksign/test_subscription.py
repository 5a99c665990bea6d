"""One webhook per connection: made, adopted, mended, removed; never a second, never somebody else's."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from tests.connectors.clicksign.recorded import api, connection, connector
from tests.connectors.fake_context import FakeReader, answer

from vaivem.connectors.clicksign.webhooks import EVENTS
from vaivem.connectors.sdk import Answer, Webhooks
from vaivem.core.errors import RecordError, UncertainError

ADDRESS = "https://hub.example.com/hooks/7"
MADE = api("webhook__made")
OTHERS = api("webhooks__others_only")
KINDS = ("document_closed",)


def webhooks() -> Webhooks:
    assert connector.webhooks is not None
    return connector.webhooks


def ours(**attributes: Any) -> dict[str, Any]:
    row = copy.deepcopy(MADE["data"])
    row["attributes"] |= {"events": list(EVENTS), **attributes}
    return dict(row)


def listing(*rows: dict[str, Any]) -> Answer:
    found = [*OTHERS["data"], *rows]
    return answer(json={"data": found, "meta": {"record_count": len(found)}, "links": {}})


def vendor(**routes: Any) -> FakeReader:
    return FakeReader(connector, connection(), {f"webhooks.{name}": given for name, given in routes.items()})


async def test_it_is_made_when_there_is_none() -> None:
    there = vendor(list=listing(), create=answer(201, MADE))
    standing = await webhooks().ensure(there, ADDRESS, KINDS)
    assert standing.ids == (MADE["data"]["id"],)
    assert standing.secrets == {"secrets": ["973d92ca80c2206a0e65b35d2371d595"]}
    assert standing.mended == ()
    assert there.vendor.last("webhooks.create").json == {
        "data": {
            "type": "webhooks",
            "attributes": {"endpoint": ADDRESS, "status": "active", "events": list(EVENTS)},
        }
    }


async def test_a_second_start_makes_no_second() -> None:
    there = vendor(list=listing(ours()))
    standing = await webhooks().ensure(there, ADDRESS, KINDS)
    assert there.vendor.names == ["webhooks.list"]
    assert standing.ids == (MADE["data"]["id"],)
    assert standing.secrets == {"secrets": ["973d92ca80c2206a0e65b35d2371d595"]}


@pytest.mark.parametrize(
    "endpoint",
    [ADDRESS + "/", ADDRESS + "1", ADDRESS.upper(), "http" + ADDRESS.removeprefix("https")],
)
async def test_addresses_are_compared_exactly(endpoint: str) -> None:
    there = vendor(list=listing(ours(endpoint=endpoint)), create=answer(201, MADE))
    await webhooks().ensure(there, ADDRESS, KINDS)
    assert there.vendor.names == ["webhooks.list", "webhooks.create"]


async def test_one_that_was_switched_off_is_put_back() -> None:
    there = vendor(list=listing(ours(status="inactive")), update=answer(json={"data": ours()}))
    standing = await webhooks().ensure(there, ADDRESS, KINDS)
    assert standing.mended == ("status",)
    assert there.vendor.last("webhooks.update").json == {
        "data": {"id": MADE["data"]["id"], "type": "webhooks", "attributes": {"status": "active"}}
    }


async def test_missing_events_are_added_and_none_taken_away() -> None:
    there = vendor(list=listing(ours(events=["add_image", "sign"])), update=answer(json={"data": ours()}))
    standing = await webhooks().ensure(there, ADDRESS, KINDS)
    assert standing.mended == ("events",)
    sent = there.vendor.last("webhooks.update").json["data"]["attributes"]
    assert sent.keys() == {"events"}
    assert sent["events"][:2] == ["add_image", "sign"]
    assert set(sent["events"]) == {"add_image", *EVENTS}


async def test_a_kind_that_a_rule_asks_for_is_always_there() -> None:
    there = vendor(list=listing(ours()), update=answer(json={"data": ours()}))
    await webhooks().ensure(there, ADDRESS, ["acceptance_term_sent"])
    assert "acceptance_term_sent" in there.vendor.last("webhooks.update").json["data"]["attributes"]["events"]


async def test_all_pages_are_looked_through() -> None:
    pages = [
        answer(json={**OTHERS, "meta": {"record_count": 2}, "links": {"next": "https://next"}}),
        answer(json={"data": [ours()], "meta": {"record_count": 2}, "links": {}}),
    ]
    there = vendor(list=pages)
    await webhooks().ensure(there, ADDRESS, KINDS)
    asked = [dict(call.query)["page[number]"] for call in there.vendor.calls]
    assert asked == ["1", "2"]


async def test_one_made_meanwhile_is_adopted() -> None:
    there = vendor(list=[listing(), listing(ours())], create=answer(422, api("error__422_endpoint")))
    standing = await webhooks().ensure(there, ADDRESS, KINDS)
    assert standing.ids == (MADE["data"]["id"],)


@pytest.mark.parametrize("again", [listing(), listing(ours())])
async def test_other_refusals_are_not_hidden(again: Answer) -> None:
    refused = answer(400, api("error__400_locale"))
    there = vendor(list=[listing(), again], create=refused)
    with pytest.raises(RecordError) as raised:
        await webhooks().ensure(there, ADDRESS, KINDS)
    assert raised.value.code == "record_refused"


@pytest.mark.parametrize(
    "made",
    [
        answer(201, {"data": ours(secret=None)}),
        answer(201, {"data": []}),
        Answer(201, content=b"<html>"),
        Answer(201),
    ],
)
async def test_a_webhook_without_its_secret_is_never_accepted(made: Answer) -> None:
    there = vendor(list=listing(), create=made)
    with pytest.raises(UncertainError):
        await webhooks().ensure(there, ADDRESS, KINDS)


async def test_only_ours_is_removed() -> None:
    there = vendor(list=listing(ours()), delete=Answer(204))
    await webhooks().remove(there, ADDRESS)
    assert there.vendor.last("webhooks.delete").path == f"/webhooks/{MADE['data']['id']}"
    assert there.vendor.names == ["webhooks.list", "webhooks.delete"]


async def test_removing_nothing_is_fine() -> None:
    await webhooks().remove(vendor(list=listing()), ADDRESS)
    await webhooks().remove(vendor(list=listing(ours()), delete=answer(404, api("error__404"))), ADDRESS)


async def test_a_removal_that_is_refused_is_said() -> None:
    there = vendor(list=listing(ours()), delete=answer(422, api("error__422_deadline")))
    with pytest.raises(RecordError):
        await webhooks().remove(there, ADDRESS)
