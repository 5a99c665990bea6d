"""What the account must have first, one line each on the connect page."""

from __future__ import annotations

from vaivem.connectors.rd_station_crm.client import api_for
from vaivem.connectors.rd_station_crm.finding import all_pages
from vaivem.connectors.sdk import CheckResult, Reader
from vaivem.core.errors import RecordError, RuleError

REFERENCE_LABEL = "Vaivém"


async def check_account(reader: Reader) -> list[CheckResult]:
    """Check what the plan allows, the reference field, the owner of new deals and what the user may see."""
    settings = reader.connection.settings
    results = [await _pipelines(reader), await _webhooks(reader), await _reference(reader)]
    if reader.connection.method == "oauth":
        results.append(CheckResult("default_owner", "ok" if settings.get("default_owner") else "warn"))
    else:
        # The API does not tell a user's level of visibility: it is asked of the person.
        results.append(CheckResult("visibility", "warn"))
    return results


async def _pipelines(reader: Reader) -> CheckResult:
    api = api_for(reader.connection)
    try:
        answer = await reader.read(api.listing("pipelines"))
    except (RuleError, RecordError) as error:
        return CheckResult("api", "bad", {"message": error.detail})
    return CheckResult("api", "ok", {"count": len(api.read_listing("pipelines", answer))})


async def _webhooks(reader: Reader) -> CheckResult:
    api = api_for(reader.connection)
    try:
        api.read_hooks(await reader.read(api.hooks()))
    except (RuleError, RecordError) as error:
        return CheckResult("webhooks", "bad", {"message": error.detail})
    return CheckResult("webhooks", "ok")


async def _reference(reader: Reader) -> CheckResult:
    api = api_for(reader.connection)
    chosen = str(reader.connection.settings.get("reference_field") or "")
    if not chosen:
        return CheckResult("reference_field", "warn", {"label": REFERENCE_LABEL})
    rows = await all_pages(reader, api, api.field_definitions("deal"), api.read_field_definitions)
    label = next((str(row["label"]) for row in rows if row["key"] == chosen), "")
    return CheckResult("reference_field", "ok" if label else "bad", {"label": label or chosen})
