"""Which answer means what. There is no one shape: `errors` (a list or a text), `message`, or plain text.

A wrong key is answered 403, as is much else: a right that the key's user lacks, a feature that the plan
lacks, and now and then, at high rates, a call that is right. So only the call that asks who we are turns a
connection to "reconnect"; it is made with every look at the webhooks and at the lists, and others are tried
again meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vaivem.connectors.sdk import Answer, Call, ErrorTable, Row, VendorMessage
from vaivem.core.errors import ReconnectError, RecordError, RetryError, RuleError

SALES = (
    "deals.", "dealGroups.", "dealStages.", "dealCustomFieldMeta.", "dealCustomFieldData.", "dealTasks.",
    "dealTasktypes.",
)  # fmt: skip
_GONE = "no result found"


def _called(*names: str) -> Any:
    return lambda call, answer: call.name.startswith(names)


def _says(*words: str) -> Any:
    return lambda call, answer: any(word in read_message(answer).text.lower() for word in words)


def _coded(*codes: str) -> Any:
    return lambda call, answer: read_message(answer).code in codes


def _full(call: Call, answer: Answer) -> bool:
    """Say whether the imports of this minute are used up, which is told as a bad request."""
    return call.name == "contacts.import" and "rate limit" in read_message(answer).text.lower()


ROWS = (
    Row(400, RetryError, "vendor_limit", _full),
    Row(400, RecordError, "task_refused", _called("dealTasks.create")),
    Row(402, RuleError, "objects_not_in_plan", _called("objects.")),
    Row(402, RuleError, "plan_lacks_feature", _called(*SALES)),
    Row(402, ReconnectError, "account_unpaid"),
    Row(403, ReconnectError, "credentials_refused", _called("users.me")),
    Row(403, RecordError, "record_not_found", _says(_GONE)),
    Row(403, RecordError, "automation_refused", _called("contactAutomations.create")),
    Row(403, RuleError, "objects_not_in_plan", _called("objects.")),
    Row(403, RuleError, "permission_missing", _says("permission")),
    Row(403, RuleError, "permission_missing", _called(*SALES)),
    Row(403, RetryError, "call_refused"),
    Row(422, RecordError, "taken_already", _coded("duplicate")),
)


def read_message(answer: Answer) -> VendorMessage:
    """Get the vendor's sentence, the field it names and its code out of any of its shapes."""
    body = answer.json if answer.content and answer.is_json else None
    if not isinstance(body, Mapping):
        text = answer.text.strip()
        return VendorMessage("" if text.startswith("<") else text[:300])
    errors = body.get("errors")
    if isinstance(errors, str):
        return VendorMessage(errors)
    if isinstance(errors, list) and errors:
        return _first(errors)
    return VendorMessage(str(body.get("message") or body.get("error") or ""))


def _first(errors: list[Any]) -> VendorMessage:
    found = [error for error in errors if isinstance(error, Mapping)]
    if not found:
        return VendorMessage("; ".join(map(str, errors)))
    parts = ([str(error.get(part) or "") for part in ("title", "detail")] for error in found)
    texts = [" ".join(dict.fromkeys(part for part in told if part)) for told in parts]
    source = found[0].get("source")
    pointer = str(source.get("pointer") or source.get("value") or "") if isinstance(source, Mapping) else ""
    field = pointer.rpartition("/data/attributes/")[2]
    return VendorMessage("; ".join(filter(None, texts)), field, str(found[0].get("code") or ""))


ERRORS = ErrorTable(*ROWS, read=read_message)
