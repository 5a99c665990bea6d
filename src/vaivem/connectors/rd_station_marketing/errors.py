"""Which answer means what (developers.rdstation.com/reference/mensagens-de-erro-rdsm).

The vendor has eight shapes of an error body; all but two hold ``error_type`` and ``error_message`` somewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from vaivem.connectors.sdk import Answer, Call, ErrorTable, Row, VendorMessage
from vaivem.connectors.sdk.errors import retry_after_header
from vaivem.core.errors import RecordError, RetryError, RuleError

LIMIT_SECONDS = 30.0  # of a limit that names no time: half of its minute


def _of_a_lead(call: Call, answer: Answer) -> bool:
    return "lead_limiter" in answer.text


def _is(*types: str) -> Any:
    return lambda call, answer: read_message(answer).code in types


def _on_webhooks(call: Call, answer: Answer) -> bool:
    return call.name in ("webhooks.create", "webhooks.update")


ROWS = (
    Row(401, RetryError, "address_not_reached", _on_webhooks),
    Row(400, RecordError, "email_taken", _is("EMAIL_ALREADY_IN_USE")),
    Row(400, RecordError, "webhook_taken", lambda call, answer: call.name == "webhooks.create"),
    Row(409, RecordError, "webhook_taken", lambda call, answer: call.name == "webhooks.create"),
    Row(422, RecordError, "webhook_taken", lambda call, answer: call.name == "webhooks.create"),
    Row(400, RuleError, "field_not_there", _is("INVALID_FIELDS")),
    Row(400, RuleError, "crm_account", _is("UNABLE_TO_LOAD_CDP_SCHEMA")),
    Row(404, RecordError, "record_not_found"),
    Row(429, RetryError, "record_limit", _of_a_lead, limit=True, narrow=True),
)


def read_message(answer: Answer) -> VendorMessage:
    """Get the vendor's sentence, the field it names and its type out of any of its shapes."""
    body = answer.json if answer.content and answer.is_json else None
    found = list(_messages(body, ""))
    text = "; ".join(dict.fromkeys(message.text for message in found if message.text))
    first = next((message for message in found if message.code), VendorMessage())
    return VendorMessage(text, next((m.field for m in found if m.field), ""), first.code)


def _messages(value: Any, field: str) -> Iterator[VendorMessage]:
    if isinstance(value, list):
        for item in value:
            yield from _messages(item, field)
    elif isinstance(value, Mapping):
        if "error_type" in value or "error_message" in value:
            path = str(value.get("path") or "").removeprefix("$.").removeprefix("payload.")
            text, code = str(value.get("error_message") or ""), str(value.get("error_type") or "")
            yield VendorMessage(text, path or field, code)
            return
        for key in ("error_description", "message", "error"):
            if isinstance(value.get(key), str):
                yield VendorMessage(str(value[key]), field)
                return
        for key, item in value.items():
            named = field if key in ("errors", "pt-BR", "default") else str(key)
            yield from _messages(item, named)


def retry_after(answer: Answer) -> float | None:
    """Return the seconds to wait; the vendor calls them milliseconds, and their size says seconds."""
    told = retry_after_header(answer)
    if told is not None:
        return told
    if answer.status != 429:
        return None
    body = answer.json if answer.is_json else None
    left = body.get("remaining_time") if isinstance(body, Mapping) else None
    quota = answer.headers.get("retry-after-quotas", "")
    if isinstance(left, int | float) and left > 0:
        return float(left)
    return float(quota) if quota.isdecimal() else LIMIT_SECONDS


ERRORS = ErrorTable(*ROWS, read=read_message, retry_after=retry_after)
