"""Events: what is accepted, when it is worked, what it does to the lead, and what comes to nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.simulators.rd_station_marketing.conftest import Rd

ANA = "ana@example.com"


async def test_a_conversion_makes_the_lead_later(rd: Rd) -> None:
    answer = await rd.event(
        "CONVERSION",
        "Ana@Example.com",
        conversion_identifier="Pedido de orçamento",
        name="Ana Lima",
        company_name="Duarte Arquitetura",
        tags=["Blog", "vip"],
        cf_cpf="935.411.347-80",
        cf_not_there="ignored",
        cf_tipo_de_imovel="Castelo",
        available_for_mailing=True,
        legal_bases=[{"category": "communications", "type": "consent", "status": "granted"}],
        traffic_medium="Busca Paga",
        traffic_source="Google",
    )
    assert (answer.status, set(answer.json)) == (200, {"event_uuid"})
    assert await rd.lead(ANA) is None
    await rd.control("clock", {"advance_seconds": 3})
    lead = await rd.lead(ANA)
    assert lead["values"] == {"name": "Ana Lima", "cf_cpf": "935.411.347-80"}
    assert (lead["company"], lead["tags"]) == ({"name": "Duarte Arquitetura"}, ["blog", "vip"])
    assert lead["funnel"]["origin"] == "Busca Paga | Google"
    assert lead["events"][0]["event_uuid"] == answer.json["event_uuid"]
    assert lead["events"][0]["event_identifier"] == "Pedido de orçamento"
    contact = (await rd.api("GET", f"/platform/contacts/email:{ANA}")).json
    assert "company" not in contact, "the company cannot be read"


async def test_a_conversion_again_adds_and_updates(rd: Rd) -> None:
    await rd.converted(ANA, "newsletter", name="Ana", tags=["a"])
    await rd.converted(ANA, "e-book", mobile_phone="31 99811-2233", tags=["b"])
    lead = await rd.lead(ANA)
    assert [event["event_identifier"] for event in lead["events"]] == ["newsletter", "e-book"]
    assert (lead["values"]["name"], lead["tags"]) == ("Ana", ["a", "b"])
    assert (await rd.control("counts"))["leads"] == 8


async def test_opportunity_sale_and_loss(rd: Rd) -> None:
    await rd.converted(ANA)
    await rd.qualified("OPPORTUNITY", ANA)
    path = f"/platform/contacts/email:{ANA}/funnels/default"
    assert (await rd.api("GET", path)).json["opportunity"] is True
    await rd.qualified("SALE", ANA, value=1234.5)
    funnel = (await rd.api("GET", path)).json
    assert (funnel["opportunity"], funnel["lifecycle_stage"]) == (False, "Client")
    await rd.qualified("OPPORTUNITY_LOST", ANA, reason="Preço")
    said = [(event["event_type"], event["payload"]) for event in (await rd.lead(ANA))["events"][1:]]
    assert said == [
        ("OPPORTUNITY", {"email": ANA, "funnel_name": "default"}),
        ("SALE", {"email": ANA, "funnel_name": "default", "value": 1234.5}),
        ("OPPORTUNITY_LOST", {"email": ANA, "funnel_name": "default", "reason": "Preço"}),
    ]


async def test_the_time_is_that_of_receipt(rd: Rd) -> None:
    await rd.control("clock", {"at": "2026-03-13T14:07:04-03:00"})
    fresh = {key: rd.credentials[key] for key in ("client_id", "client_secret", "refresh_token")}
    rd.credentials["access_token"] = (await rd.call("POST", "/auth/token", fresh)).json["access_token"]
    await rd.converted(ANA)
    await rd.qualified("SALE", ANA, value=10, timestamp="2020-01-01", date="2020-01-01")
    uuid = (await rd.lead(ANA))["uuid"]
    events = (await rd.api("GET", f"/platform/contacts/{uuid}/events?event_type=SALE")).json
    assert events[0]["event_timestamp"].startswith("2026-03-13T14:07:0")
    assert events[0]["event_timestamp"].endswith("-03:00")


async def test_events_for_nobody_are_accepted_and_dropped(rd: Rd) -> None:
    answer = await rd.qualified("SALE", "nobody@example.com", value=1)
    assert answer.status == 200
    assert await rd.lead("nobody@example.com") is None
    dropped = await rd.control("dropped")
    assert [event["event_uuid"] for event in dropped] == [answer.json["event_uuid"]]
    await rd.control("quirks", {"unknown_lead_status": 404})
    strict = await rd.qualified("SALE", "nobody@example.com", value=1)
    assert (strict.status, strict.json["errors"]["error_type"]) == (404, "RESOURCE_NOT_FOUND")


async def test_an_opportunity_right_after_its_conversion_is_lost(rd: Rd) -> None:
    await rd.event("CONVERSION", ANA, conversion_identifier="newsletter")
    await rd.event("OPPORTUNITY", ANA, funnel_name="default")
    await rd.control("clock", {"advance_seconds": 10})
    assert [event["event_type"] for event in (await rd.lead(ANA))["events"]] == ["CONVERSION"]
    assert len(await rd.control("dropped")) == 1


@pytest.mark.parametrize(
    ("change", "path", "kind"),
    [
        ({"event_type": "BOUGHT"}, "$.event_type", "INVALID_OPTION"),
        ({"event_family": "X"}, "$.event_family", "INVALID_OPTION"),
        ({"payload": []}, "$.payload", "INVALID_DATA_TYPE"),
        ({"payload": {"conversion_identifier": "a"}}, "$.payload.email", "CANNOT_BE_NULL"),
        ({"payload": {"conversion_identifier": "a", "email": "ana"}}, "$.payload.email", "INVALID_FORMAT"),
        ({"payload": {"email": ANA}}, "$.payload.conversion_identifier", "CANNOT_BE_NULL"),
        (
            {"payload": {"email": ANA, "conversion_identifier": " "}},
            "$.payload.conversion_identifier",
            "CANNOT_BE_BLANK",
        ),
        (
            {"payload": {"email": ANA, "conversion_identifier": "a", "tags": "x"}},
            "$.payload.tags",
            "INVALID_DATA_TYPE",
        ),
        (
            {"payload": {"email": ANA, "conversion_identifier": "a", "legal_bases": [{"type": "x"}]}},
            "$.payload.legal_bases[0].category",
            "INVALID_OPTION",
        ),
        ({"event_type": "SALE", "payload": {"email": ANA}}, "$.payload.funnel_name", "CANNOT_BE_NULL"),
        (
            {"event_type": "SALE", "payload": {"email": ANA, "funnel_name": "default", "value": "10"}},
            "$.payload.value",
            "INVALID_DATA_TYPE",
        ),
        (
            {"event_type": "OPPORTUNITY_LOST", "payload": {"email": ANA, "funnel_name": "x"}},
            "$.payload.funnel_name",
            "INVALID_OPTION",
        ),
    ],
)
async def test_wrong_events(rd: Rd, change: dict[str, Any], path: str, kind: str) -> None:
    body = {
        "event_type": "CONVERSION",
        "event_family": "CDP",
        "payload": {"email": ANA, "conversion_identifier": "a"},
        **change,
    }
    answer = await rd.api("POST", "/platform/events", body)
    assert answer.status == 400
    assert (answer.json["errors"][0]["path"], answer.json["errors"][0]["error_type"]) == (path, kind)
    assert (await rd.control("counts"))["queued"] == 0


async def test_wrong_type_says_what_is_wanted_as_documented(rd: Rd) -> None:
    answer = await rd.event("CONVERSION", ANA, conversion_identifier="a", tags="x")
    assert answer.json["errors"] == [
        {
            "error_type": "INVALID_DATA_TYPE",
            "error_message": "Must be of type 'SET'.",
            "validation_rules": {"data_type": "SET"},
            "path": "$.payload.tags",
        }
    ]


async def test_batch(rd: Rd) -> None:
    def conversion(email: str) -> dict[str, Any]:
        payload = {"email": email, "conversion_identifier": "lote"}
        return {"event_type": "CONVERSION", "event_family": "CDP", "payload": payload}

    answer = await rd.api("POST", "/platform/events/batch", [conversion(f"p{n}@example.com") for n in (1, 2)])
    assert (answer.status, len(answer.json["events"])) == (200, 2)
    assert answer.json["event_batch_uuid"]
    await rd.control("settle", {})
    assert (await rd.lead("p2@example.com"))["events"][0]["event_uuid"] == answer.json["events"][1][
        "event_uuid"
    ]
    refused = await rd.api("POST", "/platform/events/batch", [conversion("p3@example.com"), conversion("x")])
    assert (refused.status, refused.json["errors"][0]["path"]) == (400, "$[1].payload.email")
    assert (await rd.control("counts"))["queued"] == 0
    assert (await rd.api("POST", "/platform/events/batch", {})).status == 400
    large = await rd.api("POST", "/platform/events/batch", [{"x": "y" * 200_001}])
    assert large.status == 413


async def test_conversions_by_key(rd: Rd) -> None:
    body = {"event_type": "CONVERSION", "event_family": "CDP"}
    event = {**body, "payload": {"email": ANA, "conversion_identifier": "site"}}
    path = "/platform/conversions?api_key="
    answer = await rd.call("POST", path + rd.credentials["api_key"], event)
    assert (answer.status, set(answer.json)) == (200, {"event_uuid"})
    assert (await rd.call("POST", path + "x", event)).status == 401
    crm = await rd.call("POST", path + rd.credentials["crm_api_key"], event)
    assert (crm.status, crm.json["errors"]["error_type"]) == (400, "UNABLE_TO_LOAD_CDP_SCHEMA")
    await rd.form(f"/integracoes/keys/{rd.credentials['api_key']}/switch", {})
    assert (await rd.call("POST", path + rd.credentials["api_key"], event)).status == 401
    assert "***" in (await rd.control("requests"))[-1]["query"]


async def test_a_leads_events_come_in_pages_of_ten(rd: Rd) -> None:
    for number in range(12):
        await rd.event("CONVERSION", ANA, conversion_identifier=f"c{number}")
    await rd.control("settle", {})
    await rd.qualified("OPPORTUNITY", ANA)
    uuid = (await rd.lead(ANA))["uuid"]
    path = f"/platform/contacts/{uuid}/events?event_type=CONVERSION&order=created_at:"
    newest = (await rd.api("GET", path + "desc&page=1")).json
    assert [event["event_identifier"] for event in newest] == [f"c{n}" for n in range(11, 1, -1)]
    assert [one["event_identifier"] for one in (await rd.api("GET", path + "desc&page=2")).json] == [
        "c1",
        "c0",
    ]
    assert (await rd.api("GET", path + "desc&page=3")).json == []
    assert (await rd.api("GET", path + "asc")).json[0]["event_identifier"] == "c0"
    marked = (await rd.api("GET", f"/platform/contacts/{uuid}/events?event_type=OPPORTUNITY")).json
    assert [(one["event_type"], one["event_identifier"]) for one in marked] == [("OPPORTUNITY", "default")]
    assert (await rd.api("GET", f"/platform/contacts/{uuid}/events?event_type=X")).status == 400


async def test_doubled_work_shows(rd: Rd) -> None:
    assert await rd.control("duplicates") == []
    await rd.converted(ANA, "newsletter")
    for _ in range(2):
        await rd.qualified("SALE", ANA, value=10)
    found = await rd.control("duplicates")
    assert [(one["email"], one["event_type"], len(one["events"])) for one in found] == [(ANA, "SALE", 2)]
