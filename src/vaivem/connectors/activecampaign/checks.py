"""What the account must have first, one line each on the connect page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vaivem.connectors.activecampaign import client, finding, sales_client
from vaivem.connectors.activecampaign.custom_objects import keeps_documents, label_of
from vaivem.connectors.sdk import Call, CheckResult, Reader
from vaivem.core.errors import RecordError, RetryError, RuleError, VaivemError

REFERENCE_LABEL = "Vaivém"
REFUSED = (RuleError, RecordError, RetryError)


async def check_account(reader: Reader) -> list[CheckResult]:
    """Check what the key's user may see, what the plan has, and the reference field."""
    return [
        await _count(reader, "contacts", client.fields(), "fields"),
        await _count(reader, "lists", client.lists(), "lists"),
        await _count(reader, "webhooks", client.webhooks(), "webhooks"),
        await _count(reader, "deals", sales_client.pipelines(), "dealGroups"),
        await _objects(reader),
        await _reference(reader),
    ]


async def _count(reader: Reader, name: str, call: Call, key: str) -> CheckResult:
    try:
        rows = [row async for row in finding.every(reader, call, key)]
    except REFUSED as error:
        return CheckResult(name, "warn" if name in ("lists", "deals") else "bad", {"message": said(error)})
    return CheckResult(name, "ok", {"count": len(rows)})


async def _objects(reader: Reader) -> CheckResult:
    """Say whether custom objects can be written, and whether the chosen one still is as it must be."""
    try:
        rows = [row async for row in finding.every(reader, client.schemas(), "schemas")]
    except REFUSED as error:
        return CheckResult("objects", "warn", {"message": said(error)})
    chosen = str(reader.connection.settings.get("document_object") or "")
    if not chosen and not rows:
        # Whether the plan lets one be made, only the try tells.
        return CheckResult("objects_none", "warn")
    if not chosen:
        return CheckResult("objects", "ok", {"count": len(rows)})
    mine: Mapping[str, Any] = next((row for row in rows if str(row.get("id")) == chosen), {})
    return CheckResult("document_object", "ok" if keeps_documents(mine) else "bad", {"label": label_of(mine)})


async def _reference(reader: Reader) -> CheckResult:
    chosen = str(reader.connection.settings.get("reference_field") or "")
    if not chosen:
        return CheckResult("reference_field", "warn", {"label": REFERENCE_LABEL})
    try:
        key = sales_client.FIELDS["deal"]
        rows = [row async for row in finding.every(reader, sales_client.own_fields("deal"), key)]
    except REFUSED:
        rows = []
    label = next((str(row.get("fieldLabel")) for row in rows if str(row["id"]) == chosen), "")
    return CheckResult("reference_field", "ok" if label else "bad", {"label": label or chosen})


def said(error: VaivemError) -> str:
    """Return what the vendor said, or what it answered."""
    return error.detail or str(error.params.get("status") or "")
