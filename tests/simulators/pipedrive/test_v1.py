"""API v1: notes, leads, files, what changed lately, and the records that API v2 took over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode


async def test_notes(crm):
    lonely = await crm.v1("POST", "notes", {"content": "Oi"})
    assert (lonely.status, "deal_id" in lonely.json["error"]) == (400, True)
    note = (
        await crm.v1("POST", "notes", {"content": "<p>Oi</p>", "deal_id": 1, "pinned_to_deal_flag": 1})
    ).json["data"]
    assert (note["pinned_to_deal_flag"], note["deal"]["title"]) == (
        True,
        "Usina de telhado, Duarte Arquitetura",
    )
    assert len(note["add_time"]) == 19
    page = (await crm.v1("GET", "notes", limit=2)).json["additional_data"]["pagination"]
    assert page == {"start": 0, "limit": 2, "more_items_in_collection": True, "next_start": 2}
    mine = (await crm.v1("GET", "notes", deal_id=1, sort="id DESC")).json["data"]
    assert [item["id"] for item in mine] == [note["id"], 1]
    await crm.v1("PUT", f"notes/{note['id']}", {"content": "Tchau"})
    assert (await crm.v1("GET", f"notes/{note['id']}")).json["data"]["content"] == "Tchau"
    assert (await crm.v1("DELETE", f"notes/{note['id']}")).json["data"] is True
    assert (await crm.v1("GET", f"notes/{note['id']}")).status == 404


async def test_a_lead_becomes_a_deal(crm):
    code = crm.code("deal", "Referência externa")
    sent = {"title": "Lead", "person_id": 1, "value": {"amount": 900, "currency": "BRL"}, code: "L-1"}
    lead = await crm.v1("POST", "leads", sent)
    assert (lead.status, lead.json["data"][code]) == (201, "L-1")
    own = lead.json["data"]["id"]
    assert (await crm.v1("POST", "leads", {"title": "Sem ninguém"})).status == 400
    started = await crm.v2("POST", f"leads/{own}/convert/deal", {"stage_id": 2})
    conversion = started.json["data"]["conversion_id"]
    await crm.advance(2)
    done = (await crm.v2("GET", f"leads/{own}/convert/status/{conversion}")).json["data"]
    deal = (await crm.v2("GET", f"deals/{done['deal_id']}", include_fields="source_lead_id")).json["data"]
    assert (deal["value"], deal["stage_id"], deal["source_lead_id"]) == (900, 2, own)
    assert deal["custom_fields"][code] == "L-1"
    again = (await crm.v2("GET", f"leads/{own}/convert/status/{conversion}")).json["data"]
    assert again["deal_id"] == done["deal_id"], "asking again makes no second deal"
    assert (await crm.v1("GET", f"leads/{own}")).status == 404


async def test_recents_and_changelog(crm):
    day = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()  # all others are older
    await crm.control("clock", {"at": f"{day}T10:00:00+00:00"})
    await crm.v2("PATCH", "deals/1", {"value": 5})
    recent = (await crm.v1("GET", "recents", since_timestamp=f"{day} 10:00:00", items="deal,person")).json
    assert [(row["item"], row["id"]) for row in recent["data"]] == [("deal", 1)]
    assert recent["additional_data"]["last_timestamp_on_page"].startswith(f"{day} 10:00")
    lines = (await crm.v1("GET", "deals/1/changelog")).json["data"]
    assert (lines[0]["field_key"], lines[0]["old_value"], lines[0]["new_value"]) == ("value", "31900", "5")
    assert lines[0]["change_source"] == "api"


async def test_files(crm):
    boundary = "x"
    body = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="deal_id"\r\n\r\n1\r\n--{boundary}\r\n'
        'Content-Disposition: form-data; name="file"; filename="contrato.pdf"\r\n\r\nPDF\r\n'
        f"--{boundary}--\r\n"
    )
    headers = {**crm.headers, "content-type": f"multipart/form-data; boundary={boundary}"}
    request = (
        crm.running.client.post(f"{crm.base_url}/api/v1/files").headers(headers).body_bytes(body.encode())
    )
    made = await (await request.build().send()).json()
    assert (made["data"]["name"], made["data"]["file_size"], made["data"]["deal_id"]) == (
        "contrato.pdf",
        3,
        1,
    )
    listed = (await crm.v1("GET", "deals/1/files")).json["data"]
    assert [item["id"] for item in listed] == [made["data"]["id"]]
    content = await crm.v1("GET", f"files/{made['data']['id']}/download")
    assert (content.body, content.headers["content-disposition"]) == (b"PDF", "attachment")


async def test_users_lists_and_fields(crm):
    users = (await crm.v1("GET", "users")).json["data"]
    assert [user["active_flag"] for user in users] == [True, True, True, False]
    assert "token" not in users[0]
    assert (await crm.v1("GET", "users/1")).status == 404
    types = (await crm.v1("GET", "activityTypes")).json["data"]
    assert types[0]["key_string"] == "call"
    assert "BRL" in {item["code"] for item in (await crm.v1("GET", "currencies")).json["data"]}
    fields = (await crm.v1("GET", "dealFields", limit=500)).json["data"]
    assert crm.code("deal", "Entrada") in {field["key"] for field in fields}
    gone = await crm.v1("GET", "dealFields/1")
    assert (gone.status, gone.json["error"]) == (410, "The field is not found")


async def test_the_records_that_api_v2_took_over(crm):
    sent = {"name": "Ana", "email": "a@x.example", "phone": ["11 91111-1111"], "org_id": "1", "unknown": "x"}
    person = await crm.v1("POST", "persons", sent)
    assert person.status == 201
    data = person.json["data"]
    assert (data["email"][0]["value"], data["org_id"]["value"]) == ("a@x.example", 1)
    form = urlencode({"title": "Do formulário", "value": "12.5", "person_id": data["id"], "user_id": ""})
    headers = {**crm.headers, "content-type": "application/x-www-form-urlencoded"}
    request = crm.running.client.post(f"{crm.base_url}/v1/deals").headers(headers).body_bytes(form.encode())
    deal = (await (await request.build().send()).json())["data"]
    assert (deal["value"], deal["person_id"]["name"], deal["status"]) == (12.5, "Ana", "open")
    await crm.v1("PUT", f"deals/{deal['id']}", {"status": "lost", "lost_reason": "Preço"})
    listed = (await crm.v1("GET", "deals", status="lost")).json["data"]
    assert deal["id"] in [item["id"] for item in listed]
    await crm.v1("DELETE", f"deals/{deal['id']}")
    assert (await crm.v1("GET", f"deals/{deal['id']}")).json["data"]["status"] == "deleted"
    await crm.control("quirks", {"v1_gone": True})
    assert (await crm.v1("GET", "deals")).status == 410
    assert (await crm.v1("GET", "notes")).status == 200, "what has no successor stays"
