"""A signature becomes a contact with tags and a deal: once each, with doubled webhooks and lost answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml

from tests.crash.conftest import Town, folder, town_in
from vaivem.cli import parts
from vaivem.connectors.activecampaign.custom_objects import document_schema
from vaivem.simulators.clicksign.story import act

__all__ = ["folder"]  # a fixture, taken over

pytestmark = [pytest.mark.soak, pytest.mark.timeout(400)]
DOCUMENTS = 6
SUBSCRIBED = "select 1 from connection where jsonb_array_length(subscription->'ids') > 0"
CHOOSE_OBJECT = """
update connection set settings = settings || '{"document_object": "?"}'
where connector = 'activecampaign' returning 1
"""
TAGS = [
    "clicksign-integration",
    *(f"clicksign-integration-Clicksign_Envelope_{step}" for step in ("Sent", "Delivered", "Completed")),
]


class Desk:
    """The marketing account, asked as somebody with its key would."""

    def __init__(self, town: Town) -> None:
        self.town = town

    async def api(self, method: str, path: str, body: Any = None) -> Any:
        account = self.town.accounts["activecampaign"]
        headers = {"Api-Token": account.credentials["api_token"]}
        return await self.town.asker.call(method, f"{account.base_url}/api/3{path}", body, headers)

    async def kept(self, email: str) -> list[dict[str, Any]]:
        """Return the contacts of an address as the account keeps them."""
        found: list[dict[str, Any]] = await self.town.control(
            "activecampaign", f"contacts?email={quote(email)}"
        )
        return found

    async def apply(self, *rules: dict[str, Any]) -> list[int]:
        """Publish rules; return their ids when the worker knows them."""
        file = self.town.config.data_dir / "rules.yaml"
        file.write_text(yaml.safe_dump({"rules": list(rules)}), "utf-8")
        made = await parts.call(self.town.config, "rules", "apply", "--yes", str(file))
        await asyncio.sleep(3)  # the worker and the hook look at the configuration
        return [rule["id"] for rule in made["rules"]]

    async def until(self, done: Callable[[], Awaitable[Any]]) -> Any:
        """Wait until `done` gives something, and return it."""
        for _ in range(240):
            if found := await done():
                return found
            await asyncio.sleep(0.5)
        raise AssertionError(self.town.state())

    def runs(self, rule: int) -> list[tuple[int, str]]:
        """Return how the runs of a rule ended."""
        found = self.town.rows("select rule, status, code from run")
        return sorted((int(status), str(code)) for of, status, code in found if of == rule)


@pytest.fixture
async def desk(folder: Path) -> AsyncIterator[Desk]:
    """An installation with both accounts connected and the recipe between them on."""
    async with town_in(folder, accounts=("activecampaign", "clicksign")) as town:
        await town.until(lambda: len(town.rows(SUBSCRIBED)) == 1, 90)  # the one that rules start from
        yield Desk(town)


async def test_each_signer_is_one_contact_with_tags_and_each_document_one_deal(desk: Desk) -> None:
    town = desk.town
    pipeline = (await desk.api("GET", "/dealGroups"))["dealGroups"][0]["id"]
    deal_rule = {
        "title": "Signed document becomes a deal",
        "when": {"connection": "clicksign", "trigger": "signer_signed"},
        "then": [
            {
                "id": "contact",
                "kind": "action",
                "connection": "activecampaign",
                "action": "create_or_update_contact",
                "fields": {
                    "contact.email": {"from": "signer.email"},
                    "contact.first_name": {"from": "signer.first_name"},
                    "contact.tags": {"value": ["assinou"]},
                },
            },
            {
                "id": "deal",
                "kind": "action",
                "connection": "activecampaign",
                "action": "create_or_update_deal",
                "key": {"by": "source"},
                "fields": {
                    "deal.title": {"from": "document.name"},
                    "deal.pipeline": {"value": pipeline},
                    "deal.contact": {"from": "steps.contact.contact.id", "write": "created"},
                    "deal.value": {"value": 1290},
                },
            },
        ],
    }
    await desk.apply(deal_rule)
    await town.control("clicksign", "faults", {"p_webhook_double": 1.0, "seed": 3})
    await town.control(
        "activecampaign",
        "faults",
        {"p_reset_after_write": 0.25, "p_500": 0.05, "p_429": 0.05, "p_webhook_double": 0.5, "seed": 5},
    )
    acts = [await act(town.accounts["clicksign"], number, town.asker) for number in range(DOCUMENTS)]
    people = {str(one["email"]) for document in acts for one in document.people}
    assert len(people) > DOCUMENTS  # one of them has two signers
    done = "select count(*) from run where status = 1"
    await town.until(lambda: town.rows(done)[0][0] >= 2 * len(people), 240)
    await town.until(lambda: not town.rows("select 1 from lane"), 120)
    await town.control("activecampaign", "faults", {"p_reset_after_write": 0, "p_500": 0, "p_429": 0})
    assert not town.rows("select 1 from run where status = 2"), town.state()
    assert not town.rows("select 1 from decision where answer is null")
    for email in people:
        (contact,) = await desk.kept(email)
        assert sorted(contact["tags"]) == sorted([*TAGS, "assinou"]), contact
        assert contact["lists"] in ([], {}), contact
    titles = sorted(document.title.removesuffix(".pdf") for document in acts)
    deals = (await desk.api("GET", "/deals?limit=100"))["deals"]
    mine = [one for one in deals if one["title"] in titles]
    assert sorted(one["title"] for one in mine) == titles
    assert {one["value"] for one in mine} == {"129000"}
    assert not any((await town.control("activecampaign", "duplicates")).values())


async def test_each_signer_has_one_record_of_the_document(desk: Desk) -> None:
    """An account with custom objects: made by the button, one record for each document and signer."""
    town = desk.town
    made = await desk.api("POST", "/customObjects/schemas", {"schema": document_schema()})
    town.rows(CHOOSE_OBJECT.replace("?", made["schema"]["id"]))
    await desk.apply(
        {
            "title": "Documents at their signers",
            "when": {"connection": "clicksign", "trigger": "document_moved"},
            "then": [
                {
                    "id": "contact",
                    "kind": "action",
                    "connection": "activecampaign",
                    "action": "create_or_update_contact",
                    "repeat": {"contact": {"over": "step.with_email", "as": "one"}},
                    "fields": {"contact.email": {"from": "one.email"}},
                },
                {
                    "id": "record",
                    "kind": "action",
                    "connection": "activecampaign",
                    "action": "save_document",
                    "repeat": {"document": {"over": "steps.contact.contacts", "as": "who"}},
                    "fields": {
                        "document.key": {"from": "step.document"},
                        "document.contact": {"from": "who.id"},
                        "document.status": {"from": "step.state"},
                        "document.name": {"from": "step.name"},
                        "document.completed_at": {"from": "step.completed_at"},
                    },
                },
            ],
        }
    )
    await town.control("clicksign", "faults", {"p_webhook_double": 1.0, "p_webhook_reorder": 0.5, "seed": 9})
    await town.control("activecampaign", "faults", {"p_reset_after_write": 0.25, "seed": 5})
    acts = [await act(town.accounts["clicksign"], number, town.asker) for number in range(4)]
    people = [str(one["email"]) for document in acts for one in document.people]

    async def kept() -> list[dict[str, Any]]:
        return [record for email in people for one in await desk.kept(email) for record in one["records"]]

    async def all_done() -> bool:
        found = await kept()
        return len(found) >= len(people) and "Sent" not in str(found)

    await desk.until(all_done)
    await town.until(lambda: not town.rows("select 1 from lane"), 120)
    records = await kept()
    assert len(records) == len(people), records
    assert str(records).count("Completed") >= len(people), records
    assert not town.rows("select 1 from run where status = 2"), town.state()


async def test_what_the_only_webhook_lost_is_found_once_and_our_own_change_is_known(desk: Desk) -> None:
    town = desk.town
    fields = (await desk.api("GET", "/fields?limit=100"))["fields"]
    number = next(one["id"] for one in fields if one["title"] == "Cargo")
    (rule,) = await desk.apply(
        {
            "title": "Changed contacts get a role",
            "when": {"connection": "activecampaign", "trigger": "contact_updated"},
            "then": [
                {
                    "id": "role",
                    "kind": "action",
                    "connection": "activecampaign",
                    "action": "create_or_update_contact",
                    "fields": {
                        "contact.id": {"from": "contact.id"},
                        f"contact.custom.{number}": {"value": "Cliente"},
                    },
                }
            ],
        }
    )

    await town.until(lambda: len(town.rows(SUBSCRIBED)) == 2, 90)

    async def change(email: str, **values: str) -> None:
        await desk.api("POST", "/contact/sync", {"contact": {"email": email, **values}})

    for email in ("one@padaria.example", "two@padaria.example"):
        await change(email, firstName="Ana")
    await asyncio.sleep(2)  # a change in the same second as the creation would be no other
    await change("one@padaria.example", lastName="Lima")
    ours = [(1, ""), (3, "our_own_change")]
    await town.until(lambda: desk.runs(rule) == ours, 90)
    await town.control("activecampaign", "faults", {"p_webhook_missing": 1.0, "seed": 1})
    await change("two@padaria.example", lastName="Prado")
    await asyncio.sleep(3)
    assert desk.runs(rule) == ours
    town.rows("update clock set shift = shift + interval '62 minutes' returning 1")

    async def found() -> bool:
        return len(desk.runs(rule)) >= 3

    await desk.until(found)
    await town.until(lambda: not town.rows("select 1 from lane"), 60)
    assert sorted(desk.runs(rule)) == sorted([*ours, (1, "")]), town.state()
    (two,) = await desk.kept("two@padaria.example")
    assert two["values"]["Cargo"] == "Cliente", two
    # Nothing of the webhook's secret is kept with the events.
    paths = {row[0] for row in town.rows("select distinct path from event where kind = 'update'")}
    assert paths <= {"/•••", ""}
    assert "/•••" in paths
