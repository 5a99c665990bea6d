"""Opportunities, sales, losses, conversions: for leads that are there, once each."""

from __future__ import annotations

from typing import Any

import pytest
from tests.connectors.fake_context import answer
from tests.connectors.rd_station_marketing.recorded import ANA, NOBODY, connection, connector, lead, step

from vaivem.connectors.sdk import Findable, Unsafe
from vaivem.core.errors import DecisionError, RecordError, RetryError, SkipError

EMAIL = {"lead.email": ["ana@padaria.example"]}
TAKEN = answer(200, {"event_uuid": "e-1"})
SALE = {**EMAIL, "sale.value": 1500.0, "sale.currency": "BRL", "sale.date": "2026-11-23"}


async def test_a_sale_bears_its_value_and_its_day_goes_into_the_named_field() -> None:
    context = step(
        "mark_sale",
        {"leads.read": answer(200, lead()), "leads.update": answer(200, lead()), "events.sale": TAKEN},
        SALE,
        options={"date_field": "cf_data_da_venda"},
    )
    outcome = await context.run()
    assert context.vendor.last("leads.update").json == {"cf_data_da_venda": "2026-11-23"}
    call = context.vendor.last("events.sale")
    assert call.query == (("event_type", "sale"),)
    assert call.json == {
        "event_type": "SALE",
        "event_family": "CDP",
        "payload": {"email": "ana@padaria.example", "funnel_name": "default", "value": 1500.0},
    }
    assert isinstance(context.repeats["events.sale"], Unsafe)
    assert outcome.output["event"] == {"id": "e-1", "value": 1500.0}


async def test_a_day_that_is_there_already_is_not_written_again() -> None:
    context = step(
        "mark_sale",
        {"leads.read": answer(200, lead(cf_data_da_venda="2026-11-23")), "events.sale": TAKEN},
        SALE,
        options={"date_field": "cf_data_da_venda"},
    )
    await context.run()


@pytest.mark.parametrize(
    ("change", "option", "code"),
    [
        ({"sale.value": None}, "without_value", "sale_without_value"),
        ({"sale.value": 0}, "without_value", "sale_without_value"),
        ({"sale.currency": "USD"}, "other_currency", "sale_in_other_currency"),
    ],
)
async def test_an_odd_sale_is_sent_only_where_the_step_says_so(
    change: dict[str, Any], option: str, code: str
) -> None:
    with pytest.raises(RecordError) as refused:
        await step("mark_sale", {}, {**SALE, **change}).run()
    assert refused.value.code == code
    sends = step(
        "mark_sale",
        {"leads.read": answer(200, lead()), "events.sale": TAKEN},
        {**SALE, **change},
        options={option: "send"},
    )
    await sends.run()
    assert sends.vendor.last("events.sale").json["payload"].get("value") == {**SALE, **change}["sale.value"]


async def test_a_loss_bears_its_reason_or_the_rule_s_own() -> None:
    routes = {
        "leads.read": answer(200, lead()),
        "leads.update": answer(200, lead()),
        "events.opportunity_lost": TAKEN,
    }
    context = step(
        "mark_lost", dict(routes), {**EMAIL, "loss.reason": "Preço"}, options={"reason_field": "cf_motivo"}
    )
    await context.run()
    assert context.vendor.last("leads.update").json == {"cf_motivo": "Preço"}
    assert context.vendor.last("events.opportunity_lost").json["payload"]["reason"] == "Preço"
    default = step("mark_lost", dict(routes), EMAIL, options={"default_reason": "Não informado"})
    await default.run()
    assert default.vendor.last("events.opportunity_lost").json["payload"]["reason"] == "Não informado"


async def test_a_lost_answer_to_a_sale_is_for_a_person() -> None:
    context = step("mark_sale", {"leads.read": answer(200, lead())}, SALE, lost=["events.sale"])
    with pytest.raises(DecisionError):
        await context.run()


async def test_an_unknown_lead_is_told_left_out_or_made() -> None:
    with pytest.raises(RecordError) as told:
        await step("mark_sale", {"leads.read": NOBODY}, SALE).run()
    assert told.value.code == "lead_unknown"
    with pytest.raises(SkipError):
        await step("mark_sale", {"leads.read": NOBODY}, SALE, options={"unknown_lead": "skip"}).run()
    made = step(
        "mark_sale",
        {"leads.read": [NOBODY, answer(200, lead())], "events.conversion": TAKEN, "events.sale": TAKEN},
        SALE,
        options={"unknown_lead": "convert"},
    )
    await made.run()
    assert made.vendor.last("events.conversion").json["payload"]["conversion_identifier"] == "vaivem-lead"


async def test_a_lead_that_does_not_show_yet_is_waited_for() -> None:
    context = step(
        "mark_sale",
        {"leads.read": NOBODY, "events.conversion": TAKEN},
        SALE,
        options={"unknown_lead": "convert"},
    )
    with pytest.raises(RetryError) as waits:
        await context.run()
    assert (waits.value.code, waits.value.retry_after) == ("lead_not_there_yet", 60.0)


async def test_an_opportunity_that_is_one_already_stays_as_it_is() -> None:
    routes = {"leads.read": answer(200, lead()), "funnels.read": answer(200, {"opportunity": True})}
    assert (await step("mark_opportunity", routes, EMAIL).run()).records[0].did == "kept"


async def test_an_opportunity_whose_answer_was_lost_is_looked_at() -> None:
    funnels = [answer(200, {"opportunity": False}), answer(200, {"opportunity": True})]
    context = step(
        "mark_opportunity",
        {"leads.read": answer(200, lead()), "funnels.read": funnels},
        EMAIL,
        lost=["events.opportunity"],
    )
    assert (await context.run()).output["event"] == {"id": "seen"}


async def test_a_conversion_bears_our_mark_and_what_the_rule_says() -> None:
    context = step(
        "register_conversion",
        {"events.conversion": TAKEN, "leads.read": answer(200, lead())},
        {
            **EMAIL,
            "conversion.identifier": "contrato-assinado",
            "conversion.company": "Padaria Lima",
            "lead.name": "Ana Lima",
            "lead.tags": ["Cliente"],
            "lead.consent": "granted",
            "lead.custom.cf_vip": True,
        },
        connection=connection(event_query=False),
    )
    await context.run()
    call = context.vendor.last("events.conversion")
    assert call.query == ()
    assert call.json["payload"] == {
        "conversion_identifier": "vaivem-contrato-assinado",
        "email": "ana@padaria.example",
        "name": "Ana Lima",
        "tags": ["cliente"],
        "cf_vip": True,
        "company_name": "Padaria Lima",
        "legal_bases": [{"category": "communications", "type": "consent", "status": "granted"}],
    }


async def test_a_lost_conversion_is_looked_for_on_the_timeline() -> None:
    values = {**EMAIL, "conversion.identifier": "x"}
    seen = [
        {
            "event_identifier": "vaivem-x",
            "event_timestamp": "2026-11-20T09:00:00.000-03:00",
            "event_uuid": "old",
        },
        {
            "event_identifier": "vaivem-x",
            "event_timestamp": "2026-11-24T09:00:01.000-03:00",
            "event_uuid": "new",
        },
    ]
    context = step(
        "register_conversion",
        {"leads.read": answer(200, lead()), "lead_events.list": answer(200, seen)},
        values,
        lost=["events.conversion"],
    )
    assert (await context.run()).output["event"] == {"id": "new"}
    assert context.vendor.last("lead_events.list").path == f"/platform/contacts/{ANA}/events"
    repeat = context.repeats["events.conversion"]
    assert isinstance(repeat, Findable)
    unseen = step(
        "register_conversion",
        {"leads.read": answer(200, lead()), "lead_events.list": answer(200, seen[:1])},
        values,
        lost=["events.conversion"],
    )
    with pytest.raises(DecisionError):
        await unseen.run()


async def test_a_lost_answer_to_a_loss_is_for_a_person() -> None:
    context = step(
        "mark_lost",
        {"leads.read": answer(200, lead())},
        {**EMAIL, "loss.reason": "Preço"},
        lost=["events.opportunity_lost"],
    )
    with pytest.raises(DecisionError):
        await context.run()


def test_what_a_repeat_of_the_past_would_add_once_more() -> None:
    told = {action.key: action.adds({}) for action in connector.actions}
    assert {key for key, adds in told.items() if adds} == {"mark_sale", "mark_lost", "register_conversion"}


async def test_the_link_finds_the_lead_before_any_address() -> None:
    routes = {"leads.read": answer(200, lead(email="new@padaria.example")), "events.sale": TAKEN}
    context = step("mark_sale", routes, {**SALE, "lead.email": ["unknown@x.example"]}, links={"lead": ANA})
    await context.run()
    assert [call.path for call in context.vendor.calls[:1]] == [f"/platform/contacts/uuid:{ANA}"]
    assert context.vendor.last("events.sale").json["payload"]["email"] == "new@padaria.example"
    assert context.linked_with == []  # found, not made


async def test_a_linked_lead_that_is_gone_is_looked_for_by_each_address() -> None:
    routes = {
        "leads.read": [NOBODY, NOBODY, answer(200, lead())],
        "events.sale": TAKEN,
    }
    wanted = {**SALE, "lead.email": ["unknown@x.example", "ana@padaria.example"]}
    context = step("mark_sale", routes, wanted, links={"lead": "gone"})
    await context.run()
    assert [call.path.rpartition("/")[2] for call in context.vendor.calls[:3]] == [
        "uuid:gone",
        "email:unknown@x.example",
        "email:ana@padaria.example",
    ]


async def test_a_deal_without_a_person_finds_its_lead_by_the_link_alone() -> None:
    routes = {"leads.read": answer(200, lead()), "events.sale": TAKEN}
    context = step("mark_sale", routes, {"sale.value": 10.0, "sale.currency": "BRL"}, links={"lead": ANA})
    await context.run()
    assert context.vendor.last("events.sale").json["payload"]["email"] == "ana@padaria.example"
