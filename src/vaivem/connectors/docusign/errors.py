"""Which answer of DocuSign means what. The vendor's code decides: its HTTP statuses differ by report.

https://developers.docusign.com/docs/esign-rest-api/esign101/rules-and-limits
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from vaivem.connectors.sdk import Answer, Call, ErrorTable, LimitState, Row, VendorMessage
from vaivem.connectors.sdk.errors import retry_after_header
from vaivem.core.errors import ReconnectError, RecordError, RetryError, RuleError, VaivemError

BURST_SECONDS = 30.0
ENVELOPE_SECONDS = 900.0
LONGEST_WAIT = 3600.0

Test = Callable[[Call, Answer], bool]


def read_message(answer: Answer) -> VendorMessage:
    """Get the vendor's sentence and code; nothing when it answered a page."""
    content = answer.json if answer.content and answer.is_json else None
    if not isinstance(content, dict):
        return VendorMessage()
    text, code = str(content.get("message") or ""), str(content.get("errorCode") or "").upper()
    return VendorMessage(text or code, "", code)


def _is(*codes: str) -> Test:
    known = frozenset(codes)
    return lambda call, answer: read_message(answer).code in known


def _ends(*endings: str) -> Test:
    return lambda call, answer: read_message(answer).code.endswith(endings)


def _and(test: Test, *beginnings: str) -> Test:
    return lambda call, answer: call.name.startswith(beginnings) and test(call, answer)


def _rows(error: type[VaivemError], code: str, test: Test, **more: bool) -> tuple[Row, ...]:
    """Return a row for every refusal with such a code, whatever its status."""
    return (Row("4xx", error, code, test, **more),)


_RIGHTS = _is(
    "ACCOUNT_LACKS_PERMISSIONS", "USER_LACKS_PERMISSIONS", "USER_NOT_ACCOUNT_ADMIN",
    "ACCOUNT_NOT_AUTHORIZED_FOR_ENVELOPE", "USER_NOT_ENVELOPE_SENDER_OR_RECIPIENT",
)  # fmt: skip

ROWS = (
    *_rows(
        RetryError,
        "envelope_limit",
        _ends("ENVELOPE_POLLING_LIMIT_EXCEEDED", "APIINVOCATION_ENVELOPE_LIMIT_EXCEEDED"),
        limit=True,
        narrow=True,
    ),
    *_rows(RetryError, "vendor_limit", _ends("APIINVOCATION_LIMIT_EXCEEDED", "API_REQUEST_IS_THROTTLED")),
    *_rows(
        ReconnectError,
        "credentials_refused",
        _is("AUTHORIZATION_INVALID_TOKEN", "USER_AUTHENTICATION_FAILED", "PARTNER_AUTHENTICATION_FAILED"),
    ),
    *_rows(ReconnectError, "account_left", _is("USER_DOES_NOT_BELONG_TO_SPECIFIED_ACCOUNT")),
    *_rows(RuleError, "connect_refused", _and(_RIGHTS, "connect.")),
    *_rows(RuleError, "permission_missing", _RIGHTS),
    *_rows(
        RuleError,
        "template_gone",
        _and(
            lambda call, answer: (
                answer.status == 404 or _is("TEMPLATE_ID_INVALID", "RESOURCE_NOT_FOUND")(call, answer)
            ),
            "templates.recipients",
        ),
    ),
    *_rows(RuleError, "template_gone", _is("TEMPLATE_ID_INVALID")),
    *_rows(
        RecordError,
        "record_not_found",
        _is("ENVELOPE_DOES_NOT_EXIST", "RESOURCE_NOT_FOUND", "DOCUMENT_DOES_NOT_EXIST"),
    ),
    *_rows(
        RecordError,
        "wrong_state",
        _is("ENVELOPE_CANNOT_VOID_INVALID_STATE", "ENVELOPE_INVALID_STATUS", "ENVELOPE_NOT_IN_CORRECT_STATE"),
    ),
    *_rows(
        RecordError,
        "recipient_refused",
        _is("INVALID_EMAIL_ADDRESS_FOR_RECIPIENT", "UNKNOWN_ENVELOPE_RECIPIENT", "ENVELOPE_IS_INCOMPLETE"),
    ),
    # An account that moved to another data centre: signing in anew reads its address.
    Row("3xx", ReconnectError, "account_moved"),
)


def limit_state(call: Call, answer: Answer) -> LimitState | None:
    """Read how much is left of the hour or of the burst, whichever is nearer to its end."""
    hour, burst = _number(answer, "x-ratelimit-remaining"), _number(answer, "x-burstlimit-remaining")
    if burst is not None and (hour is None or burst < hour):
        return LimitState(int(burst), BURST_SECONDS, counts="calls")
    return LimitState(int(hour), _reset(answer)) if hour is not None else None


def retry_after(answer: Answer) -> float | None:
    """Return the seconds to wait: the vendor's word, else until what was reached begins anew."""
    told = retry_after_header(answer)
    if told is not None:
        return told
    code = read_message(answer).code
    if "ENVELOPE" in code:
        return ENVELOPE_SECONDS
    if code.startswith("HOURLY"):
        return _reset(answer) or LONGEST_WAIT
    return BURST_SECONDS if code.startswith("BURST") else None


def _reset(answer: Answer) -> float | None:
    """Return the seconds until the hour's calls begin anew (a Unix time in the header)."""
    moment = _number(answer, "x-ratelimit-reset")
    left = moment - datetime.now(UTC).timestamp() if moment is not None else 0.0
    return min(left, LONGEST_WAIT) if left > 0 else None


def _number(answer: Answer, header: str) -> float | None:
    text = answer.headers.get(header, "").strip()
    return float(text) if text.isdecimal() else None


ERRORS = ErrorTable(*ROWS, read=read_message, retry_after=retry_after)
