"""The documented way from a draft to a sent envelope, and every rule on that way."""

from __future__ import annotations

import pytest


async def test_standard_send_and_what_each_step_answers(clicksign, sender):
    envelope = await sender.envelope(remind_interval=None)
    shown = (await clicksign.call("GET", f"/api/v3/envelopes/{envelope}")).json["data"]
    assert shown["type"] == "envelopes"
    assert shown["attributes"]["status"] == "draft"
    assert shown["attributes"]["remind_interval"] is None
    assert shown["attributes"]["created"].endswith("-03:00")
    assert set(shown["relationships"]) == {"documents", "signers", "requirements"}

    document = await sender.document(envelope, metadata={"envelope_id": envelope, "n": 1})
    shown = (await clicksign.call("GET", f"/api/v3/envelopes/{envelope}/documents/{document}")).json["data"]
    assert shown["attributes"]["metadata"] == {"envelope_id": envelope, "n": 1}
    assert set(shown["links"]["files"]) == {"original"}

    signer = await sender.signer(envelope)
    agree = await sender.require(envelope, document, signer, action="agree", role="sign")
    assert agree.json["data"]["attributes"]["role"] == "sign"
    await sender.require(envelope, document, signer, action="provide_evidence", auth="email")

    answer = await sender.patch(f"/envelopes/{envelope}", "envelopes", envelope, {"status": "running"})
    assert answer.json["data"]["attributes"]["status"] == "running"
    assert (await clicksign.call("GET", "/_control/counts")).json["mails"] == 0, "activation tells nobody"

    told = await sender.post(f"/envelopes/{envelope}/notifications", "notifications", {"message": "Assine"})
    assert told.status == 200
    assert told.json["data"]["attributes"]["summary"] == [{"signer_id": signer, "notified": True}]
    assert (await clicksign.call("GET", "/_control/counts")).json["mails"] == 1


async def test_activation_names_every_missing_requirement(sender):
    envelope = await sender.envelope()
    answer = await sender.patch(f"/envelopes/{envelope}", "envelopes", envelope, {"status": "running"})
    assert answer.status == 422
    assert len(answer.json["errors"]) == 2, "no document and no signer"
    document, signer = await sender.document(envelope), await sender.signer(envelope)
    await sender.require(envelope, document, signer, action="agree", role="sign")
    answer = await sender.patch(f"/envelopes/{envelope}", "envelopes", envelope, {"status": "running"})
    assert ["autenticação" in e["detail"] for e in answer.json["errors"]] == [True]


@pytest.mark.parametrize(
    ("given", "attribute"),
    [
        ({"name": "Ana"}, "name"),
        ({"name": "Posto 24 Horas"}, "name"),
        ({"documentation": "123.456.789-10"}, "documentation"),
        ({"documentation": "111.111.111-11"}, "documentation"),
        ({"phone_number": "+5511987654321"}, "phone_number"),
        ({"email": "ana@"}, "email"),
        ({"birthday": "31/12/1990"}, "birthday"),
        ({"has_documentation": False, "birthday": "1990-12-31"}, "birthday"),
        ({"email": None}, "email"),
        ({"communicate_events": {"signature_request": "sms"}}, "phone_number"),
    ],
)
async def test_signer_rules(sender, given, attribute):
    envelope = await sender.envelope()
    person = {"name": "Ana Souza", "email": "ana@cliente.example", **given}
    answer = await sender.post(f"/envelopes/{envelope}/signers", "signers", person)
    assert answer.status == 422
    pointers = {error["source"]["pointer"] for error in answer.json["errors"]}
    assert f"/data/attributes/{attribute}" in pointers
    assert {error["status"] for error in answer.json["errors"]} == {"422"}, "model errors have a text"


async def test_valid_cpf_and_phone_are_taken(sender):
    envelope = await sender.envelope()
    await sender.signer(
        envelope, documentation="529.982.247-25", phone_number="11987654321", birthday="1984-02-03"
    )


async def test_requirement_rules(sender):
    envelope = await sender.envelope()
    document, signer = await sender.document(envelope), await sender.signer(envelope)
    assert (await sender.require(envelope, document, signer, action="agree", role="sign")).status == 201
    again = await sender.require(envelope, document, signer, action="agree", role="witness")
    assert (again.status, again.json["errors"][0]["detail"]) == (422, "action - já está em uso")
    assert (
        await sender.require(envelope, document, signer, action="provide_evidence", auth="email")
    ).status == 201
    second_token = await sender.require(
        envelope, document, signer, action="provide_evidence", auth="whatsapp"
    )
    assert second_token.status == 422
    pix = await sender.require(envelope, document, signer, action="provide_evidence", auth="pix")
    assert "documentation" in pix.json["errors"][0]["detail"]
    alone = await sender.require(envelope, document, signer, action="provide_evidence", auth="auto_signature")
    assert alone.status == 422
    unknown = await sender.require(envelope, document, signer, action="agree", role="king")
    assert (unknown.status, unknown.json["errors"][0]["status"]) == (400, 400), "gate errors have a number"
    rubric = await sender.require(envelope, document, signer, action="rubricate")
    assert "pages" in rubric.json["errors"][0]["detail"]


async def test_bulk_answers_200_with_failed_slots(clicksign, sender):
    envelope = await sender.envelope()
    document, signer = await sender.document(envelope), await sender.signer(envelope)
    linked = {
        "document": {"data": {"type": "documents", "id": document}},
        "signer": {"data": {"type": "signers", "id": signer}},
    }
    agree = {
        "type": "requirements",
        "attributes": {"action": "agree", "role": "sign"},
        "relationships": linked,
    }
    body = {"atomic:operations": [{"op": "add", "data": agree}, {"op": "add", "data": agree}]}
    answer = await clicksign.call("POST", f"/api/v3/envelopes/{envelope}/bulk_requirements", body)
    assert answer.status == 200
    first, second = answer.json["atomic:results"]
    assert second["errors"][0]["detail"] == "action - já está em uso"
    remove = {"op": "remove", "ref": {"type": "requirements", "id": first["data"]["id"]}}
    body = {"atomic:operations": [remove, {"op": "add", "data": agree}]}
    answer = await clicksign.call("POST", f"/api/v3/envelopes/{envelope}/bulk_requirements", body)
    assert ["errors" in result for result in answer.json["atomic:results"]] == [False, False]


async def test_document_sources_and_sizes(sender):
    envelope = await sender.envelope()
    path = f"/envelopes/{envelope}/documents"
    nothing = await sender.post(path, "documents", {"filename": "a.pdf"})
    assert (nothing.status, len(nothing.json["errors"])) == (422, 2)
    video = await sender.post(
        path, "documents", {"filename": "a.mp4", "content_base64": "data:video/mp4;base64,AA=="}
    )
    assert video.status == 422
    plain = await sender.post(path, "documents", {"filename": "a.txt", "content_base64": "T2k="})
    assert plain.status == 400
    template = {"key": "0b7e4f6c-3f1d-4c58-9b5e-7c1a2d3e4f50", "data": {"nome": "Ana"}}
    wrong_name = await sender.post(path, "documents", {"filename": "a.pdf", "template": template})
    assert wrong_name.status == 422
    right = await sender.post(path, "documents", {"filename": "a.docx", "template": template})
    assert right.json["data"]["attributes"]["template"] == template


async def test_deadline_bounds_and_locale(sender):
    past = await sender.post("/envelopes", "envelopes", {"name": "a", "deadline_at": "2020-01-01T00:00:00"})
    assert past.status == 422
    assert past.json["errors"][0]["detail"].startswith("deadline_at - deve ser maior ou igual a ")
    far = await sender.post(
        "/envelopes", "envelopes", {"name": "a", "deadline_at": "2199-01-01T00:00:00-03:00"}
    )
    assert far.status == 422
    locale = await sender.post("/envelopes", "envelopes", {"name": "a", "locale": "fr-FR"})
    assert locale.json == {
        "errors": [
            {
                "code": "bad_request",
                "status": 400,
                "source": {"pointer": "/data/attributes/locale"},
                "detail": "locale deve estar em: pt-BR, en-US",
            }
        ]
    }


async def test_what_only_a_draft_allows(clicksign, sender):
    made = await sender.running()
    own = f"/api/v3/envelopes/{made['envelope']}"
    assert (await clicksign.call("DELETE", own)).json["errors"][0][
        "detail"
    ] == "envelope não está com status draft"
    assert (await clicksign.call("DELETE", f"{own}/documents/{made['documents'][0]}")).status == 403
    back = await sender.patch(
        f"/envelopes/{made['envelope']}", "envelopes", made["envelope"], {"status": "draft"}
    )
    assert back.status == 422
    again = await sender.patch(
        f"/envelopes/{made['envelope']}", "envelopes", made["envelope"], {"status": "running"}
    )
    assert again.status == 422
    draft = await sender.envelope()
    assert (await clicksign.call("DELETE", f"/api/v3/envelopes/{draft}")).status == 204
    gone = await clicksign.call("GET", f"/api/v3/envelopes/{draft}")
    assert gone.status == 404
    assert gone.json["errors"][0]["detail"] == f"O registro identificado por {draft} não pôde ser encontrado"


async def test_patch_needs_its_own_id_and_type(clicksign, sender):
    envelope = await sender.envelope()
    wrong = await sender.patch(f"/envelopes/{envelope}", "envelopes", "other", {"locale": "en-US"})
    assert wrong.status == 400
    wrong = await sender.patch(f"/envelopes/{envelope}", "documents", envelope, {"locale": "en-US"})
    assert wrong.json["errors"][0]["detail"] == "type deve ser igual a envelopes"
    unknown = await sender.patch(f"/envelopes/{envelope}", "envelopes", envelope, {"deadline_a2t": "x"})
    assert unknown.json["errors"][0]["detail"] == "deadline_a2t não está disponível"
