"""Envelopes: drafted from templates with tabs, sent, opened, signed, declined, voided, expired."""

from __future__ import annotations

import io
import re
import zipfile

import pytest

CONTRACT = "Contrato de prestação de serviços"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z")


def client(**more):
    """A role of the contract with one tab of each kind."""
    return {
        "roleName": "Cliente",
        "name": "Ana Souza",
        "email": "ana@example.com",
        "tabs": {
            "textTabs": [{"tabLabel": "empresa", "value": "Acme"}, {"tabLabel": "unknown", "value": "x"}],
            "checkboxTabs": [{"tabLabel": "aceita_lgpd", "selected": "true"}],
            "listTabs": [{"tabLabel": "plano", "value": "Ouro"}],
            "radioGroupTabs": [{"groupName": "local", "radios": [{"value": "Solo", "selected": "true"}]}],
        },
        **more,
    }


def contract(ds, role=None, **more):
    body = {"templateId": ds.templates[CONTRACT], "templateRoles": [role or client()]}
    return {"status": "created", **body, **more}


def values(tabs):
    return {tab.get("tabLabel") or tab.get("groupName"): tab for rows in tabs.values() for tab in rows}


async def test_a_draft_of_a_template_has_its_people_tabs_and_documents(ds):
    made = await ds.good("POST", "/envelopes", contract(ds), 201)
    assert made.keys() == {"envelopeId", "status", "statusDateTime", "uri"}
    assert (made["status"], made["uri"]) == ("created", f"/envelopes/{made['envelopeId']}")
    assert TIME.fullmatch(made["statusDateTime"])
    whole = await ds.good("GET", f"{made['uri']}?include=recipients,tabs,documents,custom_fields")
    signers = whole["recipients"]["signers"]
    assert [(one["roleName"], one["name"], one["status"]) for one in signers] == [
        ("Cliente", "Ana Souza", "created"),
        ("Representante", "Júlia Prado", "created"),
    ]
    assert [one["name"] for one in whole["recipients"]["carbonCopies"]] == ["Lívia Campos"]
    assert (whole["recipients"]["recipientCount"], whole["recipients"]["currentRoutingOrder"]) == ("3", "1")
    tabs = values(signers[0]["tabs"])
    assert tabs["empresa"]["value"] == "Acme"
    assert "unknown" not in tabs
    assert tabs["aceita_lgpd"]["selected"] == "true"
    assert tabs["plano"]["value"] == "Ouro"
    assert [one["selected"] for one in tabs["local"]["radios"]] == ["false", "true"]
    assert whole["emailSubject"] == f"Assine: {CONTRACT}"
    assert whole["envelopeDocuments"][0]["name"] == f"{CONTRACT}.pdf"
    assert whole["customFields"]["textCustomFields"][0]["name"] == "Centro de custo"
    assert "sentDateTime" not in whole
    assert whole["sender"]["userName"] == "Júlia Prado"


async def test_each_draft_has_its_own_tabs(ds):
    first = await ds.sent(contract(ds))
    second = await ds.sent(contract(ds, client(tabs={})))
    path = f"/envelopes/{second}/recipients?include_tabs=true"
    tabs = values((await ds.good("GET", path))["signers"][0]["tabs"])
    assert (tabs["empresa"]["value"], tabs["aceita_lgpd"]["selected"]) == ("", "false")
    await ds.good("GET", f"/envelopes/{first}")


async def test_a_label_with_a_star_writes_all_that_begin_so(ds):
    role = client(tabs={"textTabs": [{"tabLabel": "\\*", "value": "same"}]})
    made = await ds.sent(contract(ds, role))
    path = f"/envelopes/{made}/recipients/1/tabs"
    assert {tab["value"] for tab in (await ds.good("GET", path))["textTabs"]} == {"same"}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"templateId": "00000000-0000-0000-0000-000000000000"}, "TEMPLATE_ID_INVALID"),
        ({"templateRoles": [{"roleName": "Nobody", "name": "A", "email": "a@x.example"}]}, None),
        ({"templateRoles": [client(email="no address")]}, "INVALID_EMAIL_ADDRESS_FOR_RECIPIENT"),
        ({"templateRoles": [client(tabs={"listTabs": [{"tabLabel": "plano", "value": "Lata"}]})]}, None),
        ({"templateRoles": [client(tabs={"textTabs": [{"tabLabel": "cnpj", "value": "x" * 4001}]})]}, None),
        ({"templateRoles": [client(tabs={"wordTabs": []})]}, "INVALID_REQUEST_BODY"),
        ({"emailSubject": "x" * 101}, None),
        ({"status": "completed"}, None),
        ({"documents": [{"documentId": "9", "documentBase64": "!"}]}, "INVALID_REQUEST_BODY"),
        ({"customFields": {"textCustomFields": [{"value": "no name"}]}}, None),
        ({"eventNotification": {"url": "http://far.example/"}}, None),
    ],
)
async def test_what_cannot_be_drafted(ds, change, code):
    status = 404 if code == "TEMPLATE_ID_INVALID" else 400
    refused = await ds.refused("POST", "/envelopes", {**contract(ds), **change}, status)
    assert refused == (code or "INVALID_REQUEST_PARAMETER")
    assert (await ds.control("counts"))["envelopes"] == 0


async def test_custom_fields_that_are_sent_stand_in_place_of_the_accounts_own(ds):
    rows = [{"name": "hub_record_id", "value": "1" * 120, "show": "false"}]
    made = await ds.sent(contract(ds, customFields={"textCustomFields": rows}))
    fields = (await ds.good("GET", f"/envelopes/{made}/custom_fields"))["textCustomFields"]
    assert [(one["name"], one["value"], one["show"]) for one in fields] == [
        ("hub_record_id", "1" * 100, "false")
    ]
    sent = {"textCustomFields": [{"name": "hub_record_id", "value": "2"}, {"name": "other", "value": "3"}]}
    added = await ds.good("POST", f"/envelopes/{made}/custom_fields", sent, 201)
    assert [one["value"] for one in added["textCustomFields"]] == ["2", "3"]
    gone = {"textCustomFields": [{"fieldId": added["textCustomFields"][0]["fieldId"]}]}
    left = await ds.good("DELETE", f"/envelopes/{made}/custom_fields", gone)
    assert [one["name"] for one in left["textCustomFields"]] == ["other"]


async def test_the_whole_way_of_an_envelope_with_an_order(ds):
    made = await ds.sent(ds.own(1, 2))
    whole = await ds.good("GET", f"/envelopes/{made}?include=recipients")
    assert [one["status"] for one in whole["recipients"]["signers"]] == ["sent", "created"]
    answer = await ds.call("POST", f"/_control/envelopes/{made}/sign", {"recipient": "p2@example.com"})
    assert answer.status == 400  # it is not their turn
    opened = await ds.act(made, "open", "p1@example.com")
    assert opened["status"] == "delivered"
    signed = await ds.act(made, "sign", "p1@example.com")
    assert signed["status"] == "delivered"
    assert [one["status"] for one in signed["recipients"]["signers"]] == ["completed", "sent"]
    assert signed["recipients"]["currentRoutingOrder"] == "2"
    done = await ds.act(made, "sign", "p2@example.com")
    assert done["status"] == "completed"
    times = [done[f"{key}DateTime"] for key in ("created", "sent", "delivered", "completed")]
    assert times == sorted(times)
    assert all(TIME.fullmatch(time) for time in times)
    assert await ds.refused("PUT", f"/envelopes/{made}", {"status": "voided", "voidedReason": "late"}) == (
        "ENVELOPE_CANNOT_VOID_INVALID_STATE"
    )


async def test_who_must_have_looked_can_be_all(ds):
    await ds.control("quirks", {"delivered_when": "all"})
    made = await ds.sent(ds.own(1, 2))
    assert (await ds.act(made, "open", "1"))["status"] == "sent"


async def test_signing_fills_the_tabs(ds):
    made = await ds.sent(contract(ds, status="sent"))
    said = {"empresa": "Acme Ltda", "aceita_lgpd": "false", "local": "Telhado"}
    done = await ds.act(made, "sign", "ana@example.com", values=said)
    tabs = values(done["recipients"]["signers"][0]["tabs"])
    assert (tabs["empresa"]["value"], tabs["nome_1"]["value"]) == ("Acme Ltda", "Ana Souza")
    assert tabs["email"]["value"] == "ana@example.com"
    assert tabs["assinatura_1"]["status"] == "signed"
    data = await ds.good("GET", f"/envelopes/{made}/form_data")
    items = {item["name"]: item["value"] for item in data["recipientFormData"][0]["formData"]}
    assert (items["empresa"], items["local"], items["aceita_lgpd"]) == ("Acme Ltda", "Telhado", "")
    assert data["recipientFormData"][0]["SignedTime"]
    await ds.control("quirks", {"form_data": False})
    assert await ds.refused("GET", f"/envelopes/{made}/form_data", status=403) == "ACCOUNT_LACKS_PERMISSIONS"


async def test_declining_ends_it_and_only_one_has_declined(ds):
    made = await ds.sent(ds.own(1, 1, 2))
    done = await ds.act(made, "decline", "p2@example.com", reason="too dear")
    assert done["status"] == "declined"
    rows = done["recipients"]["signers"]
    assert [one["status"] for one in rows] == ["sent", "declined", "created"]
    assert rows[1]["declinedReason"] == "too dear"
    assert rows[1]["declinedDateTime"] == done["declinedDateTime"]


async def test_a_draft_is_sent_and_voided(ds):
    made = await ds.sent(ds.own(1, status="created"))
    void = {"status": "voided", "voidedReason": "x"}
    assert await ds.refused("PUT", f"/envelopes/{made}", void) == "ENVELOPE_CANNOT_VOID_INVALID_STATE"
    await ds.good("PUT", f"/envelopes/{made}", {"emailSubject": "Novo", "status": "sent"})
    assert await ds.refused("PUT", f"/envelopes/{made}", {"status": "sent"}) == "ENVELOPE_INVALID_STATUS"
    assert await ds.refused("PUT", f"/envelopes/{made}", {"status": "voided"}) == "INVALID_REQUEST_BODY"
    assert await ds.good("PUT", f"/envelopes/{made}", void) == {"envelopeId": made}
    whole = await ds.good("GET", f"/envelopes/{made}")
    assert (whole["status"], whole["voidedReason"], whole["emailSubject"]) == ("voided", "x", "Novo")


async def test_a_draft_with_an_empty_role_cannot_be_sent(ds):
    made = await ds.sent(contract(ds, templateRoles=[]))
    assert await ds.refused("PUT", f"/envelopes/{made}", {"status": "sent"}) == "ENVELOPE_IS_INCOMPLETE"
    await ds.refused("POST", "/envelopes", {"status": "sent", "emailSubject": "Nothing"})
    assert (await ds.control("counts"))["by_status"] == {"created": 1}


async def test_what_nobody_finishes_expires_as_voided(ds):
    ends = {"expirations": {"expireEnabled": "true", "expireAfter": "5", "expireWarn": "0"}}
    made = await ds.sent(ds.own(1, notification=ends))
    usual = await ds.sent(ds.own(1))
    await ds.advance(days=6)
    whole = await ds.good("GET", f"/envelopes/{made}")
    assert (whole["status"], whole["voidedReason"]) == ("voided", "Envelope has expired.")
    assert (await ds.good("GET", f"/envelopes/{usual}"))["status"] == "sent"
    await ds.advance(days=115)
    assert (await ds.good("GET", f"/envelopes/{usual}"))["status"] == "voided"


async def test_a_lost_answer_is_found_by_the_transaction_for_seven_days(ds):
    made = await ds.sent(ds.own(1, status="created", transactionId="t-1"))
    found = await ds.good("GET", "/envelopes?transaction_ids=t-1,t-2")
    status = {"transactionId": "t-1", "envelopeId": made, "status": "created"}
    assert found["envelopeTransactionStatuses"] == [status]
    assert "envelopes" not in found
    again = await ds.sent(ds.own(1, status="created", transactionId="t-1"))
    assert again != made
    twins = await ds.control("duplicates")
    assert twins == [{"by": "transactionId", "value": "t-1", "envelopes": [made, again]}]
    await ds.control("quirks", {"same_transaction": "refuse", "unknown_transaction": "error"})
    await ds.refused("POST", "/envelopes", ds.own(1, transactionId="t-1"))
    await ds.advance(days=8)
    late = await ds.good("GET", "/envelopes?transaction_ids=t-1")
    assert late["envelopeTransactionStatuses"][0]["errorDetails"]["errorCode"] == "TRANSACTION_ID_NOT_FOUND"


async def test_composite_templates_take_roles_fields_and_documents(ds):
    inline = {
        "sequence": "2",
        "recipients": {"signers": [{"recipientId": "1", **client()}]},
        "customFields": {"textCustomFields": [{"name": "hub", "value": "1"}]},
    }
    composite = {
        "serverTemplates": [{"sequence": "1", "templateId": ds.templates[CONTRACT]}],
        "inlineTemplates": [inline],
    }
    body = {
        "status": "sent",
        "compositeTemplates": [composite],
        "customFields": {"textCustomFields": [{"name": "ignored", "value": "1"}]},
    }
    made = await ds.sent(body)
    whole = await ds.good("GET", f"/envelopes/{made}?include=recipients,tabs,custom_fields")
    assert values(whole["recipients"]["signers"][0]["tabs"])["empresa"]["value"] == "Acme"
    assert [one["name"] for one in whole["customFields"]["textCustomFields"]] == ["hub"]


async def test_the_senders_tabs_are_written_after_the_draft(ds):
    template = ds.templates[CONTRACT]
    offered = await ds.good("GET", f"/templates/{template}/documents/1/tabs")
    assert [tab["tabLabel"] for tab in offered["prefillTabs"]["textTabs"]] == ["numero_do_contrato"]
    made = await ds.sent(contract(ds))
    path = f"/envelopes/{made}/documents/1/tabs"
    sent = {"prefillTabs": {"textTabs": [{"tabLabel": "numero_do_contrato", "value": "77"}]}}
    wrote = await ds.good("POST", path, sent, 201)
    assert wrote["prefillTabs"]["textTabs"][0]["value"] == "77"
    wrote["prefillTabs"]["textTabs"][0]["value"] = "78"
    await ds.good("PUT", path, wrote)
    assert (await ds.good("GET", path))["prefillTabs"]["textTabs"][0]["value"] == "78"
    await ds.refused("POST", path, {"prefillTabs": {"textTabs": [{"tabLabel": "none", "value": "1"}]}})


async def test_documents_are_files(ds):
    made = await ds.sent(contract(ds, status="sent"))
    rows = (await ds.good("GET", f"/envelopes/{made}/documents"))["envelopeDocuments"]
    assert [one["documentId"] for one in rows] == ["1", "certificate"]
    for key in ("1", "combined", "certificate", "portfolio"):
        answer = await ds.api("GET", f"/envelopes/{made}/documents/{key}")
        assert answer.headers["content-type"] == "application/pdf"
        assert answer.body.startswith(b"%PDF-1.4")
        assert answer.body.rstrip().endswith(b"%%EOF")
    assert b"empresa: Acme" in (await ds.api("GET", f"/envelopes/{made}/documents/1")).body
    packed = await ds.api("GET", f"/envelopes/{made}/documents/archive")
    assert len(zipfile.ZipFile(io.BytesIO(packed.body)).namelist()) == 2
    assert await ds.refused("GET", f"/envelopes/{made}/documents/9", status=404) == "DOCUMENT_DOES_NOT_EXIST"
    own = await ds.sent(ds.own(1))
    assert (await ds.api("GET", f"/envelopes/{own}/documents/1")).body == b"%PDF-1.4 small"


async def test_recipients_are_corrected_added_and_told_apart(ds):
    made = await ds.sent(ds.own(1, 2))
    path = f"/envelopes/{made}/recipients"
    change = {
        "signers": [{"recipientId": "1", "email": "new@example.com"}, {"recipientId": "7", "name": "x"}]
    }
    told = (await ds.good("PUT", path, change))["recipientUpdateResults"]
    assert [one["errorDetails"]["errorCode"] for one in told] == ["SUCCESS", "UNKNOWN_ENVELOPE_RECIPIENT"]
    new = {"carbonCopies": [{"recipientId": "3", "name": "C", "email": "c@x.example", "routingOrder": "9"}]}
    assert (await ds.good("POST", path, new, 201))["recipientCount"] == "1"
    whole = await ds.good("GET", path)
    assert (whole["signers"][0]["email"], whole["recipientCount"]) == ("new@example.com", "3")
    done = await ds.act(made, "sign_all")
    assert done["status"] == "completed"


async def test_odd_people_of_older_envelopes(ds):
    people = [
        {"recipientId": "1", "name": "", "email": "x@example.com"},
        {"recipientId": "2", "name": "Ana", "phoneNumber": {"countryCode": "55", "number": "11987654321"}},
    ]
    body = ds.own(status="sent", recipients={"signers": people})
    assert await ds.refused("POST", "/envelopes", body) == "ENVELOPE_IS_INCOMPLETE"
    made = await ds.control("envelopes", {**body, "odd": True})
    rows = made["recipients"]["signers"]
    assert [(one["name"], one["email"]) for one in rows] == [("", "x@example.com"), ("Ana", "")]
    assert rows[1]["deliveryMethod"] == "SMS"


async def test_embedded_signers_and_addresses_that_work_once(ds):
    person = {"recipientId": "1", "name": "Ana", "email": "ana@example.com", "clientUserId": "u1"}
    made = await ds.sent(ds.own(recipients={"signers": [person]}))
    asked = {
        "email": "ana@example.com",
        "userName": "Ana",
        "clientUserId": "u1",
        "returnUrl": "https://b.example/",
    }
    url = (await ds.good("POST", f"/envelopes/{made}/views/recipient", asked, 201))["url"]
    first = await ds.call("GET", url.removeprefix(ds.base_url))
    assert first.status == 303
    assert "https://b.example/" in (await ds.call("GET", first.headers["location"])).text
    assert (await ds.good("GET", f"/envelopes/{made}"))["status"] == "delivered"
    assert (await ds.call("GET", url.removeprefix(ds.base_url))).status == 410
    wrong = {**asked, "clientUserId": "u2"}
    code = await ds.refused("POST", f"/envelopes/{made}/views/recipient", wrong)
    assert code == "UNKNOWN_ENVELOPE_RECIPIENT"
    draft = await ds.sent(ds.own(1, status="created"))
    url = (await ds.good("POST", f"/envelopes/{draft}/views/sender", {"returnUrl": ""}, 201))["url"]
    assert (await ds.call("GET", url.removeprefix(ds.base_url))).status == 303


async def test_a_draft_is_thrown_away(ds):
    made = await ds.sent(ds.own(1, status="created"))
    await ds.good("PUT", "/folders/recyclebin", {"envelopeIds": [made]})
    assert (await ds.good("GET", f"/envelopes/{made}"))["status"] == "deleted"
    sent = await ds.sent(ds.own(1))
    await ds.refused("PUT", "/folders/recyclebin", {"envelopeIds": [sent]})


async def test_who_may_see_what(ds):
    made = await ds.sent(ds.own(1))
    back = await ds.consent(user=ds.simulator.account.users[1]["userId"])
    token = (await ds.token(grant_type="authorization_code", code=back["code"])).json["access_token"]
    answer = await ds.api("GET", f"/envelopes/{made}", token=token)
    assert (answer.status, answer.json["errorCode"]) == (403, "USER_NOT_ENVELOPE_SENDER_OR_RECIPIENT")
    answer = await ds.api("GET", "/connect", token=token)
    assert (answer.status, answer.json["errorCode"]) == (403, "USER_NOT_ACCOUNT_ADMIN")
    answer = await ds.api("GET", "", token=token, account=ds.second_id)
    assert answer.json["errorCode"] == "USER_DOES_NOT_BELONG_TO_SPECIFIED_ACCOUNT"
    assert await ds.refused("GET", "/envelopes/nothing", status=404) == "ENVELOPE_DOES_NOT_EXIST"
    assert await ds.refused("GET", "/nothing", status=404) == "RESOURCE_NOT_FOUND"


async def test_history_and_notification(ds):
    made = await ds.sent(ds.own(1))
    await ds.act(made, "sign", "1")
    rows = (await ds.good("GET", f"/envelopes/{made}/audit_events"))["auditEvents"]
    actions = [{item["name"]: item["value"] for item in row["eventFields"]}["Action"] for row in rows]
    assert actions == ["Registered", "Sent Invitations", "Viewed", "Signed", "Completed"]
    told = await ds.good("GET", f"/envelopes/{made}/notification")
    assert told["expirations"]["expireAfter"] == "120"


async def test_templates_are_searched_and_read(ds):
    rows = await ds.good("GET", "/templates?search_text=contrato&order_by=name&count=10")
    assert [one["name"] for one in rows["envelopeTemplates"]] == [CONTRACT]
    page = await ds.good("GET", "/templates?count=2")
    assert (page["resultSetSize"], page["totalSetSize"], page["endPosition"]) == ("2", "3", "1")
    assert page["nextUri"] == "/templates?count=2&start_position=2"
    await ds.refused("GET", f"/templates?search_text={'x' * 49}")
    template = ds.templates[CONTRACT]
    roles = await ds.good("GET", f"/templates/{template}/recipients?include_tabs=true")
    labels = values(roles["signers"][0]["tabs"])
    assert {"empresa", "plano", "local", "aceita_lgpd"} <= set(labels)
    one = f"/templates/{template}/recipients/{roles['signers'][0]['recipientId']}/tabs"
    own = await ds.good("GET", one)
    assert own == {kind: rows for kind, rows in roles["signers"][0]["tabs"].items() if rows}
    other = f"/templates/{template}/recipients/{roles['carbonCopies'][0]['recipientId']}/tabs"
    assert await ds.good("GET", other) == {}
    unknown = await ds.refused("GET", f"/templates/{template}/recipients/99/tabs")
    assert unknown == "UNKNOWN_ENVELOPE_RECIPIENT"
    assert "tabs" not in (await ds.good("GET", f"/templates/{template}/recipients"))["signers"][0]
    await ds.control(f"templates/{template}", {"drop_tab": "plano", "drop_role": "Arquivo"})
    roles = await ds.good("GET", f"/templates/{template}/recipients?include_tabs=true")
    assert "plano" not in values(roles["signers"][0]["tabs"])
    assert "plano" not in values(await ds.good("GET", one))
    assert roles["carbonCopies"] == []
    await ds.control(f"templates/{template}", {"delete": True})
    assert await ds.refused("GET", f"/templates/{template}", status=404) == "TEMPLATE_ID_INVALID"


async def test_big_documents_come_as_files_of_that_size(ds):
    await ds.control("quirks", {"document_bytes": 300_000})
    made = await ds.sent(ds.own(1))
    assert len((await ds.api("GET", f"/envelopes/{made}/documents/1")).body) >= 300_000
