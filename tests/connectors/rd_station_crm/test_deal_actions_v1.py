"""Deals over API v1, which creates, links, searches and closes in its own way."""

from __future__ import annotations

from typing import Any

import pytest
from tests.connectors.fake_context import FakeContext, Reply, answer
from tests.connectors.rd_station_crm.recorded import (
    ANA,
    DEAL,
    NEXT_STAGE,
    OWNER,
    PIPELINE,
    PRODUCT,
    REFERENCE,
    SOURCE,
    STAGE,
    V1_KEYS,
    said,
    step,
    token,
)

from vaivem.connectors.sdk import Connection
from vaivem.core.errors import DecisionError, RuleError
from vaivem.core.fields import WritePolicy

SOURCE_KEY = ("deal", "source:7:document:doc-1")
VALUES = {
    "deal.name": "Contrato – Ana Lima",
    "deal.pipeline": PIPELINE,
    "deal.stage": STAGE,
    "contact.name": "Ana Lima",
    "contact.email": "ana@example.com",
}


def deal(
    routes: dict[str, Reply],
    values: Any = None,
    connection: Connection | None = None,
    by: str = "source",
    **more: Any,
) -> FakeContext:
    there: dict[str, Reply] = {"contacts.by_email": said("v1_contacts__ana"), **routes}
    options = {"key": {"by": by, "field": more.pop("field", None)}}
    return step(
        "create_or_update_deal", there, values or VALUES, connection or token(), options=options, **more
    )


async def test_a_new_deal_links_the_contact_that_is_there_and_makes_none() -> None:
    values = {
        **VALUES,
        "deal.owner": OWNER,
        "deal.source": SOURCE,
        "deal.expected_close_date": "2026-12-31",
        f"deal.custom.{V1_KEYS['inicio']}": "2026-12-01",
    }
    context = deal(
        {
            "deals.create": said(
                "v1_deal", deal_custom_fields=[{"custom_field_id": V1_KEYS["inicio"], "value": "01/12/2026"}]
            ),
            "deals.contacts": said("v1_deal_contacts__ana"),
        },
        values,
    )
    outcome = await context.run()
    body = context.vendor.last("deals.create").json
    assert body == {
        "deal": {
            "name": "Contrato – Ana Lima",
            "user_id": OWNER,
            "prediction_date": "2026-12-31",
            "deal_custom_fields": [{"custom_field_id": V1_KEYS["inicio"], "value": "01/12/2026"}],
            "deal_stage_id": STAGE,
        },
        "deal_source": {"_id": SOURCE},
        "set_contacts": [{"_id": ANA}],
    }
    assert "contacts" not in body
    assert outcome.output["deal"]["contacts"] == [ANA]
    assert outcome.output["deal"]["stage_name"] == "Sem contato"
    assert outcome.output["deal"]["custom"][V1_KEYS["inicio"]] == "2026-12-01"
    assert context.vendor.names == ["contacts.by_email", "deals.create", "deals.contacts"]


async def test_a_contact_that_was_not_linked_is_linked_from_its_side() -> None:
    context = deal(
        {
            "deals.create": said("v1_deal", id="new", _id="new"),
            "deals.contacts": said("v1_contacts__none"),
            "contacts.get": said("v1_contact"),
            "contacts.link": said("v1_contact"),
        },
        connection=token(link_contacts="deal_ids"),
    )
    await context.run()
    assert "set_contacts" not in context.vendor.last("deals.create").json
    link = context.vendor.last("contacts.link")
    assert (link.method, link.path) == ("PUT", f"/contacts/{ANA}")
    assert link.json == {"contact": {"deal_ids": [DEAL, "new"]}}  # the deals it has are kept


async def test_on_update_the_stage_stands_beside_the_deal() -> None:
    context = deal(
        {
            "deals.get": said("v1_deal"),
            "deals.contacts": said("v1_deal_contacts__ana"),
            "deals.update": said("v1_deal"),
        },
        {**VALUES, "deal.stage": NEXT_STAGE, "deal.rating": 4},
        memory={SOURCE_KEY: DEAL},
        policies={"deal.stage": WritePolicy.ALWAYS},
    )
    outcome = await context.run()
    assert context.vendor.last("deals.update").json == {"deal": {"rating": 4}, "deal_stage_id": NEXT_STAGE}
    assert outcome.output["deal"]["contacts"] == [ANA]


@pytest.mark.parametrize(
    ("status", "flags"),
    [
        ("won", {"win": True}),
        ("lost", {"win": False, "deal_lost_reason_id": "r1"}),
        ("paused", {"hold": True}),
    ],
)
async def test_closing_and_pausing(status: str, flags: dict[str, Any]) -> None:
    context = step(
        "update_deal",
        {
            "deals.get": said("v1_deal"),
            "deals.contacts": said("v1_deal_contacts__ana"),
            "deals.update": said("v1_deal"),
        },
        {"deal.id": DEAL, "deal.status": status, "deal.lost_reason": "r1" if status == "lost" else None},
        token(),
    )
    await context.run()
    assert context.vendor.last("deals.update").json == {"deal": flags}


@pytest.mark.parametrize(
    ("flags", "status"),
    [
        ({"win": None, "hold": None}, "ongoing"),
        ({"win": None, "hold": True}, "paused"),
        ({"win": True, "hold": None}, "won"),
        ({"win": False, "hold": True}, "lost"),
    ],
)
async def test_two_flags_are_one_status(flags: dict[str, Any], status: str) -> None:
    found = await step("find_deal", {"deals.get": said("v1_deal", **flags)}, {"deal.id": DEAL}, token()).run()
    assert found.output["deal"]["status"] == status


async def test_a_lost_creation_is_found_but_its_absence_is_not_believed() -> None:
    newer = {"deals.get": said("v1_deal"), "contacts.get": said("v1_contact")}
    found = deal({**newer, "deals.contacts": said("v1_deal_contacts__ana")}, lost=["deals.create"])
    assert (await found.run()).output["deal"]["id"] == DEAL
    unsure = deal({"contacts.get": said("v1_contact__without_deals")}, lost=["deals.create"])
    with pytest.raises(DecisionError):
        await unsure.run()
    assert unsure.vendor.names.count("deals.create") == 1


async def test_with_a_reference_field_the_name_s_deals_are_read_for_it() -> None:
    context = deal(
        {"deals.by_name": said("v1_deals__one")}, connection=token(reference_field=V1_KEYS["vaivem"])
    )
    assert (await context.run()).output["deal"]["did"] == "kept"
    query = dict(context.vendor.last("deals.by_name").query)
    assert (query["name"], query["exact_name"]) == ("Contrato – Ana Lima", "true")
    assert query["deal_pipeline_id"] == PIPELINE
    assert context.reference == REFERENCE


async def test_by_contact_its_deals_are_read_one_by_one() -> None:
    context = deal(
        {
            "contacts.get": said("v1_contact"),
            "deals.get": said("v1_deal"),
            "deals.contacts": said("v1_deal_contacts__ana"),
        },
        by="contact",
    )
    assert (await context.run()).output["deal"]["did"] == "kept"


async def test_searching_by_an_own_field_needs_oauth() -> None:
    key = f"deal.custom.{V1_KEYS['numero-contrato']}"
    with pytest.raises(RuleError) as refused:
        await deal({}, {**VALUES, key: "7"}, by="field", field=key).run()
    assert refused.value.code == "key_needs_oauth"
    with pytest.raises(RuleError):
        await step("find_deal", {}, {key: "7"}, token()).run()


async def test_a_product_in_v1_s_words() -> None:
    context = step(
        "update_deal",
        {
            "deals.get": said("v1_deal"),
            "deals.contacts": said("v1_deal_contacts__ana"),
            "deal_products.list": answer(200, {"deal_products": [], "has_more": False}),
            "deal_products.create": said("v1_deal_product", 201),
        },
        {
            "deal.id": DEAL,
            "product.product": PRODUCT,
            "product.quantity": 1,
            "product.discount": 10,
            "product.discount_type": "percentage",
            "product.billing": "monthly",
        },
        token(),
    )
    outcome = await context.run()
    assert context.vendor.last("deal_products.create").json == {
        "product_id": PRODUCT,
        "amount": 1,
        "discount": 10,
        "discount_type": "percent",
        "recurrence": "monthly",
    }
    assert outcome.output["products"][0]["billing"] == "one-time"


async def test_a_task_s_day_and_hour_are_the_account_s() -> None:
    values = {"task.deal": DEAL, "task.name": "Ligar para Ana", "task.due": "2026-11-25T13:00:00+00:00"}
    context = step("add_task", {"tasks.create": said("v1_task")}, values, token(default_owner=OWNER))
    outcome = await context.run()
    assert context.vendor.last("tasks.create").json == {
        "task": {
            "subject": "Ligar para Ana",
            "type": "task",
            "deal_id": DEAL,
            "user_ids": [OWNER],
            "date": "2026-11-25",
            "hour": "10:00",
        }
    }
    assert outcome.output["task"]["due"] == "2026-11-25T10:00:00-03:00"


async def test_a_note_is_an_activity() -> None:
    values = {"note.deal": DEAL, "note.text": "Assinado por Ana Lima"}
    context = step("add_note", {"notes.create": said("v1_note")}, values, token())
    await context.run()
    assert context.vendor.last("notes.create").json == {
        "activity": {"deal_id": DEAL, "text": "Assinado por Ana Lima"}
    }
