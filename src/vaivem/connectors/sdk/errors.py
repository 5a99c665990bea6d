"""Which answer means what: a table per connector over a shared default."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from vaivem.connectors.sdk.calls import Answer, Call
from vaivem.core.errors import (
    ReconnectError,
    RecordError,
    RetryError,
    RuleError,
    UncertainError,
    VaivemError,
)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: an answer with this status (and for which `when` holds) raises `error`.

    `status` is a code, or a class of codes as in ``"5xx"``. `code` is the key of the translated text.
    `limit` marks a RetryError that only delays and never counts as a failure, as ``vendor_limit`` does;
    `narrow` one that is of the call's record alone, so that others go on; `spent` one of the day's quota,
    which holds everything but live events until the vendor counts anew.
    """

    status: int | str
    error: type[VaivemError]
    code: str
    when: Callable[[Call, Answer], bool] | None = None
    limit: bool = False
    narrow: bool = False
    spent: bool = False

    def fits(self, call: Call, answer: Answer) -> bool:
        """Say whether this row speaks of the answer."""
        exact = answer.status == self.status or f"{answer.status // 100}xx" == self.status
        return exact and (self.when is None or self.when(call, answer))


DEFAULT_ROWS = (
    Row(401, ReconnectError, "credentials_refused"),
    Row(402, RuleError, "plan_lacks_feature"),
    Row(403, RuleError, "permission_missing"),
    Row(404, RecordError, "record_not_found"),
    Row(408, UncertainError, "vendor_timed_out"),
    Row(409, RecordError, "record_conflict"),
    Row(425, RetryError, "vendor_unavailable"),
    Row(429, RetryError, "vendor_limit"),
    Row("4xx", RecordError, "record_refused"),
    Row("5xx", UncertainError, "vendor_failed"),
    Row("3xx", RuleError, "vendor_redirects"),
    Row("1xx", UncertainError, "vendor_failed"),
)


@dataclass(frozen=True, slots=True)
class VendorMessage:
    """The vendor's own sentence and the field it names, as far as the answer has them."""

    text: str = ""
    field: str = ""
    code: str = ""


class ErrorTable:
    """Turns an answer that is not 2xx into the error that says what to do.

    `read` gets the vendor's sentence out of its error shape; `retry_after` the seconds it asks us to wait.
    """

    def __init__(
        self,
        *rows: Row,
        read: Callable[[Answer], VendorMessage],
        retry_after: Callable[[Answer], float | None] | None = None,
    ) -> None:
        self.rows = rows + DEFAULT_ROWS
        self.read = read
        self.retry_after = retry_after or retry_after_header

    def error(self, call: Call, answer: Answer) -> VaivemError | None:
        """Return the error to raise, or None for a 2xx answer."""
        if answer.ok:
            return None
        row = next((row for row in self.rows if row.fits(call, answer)), None)
        message = self.read(answer)
        params: Mapping[str, Any] = {
            "status": answer.status,
            "call": call.name,
            "message": message.text[:500],
            "field": message.field,
        }
        if row is None:
            return UncertainError("vendor_answer_unexpected", params=params, detail=answer.text[:500])
        if issubclass(row.error, RetryError):
            return row.error(
                row.code,
                params=params,
                retry_after=self.retry_after(answer),
                limit=row.limit or row.spent or row.code == "vendor_limit",
                narrow=row.narrow,
                spent=row.spent,
                detail=message.text,
            )
        return row.error(
            row.code, params=params, path=message.field, detail=message.text or answer.text[:500]
        )


def retry_after_header(answer: Answer) -> float | None:
    """Read ``Retry-After`` in both its forms; return seconds, or None."""
    value = answer.headers.get("retry-after", "").strip()
    if not value:
        return None
    if value.isdecimal():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
