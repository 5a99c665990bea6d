"""Tasks on contacts and deals, their types, what is told of them, and where people see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import pytest

if TYPE_CHECKING:
    from tests.simulators.activecampaign.conftest import Ac

DUE = "2026-12-01T15:00:00+01:00"
TASK = {"title": "Ligar", "note": "Confirmar a visita", "relid": 1, "duedate": DUE, "dealTasktype": 1}


async def add(ac: Ac, **values: Any) -> Any:
    answer = await ac.api("POST", "/dealTasks", {"dealTask": {**TASK, **values}})
    assert answer.status == 201, answer.text
    return answer.json["dealTask"]


async def test_types(ac: Ac) -> None:
    types = (await ac.api("GET", "/dealTasktypes")).json
    assert [one["title"] for one in types["dealTasktypes"]] == ["Chamada", "E-mail", "Almoço", "Reunião"]
    assert types["meta"] == {"total": "4"}


async def test_a_task_is_made_read_changed_and_deleted(ac: Ac) -> None:
    made = await add(ac, assignee=2)
    assert (made["reltype"], made["relid"], made["owner"]) == ("Deal", "1", {"type": "deal", "id": "1"})
    assert (made["duedate"], made["edate"]) == ("2026-12-01T11:00:00-03:00", "2026-12-01T11:15:00-03:00")
    assert (made["status"], made["assignee"], made["user"]) == (0, "2", "1")
    path = f"/dealTasks/{made['id']}"
    read = (await ac.api("GET", path)).json["dealTask"]
    assert (read["status"], read["donedate"], read["title"]) == ("0", None, "Ligar")
    done = (await ac.api("PUT", path, {"dealTask": {"status": 1, "note": "Feito"}})).json["dealTask"]
    assert (done["status"], done["note"], done["title"], done["duedate"]) == (
        1, "Feito", "Ligar", made["duedate"],
    )  # fmt: skip
    assert (await ac.api("GET", path)).json["dealTask"]["donedate"]
    moved = {"ownerType": "contact", "relid": "2", "duedate": "2026-12-02", "status": 0}
    changed = (await ac.api("PUT", path, {"dealTask": moved})).json["dealTask"]
    assert (changed["owner"], changed["edate"]) == (
        {"type": "contact", "id": "2"}, "2026-12-02T00:15:00-03:00",
    )  # fmt: skip
    assert (await ac.api("GET", path)).json["dealTask"]["donedate"] is None
    assert (await ac.api("DELETE", path)).json == {}
    assert (await ac.api("GET", path)).status == 400
    assert (await ac.api("DELETE", path)).status == 400


async def test_tasks_are_listed_by_what_they_are_about(ac: Ac) -> None:
    deal = await add(ac)
    person = await add(ac, ownerType="contact", assignee=2, title=None)
    await add(ac, relid=2, duedate="2026-12-05T10:00:00Z")

    async def found(query: str) -> list[str]:
        return [one["id"] for one in (await ac.api("GET", f"/dealTasks?{query}")).json["dealTasks"]]

    assert await found("filters[reltype]=Deal&filters[relid]=1") == [deal["id"]]
    assert await found("filters[reltype]=Subscriber&filters[relid]=1") == [person["id"]]
    assert await found("filters[assignee_userid]=2&filters[d_tasktypeid]=1") == [person["id"]]
    assert await found("filters[status]=1") == []
    assert await found("filters[due_before]=2026-12-02") == [deal["id"], person["id"]]
    assert await found("filters[duedate]=2026-12-01T14:00:00Z") == [deal["id"], person["id"]]
    assert len(await found("limit=2")) == 2
    assert (await ac.api("GET", "/dealTasks?filters[due_after]=x")).status == 400


@pytest.mark.parametrize(
    "wrong",
    [
        {"duedate": None}, {"duedate": "amanhã"}, {"dealTasktype": None}, {"dealTasktype": 9},
        {"relid": None}, {"relid": 999}, {"ownerType": "account"}, {"assignee": 9}, {"status": 2},
    ],
    ids=str,
)  # fmt: skip
async def test_what_does_not_fit_is_refused_without_a_word(ac: Ac, wrong: dict[str, Any]) -> None:
    sent = {name: value for name, value in {**TASK, **wrong}.items() if value is not None}
    answer = await ac.api("POST", "/dealTasks", {"dealTask": sent})
    assert (answer.status, answer.json) == (400, {})
    assert (await ac.control("counts"))["tasks"] == 0


async def test_a_plan_without_deals_has_no_tasks(ac: Ac) -> None:
    await ac.control("quirks", {"deals": False})
    for method, path in (("GET", "/dealTasktypes"), ("GET", "/dealTasks"), ("POST", "/dealTasks")):
        assert (await ac.api(method, path, {"dealTask": TASK})).status == 403


async def test_a_deal_knows_its_next_task_and_takes_its_tasks_with_it(ac: Ac) -> None:
    await add(ac, duedate="2026-12-09T10:00:00Z")
    first = await add(ac)
    deal = (await ac.api("GET", "/deals/1")).json["deal"]
    assert (deal["nexttaskid"], deal["nextdate"]) == (first["id"], first["duedate"])
    await ac.api("DELETE", "/deals/1")
    person = await ac.contact()
    await add(ac, ownerType="contact", relid=person["id"])
    await ac.api("DELETE", f"/contacts/{person['id']}")
    assert (await ac.control("counts"))["tasks"] == 0


async def test_who_subscribed_is_told(ac: Ac) -> None:
    events = ["deal_task_add", "deal_task_complete", "contact_task_add"]
    hook = {"name": "h", "url": "http://127.0.0.1:9/h", "events": events, "sources": ["api"]}
    assert (await ac.api("POST", "/webhooks", {"webhook": hook})).status == 201
    made = await add(ac)
    await ac.api("PUT", f"/dealTasks/{made['id']}", {"dealTask": {"status": 1}})
    await ac.api("PUT", f"/dealTasks/{made['id']}", {"dealTask": {"status": 1}})
    await add(ac, ownerType="contact")
    sent = [dict(parse_qsl(one.body.decode())) for one in ac.simulator.webhooks.deliveries.values()]
    assert [one["type"] for one in sent] == events
    assert (sent[0]["deal[id]"], sent[0]["task[title]"]) == ("1", "Ligar")
    assert (sent[2]["contact[id]"], sent[2]["task[type_title]"]) == ("1", "Chamada")


async def test_people_see_tasks_at_the_contact_and_the_deal(ac: Ac) -> None:
    await add(ac, title="Ligar <já>")
    await add(ac, ownerType="contact", title="Enviar contrato", status=1, assignee=2)
    deals = (await ac.call("GET", "/deals")).text
    assert "Ligar &lt;já&gt;" in deals
    assert "Chamada" in deals
    contact = (await ac.call("GET", "/app/contacts/1")).text
    assert "Enviar contrato" in contact
    assert "Rafael Moura" in contact
    assert "Ligar" not in contact
