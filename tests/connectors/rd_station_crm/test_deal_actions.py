"""Deals over API v2: with their people, found again by what the rule says, made once."""

from __future__ import annotations

from typing import Any

import pytest
from tests.connectors.fake_context import FakeContext, Reply, answer
from tests.connectors.rd_station_crm.recorded import (
    ANA,
    BRUNO,
    DEAL,
    NEXT_STAGE,
    ORGANIZATION,
    OWNER,
    PIPELINE,
    REFERENCE,
    STAGE,
    oauth,
    said,
    step,
    unlabelled,
)

from vaivem.connectors.sdk import Findable
from vaivem.core.errors import DecisionError, RecordError
from vaivem.core.fields import WritePolicy

NO_DEAL = said("v2_deals__none")
BASE = {"deal.name": "Contrato – Ana Lima", "deal.pipeline": PIPELINE, "deal.stage": STAGE}
ANA_VALUES = {"contact.name": "Ana Lima", "contact.email": "ana@example.com"}
ANA_IS_THERE: dict[str, Reply] = {"contacts.by_email": said("v2_contacts__ana")}
SOURCE_KEY = ("deal", "source:7:document:doc-1")


def deal(routes: dict[str, Reply], values: Any = None, by: str = "source", **more: Any) -> FakeContext:
    options = {"key": {"by": by, "field": more.pop("field", None)}}
    values = {**BASE, **ANA_VALUES} if values is None else values
    return step("create_or_update_deal", {**ANA_IS_THERE, **routes}, values, options=options, **more)


def sent(context: FakeContext, name: str) -> Any:
    return context.vendor.last(name).json["data"]


def asked(context: FakeContext, name: str) -> str:
    return dict(context.vendor.last(name).query)["filter"]


async def test_a_new_deal_with_its_contact() -> None:
    context = deal(
        {"deals.by_field": NO_DEAL, "deals.create": said("v2_deal", 201)},
        connection=oauth(default_owner=OWNER),
    )
    outcome = await context.run()
    assert context.vendor.names == ["contacts.by_email", "deals.by_field", "deals.create"]
    assert asked(context, "deals.by_field") == f"@vaivem:{REFERENCE}"
    assert sent(context, "deals.create") == {
        "name": "Contrato – Ana Lima",
        "pipeline_id": PIPELINE,
        "stage_id": STAGE,
        "owner_id": OWNER,
        "contact_ids": [ANA],
        "custom_fields": {"vaivem": REFERENCE},
    }
    assert [(ref.object, ref.id, ref.did) for ref in outcome.records] == [
        ("deal", DEAL, "created"),
        ("contact", ANA, "kept"),
    ]
    assert outcome.output["deal"]["stage_name"] == "Sem contato"
    assert outcome.output["deal"]["did"] == "created"
    assert outcome.output["contact"]["id"] == ANA
    assert outcome.records[0].url == f"https://crm.rdstation.com/app/deals/{DEAL}"
    assert context.memory[SOURCE_KEY] == DEAL
    # One claim after the other, the person's before the deal's.
    assert [claim[0] for claim in context.claimed] == ["contact", "deal"]


async def test_the_second_event_of_a_record_finds_its_deal() -> None:
    context = deal({"deals.get": said("v2_deal")}, memory={SOURCE_KEY: DEAL})
    outcome = await context.run()
    assert context.vendor.names == ["contacts.by_email", "deals.get"]
    assert outcome.output["deal"]["did"] == "kept"


async def test_a_deal_that_was_deleted_is_made_anew() -> None:
    context = deal(
        {
            "deals.get": answer(404, {"errors": [{"detail": "Not found"}]}),
            "deals.by_field": NO_DEAL,
            "deals.create": said("v2_deal", 201),
        },
        memory={SOURCE_KEY: "gone"},
    )
    assert (await context.run()).output["deal"]["did"] == "created"
    assert context.memory[SOURCE_KEY] == DEAL


async def test_a_deal_is_found_by_our_reference_when_nothing_is_remembered() -> None:
    context = deal({"deals.by_field": said("v2_deals__one")})
    assert (await context.run()).output["deal"]["did"] == "kept"


async def test_somebody_else_s_value_in_our_field_is_not_our_deal() -> None:
    row = said("v2_deal", custom_fields={"vaivem": "vv-other"}).json["data"]
    context = deal(
        {"deals.by_field": answer(200, {"data": [row]}), "deals.create": said("v2_deal", 201)},
    )
    assert (await context.run()).output["deal"]["did"] == "created"


async def test_a_lost_creation_is_found_by_our_reference() -> None:
    context = deal({"deals.by_field": [NO_DEAL, said("v2_deals__one")]}, lost=["deals.create"])
    outcome = await context.run()
    assert context.vendor.names.count("deals.create") == 1
    assert outcome.output["deal"]["id"] == DEAL
    assert context.memory[SOURCE_KEY] == DEAL
    repeat = context.repeats["deals.create"]
    assert isinstance(repeat, Findable)
    assert repeat.sure


async def test_without_a_reference_a_lost_creation_is_looked_for_by_people_funnel_name_and_time() -> None:
    without = oauth(reference_field=None)
    found = deal({"deals.by_contact": said("v2_deals__one")}, lost=["deals.create"], connection=without)
    assert (await found.run()).output["deal"]["id"] == DEAL
    assert asked(found, "deals.by_contact") == f"contact_id:{ANA}"
    old = said("v2_deal", created_at="2026-11-20T10:00:00.000Z").json["data"]
    unsure = deal(
        {"deals.by_contact": answer(200, {"data": [old]})}, lost=["deals.create"], connection=without
    )
    with pytest.raises(DecisionError):
        await unsure.run()
    assert unsure.vendor.names.count("deals.create") == 1


async def test_fields_that_the_vendor_left_out_are_written_again() -> None:
    context = deal(
        {
            "deals.by_field": NO_DEAL,
            "deals.create": said("v2_deal", 201, custom_fields={}),
            "deals.update": said("v2_deal"),
        }
    )
    assert (await context.run()).output["deal"]["did"] == "created"
    assert sent(context, "deals.update") == {"custom_fields": {"vaivem": REFERENCE}}


async def test_a_new_deal_is_won_after_it_was_made() -> None:
    context = deal(
        {
            "deals.by_field": NO_DEAL,
            "deals.create": said("v2_deal", 201),
            "deals.update": said("v2_deal__won"),
        },
        {**BASE, **ANA_VALUES, "deal.status": "won"},
    )
    outcome = await context.run()
    assert "status" not in sent(context, "deals.create")
    assert sent(context, "deals.update") == {"status": "won"}
    assert outcome.output["deal"]["status"] == "won"


@pytest.mark.parametrize("known", [True, False])
async def test_a_loss_needs_its_reason(known: bool) -> None:
    routes: dict[str, Reply] = {"deals.get": said("v2_deal")} if known else {"deals.by_field": NO_DEAL}
    context = deal(
        routes,
        {**BASE, **ANA_VALUES, "deal.status": "lost"},
        memory={SOURCE_KEY: DEAL} if known else {},
    )
    with pytest.raises(RecordError) as refused:
        await context.run()
    assert refused.value.code == "lost_reason_missing"


async def test_write_policies_hold_for_a_deal_that_exists() -> None:
    values = {
        **BASE,
        **ANA_VALUES,
        "deal.name": "Outro nome",
        "deal.stage": NEXT_STAGE,
        "deal.one_time_price": 1500,
        "deal.rating": 1,
        "deal.status": "lost",
        "deal.lost_reason": "5f0c1d2e3b4a59001a6b7c8d",
    }
    context = deal(
        {"deals.get": said("v2_deal"), "deals.update": said("v2_deal")},
        values,
        memory={SOURCE_KEY: DEAL},
        policies={"deal.stage": WritePolicy.ALWAYS},
    )
    await context.run()
    # The name is written on creation only, the rating is as it was, the stage is always written here.
    assert sent(context, "deals.update") == {
        "stage_id": NEXT_STAGE,
        "one_time_price": 1500,
        "status": "lost",
        "lost_reason_id": "5f0c1d2e3b4a59001a6b7c8d",
    }


def two_signers(call: Any) -> Any:
    who = dict(call.query)["filter"]
    if "ana@" in who:
        return said("v2_contacts__ana")
    return answer(200, {"data": [said("v2_contact__bruno").json["data"]]})


async def test_every_signer_is_linked_to_the_one_deal() -> None:
    values = {
        **BASE,
        "contact": [
            {"name": "Ana Lima", "email": "ana@example.com"},
            {"name": "Bruno Dias", "email": "bruno@example.com"},
            {"name": "Ana Lima", "email": "ANA@example.com"},
        ],
    }
    made = deal(
        {
            "contacts.by_email": two_signers,
            "deals.by_field": NO_DEAL,
            "deals.create": said("v2_deal", 201, contact_ids=[ANA, BRUNO]),
        },
        values,
    )
    outcome = await made.run()
    assert sent(made, "deals.create")["contact_ids"] == [ANA, BRUNO]
    assert [contact["id"] for contact in outcome.output["contacts"]] == [ANA, BRUNO]
    added = deal(
        {
            "contacts.by_email": two_signers,
            "deals.get": said("v2_deal"),
            "deals.update": said("v2_deal", contact_ids=[ANA, BRUNO]),
        },
        values,
        memory={SOURCE_KEY: DEAL},
    )
    outcome = await added.run()
    assert sent(added, "deals.update") == {"contact_ids": [ANA, BRUNO]}
    assert outcome.output["deal"]["contacts"] == [ANA, BRUNO]
    assert outcome.output["deal"]["did"] == "updated"


async def test_the_organization_comes_first_and_is_not_put_over_another() -> None:
    values = {**BASE, **ANA_VALUES, "organization.name": "Padaria Lima Ltda."}
    routes: dict[str, Reply] = {
        "organizations.by_name": said("v2_organizations__one"),
        "contacts.update": said("v2_contact", organization_id=ORGANIZATION),
        "deals.by_field": NO_DEAL,
        "deals.create": said("v2_deal", 201, organization_id=ORGANIZATION),
    }
    context = deal(routes, values)
    outcome = await context.run()
    assert sent(context, "deals.create")["organization_id"] == ORGANIZATION
    assert outcome.output["organization"]["id"] == ORGANIZATION
    assert [claim[0] for claim in context.claimed] == ["organization", "contact", "deal"]
    kept = deal(
        {**routes, "deals.get": said("v2_deal", organization_id="another")}, values, memory={SOURCE_KEY: DEAL}
    )
    assert (await kept.run()).output["deal"]["organization"] == "another"


async def test_by_contact_an_open_deal_of_the_funnel_is_taken() -> None:
    context = deal({"deals.by_contact": said("v2_deals__one")}, by="contact")
    assert (await context.run()).output["deal"]["did"] == "kept"
    assert context.claimed[-1] == ("deal", (f"contact:{ANA}/{PIPELINE}",))


async def test_by_contact_several_open_deals_are_asked() -> None:
    context = deal({"deals.by_contact": said("v2_deals__two_open")}, by="contact", choices=[DEAL])
    assert (await context.run()).output["deal"]["id"] == DEAL
    (_, candidates, _) = context.asked[0]
    assert [candidate["status"] for candidate in candidates] == ["ongoing", "paused"]
    assert unlabelled("deal", candidates[0]) == set()
    assert context.memory[("deal", f"contact:{ANA}/{PIPELINE}")] == DEAL


async def test_by_contact_a_remembered_deal_that_closed_is_not_reopened() -> None:
    key = ("deal", f"contact:{ANA}/{PIPELINE}")
    context = deal(
        {
            "deals.get": said("v2_deal__won"),
            "deals.by_contact": NO_DEAL,
            "deals.create": said("v2_deal", 201, id="newer"),
        },
        by="contact",
        memory={key: DEAL},
    )
    assert (await context.run()).output["deal"]["did"] == "created"
    assert context.memory[key] == "newer"


async def test_by_contact_needs_a_contact() -> None:
    with pytest.raises(RecordError) as refused:
        await deal({}, BASE, by="contact").run()
    assert refused.value.code == "deal_key_empty"


async def test_by_name_the_exact_name_of_an_open_deal_decides() -> None:
    context = deal({"deals.by_name": said("v2_deals__one")}, by="name")
    assert (await context.run()).output["deal"]["did"] == "kept"
    assert asked(context, "deals.by_name") == f'name:"Contrato – Ana Lima" pipeline_id:{PIPELINE}'


async def test_by_field_its_value_decides() -> None:
    values = {**BASE, **ANA_VALUES, "deal.custom.numero-contrato": 'C "7"'}
    context = deal(
        {"deals.by_field": said("v2_deals__one"), "deals.update": said("v2_deal")},
        values,
        by="field",
        field="deal.custom.numero-contrato",
    )
    assert (await context.run()).output["deal"]["did"] == "updated"
    assert asked(context, "deals.by_field") == '@numero-contrato:"C \\"7\\""'
    assert sent(context, "deals.update") == {"custom_fields": {"numero-contrato": 'C "7"'}}


async def test_by_field_an_empty_value_recognises_nothing() -> None:
    values = {**BASE, **ANA_VALUES, "deal.custom.numero-contrato": None}
    with pytest.raises(RecordError) as refused:
        await deal({}, values, by="field", field="deal.custom.numero-contrato").run()
    assert refused.value.code == "deal_key_empty"


async def test_create_deal_makes_another_one_each_time() -> None:
    context = step(
        "create_deal",
        {**ANA_IS_THERE, "deals.create": said("v2_deal", 201, id="second")},
        {**BASE, **ANA_VALUES},
        memory={SOURCE_KEY: DEAL},
    )
    assert (await context.run()).output["deal"]["id"] == "second"
    assert context.memory[SOURCE_KEY] == "second"


async def test_create_deal_changes_the_one_that_the_repeated_run_made() -> None:
    context = step(
        "create_deal",
        {**ANA_IS_THERE, "deals.get": said("v2_deal"), "deals.update": said("v2_deal")},
        {**BASE, **ANA_VALUES},
        earlier={"deal": DEAL},
    )
    outcome = await context.run()
    assert outcome.records[0].did in ("updated", "kept")
    assert "deals.create" not in context.vendor.names


async def test_create_deal_does_not_take_the_earlier_one_for_the_lost_one() -> None:
    context = step(
        "create_deal",
        {
            **ANA_IS_THERE,
            "deals.by_field": said("v2_deals__one"),
            "deals.create": said("v2_deal", 201, id="second"),
        },
        {**BASE, **ANA_VALUES},
        memory={SOURCE_KEY: DEAL},
        lost=["deals.create"],
    )
    assert (await context.run()).output["deal"]["id"] == "second"


async def test_update_deal_changes_the_one_that_is_named() -> None:
    context = step(
        "update_deal",
        {"deals.get": said("v2_deal"), "deals.update": said("v2_deal__won")},
        {"deal.id": DEAL, "deal.status": "won"},
    )
    outcome = await context.run()
    assert sent(context, "deals.update") == {"status": "won"}
    assert outcome.output["deal"]["did"] == "updated"
    assert outcome.output["contact"] == {}


async def test_update_deal_of_one_that_is_gone_says_so() -> None:
    context = step(
        "update_deal",
        {"deals.get": answer(404, {"errors": [{"detail": "Not found"}]})},
        {"deal.id": DEAL, "deal.status": "won"},
    )
    with pytest.raises(RecordError) as refused:
        await context.run()
    assert refused.value.code == "record_not_found"
