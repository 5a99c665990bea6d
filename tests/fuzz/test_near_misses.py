"""Deliveries that are nearly what a vendor sends: each one recorded, with something of it changed.

What is made up from nothing stops at a parser's first look; these get as far as an event goes at the hook:
parsed, and looked at by every trigger that listens to it.
"""

from __future__ import annotations

import contextlib
import copy
import gzip
import json
import re
import time
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaivem.connectors.sdk import Connection, Delivery, Event
from vaivem.connectors.sdk.registry import get_connector
from vaivem.core.errors import VaivemError
from vaivem.engine.ingest import unpacked

from .test_deliveries import CONNECTORS, FUZZ, JSON, LEAVES, SECONDS, TEXTS, connections

RECORDED = Path(__file__).parents[1] / "connectors"
FORM = "application/x-www-form-urlencoded"
TAG = re.compile(r"<(\w+)(?: [^<>]*)?>([^<>]*)</\1>")
MISREAD = [
    "",
    "&#0;",
    "&lt;x&gt;",
    "<![CDATA[<x>]]>",
    "<x/>",
    "2026-02-30T99:99:99",
    "-1",
    "\u2028",
    "9" * 400,
]


@cache
def recorded(key: str) -> list[tuple[dict[str, str], Any]]:
    """Return a connector's recorded deliveries: headers, and the body as JSON, pairs of a form, or text."""
    found = []
    for path in sorted((RECORDED / key / "fixtures").glob("webhooks/*.headers.json")):
        headers = {name.lower(): text for name, text in json.loads(path.read_text("utf-8")).items()}
        whole = path.with_name(path.name.removesuffix(".headers.json") + ".json")
        if whole.is_file():
            found.append((headers, json.loads(whole.read_text("utf-8"))))
    return found + [
        ({"content-type": "text/xml"}, path.read_text("utf-8"))
        for path in sorted((RECORDED / key / "fixtures").glob("webhooks/*.xml"))
    ]


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the way to everything in a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(place for name, part in inner for place in places(part, (*at, name)))]


def change_json(draw: st.DrawFn, value: Any) -> Any:
    """Return the value with one place of it gone, doubled, or another thing."""
    value = copy.deepcopy(value)
    at = draw(st.sampled_from(places(value)))
    if not at:
        return draw(st.sampled_from([value, [value], [value, value]]) | JSON)
    owner = value
    for name in at[:-1]:
        owner = owner[name]
    match draw(st.sampled_from(["other", "leaf", "leaf", "gone", "list", "inner"])):
        case "gone":
            del owner[at[-1]]
        case "list":
            owner[at[-1]] = [owner[at[-1]]] * draw(st.integers(0, 3))
        case "inner":
            owner[at[-1]] = {draw(TEXTS): owner[at[-1]]}
        case "leaf":
            owner[at[-1]] = draw(LEAVES)
        case _:
            owner[at[-1]] = draw(JSON)
    return value


def change_form(draw: st.DrawFn, pairs: list[list[str]]) -> list[list[str]]:
    """Return the pairs with one of them gone, doubled, or with another name or value."""
    pairs = copy.deepcopy(pairs)
    at = draw(st.integers(0, len(pairs) - 1))
    match draw(st.sampled_from(["gone", "double", "name", "value", "value"])):
        case "gone":
            del pairs[at]
        case "double":
            pairs.insert(at, [pairs[at][0], draw(TEXTS)])
        case "name":
            ends = ["[", "[]", "[0]", "[x][y]", "[-1]", "[99999999999]", "]"]
            pairs[at][0] = draw(st.sampled_from([pairs[at][0] + end for end in ends]) | TEXTS)
        case _:
            pairs[at][1] = draw(TEXTS)
    return pairs


def change_xml(draw: st.DrawFn, text: str) -> str:
    """Return the document with one of its innermost elements gone, doubled, or with another text."""
    there = list(TAG.finditer(text))
    if not there:
        return text
    found = draw(st.sampled_from(there))
    tag, whole = found[1], found[0]
    other = f"<{tag}>{draw(st.sampled_from(MISREAD))}</{tag}>"
    new = draw(st.sampled_from(["", whole + whole, other, f"<{tag}>{whole}</{tag}>", f"<!-- {tag} -->"]))
    return text[: found.start()] + new + text[found.end() :]


@st.composite
def nearly(draw: st.DrawFn, key: str) -> Delivery:
    """Make a delivery of a connector that is nearly right."""
    headers, body = draw(st.sampled_from(recorded(key)))
    is_form, is_xml = headers.get("content-type", "").startswith(FORM), isinstance(body, str)
    for _ in range(draw(st.integers(1, 3))):
        if is_xml:
            body = change_xml(draw, body)
        elif is_form and body:
            body = change_form(draw, body)
        elif not is_form:
            body = change_json(draw, body)
    if is_xml:
        content = body.encode("utf-8", "surrogatepass")
    elif is_form:
        content = urlencode([tuple(pair) for pair in body], errors="surrogatepass").encode()
    else:
        content = json.dumps(body).encode("utf-8", "surrogatepass")
    if draw(st.integers(0, 9)) == 0:
        headers, content = {**headers, "content-encoding": "gzip"}, gzip.compress(content)
    return Delivery("POST", "", "", headers, content)


def look_at(key: str, connection: Connection, event: Event) -> None:
    """Do what becomes of an event at the hook and at the beginning of a run, with every trigger's options."""
    assert all(isinstance(text, str) for text in (event.kind, event.object, event.record, *event.same))
    assert event.occurred is None or event.occurred.tzinfo is not None, "a time of no zone"
    for trigger in get_connector(key).triggers:
        if event.kind not in trigger.kinds:
            continue
        happened = trigger.happened(event)
        assert happened is None or happened.tzinfo is not None, trigger.key
        trigger.accepts(event, {})
        assert isinstance(trigger.record(event, {}), str), trigger.key
        once = trigger.once_key(event, {})
        assert once is None or isinstance(once, str), trigger.key
        for path in trigger.changes:
            trigger.told_change(connection, event, path)


@pytest.mark.parametrize("key", [key for key in CONNECTORS if recorded(key)])
def test_what_is_nearly_right_is_read_or_turned_away(key: str) -> None:
    webhooks = get_connector(key).webhooks
    assert webhooks is not None
    connection = connections(key)[0]
    events = 0

    @FUZZ
    @given(nearly(key))
    def look(delivery: Delivery) -> None:
        nonlocal events
        begun = time.process_time()
        with contextlib.suppress(VaivemError):
            plain = webhooks.slim(unpacked(delivery, webhooks.max_bytes), connection)
            webhooks.is_probe(plain, connection)
            found = webhooks.parse(plain, connection)
            webhooks.accepted(plain, connection)
            events += len(found)
            for event in found:
                look_at(key, connection, event)
        assert time.process_time() - begun < SECONDS

    look()
    assert events > 0, "none of them came as far as an event"
