"""API v2's lists: filters, sorts, pages and their traps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.simulators.rd_station_crm.conftest import Crm


async def ids(crm: Crm, table: str, text: str) -> list[str]:
    answer = await crm.v2("GET", table, filter=text, page_size="200")
    assert answer.status == 200, answer.text
    return [record["id"] for record in answer.json["data"]]


async def test_deal_filters(crm: Crm) -> None:
    contact = await crm.new_contact()
    reference = {"referencia-externa": "REF 7", "itens-da-instalacao": ["Bateria"]}
    cheap = await crm.new_deal('Contrato "A"', one_time_price=50, custom_fields=reference)
    dear = await crm.new_deal("Contrato B", one_time_price=900_000, contact_ids=[contact["id"]], rating=5)
    await crm.v2("PUT", f"deals/{dear['id']}", {"status": "won"})
    assert await ids(crm, "deals", r'name:"Contrato \"A\""') == [cheap["id"]]
    assert await ids(crm, "deals", "name:~contrato") == [cheap["id"], dear["id"]]
    assert await ids(crm, "deals", "name:~CONTRATO -status:won") == [cheap["id"]]
    assert await ids(crm, "deals", "total_price:>800000") == [dear["id"]]
    assert await ids(crm, "deals", f"contact_id:{contact['id']}") == [dear["id"]]
    assert await ids(crm, "deals", '@referencia-externa:"REF 7"') == [cheap["id"]]
    assert await ids(crm, "deals", "@itens-da-instalacao:(Bateria,Nada)") == [cheap["id"]]
    assert await ids(crm, "deals", "status:(won,lost) or total_price:<100 rating:1") == [
        cheap["id"],
        dear["id"],
    ]
    assert cheap["id"] not in await ids(crm, "deals", '-@referencia-externa:"REF 7"')
    assert await ids(crm, "deals", f"id:({cheap['id']},{dear['id']}) rating:>=5") == [dear["id"]]


async def test_changed_since(crm: Crm) -> None:
    today = datetime.now(UTC).date()
    first, second, third = ((today + timedelta(days=number)).isoformat() for number in (1, 2, 3))
    await crm.at(f"{first}T10:00:00Z")
    deal = await crm.new_deal()
    await crm.at(f"{third}T10:00:00Z")
    later = await crm.new_deal("Depois")
    window = f'updated_at:>="{first} 00:00:00" updated_at:<="{second} 00:00:00"'
    assert await ids(crm, "deals", window) == [deal["id"]]
    assert await ids(crm, "deals", f"updated_at:>={second}") == [later["id"]]
    assert await ids(crm, "deals", f"created_at:{first}") == [deal["id"]]


async def test_email_is_found_in_any_case_or_not(crm: Crm) -> None:
    contact = await crm.new_contact(emails=[{"email": "Ana.Lima@Example.com"}, {"email": "b@example.com"}])
    assert await ids(crm, "contacts", "email:ana.lima@example.com") == [contact["id"]]
    assert await ids(crm, "contacts", "email:b@example.com") == [contact["id"]]
    await crm.control("quirks", {"email_case_sensitive": True})
    assert await ids(crm, "contacts", "email:ana.lima@example.com") == []
    assert await ids(crm, "contacts", "email:Ana.Lima@Example.com") == [contact["id"]]


async def test_index_follows_changes(crm: Crm) -> None:
    contact = await crm.new_contact(emails=[{"email": "a@example.com"}])
    await crm.v2("PUT", f"contacts/{contact['id']}", {"emails": [{"email": "b@example.com"}]})
    assert await ids(crm, "contacts", "email:a@example.com") == []
    assert await ids(crm, "contacts", "email:b@example.com") == [contact["id"]]


@pytest.mark.parametrize(
    "query",
    [
        {"filter": "status"},
        {"filter": "nothing:1"},
        {"filter": "@nada:1"},
        {"filter": "status:~w"},
        {"filter": "status:>won"},
        {"filter": "total_price:>muito"},
        {"filter": "updated_at:>2026-04-07T00:00:00"},
        {"filter": "is:active"},
        {"sort_owner_id": "asc"},
        {"sort_name": "up"},
        {"page_number": "0"},
        {"page_size": "x"},
    ],
)
async def test_refused(crm: Crm, query: dict[str, str]) -> None:
    answer = await crm.v2("GET", "deals", **query)
    assert answer.status == 400
    assert answer.json["errors"][0]["detail"]


async def test_pages_and_their_wrong_links(crm: Crm) -> None:
    for number in range(60):
        await crm.new_contact(f"Pessoa {number:02}")
    first = (await crm.v2("GET", "contacts", sort_created_at="asc")).json
    assert len(first["data"]) == 25
    assert "/api/v2/contacts?" in first["links"]["next"]
    assert "page%5Bnumber%5D=2" in first["links"]["next"]
    assert "prev" not in first["links"]
    followed = await crm.call("GET", first["links"]["next"].removeprefix(crm.base_url))
    assert followed.status == 404
    seen: list[str] = []
    number, links = 0, first["links"]
    while "next" in links:
        number += 1
        page = await crm.v2("GET", "contacts", sort_created_at="asc", page_size="20", page_number=str(number))
        seen += [record["id"] for record in page.json["data"]]
        links = page.json["links"]
    assert len(seen) == len(set(seen)) == len(crm.simulator.account.tables["contacts"])
    big = await crm.v2("GET", "contacts", page_size="5000")
    assert "page%5Bsize%5D=200" in big.json["links"]["self"]


async def test_without_sort_records_move_between_pages(crm: Crm) -> None:
    for number in range(60):
        await crm.new_contact(f"Pessoa {number:02}")

    async def walk() -> list[str]:
        pages = [await crm.v2("GET", "contacts", page_size="20", page_number=str(n)) for n in (1, 2, 3, 4)]
        return [record["id"] for page in pages for record in page.json["data"]]

    assert len(set(await walk())) < len(crm.simulator.account.tables["contacts"])
    await crm.control("quirks", {"unstable_order": False})
    assert len(set(await walk())) == len(crm.simulator.account.tables["contacts"])


async def test_only_ten_thousand_can_be_listed(crm: Crm) -> None:
    account = crm.simulator.account
    for number in range(10_001):
        account.create("contacts", {"name": f"P{number}"})
    last = await crm.v2("GET", "contacts", sort_created_at="asc", page_size="200", page_number="50")
    assert len(last.json["data"]) == 200
    assert "next" not in last.json["links"]
    beyond = await crm.v2("GET", "contacts", sort_created_at="asc", page_size="200", page_number="51")
    assert (beyond.status, beyond.json["data"]) == (200, [])


async def test_restricted_users_see_their_own(crm: Crm) -> None:
    token = crm.credentials["restricted_token"]
    mine = await crm.v1("GET", "deals", token=token)
    owner = next(user for user in crm.simulator.account.tables["users"] if user["visibility"] == "restricted")
    assert mine.json["total"] == 3
    assert {deal["user"]["id"] for deal in mine.json["deals"]} == {owner["id"]}
    other = next(deal for deal in crm.simulator.account.tables["deals"] if deal["owner_id"] != owner["id"])
    hidden = await crm.v1("GET", f"deals/{other['id']}", token=token)
    assert (hidden.status, hidden.json["errors"]["error_type"]) == (404, "RESOURCE_NOT_FOUND")
    assert (await crm.v1("GET", f"deals/{other['id']}")).status == 200
