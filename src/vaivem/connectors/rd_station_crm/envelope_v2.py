"""API v2's envelope: ``{"data": …}`` around every body, in both directions. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vaivem.connectors.sdk import Answer, Call
from vaivem.core.errors import UncertainError


def post(name: str, path: str, data: Mapping[str, Any]) -> Call:
    """Return a call that makes a record."""
    return Call(name, "POST", path, json={"data": data})


def put(name: str, path: str, data: Mapping[str, Any]) -> Call:
    """Return a call that changes a record."""
    return Call(name, "PUT", path, json={"data": data})


def record_in(answer: Answer) -> Mapping[str, Any]:
    """Return the one record of an answer; raises UncertainError when it holds none."""
    data = _content(answer)
    if not isinstance(data, Mapping) or not data.get("id"):
        raise UncertainError("vendor_answer_unreadable", detail=answer.text[:300])
    return data


def rows_in(answer: Answer) -> list[Mapping[str, Any]]:
    """Return the records of a list; raises UncertainError when it holds none."""
    data = _content(answer)
    if not isinstance(data, list):
        raise UncertainError("vendor_answer_unreadable", detail=answer.text[:300])
    return data


def _content(answer: Answer) -> Any:
    body = answer.json
    return body.get("data") if isinstance(body, Mapping) else None
