"""Webhooks: what is sent, to whom, again and again, and what failures cost."""

from __future__ import annotations

import asyncio
import base64

from vaivem.simulators.pipedrive.app import Pipedrive


async def subscribe(crm, url, action="*", target="*", headers=None, **more):
    body = {"subscription_url": url, "event_action": action, "event_object": target, "name": "hub", **more}
    return await crm.v1("POST", "webhooks", body, headers)


async def failing(crm, receiver, times):
    """Write so often, each time with a first try that fails, and no second one yet."""
    receiver.status = 500
    for number in range(times):
        before = len(receiver.got)
        await crm.made("persons", name=f"Pessoa {number}")
        await receiver.count(before + 1)
        await settled(crm, before + 1)


async def settled(crm, tries):
    """Wait until the simulator has written down so many tries."""
    while sum(len(item["tries"]) for item in await crm.control("deliveries")) < tries:  # noqa: ASYNC110
        await asyncio.sleep(0.01)


async def test_a_won_deal(crm, receiver):
    made = await subscribe(crm, receiver.url, "change", "deal", http_auth_user="u", http_auth_password="ç:p")
    assert made.status == 201
    hook = made.json["data"]
    assert (hook["version"], hook["type"], hook["is_active"]) == ("2.0", "general", 1)
    code = crm.code("deal", "Forma de pagamento")
    pix = crm.option("deal", "Forma de pagamento", "Pix")
    await crm.v2("PATCH", "deals/1", {"status": "won", "custom_fields": {code: pix}})
    got = (await receiver.count(1))[0]
    assert got.headers["authorization"] == "Basic " + base64.b64encode("u:ç:p".encode()).decode()
    assert (got.method, got.headers["user-agent"]) == ("POST", "Pipedrive-Webhook")
    meta, data, previous = got.json["meta"], got.json["data"], got.json["previous"]
    assert (meta["action"], meta["entity"], meta["entity_id"], meta["version"]) == (
        "change",
        "deal",
        "1",
        "2.0",
    )
    assert (meta["webhook_id"], meta["attempt"], meta["change_source"]) == (str(hook["id"]), 1, "api")
    assert meta["company_id"] == crm.credentials["company_id"]
    assert (data["status"], data["value"], data["custom_fields"][code]) == (
        "won",
        31_900,
        {"type": "enum", "id": pix},
    )
    assert previous["status"] == "open"
    assert set(previous) == {
        "status",
        "won_time",
        "close_time",
        "local_won_date",
        "local_close_date",
        "update_time",
        "custom_fields",
    }
    assert previous["custom_fields"] == {code: None}


async def test_created_and_deleted_by_a_person(crm, receiver):
    await subscribe(crm, receiver.url)
    person = await crm.made("persons", name="Ana")
    await crm.call("POST", "/_control/deals/1/lose", {"lost_reason": "Preço"})
    await crm.v2("DELETE", f"persons/{person['id']}")
    events = [(g.json["meta"]["action"], g.json["meta"]["entity"], g.json) for g in await receiver.count(3)]
    by_kind = {(action, entity): json for action, entity, json in events}
    assert by_kind["create", "person"]["previous"] is None
    assert by_kind["delete", "person"]["data"] is None
    assert by_kind["delete", "person"]["previous"]["name"] == "Ana"
    lost = by_kind["change", "deal"]
    assert (lost["meta"]["change_source"], lost["data"]["lost_reason"]) == ("app", "Preço")


async def test_merging_deletes_one_and_changes_the_other(crm, receiver):
    twin = await crm.made("persons", name="Marina D.", emails=[{"value": "outra@duarte.example"}])
    await subscribe(crm, receiver.url, "*", "person")
    await crm.v1("PUT", f"persons/{twin['id']}/merge", {"merge_with_id": 1})
    metas = {got.json["meta"]["action"]: got.json["meta"] for got in await receiver.count(2)}
    assert metas["delete"]["merged_to_id"] == "1"
    assert metas["change"]["merged_from_id"] == str(twin["id"])
    kept = (await crm.v2("GET", "persons/1")).json["data"]
    assert [item["value"] for item in kept["emails"]][1:] == ["outra@duarte.example"]
    assert sum(item["primary"] for item in kept["emails"]) == 1


async def test_a_failure_is_tried_again_with_its_number(crm, receiver):
    await crm.control("webhooks/schedule", {"delays_seconds": [0.01, 0.01, 0.01]})
    receiver.status = 401
    await subscribe(crm, receiver.url, "create", "person")
    await crm.made("persons", name="Ana")
    got = await receiver.count(4)
    assert [item.json["meta"]["attempt"] for item in got] == [1, 2, 3, 4]
    assert len({item.json["meta"]["id"] for item in got}) == 1
    await settled(crm, 4)
    assert [d["state"] for d in await crm.control("deliveries")] == ["failed"]
    hook = (await crm.v1("GET", "webhooks")).json["data"][0]
    assert hook["last_http_status"] == 401


async def test_ten_failed_first_tries_ban_for_half_an_hour(crm, receiver):
    await subscribe(crm, receiver.url, "create", "person")
    await failing(crm, receiver, 10)
    receiver.status = 200
    await crm.made("persons", name="Perdida")
    await crm.advance(31 * 60)
    await crm.made("persons", name="Depois")
    names = {"Perdida", "Depois"}
    got = await receiver.until(lambda got: any(item.json["data"]["name"] == "Depois" for item in got))
    assert names & {item.json["data"]["name"] for item in got} == {"Depois"}


async def test_three_days_without_success_delete_it(crm, receiver):
    await subscribe(crm, receiver.url, "create", "person")
    await failing(crm, receiver, 1)
    await crm.advance(2 * 24 * 3600)
    assert len((await crm.v1("GET", "webhooks")).json["data"]) == 1
    await crm.advance(24 * 3600 + 60)
    assert (await crm.v1("GET", "webhooks")).json["data"] == []


async def test_version_one_has_the_old_shape(crm, receiver):
    await subscribe(crm, receiver.url, "updated", "deal", version="1.0")
    await crm.v2("PATCH", "deals/2", {"status": "won"})
    got = (await receiver.count(1))[0].json
    assert (got["v"], got["event"], got["retry"], got["meta"]["object"]) == (1, "updated.deal", 0, "deal")
    assert (got["current"]["status"], got["previous"]["status"]) == ("won", "open")
    assert got["current"][crm.code("deal", "Referência externa")] == "RS-2026002"


async def test_what_is_refused(crm):
    for wrong in (
        {"event_action": "added"},
        {"event_object": "house"},
        {"subscription_url": "http://hub.example/x"},
        {"subscription_url": "https://app.pipedrive.com/x"},
        {"name": ""},
        {"user_id": 1},
    ):
        sent = {"url": "https://hub.example/x", "action": "*", "target": "*", **wrong}
        names = {"event_action": "action", "event_object": "target", "subscription_url": "url"}
        answer = await subscribe(crm, **{names.get(key, key): value for key, value in sent.items()})
        assert (answer.status, list(answer.json["errors"])) == (400, list(wrong)), wrong
    await crm.control("quirks", {"probe_address": True})
    assert (await subscribe(crm, "http://127.0.0.1:9/x")).status == 400


async def test_forty_and_no_more(crm):
    for number in range(40):
        assert (await subscribe(crm, f"https://hub.example/{number}")).status == 201
    assert (await subscribe(crm, "https://hub.example/41")).status == 422


async def test_an_app_sees_its_own_only(crm):
    bearer = {"authorization": f"Bearer {crm.credentials['access_token']}"}
    general = (await subscribe(crm, "https://hub.example/1")).json["data"]
    own = (await subscribe(crm, "https://hub.example/2", headers=bearer)).json["data"]
    assert own["type"] == "application"
    assert [hook["id"] for hook in (await crm.v1("GET", "webhooks", headers=bearer)).json["data"]] == [
        own["id"]
    ]
    refused = await crm.v1("DELETE", f"webhooks/{general['id']}", headers=bearer)
    assert (refused.status, refused.json) == (403, {"success": False, "message": "Forbidden"})
    assert (await crm.v1("DELETE", f"webhooks/{general['id']}")).status == 200


async def test_faults_double_and_lose(crm, receiver):
    await subscribe(crm, receiver.url, "create", "person")
    await crm.control("faults", {"p_webhook_double": 1.0})
    await crm.made("persons", name="Duas vezes")
    got = await receiver.count(2)
    assert got[0].json == got[1].json
    await crm.control("faults", {"p_webhook_double": 0.0, "p_webhook_missing": 1.0})
    await crm.made("persons", name="Nunca")
    assert (await crm.control("deliveries/counts"))["dropped"] == 1


async def test_the_state_keeps_subscriptions(crm):
    await subscribe(crm, "https://hub.example/1")
    again = Pipedrive()
    again.restore_all(crm.simulator.state())
    assert again.account.tables["webhooks"] == crm.simulator.account.tables["webhooks"]
    assert again.credentials() == crm.simulator.credentials()
