"""What the account must have first, one line each on the connect page."""

from __future__ import annotations

from vaivem.connectors.pipedrive import client
from vaivem.connectors.pipedrive.custom_values import key_of, own_field
from vaivem.connectors.pipedrive.limits import quota
from vaivem.connectors.sdk import CheckResult, Reader
from vaivem.core.errors import RecordError, RuleError

REFERENCE_LABEL = "Vaivém"


async def check_account(reader: Reader) -> list[CheckResult]:
    """Check what the user may see and do, the reference field, and what the plan gives a day."""
    settings = reader.connection.settings
    return [
        await _pipelines(reader),
        await _webhooks(reader),
        await _reference(reader),
        CheckResult(
            "budget", "ok", {"plan": str(settings.get("plan") or ""), "count": quota(reader.connection).size}
        ),
    ]


async def _pipelines(reader: Reader) -> CheckResult:
    try:
        rows = client.rows(await reader.read(client.pipelines()))
    except (RuleError, RecordError) as error:
        return CheckResult("api", "bad", {"message": error.detail})
    return CheckResult("api", "ok" if rows else "warn", {"count": len(rows)})


async def _webhooks(reader: Reader) -> CheckResult:
    try:
        await reader.read(client.webhooks())
    except (RuleError, RecordError) as error:
        return CheckResult("webhooks", "bad", {"message": error.detail})
    return CheckResult("webhooks", "ok")


async def _reference(reader: Reader) -> CheckResult:
    chosen = str(reader.connection.settings.get("reference_field") or "")
    if not chosen:
        return CheckResult("reference_field", "warn", {"label": REFERENCE_LABEL})
    rows = client.rows(await reader.read(client.field_definitions("deal")))
    fields = [found for row in rows if (found := own_field("deal", row))]
    label = next((str(one.label) for one in fields if key_of(one) == chosen), "")
    return CheckResult("reference_field", "ok" if label else "bad", {"label": label or chosen})
