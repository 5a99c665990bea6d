"""People who wait in an automation, whose draft has changed since."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from pathlib import Path
from typing import Any

import yaml

from .installation import Installation, command

LONG = "Lembrar quem ainda não respondeu depois da assinatura do contrato de prestação de serviços"
STEP = {
    "kind": "action",
    "connection": "activecampaign",
    "action": "create_or_update_contact",
    "fields": {"contact.email": {"from": "signer.email"}},
}


async def people_inside(installation: Installation, folder: Path) -> int:
    """Return the rule in which two people wait, one by an older version than the last."""
    token = command(installation, "api-token", "create", "--name", "waiting")["token"]
    file = folder / "waiting.yaml"
    rule: dict[str, Any] = {
        "title": LONG,
        "when": {"connection": "clicksign", "trigger": "signer_signed"},
        "automation": {"person": "signer.email", "inside": "skip"},
        "then": [{"id": "pause", "kind": "wait", "for": {"days": 3}}, {"id": "again", **STEP}],
    }
    file.write_text(yaml.safe_dump({"rules": [rule]}), "utf-8")
    number = int(command(installation, "rules", "apply", "--yes", str(file))["rules"][0]["id"])
    await asyncio.sleep(4)  # the worker and the hook look at the configuration
    address = f"{installation.hub}/api/v1/rules/{number}"
    await _signed(installation, "maria.aparecida.nogueira@padariatresirmaos.example")
    await _until_inside(address, token, 1)
    _draft(address, token)
    _call(f"{address}/publish", {}, token)
    await asyncio.sleep(4)
    await _signed(installation, "joao.pedro.nogueira@padariatresirmaos.example")
    await _until_inside(address, token, 2)
    _draft(address, token)
    return number


async def _signed(installation: Installation, email: str) -> None:
    control = f"{installation.clicksign}/_control"
    signer = {"name": "Maria Aparecida Nogueira", "email": email}
    made = _call(f"{control}/documents", {"filename": "Contrato.pdf", "signers": [signer]})
    _call(f"{control}/sign", {"document": made["documents"][0], "all": True})


async def _until_inside(address: str, token: str, count: int) -> None:
    for _ in range(120):
        found = _call(f"{address}/inside", None, token)["items"]
        if sum(one["state"] == "wait" for one in found) == count:
            return
        await asyncio.sleep(0.5)
    raise AssertionError("nobody waits")


def _draft(address: str, token: str) -> None:
    draft = _call(address, None, token)["draft"]
    draft["then"] = [*draft["then"], {"id": f"then{len(draft['then'])}", **STEP}]
    _call(f"{address}/draft", {"definition": draft}, token, "PUT")


def _call(url: str, body: Any, token: str = "", method: str | None = None) -> Any:
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method)) as answer:
        return json.loads(answer.read() or b"null")
