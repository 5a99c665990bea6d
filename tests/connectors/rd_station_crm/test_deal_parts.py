"""What belongs to a deal: its products, notes and tasks; and looking for a deal."""

from __future__ import annotations

from typing import Any

import pytest
from tests.connectors.fake_context import FakeContext, Reply, answer
from tests.connectors.rd_station_crm.recorded import ANA, DEAL, OWNER, PRODUCT, oauth, said, step

from vaivem.core.errors import RecordError


def sent(context: FakeContext, name: str) -> Any:
    return context.vendor.last(name).json["data"]


async def test_products_are_added_changed_and_left_alone() -> None:
    line = {"product.product": PRODUCT, "product.price": 100, "product.quantity": 2}
    update = {"deal.id": DEAL}
    added = step(
        "update_deal",
        {
            "deals.get": said("v2_deal"),
            "deal_products.list": said("v2_deal_products__none"),
            "deal_products.create": said("v2_deal_product", 201),
        },
        {**update, **line},
    )
    await added.run()
    assert sent(added, "deal_products.create") == {"product_id": PRODUCT, "price": 100, "quantity": 2}
    changed = step(
        "update_deal",
        {
            "deals.get": said("v2_deal"),
            "deal_products.list": said("v2_deal_products__one"),
            "deal_products.update": said("v2_deal_product", quantity=2),
        },
        {**update, **line},
    )
    outcome = await changed.run()
    assert sent(changed, "deal_products.update") == {"quantity": 2}
    assert outcome.output["products"][0]["quantity"] == 2
    same = step(
        "update_deal",
        {"deals.get": said("v2_deal"), "deal_products.list": said("v2_deal_products__one")},
        {**update, "product": [{"product": PRODUCT, "quantity": 1}]},
    )
    await same.run()


async def test_a_lost_product_is_found_on_the_deal() -> None:
    context = step(
        "update_deal",
        {
            "deals.get": said("v2_deal"),
            "deal_products.list": [said("v2_deal_products__none"), said("v2_deal_products__one")],
        },
        {"deal.id": DEAL, "product.product": PRODUCT},
        lost=["deal_products.create"],
    )
    assert (await context.run()).output["products"][0]["product"] == PRODUCT


@pytest.mark.parametrize(
    ("values", "routes", "found"),
    [
        ({"deal.id": DEAL}, {"deals.get": said("v2_deal")}, DEAL),
        ({"deal.id": DEAL}, {"deals.get": answer(404, {"errors": []})}, None),
        ({"deal.id": DEAL, "deal.status": "won"}, {"deals.get": said("v2_deal")}, None),
        ({"deal.name": "Contrato – Ana Lima"}, {"deals.by_name": said("v2_deals__one")}, DEAL),
        ({"deal.name": "Contrato"}, {"deals.by_name": said("v2_deals__one")}, None),
        (
            {"deal.contact": ANA, "deal.status": "lost"},
            {"deals.by_contact": said("v2_deals__two_open")},
            "…52",
        ),
        ({"deal.custom.numero-contrato": "7"}, {"deals.by_field": said("v2_deals__one")}, DEAL),
        (
            {"deal.custom.numero-contrato": "7", "deal.pipeline": "another"},
            {"deals.by_field": said("v2_deals__one")},
            None,
        ),
    ],
)
async def test_find_deal(values: dict[str, Any], routes: dict[str, Reply], found: str | None) -> None:
    outcome = await step("find_deal", routes, values).run()
    ids = [record.id for record in outcome.records]
    assert ids == ([] if found is None else [found.replace("…", "6508785674" + "82d9c0c70020")])


async def test_find_deal_with_nothing_to_find_by_says_so() -> None:
    with pytest.raises(RecordError) as refused:
        await step("find_deal", {}, {"deal.status": "won"}).run()
    assert refused.value.code == "nothing_to_find_by"


NOTE = {"note.deal": DEAL, "note.text": "Assinado por Ana Lima"}


async def test_a_note_is_written_once() -> None:
    context = step("add_note", {"notes.create": said("v2_note", 201)}, NOTE, oauth(default_owner=OWNER))
    outcome = await context.run()
    assert context.vendor.last("notes.create").path == f"/deals/{DEAL}/notes"
    assert sent(context, "notes.create") == {"description": "Assinado por Ana Lima", "user_id": OWNER}
    assert outcome.output["note"]["deal"] == DEAL
    found = step("add_note", {"notes.list": said("v2_notes__one")}, NOTE, lost=["notes.create"])
    await found.run()
    assert found.vendor.names == ["notes.create", "notes.list"]


async def test_an_older_note_of_the_same_words_is_another_one() -> None:
    context = step(
        "add_note",
        {"notes.list": said("v2_notes__old"), "notes.create": said("v2_note", 201)},
        NOTE,
        lost=["notes.create"],
    )
    await context.run()
    assert context.vendor.names == ["notes.create", "notes.list", "notes.create"]


TASK = {
    "task.deal": DEAL,
    "task.name": "Ligar para Ana",
    "task.type": "call",
    "task.due": "2026-11-25T10:00:00-03:00",
}


async def test_a_task_is_added_once() -> None:
    context = step("add_task", {"tasks.create": said("v2_task", 201)}, {**TASK, "task.owner": OWNER})
    assert (await context.run()).records[0].name == "Ligar para Ana"
    assert sent(context, "tasks.create") == {
        "name": "Ligar para Ana",
        "type": "call",
        "deal_id": DEAL,
        "due_date": "2026-11-25T10:00:00-03:00",
        "owner_ids": [OWNER],
        "created_by_id": OWNER,
    }
    found = step("add_task", {"tasks.list": said("v2_tasks__one")}, TASK, lost=["tasks.create"])
    await found.run()
    assert found.vendor.names == ["tasks.create", "tasks.list"]
    missing = step(
        "add_task",
        {"tasks.list": said("v2_tasks__none"), "tasks.create": said("v2_task", 201)},
        TASK,
        lost=["tasks.create"],
    )
    await missing.run()
    assert missing.vendor.names.count("tasks.create") == 2
