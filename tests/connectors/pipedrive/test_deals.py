"""Deals: recognised as the rule says, made once, won and lost as the vendor wants it."""

from __future__ import annotations

import pytest
from tests.connectors.pipedrive.recorded import (
    FEE,
    NEW,
    PLAN,
    REFERENCE,
    SIGNED,
    TAGS,
    connection,
    deal,
    found,
    said,
    step,
)

from vaivem.core.errors import DecisionError, RecordError
from vaivem.core.fields import WritePolicy

WANTED = {
    "deal.title": "Ana Lima: proposta",
    "deal.pipeline": "1",
    "deal.stage": "4",
    "deal.person": "12",
    "deal.organization": "3",
    "deal.value": 1500.5,
}
OURS = {"custom_fields": {REFERENCE: "vv-8f3a21"}}


async def test_a_new_deal_carries_our_reference_and_the_earlier_steps_records() -> None:
    context = step(
        "create_or_update_deal",
        {"deals.search": found(), "deals.create": said(deal(9, **NEW))},
        {
            **WANTED,
            f"deal.custom.{PLAN}": 39,
            f"deal.custom.{TAGS}": [1, 2],
            f"deal.custom.{FEE}": 20,
            f"deal.custom.{SIGNED}": "2026-11-23",
        },
    )
    outcome = await context.run()
    assert context.vendor.last("deals.create").json == {
        "title": "Ana Lima: proposta",
        "stage_id": 4,
        "person_id": 12,
        "org_id": 3,
        "value": 1500.5,
        "custom_fields": {
            PLAN: 39,
            TAGS: [1, 2],
            FEE: {"value": 20, "currency": "BRL"},
            SIGNED: "2026-11-23",
            REFERENCE: "vv-8f3a21",
        },
    }
    assert context.vendor.last("deals.search").query[:2] == (
        ("term", "vv-8f3a21"),
        ("fields", "custom_fields"),
    )
    assert outcome.output["deal"]["stage_name"] == "Proposta"
    assert context.memory["deal", "source:7:document:doc-1"] == "9"


async def test_a_deal_of_the_same_source_is_updated_by_the_policies() -> None:
    context = step(
        "create_or_update_deal",
        {"deals.read": said(deal(9, stage_id=5, value=10)), "deals.update": said(deal(9, value=1500.5))},
        {**WANTED, f"deal.custom.{TAGS}": [2]},
        memory={("deal", "source:7:document:doc-1"): "9"},
    )
    assert (await context.run()).records[0].did == "updated"
    # The stage is written only when a deal is made: somebody moved it since.
    assert context.vendor.last("deals.update").json == {"value": 1500.5, "custom_fields": {TAGS: [2]}}


async def test_a_value_is_raised_and_an_own_number_lowered_by_what_stands_there() -> None:
    fee = {FEE: {"value": 20, "currency": "BRL"}}
    context = step(
        "update_deal",
        {
            "deals.read": said(deal(9, value=10, custom_fields=fee)),
            "deals.update": said(deal(9, value=1510.5)),
        },
        {"deal.id": "9", "deal.value": 1500.5, f"deal.custom.{FEE}": 5},
        policies={"deal.value": WritePolicy.RAISE, f"deal.custom.{FEE}": WritePolicy.LOWER},
    )
    assert (await context.run()).records[0].did == "updated"
    assert context.vendor.last("deals.update").json == {
        "value": 1510.5,
        "custom_fields": {FEE: {"value": 15, "currency": "BRL"}},
    }


async def test_a_lost_answer_is_known_by_our_reference() -> None:
    listed = [deal(31, **NEW), deal(30, **NEW, **OURS), deal(9)]
    context = step(
        "create_or_update_deal",
        {"deals.search": found(), "deals.list": said(listed, next_cursor=None)},
        WANTED,
        lost=["deals.create"],
    )
    assert (await context.run()).records[0].id == "30"


async def test_without_a_reference_field_it_is_known_by_person_title_and_time() -> None:
    listed = [deal(31, title="Outro", **NEW), deal(30, **NEW), deal(9)]
    context = step(
        "create_or_update_deal",
        {"deals.list": said(listed, next_cursor=None)},
        WANTED,
        lost=["deals.create"],
        connection=connection(reference_field=""),
    )
    assert (await context.run()).records[0].id == "30"


async def test_by_person_the_open_deal_of_the_pipeline_is_meant() -> None:
    context = step(
        "create_or_update_deal",
        {"deals.list": said([deal(9)], next_cursor=None), "deals.update": said(deal(9))},
        WANTED,
        options={"key": {"by": "contact"}},
    )
    assert (await context.run()).records[0].did == "updated"
    query = dict(context.vendor.last("deals.list").query)
    assert query == {"person_id": "12", "status": "open", "pipeline_id": "1", "limit": "500"}
    several = step(
        "create_or_update_deal",
        {"deals.list": said([deal(9), deal(10)], next_cursor=None)},
        WANTED,
        options={"key": {"by": "contact"}},
    )
    with pytest.raises(DecisionError):
        await several.run()
    without = {key: value for key, value in WANTED.items() if key != "deal.person"}
    with pytest.raises(RecordError) as refused:
        await step("create_or_update_deal", {}, without, options={"key": {"by": "contact"}}).run()
    assert refused.value.code == "deal_key_empty"


async def test_by_title_a_won_deal_is_not_meant() -> None:
    context = step(
        "create_or_update_deal",
        {
            "deals.search": found({"id": 9}),
            "deals.read": said(deal(9, status="won")),
            "deals.create": said(deal(10, **NEW)),
        },
        WANTED,
        options={"key": {"by": "name"}},
    )
    assert (await context.run()).records[0].id == "10"


async def test_by_an_own_field() -> None:
    context = step(
        "create_or_update_deal",
        {
            "deals.search": found({"id": 9}),
            "deals.read": said(deal(9, value=1500.5, custom_fields={SIGNED: "2026-11-23"})),
        },
        {**WANTED, f"deal.custom.{SIGNED}": "2026-11-23"},
        options={"key": {"by": "field", "field": f"deal.custom.{SIGNED}"}},
    )
    assert (await context.run()).records[0].did == "kept"
    assert context.claimed == [("deal", (f"field:{SIGNED}=2026-11-23",))]


async def test_creating_makes_another_each_time() -> None:
    context = step(
        "create_deal",
        {
            "deals.list": said([deal(9, **NEW, **OURS)], next_cursor=None),
            "deals.create": said(deal(10, **NEW)),
        },
        WANTED,
        memory={("deal", "source:7:document:doc-1"): "9"},
        lost=["deals.create"],
    )
    assert (await context.run()).records[0].id == "10"  # the earlier one was not taken for the lost one


async def test_a_deal_is_lost_with_its_reason_and_won_without() -> None:
    lost = step(
        "update_deal",
        {"deals.read": said(deal(9)), "deals.update": said(deal(9, status="lost"))},
        {"deal.id": "9", "deal.status": "lost", "deal.lost_reason": "Preço"},
    )
    await lost.run()
    assert lost.vendor.last("deals.update").json == {"status": "lost", "lost_reason": "Preço"}
    won = step(
        "update_deal",
        {"deals.read": said(deal(9)), "deals.update": said(deal(9, status="won"))},
        {"deal.id": "9", "deal.status": "won", "deal.lost_reason": "Preço"},
    )
    await won.run()
    assert won.vendor.last("deals.update").json == {"status": "won"}


async def test_a_deal_that_is_moved_names_its_stage_only() -> None:
    context = step(
        "update_deal",
        {"deals.read": said(deal(9)), "deals.update": said(deal(9, stage_id=8, pipeline_id=2))},
        {"deal.id": "9", "deal.pipeline": "2", "deal.stage": "8"},
        policies={"deal.pipeline": WritePolicy.ALWAYS, "deal.stage": WritePolicy.ALWAYS},
    )
    await context.run()
    assert context.vendor.last("deals.update").json == {"stage_id": 8}


async def test_a_deal_that_is_gone_is_refused_with_its_place() -> None:
    context = step("update_deal", {"deals.read": said(None, 404)}, {"deal.id": "9"})
    with pytest.raises(RecordError) as refused:
        await context.run()
    assert (refused.value.code, refused.value.path) == ("record_not_found", "deal.id")


async def test_finding_by_person_is_narrowed_by_status() -> None:
    context = step(
        "find_deal",
        {"deals.list": said([deal(9), deal(10, status="won")], next_cursor=None)},
        {"deal.person": "12", "deal.status": "won"},
    )
    assert (await context.run()).records[0].id == "10"


async def test_a_lost_change_is_sent_again() -> None:
    context = step(
        "update_deal",
        {"deals.read": said(deal(9)), "deals.update": said(deal(9, value=7))},
        {"deal.id": "9", "deal.value": 7},
        lost=["deals.update"],
    )
    assert (await context.run()).records[0].did == "updated"
    assert context.vendor.names.count("deals.update") == 2


async def test_a_repeat_of_the_past_changes_the_deal_that_was_made() -> None:
    context = step(
        "create_deal",
        {"deals.read": said(deal(9, value=7)), "deals.update": said(deal(9, value=1500.5))},
        WANTED,
    )
    context.earlier["deal"] = "9"
    outcome = await context.run()
    assert (outcome.records[0].id, outcome.records[0].did) == ("9", "updated")
    assert "deals.create" not in context.vendor.names
