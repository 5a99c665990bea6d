"""What the connect page checks at DocuSign, one line each."""

from __future__ import annotations

from vaivem.connectors.docusign import client
from vaivem.connectors.docusign.webhooks import hmac_keys
from vaivem.connectors.docusign.xml_payloads import DEFAULT_ZONE, zone_of
from vaivem.connectors.sdk import CheckResult, Reader
from vaivem.core.errors import RuleError


async def run(reader: Reader) -> list[CheckResult]:
    """Return the lines."""
    connection = reader.connection
    read = client.one(await reader.read(client.account(connection)))
    plan, name = str(read.get("planName") or ""), str(read.get("accountName") or "")
    lines = [CheckResult("account", "ok" if plan else "warn", {"plan": plan, "name": name})]
    others = (connection.account.get("details") or {}).get("others") or []
    if others:
        lines.append(CheckResult("others", "warn", {"accounts": ", ".join(others)}))
    lines.append(await _templates(reader))
    if connection.settings.get("connect") == "hand":
        lines.append(CheckResult("connect_hand", "ok"))
    else:
        lines.append(await _connect(reader))
    count = len(hmac_keys(connection))
    lines.append(CheckResult("keys", "ok" if count else "warn", {"count": count}))
    zone = str(connection.settings.get("zone") or DEFAULT_ZONE)
    try:
        zone_of(zone)
    except ValueError:
        lines.append(CheckResult("zone", "bad", {"zone": zone}))
    return lines


async def _templates(reader: Reader) -> CheckResult:
    try:
        answer = await reader.read(client.templates(reader.connection))
    except RuleError as error:
        return CheckResult("templates", "warn", {"message": error.detail})
    total = str(client.one(answer).get("totalSetSize") or "")
    count = int(total) if total.isdecimal() else len(client.rows(answer, "envelopeTemplates"))
    return CheckResult("templates", "ok", {"count": count})


async def _connect(reader: Reader) -> CheckResult:
    """Say whether messages can be asked for: a plan with Connect, and an administrator's access."""
    try:
        answer = await reader.read(client.configurations(reader.connection))
    except RuleError as error:
        return CheckResult("connect", "warn", {"message": error.detail})
    return CheckResult("connect", "ok", {"count": len(client.rows(answer, "configurations"))})
