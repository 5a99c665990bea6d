"""Segmentations in order of last conversion, flows, and the limits per area, per plan, per lead and day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from starlette.datastructures import QueryParams

from vaivem.simulators.rd_station_marketing.paging import page_of
from vaivem.simulators.rd_station_marketing.problems import ProblemError
from vaivem.simulators.rd_station_marketing.quotas import area_of, documented

if TYPE_CHECKING:
    from tests.simulators.rd_station_marketing.conftest import Rd

ANA = "/platform/contacts/email:ana@example.com"


async def all_leads(rd: Rd) -> str:
    found = (await rd.api("GET", "/platform/segmentations/")).json["segmentations"]
    one = next(one for one in found if one["standard"])
    assert one["name"] == "Todos os contatos da base de Leads"
    return f"/platform/segmentations/{one['id']}/contacts"


async def test_all_leads_by_last_conversion(rd: Rd) -> None:
    path = await all_leads(rd)
    first = await rd.api("GET", path + "?order=last_conversion_date:desc&page_size=3")
    assert first.headers["pagination-total-rows"] == "7"
    assert (first.headers["pagination-page-size"], first.headers["pagination-page"]) == ("3", "1")
    dates = [one["last_conversion_date"] for one in first.json["contacts"]]
    assert dates == sorted(dates, reverse=True)
    assert set(first.json["contacts"][0]) == {
        "uuid",
        "name",
        "email",
        "last_conversion_date",
        "created_at",
        "links",
    }
    await rd.converted("helena@duartearquitetura.example.com.br", "de volta")
    newest = (await rd.api("GET", path + "?order=last_conversion_date:desc&page_size=1")).json["contacts"][0]
    assert newest["email"].startswith("helena@")
    rising = (await rd.api("GET", path)).json["contacts"]
    assert rising[-1]["uuid"] == newest["uuid"]
    await rd.api("PATCH", ANA, {"name": "Ana"})
    never = (await rd.api("GET", path + "?order=last_conversion_date:desc")).json["contacts"][-1]
    assert (never["email"], never["last_conversion_date"]) == ("ana@example.com", None)


async def test_pages_and_their_bounds(rd: Rd) -> None:
    path = await all_leads(rd)
    assert (await rd.api("GET", path + "?page=9")).json == {"contacts": []}
    over = await rd.api("GET", path + "?page_size=126")
    assert (over.status, over.json["errors"]["error_type"]) == (400, "MUST_BE_LESS_THAN_OR_EQUAL")
    for query in ("page=0", "page=x", "page_size=-1", "order=name:asc"):
        assert (await rd.api("GET", f"{path}?{query}")).status == 400
    assert (await rd.api("GET", "/platform/segmentations/99/contacts")).status == 404
    rows, headers = page_of(QueryParams("page=2"), list(range(40)))
    assert (rows, headers["pagination-page-size"]) == (list(range(25, 40)), "25")
    with pytest.raises(ProblemError):
        page_of(QueryParams("page_size=200"), [])


async def test_other_segmentations_and_the_search(rd: Rd) -> None:
    found = (await rd.api("GET", "/platform/segmentations?search=opor")).json["segmentations"]
    assert [one["name"] for one in found] == ["Oportunidades em aberto"]
    assert (await rd.api("GET", "/platform/segmentations?search=todos")).json["segmentations"] == []
    contacts = (await rd.api("GET", f"/platform/segmentations/{found[0]['id']}/contacts")).json["contacts"]
    assert [one["email"] for one in contacts] == ["paulo.nunes@bompreco.example.com.br"]
    await rd.control("quirks", {"segmentations_key": "contacts"})
    assert "contacts" in (await rd.api("GET", "/platform/segmentations")).json


async def test_flows(rd: Rd) -> None:
    flows = (await rd.api("GET", "/platform/workflows")).json["workflows"]
    on, off = flows[0]["id"], flows[2]["id"]
    assert (await rd.api("GET", f"/platform/workflows/{on}")).json["name"] == flows[0]["name"]
    body = {"leads": ["lucia.ferraz@example.com", "nobody@example.com"]}
    added = await rd.api("POST", f"/platform/workflows/{on}/leads", body)
    assert (added.status, added.json) == (200, {"leads_added": ["lucia.ferraz@example.com"]})
    refused = await rd.api("POST", f"/platform/workflows/{off}/leads", body)
    assert (refused.status, refused.json["errors"]["error_type"]) == (400, "WORKFLOW_STATUS_ERROR")


async def test_24_updates_of_a_lead_a_day(rd: Rd) -> None:
    await rd.control("limits", {"mode": "10000/60"})
    uuid = ""
    for number in range(24):
        path = f"/platform/contacts/uuid:{uuid}" if number % 2 else ANA
        answer = await rd.api("PATCH", path, {"name": f"Ana {number}"})
        assert answer.status == 200
        uuid = answer.json["uuid"]
    refused = await rd.api("PATCH", ANA, {"name": "Ana 25"})
    assert refused.status == 429
    text = "'lead_limiter' rate limit exceeded for 86400 second(s) period for key 'ana@example.com'"
    left = refused.json["remaining_time"]
    assert refused.json == {"error": text, "max": 24, "usage": 25, "remaining_time": left}
    assert 86_000 < left <= 86_400
    assert refused.headers["retry-after-quotas"] == str(left)
    assert "retry-after" not in refused.headers
    assert (await rd.api("GET", ANA)).json["name"] == "Ana 23"
    other = "/platform/contacts/email:bia.salles@example.com"
    assert (await rd.api("PATCH", other, {"name": "Bia"})).status == 200
    await rd.control("clock", {"advance_seconds": 86_300})
    assert (await rd.api("PATCH", ANA, {"name": "x"})).status == 429
    await rd.control("clock", {"advance_seconds": 200})
    fresh = {key: rd.credentials[key] for key in ("client_id", "client_secret", "refresh_token")}
    token = (await rd.call("POST", "/auth/token", fresh)).json["access_token"]
    assert (await rd.api("PATCH", ANA, {"name": "x"}, token=token)).status == 200


async def test_tags_funnel_and_events_of_a_lead(rd: Rd) -> None:
    await rd.control("limits", {"mode": "10000/60"})
    await rd.api("PATCH", ANA, {"name": "Ana"})
    calls: list[tuple[int, Any]] = [
        (24, lambda n: rd.api("POST", f"{ANA}/tag", {"tags": [f"t{n}"]})),
        (24, lambda n: rd.api("GET" if n % 2 else "PUT", f"{ANA}/funnels/default", None if n % 2 else {})),
        (120, lambda n: rd.event("SALE", "ana@example.com", funnel_name="default", value=n)),
    ]
    for most, call in calls:
        statuses = [(await call(number)).status for number in range(most + 1)]
        assert statuses == [200] * most + [429]


async def test_the_accounts_limits_are_per_area(rd: Rd) -> None:
    await rd.control("limits", {"mode": "documented"})
    path = await all_leads(rd)
    statuses = [(await rd.api("GET", path)).status for _ in range(120)]
    assert statuses == [200] * 119 + [429]
    refused = await rd.api("GET", path)
    assert refused.json["errors"]["error_type"] == "RATE_LIMIT_EXCEDDED"
    assert 1 <= int(refused.headers["retry-after-quotas"]) <= 60
    assert (await rd.api("GET", "/platform/contacts/fields")).status == 200
    assert (await rd.api("GET", "/platform/contacts/email:bia.salles@example.com")).status == 200
    told = await rd.control("limits")
    assert (told["areas"]["segmentations"]["refused"], told["refused"], told["plan"]) == (2, 2, "pro")
    await rd.control("plan", {"plan": "advanced"})
    assert (await rd.api("GET", path)).status == 200
    assert (await rd.call("POST", "/_control/plan", {"plan": "gold"})).status == 400


def test_documented_limits_by_plan() -> None:
    for plan, busy, lists, one, insert in (
        ("light", 120, 120, 1, 1),
        ("basic", 120, 120, 1, 1),
        ("pro", 120, 120, 5, 10),
        ("advanced", 500, 240, 15, 100),
    ):
        limits = documented(plan)
        assert (limits["contacts"].count, limits["events"].count) == (busy, busy)
        assert (limits["segmentations"].count, limits["workflow"].count) == (lists, one)
        assert limits["workflow_leads"].count == insert


@pytest.mark.parametrize(
    ("method", "path", "area"),
    [
        ("PATCH", "/platform/contacts/email:a@b.example", "contacts"),
        ("GET", "/platform/contacts/x/events", "contacts"),
        ("POST", "/platform/contacts/x/tag", "tags"),
        ("GET", "/platform/contacts/x/funnels/default", "funnels"),
        ("GET", "/platform/contacts/fields/", "fields"),
        ("POST", "/platform/events/batch", "events"),
        ("POST", "/platform/conversions", "events"),
        ("GET", "/platform/segmentations/1/contacts", "segmentations"),
        ("GET", "/platform/workflows", "workflows"),
        ("GET", "/platform/workflows/1", "workflow"),
        ("POST", "/platform/workflows/1/leads", "workflow_leads"),
        ("GET", "/integrations/webhooks", "webhooks"),
        ("POST", "/auth/token", "free"),
        ("GET", "/marketing/account_info", "free"),
    ],
)
def test_areas(method: str, path: str, area: str) -> None:
    assert area_of(method, path) == area


async def test_what_the_vendors_library_asks_for_beside_leads(rd: Rd) -> None:
    pages = (await rd.api("GET", "/platform/landing_pages/")).json
    assert pages[0]["status"] == "PUBLISHED"
    identifier = pages[0]["conversion_identifier"]
    days = "?start_date=2020-01-01&end_date=2100-01-01"
    before = (await rd.api("GET", "/platform/analytics/conversions" + days)).json["conversions"][0]
    await rd.converted("nova@example.com", identifier)
    after = (await rd.api("GET", "/platform/analytics/conversions" + days)).json["conversions"][0]
    assert after["asset_identifier"] == identifier
    assert after["conversions_count"] == before["conversions_count"] + 1
    none = "?start_date=2020-01-01&end_date=2020-01-02"
    rows = (await rd.api("GET", "/platform/analytics/conversions" + none)).json["conversions"]
    assert not any(row["conversions_count"] for row in rows)
    assert (await rd.api("GET", "/platform/emails/")).json == {"items": [], "total": 0}
    assert (await rd.api("GET", "/platform/emails/1")).status == 404
    assert (await rd.api("GET", "/platform/analytics/emails?start_date=soon")).status == 400
