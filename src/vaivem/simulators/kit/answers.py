"""Bodies in and out, quickly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

_OPTIONS = orjson.OPT_NON_STR_KEYS


class MalformedBodyError(ValueError):
    """The request's body is not JSON, or not an object."""


def json_answer(
    data: Any,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    media_type: str = "application/json",
) -> Response:
    """A JSON answer. ``data`` may hold datetimes; they come out as RFC 3339."""
    body = orjson.dumps(data, option=_OPTIONS)
    return Response(body, status_code=status, headers=dict(headers or {}), media_type=media_type)


async def read_object(request: Request) -> dict[str, Any]:
    """The body as a JSON object; an empty body is an empty object. Raises ``MalformedBodyError``."""
    raw = await request.body()
    if not raw.strip():
        return {}
    try:
        data = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise MalformedBodyError(f"the body is not JSON: {error}") from error
    if not isinstance(data, dict):
        raise MalformedBodyError("the body must be a JSON object")
    return data
