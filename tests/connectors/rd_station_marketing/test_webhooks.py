"""Deliveries: what they say, how the vendor is told, what a look back makes up."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.connectors.fake_context import FakeReader, answer
from tests.connectors.rd_station_marketing.recorded import (
    ADDRESS,
    ANA,
    NOBODY,
    connection,
    connector,
    lead,
    refused,
    webhook,
)

from vaivem.connectors.rd_station_marketing.webhooks import RdStationMarketingWebhooks
from vaivem.connectors.sdk import Call, Delivery, Event
from vaivem.core.errors import RecordError, RetryError, UnreadableError

HOOKS = RdStationMarketingWebhooks()
KINDS = ("WEBHOOK.CONVERTED", "WEBHOOK.MARKED_OPPORTUNITY")


def event(name: str) -> Event:
    (found,) = HOOKS.parse(webhook(name), connection())
    return found


def hook(uuid: str, kind: str, **changes: Any) -> dict[str, Any]:
    return {
        "uuid": uuid,
        "event_type": kind,
        "url": ADDRESS,
        "include_relations": ["COMPANY", "CONTACT_FUNNEL"],
        "event_identifiers": [],
        "status": "active",
        **changes,
    }


def listed(*hooks: dict[str, Any]) -> Any:
    return answer(200, {"webhooks": list(hooks)})


def reader(routes: dict[str, Any]) -> FakeReader:
    return FakeReader(connector, connection(), routes)


def test_a_conversion_says_who_and_how() -> None:
    found = event("WEBHOOK.CONVERTED__newsletter")
    assert (found.kind, found.object, found.record) == ("WEBHOOK.CONVERTED", "lead", ANA)
    assert found.same == (ANA, "WEBHOOK.CONVERTED", "newsletter", "2026-11-23T17:07:04+00:00")
    assert found.data["company"]["name"] == "Padaria Lima"
    assert found.data["funnel"]["owner_email"] == "bia@vendas.example"
    assert found.data["lead"]["custom"] == {"cf_interesses": ["Pães", "Doces"], "cf_cpf": "529.982.247-25"}
    assert {"ana@padaria.example", "Padaria Lima", "48 30252598"} <= set(found.terms)


def test_a_bare_lead_is_enough() -> None:
    found = event("WEBHOOK.CONVERTED__bare")
    assert found.data["company"] == {"name": None}
    assert found.data["funnel"]["opportunity"] is None


def test_the_older_payload_is_a_conversion_too() -> None:
    found = event("leads__older_payload")
    assert found.same == (ANA, "WEBHOOK.CONVERTED", "newsletter", "2026-11-23T17:07:04+00:00")
    assert found.data["lead"]["custom"] == {"cf_cpf": "529.982.247-25"}
    assert found.data["funnel"]["opportunity"] is False


@pytest.mark.parametrize(
    "body", [b"half {", b"[]", b'{"event_type": "WEBHOOK.CONVERTED"}', b'{"leads": [1]}']
)
def test_what_cannot_be_read_is_said(body: bytes) -> None:
    with pytest.raises(UnreadableError):
        HOOKS.parse(Delivery("POST", "", "", {}, body), connection())


@pytest.mark.parametrize("body", [b"", b"{}", b" {} "])
def test_the_vendor_may_try_the_address(body: bytes) -> None:
    assert HOOKS.is_probe(Delivery("POST", "", "", {}, body), connection())
    assert not HOOKS.is_probe(webhook("WEBHOOK.CONVERTED__bare"), connection())


@pytest.mark.parametrize(
    ("name", "identifiers", "taken"),
    [
        ("WEBHOOK.CONVERTED__newsletter", [], True),
        ("WEBHOOK.CONVERTED__newsletter", ["Newsletter"], True),
        ("WEBHOOK.CONVERTED__newsletter", ["ebook"], False),
        ("WEBHOOK.CONVERTED__our_own", [], False),
        ("WEBHOOK.CONVERTED__our_own", ["vaivem-contrato"], True),
    ],
)
def test_which_conversions_start_a_rule(name: str, identifiers: list[str], taken: bool) -> None:
    assert connector.trigger("converted").accepts(event(name), {"identifiers": identifiers}) is taken


async def test_a_first_time_makes_one_for_each_kind() -> None:
    made = [answer(201, hook("h1", KINDS[0])), answer(201, hook("h2", KINDS[1]))]
    there = reader({"webhooks.list": listed(), "webhooks.create": made})
    standing = await HOOKS.ensure(there, ADDRESS, KINDS)
    assert standing.ids == ("h1", "h2")
    assert there.vendor.calls[1].json == {
        "event_type": "WEBHOOK.CONVERTED",
        "entity_type": "CONTACT",
        "url": ADDRESS,
        "http_method": "POST",
        "include_relations": ["COMPANY", "CONTACT_FUNNEL"],
        "event_identifiers": [],
    }
    assert "event_identifiers" not in there.vendor.calls[2].json


async def test_a_second_time_makes_none_and_puts_right_what_was_altered() -> None:
    there = reader(
        {
            "webhooks.list": listed(
                hook("h1", KINDS[0], event_identifiers=["ebook"]),
                hook("h2", KINDS[1]),
                hook("h3", KINDS[1], url="x"),
            ),
            "webhooks.update": answer(200, hook("h1", KINDS[0])),
        }
    )
    standing = await HOOKS.ensure(there, ADDRESS, KINDS)
    assert (standing.ids, standing.mended) == (("h1", "h2"), ("converted",))


async def test_one_that_was_made_meanwhile_is_taken() -> None:
    there = reader(
        {
            "webhooks.list": [
                listed(hook("h2", KINDS[1])),
                listed(hook("h1", KINDS[0]), hook("h2", KINDS[1])),
            ],
            "webhooks.create": refused(400, "TAKEN"),
        }
    )
    assert (await HOOKS.ensure(there, ADDRESS, KINDS)).ids == ("h1", "h2")
    other = reader({"webhooks.list": listed(), "webhooks.create": refused(400, "INVALID")})
    with pytest.raises(RecordError):
        await HOOKS.ensure(other, ADDRESS, KINDS)


async def test_an_address_that_does_not_answer_is_said() -> None:
    there = reader({"webhooks.list": listed(), "webhooks.create": refused(401, "UNAUTHORIZED")})
    with pytest.raises(RetryError) as told:
        await HOOKS.ensure(there, ADDRESS, KINDS)
    assert told.value.code == "address_not_reached"


async def test_removing_takes_ours_only() -> None:
    there = reader(
        {
            "webhooks.list": listed(hook("h1", KINDS[0]), hook("h9", KINDS[0], url="https://other.example")),
            "webhooks.delete": NOBODY,
        }
    )
    await HOOKS.remove(there, ADDRESS)
    assert there.vendor.names == ["webhooks.list", "webhooks.delete"]


async def test_a_look_back_reads_who_converted_and_their_timelines() -> None:
    since, until = datetime(2026, 11, 23, 12, 0, tzinfo=UTC), datetime(2026, 11, 24, 0, 0, tzinfo=UTC)

    def events(call: Call) -> Any:
        kind, page = dict(call.query)["event_type"], dict(call.query)["page"]
        rows = {
            "CONVERSION": [
                {"event_identifier": "tarde", "event_timestamp": "2026-11-24T10:00:00.000-03:00"},
                {"event_identifier": "newsletter", "event_timestamp": "2026-11-23T14:07:04.254-03:00"},
                {"event_identifier": "antes", "event_timestamp": "2026-11-22T10:00:00.000-03:00"},
            ],
            "OPPORTUNITY": [{"event_timestamp": "2026-11-23T15:00:00.000-03:00"}],
        }
        return answer(200, rows[kind] if page == "1" else [])

    there = reader(
        {
            "segmentations.list": answer(
                200,
                {
                    "contacts": [
                        {"id": 7, "name": "Clientes", "standard": False},
                        {"id": 1, "name": "Todos os contatos da base de Leads", "standard": True},
                    ]
                },
            ),
            "segmentations.leads": answer(
                200,
                {
                    "contacts": [
                        {"uuid": ANA, "last_conversion_date": "2026-11-24T10:00:00.000-03:00"},
                        {"uuid": "b", "last_conversion_date": "2026-11-20T10:00:00.000-03:00"},
                    ]
                },
            ),
            "lead_events.list": events,
            "leads.read": answer(200, lead()),
            "funnels.read": answer(200, {"lifecycle_stage": "Lead", "opportunity": True}),
        }
    )
    found = await HOOKS.missed(there, since, until)
    assert there.vendor.last("segmentations.leads").path == "/platform/segmentations/1/contacts"
    told = [HOOKS.parse(delivery, connection())[0] for delivery in found]
    assert [(one.kind, one.data["event"]["identifier"]) for one in told] == [
        ("WEBHOOK.MARKED_OPPORTUNITY", "default"),
        ("WEBHOOK.CONVERTED", "newsletter"),
    ]
    # What a webhook told already is the same event.
    assert told[1].same == event("WEBHOOK.CONVERTED__newsletter").same


async def test_without_the_segmentation_nothing_is_read() -> None:
    there = reader({"segmentations.list": answer(200, {"segmentations": []})})
    moment = datetime(2026, 11, 23, tzinfo=UTC)
    assert await HOOKS.missed(there, moment, moment) == []


async def test_a_late_webhook_tells_how_the_lead_was_so_it_is_read() -> None:
    told = event("WEBHOOK.CONVERTED__newsletter")
    trigger = connector.trigger("converted")
    assert trigger.snapshot
    assert await trigger.scope(reader({}), told, {}) == told.data
    late = replace(told, late=True)
    found = await trigger.scope(reader({"leads.read": answer(200, lead(name="Ana Nova"))}), late, {})
    assert found is not None
    assert found["lead"]["name"] == "Ana Nova"
    assert found["company"] == told.data["company"]
    assert await trigger.scope(reader({"leads.read": NOBODY}), late, {}) == told.data
