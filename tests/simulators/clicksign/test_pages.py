"""The pages, by plain forms: nobody's browser runs a script here."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from pyreqwest.multipart import FormBuilder, PartBuilder

LANGUAGES = {
    "en": "Add documents",
    "pt_BR": "Adicionar documentos",
    "fr": "Ajouter des documents",
    "es": "Agregar",
}


class Labels(HTMLParser):
    """Fields without a label, headings, and anything that a strict policy would stop."""

    def __init__(self):
        super().__init__()
        self.labelled, self.fields, self.bad, self.h1, self.inside_label = set(), [], [], 0, False

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.h1 += tag == "h1"
        if tag == "label":
            self.labelled.add(given.get("for"))
            self.inside_label = True
        if tag in ("input", "select", "textarea") and not self.inside_label:
            self.fields.append(given.get("id"))
        if tag in ("script", "style") or "style" in given or any(name.startswith("on") for name in given):
            self.bad.append((tag, given))

    def handle_endtag(self, tag):
        if tag == "label":
            self.inside_label = False


def check(html):
    found = Labels()
    found.feed(html)
    assert found.bad == []
    assert found.h1 == 1
    assert [field for field in found.fields if field not in found.labelled] == []


async def page(clicksign, path, status=200):
    answer = await clicksign.call("GET", path)
    assert answer.status == status, answer.text
    assert "script" not in answer.headers["content-security-policy"]
    check(answer.text)
    return answer.text


async def upload(clicksign):
    part = PartBuilder.from_bytes("Olá".encode()).file_name("Contrato - Padaria.txt").mime("text/plain")
    form = FormBuilder().part("files", part)
    answer = await clicksign.client.post(f"{clicksign.base_url}/documents/new").multipart(form).build().send()
    assert answer.status == 303
    return answer.headers["location"].removesuffix("/signers")


async def test_a_person_sends_and_another_signs(clicksign):
    assert "Adicionar documentos" in await page(clicksign, "/")
    await page(clicksign, "/documents/new")
    envelope = await upload(clicksign)
    await page(clicksign, f"{envelope}/signers")
    empty = await clicksign.form(f"{envelope}/send", {"message": ""})
    assert empty.status == 422
    wrong = await clicksign.form(
        f"{envelope}/signers", {"name": "Ana", "email": "ana@cliente.example", "group": "1"}
    )
    assert wrong.status == 422
    assert 'value="ana@cliente.example"' in wrong.text, "what was typed stays"
    fields = {
        "name": "Ana Souza",
        "email": "ana@cliente.example",
        "auth": "email",
        "role": "sign",
        "group": "1",
    }
    assert (await clicksign.form(f"{envelope}/signers", fields)).status == 303
    assert "Ana Souza" in await page(clicksign, f"{envelope}/signers?said=signer_added")
    sent = await clicksign.form(f"{envelope}/send", {"message": "Por favor, assine."})
    assert sent.headers["location"] == f"{envelope}/sent"
    assert "Acompanhar envelope" in await page(clicksign, f"{envelope}/sent")

    mailbox = await page(clicksign, "/mailbox")
    mail = await page(clicksign, re.search(r'href="(/mailbox/[^"]+)"', mailbox)[1])
    assert "Visualizar para assinar" in mail
    code = re.search(r'id="code">(\d{6})<', mail)[1]
    key = re.search(r'href="(/sign/[^"]+)"', mail)[1]
    assert "Assinar" in await page(clicksign, key)
    await page(clicksign, f"{key}/data")
    refused = await clicksign.form(
        f"{key}/data", {"name": "Ana Souza", "documentation": "1", "birthday": "1990-01-01"}
    )
    assert refused.status == 422
    data = {"name": "Ana Souza", "documentation": "529.982.247-25", "birthday": "1990-01-01"}
    assert (await clicksign.form(f"{key}/data", data)).headers["location"] == f"{key}/token"
    assert "Finalizar" in await page(clicksign, f"{key}/token")
    assert (await clicksign.form(f"{key}/token", {"code": "x"})).status == 422
    assert (await clicksign.form(f"{key}/token", {"code": code})).headers["location"] == f"{key}/done"
    await page(clicksign, f"{key}/done")
    assert "Finalizado" in await page(clicksign, envelope)
    assert (await clicksign.form(f"{key}/token", {"code": code})).status == 409, "once is enough"
    signer = (await clicksign.call("GET", "/_control/state")).json["tables"]["signers"][0]
    assert signer["documentation"] == "529.982.247-25"


async def test_refusing(clicksign):
    envelope = await upload(clicksign)
    fields = {"name": "Ana Souza", "email": "a@b.example", "refusable": "on"}
    await clicksign.form(f"{envelope}/signers", fields)
    await clicksign.form(f"{envelope}/send", {})
    key = re.search(r'href="(/sign/[^"]+)"', await page(clicksign, envelope))[1]
    await page(clicksign, f"{key}/refuse")
    assert (await clicksign.form(f"{key}/refuse", {"reason": "content"})).status == 303
    assert "recusou" in await page(clicksign, f"{key}/done")


async def test_settings(clicksign):
    assert "Gerar acesso" in await page(clicksign, "/settings/api")
    assert (await clicksign.form("/settings/api/tokens", {"description": "Pluga"})).status == 303
    tokens = (await clicksign.call("GET", "/_control/state")).json["tokens"]
    made = next(token for token, about in tokens.items() if about["description"] == "Pluga")
    headers = {"Authorization": made}
    assert (await clicksign.call("GET", "/api/v3/envelopes", headers=headers)).status == 200
    await clicksign.form(f"/settings/api/tokens/{made}/remove", {})
    assert (await clicksign.call("GET", "/api/v3/envelopes", headers=headers)).status == 401
    await clicksign.form("/settings/api/user", {"user": ""})
    assert (await clicksign.call("GET", "/api/v3/envelopes")).status == 403
    wrong = await clicksign.form("/settings/webhooks", {"endpoint": "http://example.com", "events": "sign"})
    assert wrong.status == 422
    check(wrong.text)
    right = await clicksign.form("/settings/webhooks", {"endpoint": "https://example.com", "events": "sign"})
    assert right.status == 303
    assert "HMAC SHA256 Secret" in await page(clicksign, "/settings/webhooks?said=webhook_made")


@pytest.mark.parametrize("language", LANGUAGES)
async def test_languages(clicksign, language):
    answer = await clicksign.call("GET", f"/?lang={language}")
    assert LANGUAGES[language] in answer.text
    again = await clicksign.call("GET", "/", headers={"Cookie": answer.headers["set-cookie"].split(";")[0]})
    assert LANGUAGES[language] in again.text


async def test_unknown_addresses_and_other_sites(clicksign):
    await page(clicksign, "/envelopes/unknown", 404)
    await page(clicksign, "/sign/unknown", 404)
    foreign = await clicksign.call("POST", "/_control/reset", headers={"Sec-Fetch-Site": "cross-site"})
    assert foreign.status == 403
