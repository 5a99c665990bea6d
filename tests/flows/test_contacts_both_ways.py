"""Contacts of RD Station CRM and persons of Pipedrive, a rule each way: no loop, and nothing lost is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.crash.conftest import Town, folder, town_in
from vaivem.cli import parts
from vaivem.vault import Vault

__all__ = ["folder"]  # a fixture, taken over

pytestmark = [pytest.mark.soak, pytest.mark.timeout(300)]
CRM, SALES = "rd_station_crm", "pipedrive"


@pytest.fixture
async def town(folder: Path) -> AsyncIterator[Town]:
    async with town_in(folder, accounts=(CRM, SALES)) as town:
        rows = dict(town.rows("select connector, id from connection"))
        rules = [
            _rule(rows[CRM], "contact", rows[SALES], "person"),
            _rule(rows[SALES], "person", rows[CRM], "contact"),
        ]
        file = town.config.data_dir / "rules.yaml"
        file.write_text(yaml.safe_dump({"rules": rules}), "utf-8")
        done = await parts.call(town.config, "rules", "apply", str(file), "--yes")
        assert done["applied"], done
        subscribed = "select 1 from connection where jsonb_array_length(subscription->'ids') > 0"
        await town.until(lambda: len(town.rows(subscribed)) == 2, 90)
        await asyncio.sleep(3)  # every process reads the rules anew
        yield town


def _rule(source: int, source_object: str, target: int, target_object: str) -> dict[str, Any]:
    fields = {
        f"{target_object}.name": {"from": f"{source_object}.name", "write": "always"},
        f"{target_object}.email": {"from": f"{source_object}.email"},
        f"{target_object}.job_title": {"from": f"{source_object}.job_title", "write": "always"},
    }
    step = {
        "id": "same", "kind": "action", "connection": target,
        "action": f"create_or_update_{target_object}", "fields": fields,
    }  # fmt: skip
    return {
        "title": f"{source_object} to {target_object}",
        "when": {"connection": source, "trigger": f"{source_object}_updated"},
        "then": [step],
    }


async def ask(town: Town, name: str, method: str, path: str, body: Any = None) -> Any:
    """Ask an account with the access that the connection has now."""
    sealed = town.rows(f"select credentials from connection where connector = '{name}'")[0][0]  # noqa: S608
    token = Vault.from_folder(town.config.data_dir).open(sealed)["access_token"]
    address = f"{town.accounts[name].base_url}{path}"
    answer = await town.asker.call(method, address, body, {"authorization": f"Bearer {token}"})
    return answer["data"]


async def change_contact(town: Town, contact: dict[str, Any], **change: Any) -> None:
    await ask(town, CRM, "PUT", f"/crm/v2/contacts/{contact['id']}", {"data": change})


async def persons_with(town: Town, email: str) -> list[dict[str, Any]]:
    listed = await ask(town, SALES, "GET", "/api/v2/persons?limit=500")
    return [one for one in listed or () if email in [item["value"] for item in one["emails"]]]


def ended(town: Town) -> list[tuple[str, int, str, int]]:
    """Return how the runs of each rule ended."""
    query = (
        "select t.title, r.status, r.code, count(*)::int from run r join rule t on t.id = r.rule"
        " group by 1, 2, 3 order by 1, 2, 3"
    )
    return [tuple(row) for row in town.rows(query)]  # type: ignore[misc]


async def settled(town: Town, number: int) -> None:
    """Wait until so many runs have ended, and no more come."""
    count = "select count(*) from run"
    await town.until(lambda: town.rows(count)[0][0] >= number, 90)
    await asyncio.sleep(5)
    await town.until(lambda: not town.rows("select 1 from lane"), 60)
    assert town.rows(count)[0][0] == number, ended(town)


async def test_a_change_goes_over_once_and_what_webhooks_lose_is_found(town: Town) -> None:
    contact = await ask(
        town,
        CRM,
        "POST",
        "/crm/v2/contacts",
        {"data": {"name": "Nina Prado", "emails": [{"email": "nina@ida.example"}]}},
    )
    await change_contact(town, contact, job_title="Compradora")
    # Over to Pipedrive. What we made there comes back as "created" and starts no rule for changes.
    await settled(town, 1)
    (person,) = await persons_with(town, "nina@ida.example")
    assert person["name"] == "Nina Prado"

    await ask(town, SALES, "PATCH", f"/api/v2/persons/{person['id']}", {"name": "NINA PRADO LIMA"})
    # Over to RD Station, whose webhook tells our own change: it goes no further.
    await settled(town, 3)
    read = await ask(town, CRM, "GET", f"/crm/v2/contacts/{contact['id']}")
    assert read["name"] == "NINA PRADO LIMA"
    assert ended(town) == [
        ("contact to person", 1, "", 1),
        ("contact to person", 3, "our_own_change", 1),
        ("person to contact", 1, "", 1),
    ]

    await town.control(CRM, "faults", {"p_webhook_missing": 1.0, "seed": 3})
    await change_contact(town, contact, name="Nina Prado de Lima")
    await asyncio.sleep(4)
    await settled(town, 3)
    await town.control(CRM, "faults", {"p_webhook_missing": 0})
    town.rows("update clock set shift = shift + interval '66 minutes' returning 1")

    async def renamed() -> bool:
        return (await persons_with(town, "nina@ida.example"))[0]["name"] == "Nina Prado de Lima"

    for _ in range(180):
        if await renamed():
            break
        await asyncio.sleep(0.5)
    assert await renamed(), town.state()
    await settled(town, 5)
    fact = "select value from fact where name like 'catch_up/%' order by (value->>'new')::int desc"
    assert town.rows(fact)[0][0]["new"] >= 1
    # The next hour finds nothing new: it is known.
    before = town.rows("select count(*) from event")[0][0]
    town.rows("update clock set shift = shift + interval '61 minutes' returning 1")
    await asyncio.sleep(70)
    assert town.rows("select count(*) from event")[0][0] == before
    assert not town.rows("select 1 from run where status = 2")
