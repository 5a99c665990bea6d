"""The list of contacts by its published filters (ids, id_greater, id_less, exclude, status), pages, order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

if TYPE_CHECKING:
    from tests.simulators.activecampaign.conftest import Ac


async def listed(ac: Ac, query: str) -> list[int]:
    """The ids that a query finds, as they come."""
    answer = await ac.api("GET", f"/contacts?{query}")
    assert answer.status == 200, answer.text
    return [int(one["id"]) for one in answer.json["contacts"]]


async def many(ac: Ac, count: int) -> None:
    """So many contacts more, by one import."""
    batches = [range(start, min(start + 250, count)) for start in range(0, count, 250)]
    for batch in batches:
        contacts = [{"email": f"p{number}@example.com"} for number in batch]
        answer = await ac.api("POST", "/import/bulk_import", {"contacts": contacts})
        assert answer.status == 200, answer.text
    await ac.control("settle", {})


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("ids[]=1", [1]),
        ("ids[]=4&ids[]=2", [2, 4]),
        ("ids%5B%5D=4&ids%5B%5D=2", [2, 4]),
        ("ids[0]=4&ids[1]=2", [2, 4]),
        ("ids=3", [3]),
        ("ids=3&ids=5", [5]),
        ("ids[]=3&ids[]=3", [3]),
        ("ids[]=3&ids[]=999&ids[]=x", [3]),
        ("ids[]=999", []),
        ("ids[]=1&ids[]=2&ids[]=3&id_greater=1", [2, 3]),
        ("ids[]=1&email=nobody@example.com", []),
        ("ids[]=10&ids[]=9&ids[]=1", [1, 9, 10]),
    ],
)
async def test_named_contacts(ac: Ac, query: str, found: list[int]) -> None:
    await many(ac, 4)
    assert await listed(ac, query) == found
    assert (await ac.api("GET", f"/contacts?{query}")).json["meta"]["total"] == str(len(found))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("id_greater=4", [5, 6]),
        ("id_less=3", [1, 2]),
        ("id_greater=2&id_less=5", [3, 4]),
        ("id_greater=6", []),
        ("id_less=1", []),
        ("id_greater=0", [1, 2, 3, 4, 5, 6]),
        ("id_greater=", [1, 2, 3, 4, 5, 6]),
        ("id_greater=x&id_less=-1", [1, 2, 3, 4, 5, 6]),
        ("id_greater=" + quote("²"), [1, 2, 3, 4, 5, 6]),
        ("id_greater=2&orders[id]=DESC", [6, 5, 4, 3]),
        ("exclude=2&id_less=4", [1, 3]),
    ],
)
async def test_beyond_an_id(ac: Ac, query: str, found: list[int]) -> None:
    assert await listed(ac, query) == found


async def test_ids_are_numbers_and_not_texts(ac: Ac) -> None:
    await many(ac, 6)
    assert await listed(ac, "id_greater=9") == [10, 11, 12]
    assert await listed(ac, "id_less=10&id_greater=7") == [8, 9]
    assert await listed(ac, "orders[id]=DESC&limit=4") == [12, 11, 10, 9]


async def test_pages_of_at_most_a_hundred(ac: Ac) -> None:
    await many(ac, 244)
    wanted = "&".join(f"ids[]={number}" for number in range(1, 151))
    assert len(await listed(ac, wanted)) == 20
    assert await listed(ac, f"{wanted}&limit=1000") == list(range(1, 101))
    assert await listed(ac, f"{wanted}&limit=100&offset=100") == list(range(101, 151))
    first = (await ac.api("GET", f"/contacts?{wanted}&limit=100")).json
    assert first["meta"]["total"] == "150"
    assert await listed(ac, "id_greater=240&limit=100&offset=4") == [245, 246, 247, 248, 249, 250]


async def test_everybody_by_the_last_id(ac: Ac) -> None:
    """The way the vendor advises for large accounts, while somebody is deleted and somebody made."""
    await many(ac, 244)
    seen: list[int] = []
    last = 0
    while page := await listed(ac, f"orders[id]=ASC&id_greater={last}&limit=100"):
        seen += page
        last = page[-1]
        if len(seen) == 100:
            assert (await ac.api("DELETE", "/contacts/5")).status == 200
            await ac.contact("late@example.com")
    assert seen == list(range(1, 252))


async def test_a_status_is_that_of_the_list(ac: Ac) -> None:
    async def put(number: int, status: int) -> Any:
        body = {"contactList": {"list": number, "contact": "5", "status": status}}
        return await ac.api("POST", "/contactLists", body)

    for number, status in ((2, 1), (2, 2)):
        assert (await put(number, status)).status == 200
    assert 5 in await listed(ac, "listid=1&status=1")
    assert 5 not in await listed(ac, "listid=2&status=1"), "active on list 1, and left list 2"
    assert await listed(ac, "listid=2&status=2") == [5]
    assert await listed(ac, "listid=2&status=-1") == await listed(ac, "listid=2")
    assert {5} <= set(await listed(ac, "status=2")) & set(await listed(ac, "status=1"))
