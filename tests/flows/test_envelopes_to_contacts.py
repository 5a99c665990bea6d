"""Every step of an envelope becomes tags and a record at its recipients, whatever is late, lost or doubled.

The recipe as it is set up by clicking, between both test accounts: once on an account without custom objects
and once on one with them; then a thousand envelopes with everything going wrong that a test account can do.
"""

from __future__ import annotations

import asyncio
import base64
import os
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.crash.conftest import Town, folder, town_in
from vaivem.cli import parts
from vaivem.connectors.activecampaign.custom_objects import document_schema
from vaivem.connectors.sdk.recipes import get_recipe

__all__ = ["folder"]  # a fixture, taken over

pytestmark = [pytest.mark.soak, pytest.mark.timeout(6000 if os.environ.get("VAIVEM_LONG") else 600)]
MANY = 1000 if os.environ.get("VAIVEM_LONG") else 25  # a thousand take most of an hour
PEOPLE = 900  # so that a contact has several documents
COPY = "c@pessoas.example"
EVERY = "docusign-integration"
TAG = {name: f"{EVERY}-DocuSign_Envelope_{name}" for name in ("Sent", "Delivered", "Completed", "Declined")}
WAY = {
    "Sent": ("Sent",),
    "Delivered": ("Sent", "Delivered"),
    "Completed": ("Sent", "Delivered", "Completed"),
    "Declined": ("Sent", "Delivered", "Declined"),
    "Voided": ("Sent",),
    "Voided, opened": ("Sent", "Delivered"),
    "Voided, completed": ("Sent", "Delivered", "Completed"),
}
SUBSCRIBED = "select 1 from connection where jsonb_array_length(subscription->'ids') > 0"
ALL_NOTED = "select 1 from noted where event_id >= (select max(id) from event)"
CHOOSE_OBJECT = """
update connection set settings = settings || '{"document_object": "?"}'
where connector = 'activecampaign' returning 1
"""
PDF = base64.b64encode(b"%PDF-1.4 a contract").decode()


@dataclass
class Told:
    """What must be true in the end: each envelope's recipients with the state that each came to."""

    envelopes: dict[str, dict[str, str]] = field(default_factory=dict)

    def tags(self) -> dict[str, set[str]]:
        """Return the tags of each address."""
        found: dict[str, set[str]] = {}
        for recipients in self.envelopes.values():
            for email, state in recipients.items():
                found.setdefault(email, {EVERY}).update(TAG[name] for name in WAY[state])
        return found

    def records(self) -> dict[str, str]:
        """Return the status of each record, by envelope and recipient."""
        return {
            f"{envelope}:{email}": state.partition(",")[0]
            for envelope, recipients in self.envelopes.items()
            for email, state in recipients.items()
        }


class Desk:
    """Both accounts, as their owners and the recipients would use them."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.told = Told()

    async def sign(self, path: str, body: Any) -> Any:
        return await self.town.control("docusign", path, body)

    async def marketing(self, method: str, path: str, body: Any = None) -> Any:
        account = self.town.accounts["activecampaign"]
        headers = {"Api-Token": account.credentials["api_token"]}
        return await self.town.asker.call(method, f"{account.base_url}/api/3{path}", body, headers)

    async def contacts(self) -> dict[str, dict[str, Any]]:
        """Return the contacts that we touched, by address."""
        listed = await self.town.control("activecampaign", "contacts")
        return {one["email"]: one for one in listed if str(one["email"]).endswith("@pessoas.example")}

    async def envelope(self, number: int) -> None:
        """Send an envelope to three people; what each of them does depends on its number."""
        people = [f"p{(number * 3 + one) % PEOPLE}@pessoas.example" for one in range(3)]
        signers = [
            {"recipientId": str(one), "routingOrder": "1", "name": f"Pessoa {email[1:3]}", "email": email}
            for one, email in enumerate(people, 1)
        ]
        copy = {"recipientId": "4", "routingOrder": "2", "name": "Arquivo", "email": COPY}
        body = {
            "status": "sent",
            "emailSubject": f"Contrato {number}",
            "documents": [{"documentId": "1", "name": "Contrato.pdf", "documentBase64": PDF}],
            "recipients": {"signers": signers, "carbonCopies": [copy]},
        }
        made = await self.sign("envelopes", body)
        envelope = str(made["envelopeId"])
        first, second, third = people

        async def act(name: str, email: str = "", **more: Any) -> None:
            await self.sign(f"envelopes/{envelope}/{name}", {"recipient": email, **more})

        ways: Mapping[int, dict[str, str]] = {
            0: {first: "Completed", second: "Completed", third: "Completed"},
            1: {first: "Completed", second: "Declined", third: "Sent"},
            2: {first: "Delivered", second: "Completed", third: "Sent"},
            3: {first: "Completed", second: "Delivered", third: "Voided"},
        }
        wanted = ways[number % 4]
        for email, state in wanted.items():
            if state in ("Delivered", "Completed", "Declined"):
                await act("open", email)
            if state == "Completed":
                await act("sign", email)
        if number % 4 == 1:
            await act("decline", second, reason="Valor")
        if number % 4 == 3:
            await act("void", reason="Proposta refeita")
            wanted = {first: "Voided, completed", second: "Voided, opened", third: "Voided"}
        self.told.envelopes[envelope.lower()] = wanted

    async def set_up(self, states: str, **chosen: str) -> None:
        """Finish the recipe, as its page does, in the place of the one that the demo switched on."""
        rows = self.town.rows("select connector, slug, settings from connection")
        slugs = {connector: slug for connector, slug, _ in rows}
        objects = {connector: bool(settings.get("document_object")) for connector, _, settings in rows}
        accounts = {"source": slugs["docusign"], "target": slugs["activecampaign"]}
        recipe = get_recipe("envelope_to_contact")
        without = () if objects["activecampaign"] else ("document",)
        ((title,),) = self.town.rows("select title from rule where recipe = 'envelope_to_contact'")
        rule = recipe.definition(accounts, {"states": states, **chosen}, title, without)
        file = self.town.config.data_dir / "rules.yaml"
        file.write_text(yaml.safe_dump({"rules": [rule]}), "utf-8")
        await parts.call(self.town.config, "rules", "apply", "--yes", str(file))
        await asyncio.sleep(4)  # every process reads its configuration again

    async def make_object(self) -> None:
        """Press the button that makes the object for documents."""
        made = await self.marketing("POST", "/customObjects/schemas", {"schema": document_schema()})
        self.town.rows(CHOOSE_OBJECT.replace("?", made["schema"]["id"]))

    async def settled(self, seconds: float) -> None:
        """Wait until the vendor has told everything and everything was worked."""

        async def counted() -> int:
            return int((await self.town.control("docusign", "deliveries/counts"))["waiting"])

        limit = time.monotonic() + seconds
        while await counted() or self.town.rows("select 1 from lane limit 1"):
            assert time.monotonic() < limit, self.town.state()
            await asyncio.sleep(1)


@pytest.fixture
async def desk(folder: Path) -> AsyncIterator[Desk]:
    """An installation with both accounts connected."""
    async with town_in(folder, accounts=("activecampaign", "docusign")) as town:
        await town.until(lambda: town.rows(SUBSCRIBED), 90)
        yield Desk(town)


def nothing_is_open(desk: Desk) -> None:
    assert not desk.town.rows("select 1 from run where status = 2"), desk.town.state()
    assert not desk.town.rows("select 1 from decision where answer is null"), desk.town.state()
    assert not desk.town.rows("select 1 from rejected"), desk.town.state()


def is_told(desk: Desk, contacts: Mapping[str, Mapping[str, Any]]) -> None:
    """Demand the right tags on each contact, and nobody else's."""
    wanted = desk.told.tags()
    assert contacts.keys() == wanted.keys(), "those who sign, and not who gets a copy"
    wrong = {email: (contacts[email]["tags"], tags) for email, tags in wanted.items()
             if sorted(contacts[email]["tags"]) != sorted(tags)}  # fmt: skip
    assert not wrong, dict(list(wrong.items())[:5])


def has_records(desk: Desk, contacts: Mapping[str, Mapping[str, Any]]) -> None:
    """Demand one record for each document and contact, in the state that the recipient came to."""
    listed = [
        (record["external"], record["values"]["status"])
        for one in contacts.values()
        for record in one["records"]
    ]
    found = dict(listed)
    assert len(found) == len(listed), "none twice"
    wanted = desk.told.records()
    wrong = {key: (found.get(key), state) for key, state in wanted.items() if found.get(key) != state}
    assert not wrong, dict(list(wrong.items())[:5])
    assert found.keys() == wanted.keys()


async def has_documents(desk: Desk) -> None:
    """Demand one document for each envelope, with each of its people once (the copy's among them).

    They are noted behind the live path, half a minute after the last event came.
    """
    await desk.town.until(lambda: desk.town.rows(ALL_NOTED), 180 if MANY < 100 else 1200)
    listed = desk.town.rows("select document, conn from document")
    assert sorted(document for document, _conn in listed) == sorted(desk.told.envelopes)
    people = desk.town.rows("select document, lower(email) from document_recipient")
    found: dict[str, list[str]] = {}
    for document, email in people:
        found.setdefault(document, []).append(email)
    told = {key: sorted(wanted) for key, wanted in desk.told.envelopes.items()}
    assert {key: sorted(set(emails) - {COPY}) for key, emails in found.items()} == told
    assert all(len(emails) == len(set(emails)) for emails in found.values()), "nobody twice"


async def eight_are_told(desk: Desk) -> Any:
    """Work eight envelopes, told twice and out of order; return the contacts."""
    await desk.town.control(
        "docusign", "faults", {"p_webhook_double": 0.5, "p_webhook_reorder": 0.5, "seed": 4}
    )
    for number in range(8):
        await desk.envelope(number)
    await desk.settled(240)
    nothing_is_open(desk)
    contacts = await desk.contacts()
    is_told(desk, contacts)
    return contacts


async def test_without_custom_objects_tags_and_fields_follow_each_recipient(desk: Desk) -> None:
    await desk.set_up("sent,opened,completed,declined")
    contacts = await eight_are_told(desk)
    assert not any(one["records"] for one in contacts.values())
    assert {one["firstName"] for one in contacts.values()} == {"Pessoa"}


async def test_with_custom_objects_each_document_is_one_record_at_each_contact(desk: Desk) -> None:
    await desk.make_object()
    await desk.set_up("sent,opened,completed,declined,changed")
    contacts = await eight_are_told(desk)
    has_records(desk, contacts)
    await has_documents(desk)
    (one, *_others) = [record for who in contacts.values() for record in who["records"]]
    assert one["values"]["document"].startswith("Contrato ")
    assert one["values"]["sender"]
    assert one["values"]["link"].startswith("http")
    assert one["values"]["sent-at"]


async def test_many_envelopes_with_three_recipients_and_everything_going_wrong(desk: Desk) -> None:
    await desk.make_object()
    await desk.set_up("sent,opened,completed,declined,changed")
    webhooks = {"p_webhook_double": 0.2, "p_webhook_reorder": 0.3, "seed": 11}
    await desk.town.control("docusign", "faults", webhooks)
    answers = {"p_500": 0.01, "p_429": 0.01, "p_reset_after_write": 0.01, "seed": 7}
    await desk.town.control("activecampaign", "faults", answers)
    started = time.monotonic()
    for number in range(MANY):
        await desk.envelope(number)
    told = time.monotonic()
    await desk.settled(240 if MANY < 100 else 4800)
    done = time.monotonic()
    await desk.town.control("activecampaign", "faults", {"p_500": 0, "p_429": 0, "p_reset_after_write": 0})
    ((events,),) = desk.town.rows(
        "select count(*) from event where conn in (select id from connection where connector = 'docusign')"
    )
    runs = desk.town.rows("select status, count(*) from run group by 1 order by 1")
    ((calls,),) = desk.town.rows("select count(*) from step")
    print(  # noqa: T201 - the figures of the soak
        f"{MANY} envelopes, {events} events, runs {runs}, {calls} calls; "
        f"told in {told - started:.0f} s, worked after {done - started:.0f} s"
    )
    nothing_is_open(desk)
    contacts = await desk.contacts()
    is_told(desk, contacts)
    has_records(desk, contacts)
    await has_documents(desk)
