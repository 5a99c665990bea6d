"""What the connect page checks at Clicksign, one line each."""

from __future__ import annotations

from vaivem.connectors.clicksign import client
from vaivem.connectors.sdk import Answer, CheckResult, Reader
from vaivem.core.errors import RetryError, RuleError, UncertainError, VaivemError

_BAD = {
    "credentials_refused": "token",
    "api_user_missing": "api_user",
    "account_blocked": "account",
    "envelopes_off": "envelopes",
}


async def run(reader: Reader) -> list[CheckResult]:
    """Return the lines; a failed one that makes the rest pointless is the last."""
    try:
        answer = await reader.read(client.try_token())
        count = client.record_count(answer)
    except VaivemError as error:
        return _refused(reader, error)
    lines = [CheckResult("token", "ok"), CheckResult("envelopes", "ok", {"count": count or 0})]
    try:
        webhooks = await reader.read(client.list_webhooks())
    except RuleError as error:
        lines.append(CheckResult("webhooks", "bad", {"message": error.detail}))
    else:
        lines.append(CheckResult("webhooks", "ok", {"count": client.record_count(webhooks) or 0}))
    lines.append(_limit(answer, reader))
    return lines


def _refused(reader: Reader, error: VaivemError) -> list[CheckResult]:
    if isinstance(error, RetryError | UncertainError):
        return [CheckResult("reachable", "bad", {"message": error.detail})]
    if error.code not in _BAD:
        raise error
    lines = [CheckResult(_BAD[error.code], "bad", {"message": error.detail})]
    if error.code == "credentials_refused":
        # A token of the other environment is refused in the very same words as a wrong one.
        environment = reader.connection.settings.get("environment") or "production"
        lines.append(CheckResult(f"environment_{environment}", "warn"))
    return lines


def _limit(answer: Answer, reader: Reader) -> CheckResult:
    """Say the limit: as the vendor's header states it, else as documented."""
    stated = answer.headers.get("x-rate-limit") or answer.headers.get("x-ratelimit-limit") or ""
    if stated.isdecimal():
        return CheckResult("limit", "ok", {"calls": int(stated)})
    return CheckResult("limit", "warn")
