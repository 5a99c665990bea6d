"""Signing, refusing, closing and the deadline, as a webhook's receiver sees them."""

from __future__ import annotations

import asyncio
import hashlib
import hmac

import orjson

from vaivem.simulators.clicksign.notifier import sign_body


def events_of(got):
    return [orjson.loads(body)["event"]["name"] for _, body in got]


def test_the_computed_signature_vector():
    expected = "sha256=51eff0cd0c23d0c87ebfe09f54480dca7383b29d1651e930077b871326c5efe3"
    assert sign_body("9269a619d4688ac7", b'{"event":{"name":"sign"}}') == expected


async def test_sign_then_auto_close_then_document_closed(clicksign, sender, receiver):
    hook = await sender.webhook(receiver.url, "sign", "auto_close", "document_closed")
    made = await sender.running()
    document = made["documents"][0]
    metadata = {"deal": "42"}
    own = f"/envelopes/{made['envelope']}/documents/{document}"
    await sender.patch(own, "documents", document, {"metadata": metadata})
    answer = await clicksign.call("POST", "/_control/sign", {"document": document})
    assert answer.json["signed"] == [
        {"envelope": made["envelope"], "document": document, "signer": made["signers"][0]}
    ]
    got = await receiver.wait(3)
    by_event = {headers["event"]: (headers, body) for headers, body in got}
    assert events_of(got)[-1] == "document_closed", "the file is ready a moment later"
    for headers, body in got:
        expected = hmac.new(hook["attributes"]["secret"].encode(), body, hashlib.sha256).hexdigest()
        assert headers["content-hmac"] == f"sha256={expected}"
        assert headers["content-type"] == "application/json"
    signed = orjson.loads(by_event["sign"][1])
    assert signed["event"]["data"]["signer"]["email"] == "p0@cliente.example"
    assert signed["event"]["data"]["signer"]["sign_as"] == "sign"
    assert signed["document"]["key"] == document
    assert signed["document"]["metadata"] == metadata
    assert signed["document"]["status"] == "running"
    assert orjson.loads(by_event["auto_close"][1])["event"]["data"] is None
    closed = orjson.loads(by_event["document_closed"][1])["document"]
    assert closed["status"] == "closed"
    assert {"original_file_url", "signed_file_url", "ziped_file_url"} <= set(closed["downloads"])
    envelope = (await clicksign.call("GET", f"/api/v3/envelopes/{made['envelope']}")).json["data"]
    assert envelope["attributes"]["status"] == "closed"


async def test_one_document_closed_for_each_document(clicksign, sender, receiver):
    await sender.webhook(receiver.url, "document_closed")
    made = await sender.running(documents=3, signers=2)
    first = await clicksign.call(
        "POST", "/_control/sign", {"envelope": made["envelope"], "signer": made["signers"][0]}
    )
    assert len(first.json["signed"]) == 3
    await clicksign.call("POST", "/_control/sign", {"envelope": made["envelope"], "all": True})
    got = await receiver.wait(3)
    assert {orjson.loads(body)["document"]["key"] for _, body in got} == set(made["documents"])


async def test_groups_sign_in_order_and_the_next_is_told(clicksign, sender):
    envelope = await sender.envelope()
    document = await sender.document(envelope)
    people = [await sender.signer(envelope, email=f"g{n}@cliente.example", group=n) for n in (1, 2)]
    for signer in people:
        await sender.require(envelope, document, signer, action="agree", role="sign")
        await sender.require(envelope, document, signer, action="provide_evidence", auth="email")
    await sender.patch(f"/envelopes/{envelope}", "envelopes", envelope, {"status": "running"})
    told = await sender.post(f"/envelopes/{envelope}/notifications", "notifications", {})
    assert [s["notified"] for s in told.json["data"]["attributes"]["summary"]] == [True, False]
    early = await clicksign.call("POST", "/_control/sign", {"document": document, "signer": people[1]})
    assert early.status == 409
    await clicksign.call("POST", "/_control/sign", {"document": document, "signer": people[0]})
    mails = (await clicksign.call("GET", "/_control/state")).json["tables"]["mails"]
    assert [mail["to"] for mail in mails] == ["g1@cliente.example", "g2@cliente.example"]
    gone = await clicksign.call("DELETE", f"/api/v3/envelopes/{envelope}/signers/{people[0]}")
    assert gone.json["errors"][0]["detail"] == "Já assinou um documento. Não pode ser excluído"


async def test_refusal_pauses_where_asked(clicksign, sender, receiver):
    await sender.webhook(receiver.url, "refusal")
    made = await sender.running(signers=2, block_after_refusal=True)
    body = {"document": made["documents"][0], "signer": made["signers"][0], "comment": "Valor errado"}
    await clicksign.call("POST", "/_control/refuse", body)
    event = orjson.loads((await receiver.wait(1))[0][1])["event"]
    assert event["data"]["refusal"] == {"reasons": ["Outros"], "comment": "Valor errado"}
    assert event["data"]["signer"]["sign_as"] == ["sign"], "a list here, a text in sign"
    assert (await clicksign.call("POST", "/_control/sign", {"envelope": made["envelope"]})).status == 409


async def test_cancel_and_close_by_hand(clicksign, sender, receiver):
    await sender.webhook(receiver.url, "cancel", "close", "document_closed")
    made = await sender.running(documents=2)
    first, second = made["documents"]
    own = f"/envelopes/{made['envelope']}/documents"
    assert (await sender.patch(f"{own}/{first}", "documents", first, {"status": "canceled"})).status == 200
    twice = await sender.patch(f"{own}/{first}", "documents", first, {"status": "canceled"})
    assert twice.json["errors"][0]["detail"] == "status - documento não pode ser cancelado"
    assert (await sender.patch(f"{own}/{second}", "documents", second, {"status": "closed"})).status == 200
    got = await receiver.wait(3)
    assert sorted(events_of(got)) == ["cancel", "close", "document_closed"]
    assert orjson.loads(got[0][1])["event"]["data"]["user"]["email"]


async def test_deadline_closes_the_partly_signed_and_cancels_the_rest(clicksign, sender, receiver):
    await sender.webhook(receiver.url, "deadline")
    partly, untouched = await sender.running(signers=2), await sender.running()
    await clicksign.call(
        "POST", "/_control/sign", {"envelope": partly["envelope"], "signer": partly["signers"][0]}
    )
    await clicksign.call("POST", "/_control/clock", {"advance_seconds": 31 * 86400})
    got = await receiver.wait(2)
    assert events_of(got) == ["deadline", "deadline"]
    assert "reached_at" in orjson.loads(got[0][1])["event"]["data"]
    statuses = []
    for made in (partly, untouched):
        answer = await clicksign.call("GET", f"/api/v3/envelopes/{made['envelope']}")
        statuses.append(answer.json["data"]["attributes"]["status"])
    assert statuses == ["closed", "canceled"]


async def test_failed_deliveries_are_repeated_with_the_same_bytes(clicksign, sender, receiver):
    await clicksign.call("POST", "/_control/webhooks/schedule", {"delays_seconds": [0.05, 0.05]})
    await sender.webhook(receiver.url, "sign")
    receiver.statuses = [500, 302]
    made = await sender.running()
    await clicksign.call("POST", "/_control/sign", {"envelope": made["envelope"]})
    got = await receiver.wait(3)
    assert len({body for _, body in got}) == 1
    assert len({headers["content-hmac"] for headers, _ in got}) == 1
    await asyncio.sleep(0.02)
    delivery = (await clicksign.call("GET", "/_control/deliveries")).json[0]
    assert [t["status"] for t in delivery["tries"]] == [500, 302, 200]
    assert delivery["state"] == "delivered"


async def test_webhook_faults(clicksign, sender, receiver):
    await sender.webhook(receiver.url, "sign")
    await clicksign.call("POST", "/_control/faults", {"p_webhook_double": 1})
    made = await sender.running()
    await clicksign.call("POST", "/_control/sign", {"envelope": made["envelope"]})
    got = await receiver.wait(2)
    assert got[0][1] == got[1][1]
    await clicksign.call("POST", "/_control/faults", {"p_webhook_double": 0, "p_webhook_missing": 1})
    made = await sender.running()
    await clicksign.call("POST", "/_control/sign", {"envelope": made["envelope"]})
    dropped = (await clicksign.call("GET", "/_control/deliveries?state=dropped")).json
    assert len(dropped) == 1


async def test_files_need_a_fresh_address(clicksign, sender):
    made = await sender.running()
    await clicksign.call("POST", "/_control/sign", {"envelope": made["envelope"]})
    await asyncio.sleep(0.4)
    own = f"/api/v3/envelopes/{made['envelope']}/documents/{made['documents'][0]}"
    files = (await clicksign.call("GET", own)).json["data"]["links"]["files"]
    paths = {kind: address.removeprefix(clicksign.base_url) for kind, address in files.items()}
    assert (await clicksign.call("GET", paths["original"])).text == "Olá"
    signed = await clicksign.call("GET", paths["signed"])
    assert signed.body.startswith(b"%PDF-")
    assert b"p0@cliente.example" in signed.body
    assert (await clicksign.call("GET", paths["ziped"])).body.startswith(b"PK")
    forged = paths["signed"].replace("/signed/", "/ziped/")
    assert (await clicksign.call("GET", forged)).status == 403
    await clicksign.call("POST", "/_control/clock", {"advance_seconds": 400})
    assert (await clicksign.call("GET", paths["signed"])).status == 403


async def test_many_signatures_at_once(clicksign, sender, receiver):
    await sender.webhook(receiver.url, "sign", "document_closed")
    answer = await clicksign.call("POST", "/_control/signatures/bulk", {"count": 300, "distinct_people": 100})
    assert len(set(answer.json["documents"])) == 300
    got = await receiver.wait(600, 60)
    signed = [orjson.loads(body) for headers, body in got if headers["event"] == "sign"]
    assert len({s["document"]["key"] for s in signed}) == 300
    assert len({s["event"]["data"]["signer"]["email"] for s in signed}) == 100
    counts = (await clicksign.call("GET", "/_control/deliveries/counts")).json
    assert counts["failed"] == 0
