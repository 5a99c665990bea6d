"""Which answer means what, and what the vendor's limit headers say.

The published descriptions declare almost no error answers; the shapes are those of
pipedrive.readme.io/docs/core-api-concepts-http-status-codes and /docs/core-api-concepts-rate-limiting.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vaivem.connectors.pipedrive.client import SEARCH
from vaivem.connectors.sdk import Answer, Call, ErrorTable, LimitState, Row, VendorMessage
from vaivem.connectors.sdk.errors import retry_after_header
from vaivem.core.errors import ReconnectError, RecordError, RetryError, RuleError

BURST_SECONDS = 2.0
# After ignored 429s the vendor's edge blocks the whole company's traffic and does not say for how long.
BLOCKED_SECONDS = 900.0
LONGEST_BURST_WAIT = 60.0


def _is_page(call: Call, answer: Answer) -> bool:
    """Whether something before the vendor's API answered: a page, not JSON."""
    return bool(answer.content.strip()) and not answer.is_json


def _is_budget(call: Call, answer: Answer) -> bool:
    """Whether a 429 is of the day's budget: the burst's headers say that there are calls left, or nothing."""
    return answer.headers.get("x-ratelimit-remaining", "").strip() != "0"


def _says(*words: str) -> Any:
    def holds(call: Call, answer: Answer) -> bool:
        message = read_message(answer)
        text = f"{message.text} {message.code}".lower()
        return any(word in text for word in words)

    return holds


ROWS = (
    Row(402, ReconnectError, "account_unpaid"),
    Row(403, RetryError, "traffic_blocked", _is_page, limit=True),
    Row(403, RuleError, "scope_missing", _says("scope and url mismatch")),
    Row(403, RuleError, "plan_limit_reached", _says("feature_capping", "limit reached")),
    Row(410, RecordError, "record_not_found"),
    Row(422, RuleError, "too_many_webhooks", lambda call, answer: call.name == "webhooks.create"),
    Row(429, RetryError, "daily_budget_spent", _is_budget, spent=True),
)


def read_message(answer: Answer) -> VendorMessage:
    """Get the vendor's sentence out of any of its shapes; "" when it answered a page."""
    body = answer.json if answer.content and answer.is_json else None
    if not isinstance(body, Mapping):
        return VendorMessage()
    code = str(body.get("code") or body.get("errorCode") or "")
    errors = body.get("errors")
    if isinstance(errors, Mapping) and errors:
        field, told = next(iter(errors.items()))
        text = "; ".join(map(str, told)) if isinstance(told, list) else str(told)
        return VendorMessage(f"{field}: {text}", str(field), code)
    text = str(body.get("error") or body.get("message") or "")
    more = str(body.get("error_info") or "")
    return VendorMessage(f"{text} ({more})" if more and more not in text else text, "", code)


def retry_after(answer: Answer) -> float | None:
    """Return the seconds to wait: the vendor's word, else the burst's window; of the day the engine knows."""
    told = retry_after_header(answer)
    if told is not None:
        return told
    if answer.status == 403:
        return BLOCKED_SECONDS
    if answer.status == 429 and answer.headers.get("x-ratelimit-remaining", "").strip() == "0":
        return _reset(answer) or BURST_SECONDS
    return None


def limit_state(call: Call, answer: Answer) -> LimitState | None:
    """Read what is left of the burst limit."""
    left = answer.headers.get("x-ratelimit-remaining", "").strip()
    if not left.isdecimal():
        return None
    return LimitState(
        int(left), _reset(answer), counts="calls", scope=call.scope if call.scope == SEARCH else ""
    )


def _reset(answer: Answer) -> float | None:
    """Return the seconds until the burst's window is over; its unit is not documented, so it is bounded."""
    try:
        seconds = float(answer.headers.get("x-ratelimit-reset", ""))
    except ValueError:
        return None
    return seconds if 0 < seconds <= LONGEST_BURST_WAIT else None


ERRORS = ErrorTable(*ROWS, read=read_message, retry_after=retry_after)
