"""Deliveries of any tool: proved as chosen, read in any format, told apart as chosen."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from typing_extensions import override

from vaivem.connectors.sdk import Connection, Delivery, Event, Reply, Webhooks
from vaivem.connectors.webhook import proofs
from vaivem.connectors.webhook.bodies import read_body, read_query
from vaivem.core.errors import UnreadableError
from vaivem.core.paths import PathError, read

KIND = "received"
MOST_EVENTS = 1000
DEFAULT_MINUTES = 10.0
_TAKEN = {"both": ("POST", "GET"), "post": ("POST",), "get": ("GET",)}
_MOST_TERMS = 30
_EMAIL = re.compile(r"^[^\s@]+@[^\s@]+\.[^\s@]+$")
_NUMBER = re.compile(r"^\+?[\d .()/-]{8,25}$")
_NAMES = re.compile(r"nome|name|nombre|nom\b|empresa|company", re.IGNORECASE)


class AnyWebhooks(Webhooks):
    """The hook's address is given to the other tool by a person."""

    managed: ClassVar[bool] = False
    unreadable: ClassVar[Reply] = Reply(400, b'{"ok":false}', "application/json")

    @override
    def verify(self, delivery: Delivery, connection: Connection) -> None:
        """Check the chosen proof over the raw bytes."""
        proofs.prove(delivery, connection)

    @override
    def is_probe(self, delivery: Delivery, connection: Connection) -> bool:
        """Take a HEAD or OPTIONS request for somebody trying the address."""
        return delivery.method in ("HEAD", "OPTIONS")

    @override
    def parse(self, delivery: Delivery, connection: Connection) -> list[Event]:
        """Return one event, or one for each element of a body that is a list."""
        settings = connection.settings
        taken = _TAKEN[str(settings.get("methods") or "both")]
        if delivery.method not in taken:
            raise UnreadableError("method_not_taken", params={"method": delivery.method[:20]})
        body: Any = {}
        if delivery.method == "POST":
            chosen = str(settings.get("format") or "auto")
            body = read_body(delivery.body, delivery.headers.get("content-type", ""), chosen)
        proved = proofs.covers_query(connection)
        query = read_query(delivery.query) if proved else {}
        digest = _digest(delivery, whole=proved)
        elements = body if isinstance(body, list) else [body]
        if len(elements) > MOST_EVENTS:
            raise UnreadableError("too_many_elements", params={"count": len(elements), "max": MOST_EVENTS})
        return [
            _event(_object(element), query, delivery, settings, (digest, str(number)))
            for number, element in enumerate(elements)
        ]

    @override
    def accepted(self, delivery: Delivery, connection: Connection) -> Reply:
        """Answer as the person chose."""
        settings = connection.settings
        status = int(settings.get("answer_status") or 200)
        type_ = str(settings.get("answer_type") or "")
        return Reply(
            status if 200 <= status <= 299 else 200,
            str(settings.get("answer_body") or "").encode(),
            type_
            if type_.isascii() and type_.isprintable() and "/" in type_
            else "text/plain; charset=utf-8",
        )


def _event(
    body: dict[str, Any],
    query: dict[str, Any],
    delivery: Delivery,
    settings: Mapping[str, Any],
    content: tuple[str, str],
) -> Event:
    data: dict[str, Any] = {"body": body, "query": query}
    name = _chosen(data, settings, "name_field") or _header(delivery, settings, "name_header")
    data["event"] = {"name": name, "method": delivery.method}
    record = _chosen(data, settings, "record_field")
    same = _same(data, delivery, settings)
    return Event(
        kind=KIND,
        object="delivery",
        # Without a record of its own, each delivery is alone in its lane and waits for no other.
        record=record or "-".join(content),
        same=same or ("content", *content),
        data=data,
        title=" · ".join(filter(None, (name, record))),
        terms=tuple(dict.fromkeys(filter(None, (name, record, *_terms(data))))),
        within=None if same else _minutes(settings),
    )


def _same(data: Mapping[str, Any], delivery: Delivery, settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what the person chose to tell deliveries apart; () when this one has no such thing."""
    chosen = settings.get("same_by")
    value = ""
    if chosen == "field":
        value = _chosen(data, settings, "same_field")
    elif chosen == "header":
        value = _header(delivery, settings, "same_header")
    return (str(chosen), value) if value else ()


def _minutes(settings: Mapping[str, Any]) -> float:
    """Return for how long equal content is the same event."""
    chosen = settings.get("same_minutes")
    return DEFAULT_MINUTES if chosen is None else max(0.0, float(chosen))


def _digest(delivery: Delivery, *, whole: bool) -> str:
    """Return the digest of what the sender vouches for: a replay could change the rest."""
    head = f"{delivery.method}\x1f{delivery.path}\x1f{delivery.query}\x1f" if whole else ""
    return hashlib.blake2b(head.encode() + delivery.body, digest_size=16).hexdigest()


def _chosen(data: Mapping[str, Any], settings: Mapping[str, Any], setting: str) -> str:
    """Return the text at the path that a setting names, "" if there is none there.

    A path is written as the fields are shown (``body.order.id``) or from inside the body (``order.id``).
    """
    path = str(settings.get(setting) or "").strip()
    if not path:
        return ""
    try:
        value = read(data, path)
        if value is None:
            value = read(data["body"], path)
    except PathError as error:
        raise UnreadableError("path_not_usable", params={"path": path[:200], "setting": setting}) from error
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value).strip()


def _header(delivery: Delivery, settings: Mapping[str, Any], setting: str) -> str:
    name = str(settings.get(setting) or "").strip().lower()
    return delivery.headers.get(name, "").strip() if name else ""


def _object(element: Any) -> dict[str, Any]:
    return element if isinstance(element, dict) else {"value": element}


def _terms(data: Mapping[str, Any]) -> list[str]:
    """Return what people may search by: e-mails, documents, phone numbers, names."""
    found: list[str] = []
    for key, value in _leaves(data):
        text = str(value).strip()
        if 0 < len(text) <= 120 and (_EMAIL.match(text) or _NUMBER.match(text) or _NAMES.search(key)):
            found.append(text)
        if len(found) >= _MOST_TERMS:
            break
    return found


def _leaves(content: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(content, dict):
        for name, part in content.items():
            yield from _leaves(part, name)
    elif isinstance(content, list):
        for part in content:
            yield from _leaves(part, key)
    elif content is not None and not isinstance(content, bool):
        yield key, content
