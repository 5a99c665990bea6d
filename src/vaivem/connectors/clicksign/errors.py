"""Which answer of Clicksign means what.

https://developers.clicksign.com/docs/mensagens-de-erro
Errors come in two shapes (``status`` a number or a text, ``code`` a word or digits), always in Portuguese.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from vaivem.connectors.sdk import Answer, Call, ErrorTable, LimitState, Row, VendorMessage
from vaivem.connectors.sdk.errors import retry_after_header
from vaivem.core.errors import ReconnectError, RecordError, RetryError, RuleError

_LIMIT_HEADERS = ("x-rate-limit", "x-ratelimit")  # documented, and what one SDK reads


def errors_of(answer: Answer) -> list[Any]:
    """Return the `errors` of an answer, [] when it has none (HTML, nothing)."""
    content = answer.json if answer.is_json else None
    found = content.get("errors") if isinstance(content, dict) else None
    return found if isinstance(found, list) else []


def read_message(answer: Answer) -> VendorMessage:
    """Get the vendor's sentence and the field it points at."""
    errors = errors_of(answer)
    first = errors[0] if errors and isinstance(errors[0], dict) else {}
    source = first.get("source")
    pointer = str(source.get("pointer") or "") if isinstance(source, dict) else ""
    # The gate's errors end in "attributes" or "data" when they are about no field.
    field = pointer.rsplit("/", 1)[-1]
    return VendorMessage(
        text="; ".join(filter(None, map(_sentence, errors))),
        field="" if field in ("data", "attributes", "relationships") else field,
        code=str(first.get("code") or ""),
    )


def _sentence(error: Any) -> str:
    if not isinstance(error, dict):
        return str(error)  # the legacy API lists plain sentences
    return str(error.get("detail") or error.get("title") or "")


def plain(text: str) -> str:
    """Return a text without accents and capitals: the vendor's documents and answers differ in both."""
    parts = unicodedata.normalize("NFKD", text)
    return "".join(part for part in parts if not unicodedata.combining(part)).casefold()


def says(*words: str) -> Callable[[Call, Answer], bool]:
    """Return a test for answers whose sentences or titles hold all of `words`."""

    def test(call: Call, answer: Answer) -> bool:
        said = plain(" ".join(f"{_sentence(e)} {e.get('title', '')}" for e in _objects(answer)))
        return all(word in said for word in words)

    return test


def _template_is_gone(call: Call, answer: Answer) -> bool:
    return call.name == "documents.create" and says("template", "nao encontrad")(call, answer)


def _objects(answer: Answer) -> list[dict[str, Any]]:
    return [e if isinstance(e, dict) else {"detail": str(e)} for e in errors_of(answer)]


def _feature_is_off(call: Call, answer: Answer) -> bool:
    """Tell the account's 503 (envelopes not enabled: permanent) from a server's."""
    return any(error.get("code") == "service_unavailable" for error in _objects(answer))


def limit_state(answer: Answer) -> LimitState | None:
    """Read the limit headers. The reset is a Unix time, measured against the vendor's own clock."""
    for prefix in _LIMIT_HEADERS:
        remaining = answer.headers.get(f"{prefix}-remaining", "").strip()
        reset = answer.headers.get(f"{prefix}-reset", "").strip()
        if remaining.isdecimal() or _is_number(reset):
            return LimitState(
                int(remaining) if remaining.isdecimal() else None,
                max(0.0, float(reset) - _vendor_time(answer)) if _is_number(reset) else None,
            )
    return None


def retry_after(answer: Answer) -> float | None:
    """Return the seconds until the limit is reset: `Retry-After` if there is one, else the reset header."""
    seconds = retry_after_header(answer)
    if seconds is None:
        state = limit_state(answer)
        seconds = state.reset_in if state else None
    return seconds


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdecimal()


def _vendor_time(answer: Answer) -> float:
    try:
        return parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
    except ValueError:
        return datetime.now(UTC).timestamp()


ERRORS = ErrorTable(
    # "Associe o usuário à API": without it the token is right and every call is refused all the same.
    Row(401, ReconnectError, "api_user_missing", says("associ", "usuario")),
    Row(403, ReconnectError, "api_user_missing", says("associ", "usuario")),
    # A blocked account refuses everything until the vendor's support acts: hold, lose nothing.
    Row(403, ReconnectError, "account_blocked", says("conta bloqueada")),
    Row(403, RuleError, "plan_lacks_feature", says("nao possui acesso")),
    Row(403, RecordError, "wrong_state", says("status")),
    Row(403, RecordError, "wrong_state", says("ja assinou")),
    Row(422, RuleError, "template_gone", _template_is_gone),
    Row(422, RetryError, "still_processing", says("ainda", "process")),
    Row(422, RecordError, "already_used", says("ja esta em uso")),
    Row(503, RuleError, "envelopes_off", _feature_is_off),
    read=read_message,
    retry_after=retry_after,
)
