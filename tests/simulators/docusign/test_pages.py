"""The account as a person sees it and works with it."""

from __future__ import annotations

import re

import pytest

CONTRACT = "Contrato de prestação de serviços"
PAGES = ("/", "/?q=ana&status=sent", "/?q=nobody", "/new", "/templates", "/connect", "/apps")


async def details(ds, made):
    return (await ds.call("GET", f"/documents/details/{made}")).text


async def guid(ds, made, number="1"):
    envelope = ds.simulator.account.envelopes[made]
    return next(one["recipientIdGuid"] for one in envelope["recipients"] if one["recipientId"] == number)


async def act(ds, made, name, status=303, number="", **fields):
    recipient = {"recipient": await guid(ds, made, number)} if number else {}
    answer = await ds.form(f"/documents/details/{made}/{name}", {**recipient, **fields})
    assert answer.status == status, answer.text
    return answer


@pytest.mark.parametrize("language", ["pt_BR", "en", "fr", "es"])
async def test_every_page_in_every_language(ds, receiver, language):
    await ds.configuration(receiver.url, ["envelope-sent"])
    old = {"deliveryMode": "Aggregate", "envelopeEvents": ["Completed"], "recipientEvents": ["Declined"]}
    await ds.configuration(receiver.url, [], **old, allowEnvelopePublish="false")
    await ds.control("keys", {})
    await ds.consent()
    sent, draft = await ds.sent(), await ds.sent(ds.definition("created"))
    declined, voided, purged = await ds.sent(ds.own(1)), await ds.sent(ds.own(1)), await ds.sent(ds.own(1))
    await ds.act(declined, "decline", "1", reason="<no>")
    await ds.act(voided, "expire")
    await ds.act(purged, "sign_all")
    await ds.act(purged, "purge")
    template = ds.templates[CONTRACT]
    own = [f"/documents/details/{one}" for one in (sent, draft, declined, voided, purged)]
    own += [f"/send/documents/details/{sent}", f"/signing/{sent}/{await guid(ds, sent)}"]
    own += [f"/signing/{purged}/{await guid(ds, purged)}", "/view/none"]
    for path in (*PAGES, *own, f"/templates/{template}", f"/new?template={template}"):
        mark = "&" if "?" in path else "?"
        page = await ds.call("GET", f"{path}{mark}lang={language}")
        assert page.status == (410 if path == "/view/none" else 200), (path, page.text)
        assert f'lang="{language.replace("_", "-")}"' in page.text
        assert "style=" not in page.text
        assert "onclick" not in page.text
        assert "<no>" not in page.text
        numbers = re.findall(r'\bid="([^"]+)"', page.text)
        assert len(numbers) == len(set(numbers)), path
        assert set(re.findall(r'\bfor="([^"]+)"', page.text)) <= set(numbers), path
    for path in (f"/templates/{template}x", "/documents/details/x", f"/signing/{sent}/x"):
        assert (await ds.call("GET", path)).status == 404


async def test_an_envelope_is_sent_opened_signed_and_completed_by_hand(ds):
    template = ds.templates[CONTRACT]
    page = (await ds.call("GET", f"/new?template={template}")).text
    assert 'name="tab:1:empresa"' in page
    fields = {
        "template": template,
        "subject": "Contrato da Ana",
        "name:1": "Ana Souza",
        "email:1": "ana@example.com",
        "name:2": "Júlia Prado",
        "email:2": "julia@raiarsolar.example",
        "name:3": "Lívia Campos",
        "email:3": "livia@raiarsolar.example",
        "tab:1:empresa": "Acme",
        "tab:1:plano": "Ouro",
        "tab:1:local": "Solo",
        "tab:1:aceita_lgpd": "true",
        "do": "send",
    }
    bad = await ds.form("/new", {**fields, "email:1": "nobody"})
    assert (bad.status, 'value="Acme"' in bad.text) == (422, True)
    answer = await ds.form("/new", fields)
    made = answer.headers["location"].split("/")[-1].split("?")[0]
    assert "Contrato da Ana" in await details(ds, made)
    opened = await act(ds, made, "open", number="1")
    assert opened.headers["location"].startswith("/signing/")
    assert "Entregue (aberto)" in await details(ds, made)
    signing = f"/signing/{made}/{await guid(ds, made)}"
    page = (await ds.call("GET", signing)).text
    assert 'value="Acme"' in page
    assert (await ds.form(f"{signing}/sign", {"tab:valor": "1.000,00"})).status == 303
    assert "Não há nada a fazer aqui" in (await ds.call("GET", signing)).text
    assert "1.000,00" in await details(ds, made)
    await act(ds, made, "sign_all")
    whole = ds.simulator.account.envelopes[made]
    assert whole["status"] == "completed"
    assert {one["status"] for one in whole["recipients"]} == {"completed"}
    file = await ds.call("GET", f"/documents/details/{made}/files/1")
    assert file.headers["content-type"] == "application/pdf"
    assert (await ds.call("GET", f"/documents/details/{made}/files/7")).status == 404


async def test_declining_voiding_correcting_and_what_cannot_be(ds):
    first, second = await ds.sent(ds.own(1, 2)), await ds.sent(ds.own(1))
    await act(ds, first, "correct", number="1", email="new@example.com")
    assert "new@example.com" in await details(ds, first)
    refused = await act(ds, first, "sign", status=422, number="2")
    assert "Recusado" in refused.text
    await act(ds, first, "decline", number="1", reason="Caro demais")
    assert "Caro demais" in await details(ds, first)
    await act(ds, second, "void", reason="Engano")
    assert "Engano" in await details(ds, second)
    await act(ds, second, "nonsense", status=404)
    draft = await ds.sent(ds.own(1, status="created"))
    await act(ds, draft, "send")
    await act(ds, draft, "bounce", number="1")
    assert "E-mail devolvido" in await details(ds, draft)


async def test_connect_is_set_up_by_hand(ds, receiver):
    form = {"name": "hub", "url": "http://far.example/", "format": "sim", "events": "envelope-sent"}
    bad = await ds.form("/connect", form)
    assert (bad.status, "http://far.example/" in bad.text) == (422, True)
    for kind in ("sim", "aggregate", "xml"):
        sent = {**form, "url": f"{receiver.url}/{kind}", "format": kind, "data": "recipients", "hmac": "true"}
        assert (await ds.form("/connect", sent)).status == 303
    assert (await ds.form("/connect/keys", {})).status == 303
    await ds.sent()
    bodies = await receiver.wait(3)
    assert sorted(body[:1] for body in bodies) == [b"<", b"{", b"{"]
    assert all("x-docusign-signature-1" in headers for headers, _ in receiver.got)
    configuration = next(iter(ds.simulator.account.configurations))
    assert (await ds.form(f"/connect/{configuration}/switch", {})).status == 303
    assert "inativa" in (await ds.call("GET", "/connect")).text
    assert (await ds.form(f"/connect/{configuration}/delete", {})).status == 303
    assert (await ds.form(f"/connect/{configuration}/delete", {})).status == 404
    key = ds.simulator.account.hmac_keys[0]["keyId"]
    assert (await ds.form(f"/connect/keys/{key}/delete", {})).status == 303
    assert ds.simulator.account.hmac_keys == []


async def test_another_website_cannot_post_here(ds):
    made = await ds.sent()
    answer = await ds.call("POST", f"/documents/details/{made}/sign_all", **{"Sec-Fetch-Site": "cross-site"})
    assert answer.status == 403
