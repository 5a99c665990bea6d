"""Calling any tool: a request, and a look that changes nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import urlsplit

import orjson
from typing_extensions import override

from vaivem.connectors.http.answers import output
from vaivem.connectors.http.requests import build_call, header_lines
from vaivem.connectors.sdk import (
    Action,
    ActionContext,
    Call,
    Connection,
    Idempotent,
    Keyed,
    Outcome,
    RecordRef,
    Repeat,
    Unsafe,
)
from vaivem.core.errors import RecordError, RuleError
from vaivem.core.fields import Field, FieldType, Option

METHODS = ("POST", "GET", "PUT", "PATCH", "DELETE")
REPEATABLE = frozenset({"PUT", "DELETE"})
BODIES = ("json", "form", "text", "xml")
_DID = {"GET": "found", "POST": "created"}


def _field(key: str, type_: FieldType, **more: Any) -> Field:
    return Field(key, type_, label_key=f"fields.{key}", help_key=f"fields.{key}.help", **more)


URL = _field("url", FieldType.TEXT, required=True, max_length=4000, sample="/pedidos/123")
QUERY = _field("query", FieldType.LONG_TEXT, sample="pagina=1")
HEADERS = _field("headers", FieldType.LONG_TEXT, sample="X-Origem: vaivem")
BODY = _field("body", FieldType.LONG_TEXT, sample='{"nome": {{ signer.name | json }}}')
DATA = _field("data", FieldType.OBJECT)
ANSWER = (
    Field("status", FieldType.INTEGER, label_key="fields.status", sample=200),
    Field("text", FieldType.LONG_TEXT, label_key="fields.text", sample='{"id": 123}'),
    Field("json", FieldType.OBJECT, label_key="fields.json"),
)

METHOD = _field(
    "method", FieldType.OPTION, options=tuple(Option(name, name) for name in METHODS), sample="POST"
)
BODY_AS = _field("body_as", FieldType.OPTION, options=tuple(Option(name) for name in BODIES), sample="json")
REPEAT_OK = _field("repeat_ok", FieldType.BOOLEAN, sample=False)
KEY_HEADER = _field("key_header", FieldType.TEXT, max_length=100, sample="Idempotency-Key")


class Request(Action):
    """Send a request. Later steps read ``status``, ``headers``, ``json`` and ``text`` of the answer."""

    key: ClassVar[str] = "request"
    object: ClassVar[str] = "answer"
    options: ClassVar[tuple[Field, ...]] = (METHOD, BODY_AS, REPEAT_OK, KEY_HEADER)

    @override
    def adds(self, options: Mapping[str, Any]) -> bool:
        """Say whether the other tool may do it twice: not what only asks, nor what may be repeated."""
        method = str(options.get("method") or "POST").upper()
        if options.get("key_header"):
            return method != "GET"
        return method != "GET" and method not in REPEATABLE and not options.get("repeat_ok")

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        """Return the parts of a request."""
        return (URL, QUERY, HEADERS, BODY, DATA)

    @override
    def outputs(self, connection: Connection) -> tuple[Field, ...]:
        """Return the parts of an answer."""
        return ANSWER

    @override
    async def run(self, context: ActionContext) -> Outcome:
        """Send it once, whatever breaks, as far as the other tool allows."""
        method = str(context.options.get("method") or "POST").upper()
        if method not in METHODS:
            raise RuleError("method_not_offered", params={"method": method[:20]})
        body_as = str(context.options.get("body_as") or "json")
        call = build_call("request", method, body_as, context.values, context.connection)
        if method == "GET":
            answered = output(await context.read(call))
        else:
            repeat, key = _repeat(method, call, context)
            call = build_call("request", method, body_as, context.values, context.connection, *key)
            answered = await context.write(call, repeat, output)
        return _outcome(call, answered)


class Lookup(Action):
    """Ask with a GET; "not found" (404, nothing, an empty list) is an answer that the rule handles."""

    key: ClassVar[str] = "lookup"
    object: ClassVar[str] = "answer"
    reads_only: ClassVar[bool] = True

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        """Return the parts of a request without a body."""
        return (URL, QUERY, HEADERS)

    @override
    def outputs(self, connection: Connection) -> tuple[Field, ...]:
        """Return the parts of an answer."""
        return ANSWER

    @override
    async def run(self, context: ActionContext) -> Outcome:
        """Ask."""
        call = build_call("lookup", "GET", "json", context.values, context.connection)
        try:
            answered = output(await context.read(call))
        except RecordError as error:
            if error.code != "record_not_found":
                raise
            return Outcome(())
        if answered["json"] in (None, [], {}) and not _has_text(answered):
            return Outcome((), answered)
        return _outcome(call, answered)


def _has_text(answered: dict[str, Any]) -> bool:
    return answered["json"] is None and answered["text"].strip() not in ("", "null")


def _repeat(method: str, call: Call, context: ActionContext) -> tuple[Repeat, tuple[tuple[str, str], ...]]:
    """Return how a repeat is made safe, and the header that makes it so."""
    header = str(context.options.get("key_header") or "").strip()
    if header:
        key = _key(call, context)
        return Keyed(key), header_lines(f"{header}: {key}")
    if method in REPEATABLE or context.options.get("repeat_ok"):
        return Idempotent(), ()
    return Unsafe(), ()


def _key(call: Call, context: ActionContext) -> str:
    """Return a key that is the same in every try of this request, and of no other.

    The reference alone will not do: it names the source record, and a rule may run for it again and again.
    """
    parts = [
        context.source,
        context.now.isoformat(),
        call.method,
        call.path,
        repr(call.query),
        repr(call.form),
    ]
    content = "\x1f".join(parts).encode() + orjson.dumps(call.json) + (call.content or b"")
    return f"{context.reference}-{hashlib.blake2b(content, digest_size=8).hexdigest()}"


def _outcome(call: Call, answered: dict[str, Any]) -> Outcome:
    path = urlsplit(call.path).path or "/"
    did = _DID.get(call.method, "updated")
    record = RecordRef("answer", path[:200], did, f"{call.method} {path} → {answered['status']}")
    return Outcome((record,), answered)
