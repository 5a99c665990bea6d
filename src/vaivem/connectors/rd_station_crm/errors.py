"""Which answer means what.

The vendor's sentences are Portuguese and have no stable codes, so they are read only where the status alone
would lead people wrong; every such row falls back to the plain meaning of its status.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from vaivem.connectors.sdk import Answer, Call, ErrorTable, Row, VendorMessage
from vaivem.connectors.sdk.errors import retry_after_header
from vaivem.core.errors import ReconnectError, RecordError, RuleError, UncertainError
from vaivem.core.folding import fold

# v1 sends no Retry-After; its window is a minute, so half of it is the expected wait.
V1_LIMIT_SECONDS = 30.0

_TEXT_KEYS = ("detail", "error_message", "error_MESSAGE", "title", "message", "error_description", "error")


def says(*phrases: str) -> Callable[[Call, Answer], bool]:
    """Return a test for the vendor's words: it holds when one of `phrases` (folded) is among them."""

    def holds(call: Call, answer: Answer) -> bool:
        text = fold(f"{read_message(answer).text} {answer.text}")
        return any(phrase in text for phrase in phrases)

    return holds


def on(name: str, test: Callable[[Call, Answer], bool]) -> Callable[[Call, Answer], bool]:
    """Return a test that holds for calls of one name only."""
    return lambda call, answer: call.name == name and test(call, answer)


def _is_v1(call: Call, answer: Answer) -> bool:
    return call.base == "api_v1"


def _lacks_feature(call: Call, answer: Answer) -> bool:
    return read_message(answer).code == "ACCESS_DENIED"


_NAME_TAKEN = says("ja cadastrad", "already been taken", "ja esta em uso")
_UNKNOWN_FIELD = says("could not find a custom field")
_BAD_FIELD_VALUE = says("custom fields", "campos personalizados")
_BAD_ID = says("bson::objectid")

ROWS = (
    Row(400, ReconnectError, "credentials_refused", says("invalid_grant")),
    Row(404, RuleError, "address_wrong", says("no route matched")),
    Row(422, RuleError, "plan_lacks_feature", _lacks_feature),
    # The reports on a taken name differ in their status: both are taken alike.
    Row(400, RecordError, "organization_name_taken", on("organizations.create", _NAME_TAKEN)),
    Row(422, RecordError, "organization_name_taken", on("organizations.create", _NAME_TAKEN)),
    Row(400, RuleError, "custom_field_gone", _UNKNOWN_FIELD),
    Row(422, RuleError, "custom_field_gone", _UNKNOWN_FIELD),
    Row(422, RecordError, "custom_field_refused", _BAD_FIELD_VALUE),
    Row(400, RuleError, "choice_gone", _BAD_ID),
    Row(422, RuleError, "choice_gone", _BAD_ID),
    Row(500, UncertainError, "v1_failed", _is_v1),
)


def read_message(answer: Answer) -> VendorMessage:
    """Get the vendor's sentence out of any of its error shapes; its whole text when there is none."""
    if not answer.content or not answer.is_json:
        return VendorMessage(text=answer.text.strip())
    body = answer.json
    if not isinstance(body, Mapping):
        return _message_of(body)
    if body.get("errors"):
        return _message_of(body["errors"])
    return _message_of(body)


def _message_of(value: Any, field: str = "") -> VendorMessage:
    if isinstance(value, str):
        return VendorMessage(text=value, field=field)
    if isinstance(value, list):
        found = [_message_of(item, field) for item in value]
        text = "; ".join(message.text for message in found if message.text)
        return VendorMessage(text, _first(m.field for m in found), _first(m.code for m in found))
    if isinstance(value, Mapping):
        return _message_of_object(value, field)
    return VendorMessage(text="" if value is None else str(value), field=field)


def _message_of_object(value: Mapping[str, Any], field: str) -> VendorMessage:
    text = _first(value[key] for key in _TEXT_KEYS if isinstance(value.get(key), str))
    code = str(value.get("error_type") or value.get("code") or "")
    if text or code:
        return VendorMessage(text=text, field=str(value.get("field") or field), code=code)
    # {"subject": ["…"], "type": [{…}]}: the keys are the fields.
    found = [
        _message_of(item, str(key)) for key, item in value.items() if isinstance(item, list | dict | str)
    ]
    sentences = [f"{m.field}: {m.text}" if m.field else m.text for m in found if m.text]
    return VendorMessage("; ".join(sentences), _first(m.field for m in found), _first(m.code for m in found))


def _first(values: Any) -> str:
    return next((str(value) for value in values if value), "")


def retry_after(answer: Answer) -> float | None:
    """Return the seconds to wait: the vendor's word, else what suits v1's limit."""
    seconds = retry_after_header(answer)
    if seconds is None and answer.status == 429:
        return V1_LIMIT_SECONDS
    return seconds


ERRORS = ErrorTable(*ROWS, read=read_message, retry_after=retry_after)
