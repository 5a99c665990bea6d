"""Leads: found by code or address, made by an update, never written for nothing."""

from __future__ import annotations

from typing import Any

import pytest
from tests.connectors.fake_context import answer
from tests.connectors.rd_station_marketing.recorded import ANA, NOBODY, lead, step

from vaivem.connectors.sdk import Idempotent
from vaivem.core.errors import RecordError
from vaivem.core.fields import WritePolicy

EMAIL = {"lead.email": ["ana@padaria.example"]}


async def test_a_new_lead_is_made_by_an_update_without_its_address_in_the_body() -> None:
    context = step(
        "create_or_update_lead",
        {"leads.read": NOBODY, "leads.update": answer(200, lead())},
        {
            "lead.email": ["Ana@Padaria.example"],
            "lead.name": "Ana Lima",
            "lead.tags": ["Cliente", "VIP"],
            "lead.custom.cf_interesses": ["Pães"],
            "lead.legal_basis": "consent",
            "lead.consent": "granted",
        },
    )
    outcome = await context.run()
    call = context.vendor.last("leads.update")
    assert (call.method, call.path) == ("PATCH", "/platform/contacts/email:ana@padaria.example")
    assert (call.scope, call.record) == ("lead", "ana@padaria.example")
    assert call.json == {
        "name": "Ana Lima",
        "tags": ["cliente", "vip"],
        "cf_interesses": ["Pães"],
        "legal_bases": [{"category": "communications", "type": "consent", "status": "granted"}],
    }
    assert isinstance(context.repeats["leads.update"], Idempotent)
    assert (outcome.records[0].did, outcome.records[0].id) == ("created", ANA)


async def test_a_known_lead_gets_what_differs_and_its_tags_are_added_to() -> None:
    context = step(
        "create_or_update_lead",
        {"leads.read": answer(200, lead()), "leads.update": answer(200, lead(job_title="CFO"))},
        {**EMAIL, "lead.name": "Ana Lima", "lead.job_title": "CFO", "lead.tags": ["cliente"]},
    )
    assert (await context.run()).records[0].did == "updated"
    call = context.vendor.last("leads.update")
    assert call.path == f"/platform/contacts/uuid:{ANA}"
    assert call.json == {"job_title": "CFO", "tags": ["newsletter", "cliente"]}


async def test_what_is_there_already_costs_none_of_the_day_s_24() -> None:
    context = step(
        "create_or_update_lead",
        {"leads.read": answer(200, lead())},
        {
            **EMAIL,
            "lead.name": "Ana Lima",
            "lead.tags": ["newsletter"],
            "lead.mobile_phone": "+5511912345678",
        },
    )
    assert (await context.run()).records[0].did == "kept"


async def test_a_lead_known_by_its_code_gets_its_new_address() -> None:
    context = step(
        "create_or_update_lead",
        {"leads.read": answer(200, lead()), "leads.update": answer(200, lead(email="ana@nova.example"))},
        {"lead.uuid": ANA, "lead.email": ["ana@nova.example"]},
    )
    await context.run()
    assert context.vendor.last("leads.update").json == {"email": "ana@nova.example"}
    keeps = step(
        "create_or_update_lead",
        {"leads.read": answer(200, lead())},
        {"lead.uuid": ANA, "lead.email": ["ana@nova.example"]},
        policies={"lead.email": WritePolicy.EMPTY},
    )
    assert (await keeps.run()).records[0].did == "kept"


async def test_each_address_is_tried() -> None:
    context = step(
        "find_lead",
        {"leads.read": [NOBODY, answer(200, lead())]},
        {"lead.email": ["velho@padaria.example", "ana@padaria.example"]},
    )
    assert (await context.run()).records[0].did == "found"
    none = step("find_lead", {"leads.read": NOBODY}, EMAIL)
    assert not (await none.run()).records
    with pytest.raises(RecordError):
        await step("find_lead", {}, {}).run()


@pytest.mark.parametrize(
    ("held", "wanted", "policy", "written"),
    [
        ("declined", "granted", WritePolicy.ALWAYS, None),
        ("granted", "declined", WritePolicy.ALWAYS, "declined"),
        ("granted", "declined", WritePolicy.EMPTY, None),
        (None, "granted", WritePolicy.EMPTY, "granted"),
    ],
)
async def test_nobody_who_declined_is_written_back_as_one_who_agreed(
    held: str | None, wanted: str, policy: WritePolicy, written: str | None
) -> None:
    bases = [{"category": "communications", "type": "consent", "status": held}] if held else []
    context = step(
        "create_or_update_lead",
        {"leads.read": answer(200, lead(legal_bases=bases)), "leads.update": answer(200, lead())},
        {**EMAIL, "lead.consent": wanted},
        policies={"lead.consent": policy},
    )
    await context.run()
    sent: list[Any] = [call.json for call in context.vendor.calls if call.name == "leads.update"]
    assert [body["legal_bases"][0]["status"] for body in sent] == ([written] if written else [])


async def test_without_an_address_no_lead_is_made() -> None:
    context = step("create_or_update_lead", {"leads.read": NOBODY}, {"lead.uuid": ANA, "lead.name": "Ana"})
    with pytest.raises(RecordError) as refused:
        await context.run()
    assert refused.value.code == "lead_has_no_email"


async def test_a_lost_update_is_sent_again() -> None:
    context = step(
        "create_or_update_lead",
        {"leads.read": NOBODY, "leads.update": answer(200, lead())},
        {**EMAIL, "lead.name": "Ana Lima"},
        lost=["leads.update"],
    )
    assert (await context.run()).records[0].did == "created"
    assert context.vendor.names.count("leads.update") == 2
