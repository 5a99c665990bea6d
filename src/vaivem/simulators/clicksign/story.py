"""A contract is sent through the API, as any integration would, and signed as its signers would."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from vaivem.simulators.clicksign.files import make_pdf
from vaivem.simulators.clicksign.people import person
from vaivem.simulators.clicksign.seed import vars_of
from vaivem.simulators.stories import Act, Asker, Served

SUBJECTS = ("Plano anual", "Proposta aceita", "Aditivo", "Instalação", "Adesão", "Renovação")
COUPLES = 4  # every so many documents have a second signer
PLAN_VALUES = (1290, 2480, 890, 12500, 4300, 640)


async def act(account: Served, number: int, asker: Asker, *, phone: str | None = None) -> Act:
    """Send document `number` and have it signed by all its signers; `phone` is the first one's, if given."""
    who = person(number)
    filename = f"{SUBJECTS[number % len(SUBJECTS)]} - {who.company}.pdf"
    signers = [vars_of(who) | ({"phone_number": phone} if phone else {})]
    if number % COUPLES == COUPLES - 1:
        signers.append(vars_of(person(number + 1000)))
    document = await _send(account, asker, filename, signers, number)
    await asker.call("POST", f"{account.control_url}/sign", {"document": document, "all": True})
    people = tuple({"name": str(s["name"]), "email": str(s.get("email") or "")} for s in signers)
    return Act(document, filename, people)


async def _send(
    account: Served, asker: Asker, filename: str, signers: Sequence[Mapping[str, Any]], number: int
) -> str:
    async def post(path: str, kind: str, attributes: Mapping[str, Any], **links: tuple[str, str]) -> str:
        data: dict[str, Any] = {"type": kind, "attributes": dict(attributes)}
        if links:
            data["relationships"] = {
                name: {"data": {"type": of, "id": key}} for name, (of, key) in links.items()
            }
        url = f"{account.base_url}/api/v3/envelopes{path}"
        made = await asker.call("POST", url, {"data": data}, _headers(account))
        return str(made["data"]["id"])

    envelope = await post("", "envelopes", {"name": filename.removesuffix(".pdf")})
    content = base64.b64encode(make_pdf([filename, "", "Documento da conta de teste."])).decode()
    attributes = {
        "filename": filename,
        "content_base64": f"data:application/pdf;base64,{content}",
        "metadata": {"empresa": person(number).company, "valor": PLAN_VALUES[number % len(PLAN_VALUES)]},
    }
    document = await post(f"/{envelope}/documents", "documents", attributes)
    for signer in signers:
        key = await post(f"/{envelope}/signers", "signers", signer)
        auth = "email" if signer.get("email") else "sms"
        for requirement in (
            {"action": "agree", "role": "sign"},
            {"action": "provide_evidence", "auth": auth},
        ):
            links = {"document": ("documents", document), "signer": ("signers", key)}
            await post(f"/{envelope}/requirements", "requirements", requirement, **links)
    url = f"{account.base_url}/api/v3/envelopes/{envelope}"
    running = {"data": {"type": "envelopes", "id": envelope, "attributes": {"status": "running"}}}
    await asker.call("PATCH", url, running, _headers(account))
    note = {"data": {"type": "notifications", "attributes": {"message": None}}}
    await asker.call("POST", f"{url}/notifications", note, _headers(account))
    return document


def _headers(account: Served) -> dict[str, str]:
    return {"Authorization": account.credentials["access_token"], "Accept": "application/vnd.api+json"}
