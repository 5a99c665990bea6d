"""Building a call from what a step says: address, headers, query, body.

Raises RuleError or RecordError with ``base_address_missing``, ``address_not_usable``, ``header_not_usable``
(name), ``query_not_usable`` (line), ``form_not_usable`` (line), ``body_not_json`` (reason, line, column).
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, urlsplit

import orjson

from vaivem.connectors.sdk import Call, Connection
from vaivem.core.errors import RecordError, RuleError
from vaivem.core.values import Values

DEFAULT_TIMEOUT_SECONDS = 20
LONGEST_TIMEOUT_SECONDS = 60
# What may stand in an address as it is; everything else (blanks, accents, quotes, line ends) is encoded.
_ADDRESS_SIGNS = "/:?&=%+,;@!$'()*~-._[]|"
_HEADER_NAME = re.compile(r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$")
# What the sending side decides: a wrong length or host would break or redirect the request.
_OWN_HEADERS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "expect"}
)

_OTHER_SCHEME = re.compile(r"^(?!https?://)[a-z][a-z0-9+.-]*://", re.IGNORECASE)

CONTENT_TYPES = {
    "json": "application/json",
    "text": "text/plain; charset=utf-8",
    "xml": "application/xml; charset=utf-8",
}

Pairs = tuple[tuple[str, str], ...]


def build_call(
    name: str, method: str, body_as: str, values: Values, connection: Connection, *extra: tuple[str, str]
) -> Call:
    """Return the call of a step. `extra` are headers of ours, which win over those of the step."""
    address = _address(str(values.get("url", "")), connection)
    own = {header.lower() for header, _ in extra}
    headers = tuple(
        pair for pair in header_lines(str(values.get("headers", ""))) if pair[0].lower() not in own
    )
    body: dict[str, Any] = {} if method in ("GET", "HEAD") else _body(body_as, values)
    typed = any(header.lower() == "content-type" for header, _ in headers)
    if "content" in body and not typed:
        headers += (("Content-Type", CONTENT_TYPES[body_as]),)
    return Call(
        name,
        method,
        address,
        query=pair_lines(str(values.get("query", "")), "query_not_usable"),
        headers=(*headers, *extra),
        timeout=float(_timeout(connection)),
        authorise=_is_trusted(address, connection),
        **body,
    )


def _address(written: str, connection: Connection) -> str:
    """Return a whole address, or a path below the connection's base address."""
    written = written.strip().partition("#")[0]
    base = str(connection.settings.get("address_api") or "").strip()
    if _OTHER_SCHEME.match(written):
        raise RuleError("address_not_usable", params={"address": written[:200]})
    whole = written.lower().startswith(("http://", "https://"))
    if not whole and not base:
        raise RuleError("base_address_missing", params={"address": written[:200]})
    if not whole:
        return quote(written, safe=_ADDRESS_SIGNS)
    scheme, _, rest = written.partition("://")
    return f"{scheme.lower()}://{quote(rest, safe=_ADDRESS_SIGNS)}"


def _is_trusted(address: str, connection: Connection) -> bool:
    """Say whether the credentials may go there: to the base address's own host and nowhere else.

    The address may come out of somebody's data; it must not be able to carry the credentials away.
    """
    if connection.method == "none":
        return False
    if "://" not in address:
        return True
    base = str(connection.settings.get("address_api") or "").strip()
    if not base:
        raise RuleError("base_address_missing", params={"address": address[:200]})
    return origin(address) == origin(base)


def origin(address: str) -> tuple[str, str, int]:
    """Return scheme, host and port. Raises RuleError for an address that has none."""
    try:
        parts = urlsplit(address)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise RuleError("address_not_usable", params={"address": address[:200]}) from error
    if not parts.hostname or parts.username is not None:
        raise RuleError("address_not_usable", params={"address": address[:200]})
    return parts.scheme, parts.hostname, port


def header_lines(text: str) -> Pairs:
    """Read ``Name: value`` lines. Raises RuleError for what cannot be a header."""
    found: list[tuple[str, str]] = []
    for line in _lines(text):
        name, colon, value = line.partition(":")
        name, value = name.strip(), value.strip()
        usable = colon and _HEADER_NAME.match(name) and name.lower() not in _OWN_HEADERS
        if not usable or not value.isascii() or not value.isprintable():
            raise RuleError("header_not_usable", params={"name": name[:100]})
        found.append((name, value))
    return tuple(found)


def pair_lines(text: str, code: str) -> Pairs:
    """Read ``name=value`` lines. Raises RuleError with `code`."""
    found: list[tuple[str, str]] = []
    for line in _lines(text):
        name, sign, value = line.partition("=")
        if not sign or not name.strip():
            raise RuleError(code, params={"line": line[:100]})
        found.append((name.strip(), value.strip()))
    return tuple(found)


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


def _body(body_as: str, values: Values) -> dict[str, Any]:
    """Return the body as the part of a call that holds it."""
    if body_as == "json" and values.has("data"):
        return {"json": values["data"]}
    text = str(values.get("body", ""))
    if not text.strip():
        return {}
    if body_as == "form":
        return {"form": pair_lines(text, "form_not_usable")}
    if body_as == "json":
        _check_json(text)
    return {"content": text.encode()}


def _check_json(text: str) -> None:
    """See that a body is JSON; it is sent as written, figures and all."""
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError as error:
        params = {"reason": error.msg, "line": error.lineno, "column": error.colno}
        raise RecordError("body_not_json", params=params, path="body", detail=text[:500]) from error


def _timeout(connection: Connection) -> int:
    chosen = int(connection.settings.get("timeout") or DEFAULT_TIMEOUT_SECONDS)
    return min(LONGEST_TIMEOUT_SECONDS, max(1, chosen))
