"""A task on a deal or a contact: what is sent, what is found again, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from tests.connectors.activecampaign.recorded import connection, connector, listed, step
from tests.connectors.fake_context import FakeReader, Reply, answer

from vaivem.core.errors import RecordError

DUE = "2026-12-01T12:00:00+00:00"
TASK = {
    "task.deal": "9", "task.title": "Ligar", "task.type": "1", "task.due": DUE, "task.assignee": "2",
    "task.text": "Confirmar a visita",
}  # fmt: skip
MADE: dict[str, Reply] = {"dealTasks.create": answer(201, {"dealTask": {"id": "12"}})}


def row(**changes: Any) -> dict[str, Any]:
    return {
        "id": "5",
        "reltype": "Deal",
        "relid": "9",
        "title": "Ligar",
        "note": "Confirmar  a visita",
        "dealTasktype": "1",
        "duedate": "2026-12-01T09:00:00-03:00",
        "cdate": "2026-11-24T09:00:01-03:00",
        **changes,
    }


async def test_a_task_is_sent_as_the_vendor_asks() -> None:
    context = step("add_task", MADE, TASK)
    outcome = await context.run()
    assert context.vendor.last("dealTasks.create").json == {
        "dealTask": {
            "ownerType": "deal", "relid": 9, "title": "Ligar", "note": "Confirmar a visita", "duedate": DUE,
            "dealTasktype": 1, "status": 0, "assignee": 2,
        }
    }  # fmt: skip
    assert (outcome.records[0].id, outcome.records[0].name) == ("12", "Ligar")
    assert outcome.records[0].url == "https://padaria.activehosted.com/app/deals/9"
    assert outcome.output["task"] == {"id": "12", "title": "Ligar", "due": DUE}
    person = {**TASK, "task.deal": None, "task.contact": "3", "task.assignee": None, "task.text": None}
    bare = step("add_task", MADE, person, connection=connection(default_owner="1"))
    await bare.run()
    body = bare.vendor.last("dealTasks.create").json["dealTask"]
    assert (body["ownerType"], body["relid"], body["note"], body["assignee"]) == ("contact", 3, "", 1)


async def test_a_lost_task_is_found_among_those_of_its_deal() -> None:
    routes: dict[str, Reply] = {**MADE, "dealTasks.list": listed("dealTasks", row())}
    context = step("add_task", routes, TASK, lost=["dealTasks.create"])
    assert (await context.run()).records[0].id == "5"
    assert context.vendor.names.count("dealTasks.create") == 1
    asked = dict(context.vendor.last("dealTasks.list").query)
    assert (asked["filters[reltype]"], asked["filters[relid]"]) == ("Deal", "9")


@pytest.mark.parametrize(
    "other",
    [
        {"relid": "8"}, {"reltype": "Subscriber"}, {"title": "Outra"}, {"note": ""}, {"dealTasktype": "2"},
        {"duedate": "2026-12-01T12:00:00-03:00"}, {"cdate": "2026-11-20T09:00:01-03:00"},
    ],
    ids=str,
)  # fmt: skip
async def test_another_task_is_not_taken_for_it(other: dict[str, Any]) -> None:
    routes: dict[str, Reply] = {**MADE, "dealTasks.list": listed("dealTasks", row(**other))}
    context = step("add_task", routes, TASK, lost=["dealTasks.create"])
    await context.run()
    assert context.vendor.names.count("dealTasks.create") == 2


async def test_a_task_of_nobody_is_refused_and_so_is_what_the_vendor_refuses() -> None:
    with pytest.raises(RecordError) as nobody:
        await step("add_task", MADE, {**TASK, "task.deal": None}).run()
    assert nobody.value.code == "task_of_nobody"
    with pytest.raises(RecordError) as refused:
        await step("add_task", {"dealTasks.create": answer(400, {})}, TASK).run()
    assert refused.value.code == "task_refused"


async def test_types_that_are_switched_off_are_not_offered() -> None:
    rows = [{"id": "1", "title": "Chamada", "status": "0"}, {"id": "2", "title": "Skype", "status": "1"}]
    routes: dict[str, Any] = {"dealTasktypes.list": listed("dealTasktypes", *rows)}
    found = await connector.live_list(FakeReader(connector, connection(), routes), "task_types")
    assert [(one.value, one.label) for one in found] == [("1", "Chamada")]
    lacking: dict[str, Any] = {"dealTasktypes.list": answer(403, {"message": "Forbidden"})}
    assert await connector.live_list(FakeReader(connector, connection(), lacking), "task_types") == []
