"""What the API refuses, and how it says so."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from vaivem.simulators.kit.answers import json_answer

INVALID = "ERR_SCHEMA_VALIDATION_FAILED"


class ApiError(Exception):
    """A call that is answered with an error. `extra` goes into the body beside the usual keys."""

    def __init__(self, status: int, error: str, info: str = "", code: str = "", **extra: Any) -> None:
        super().__init__(error)
        self.status, self.error, self.info, self.code, self.extra = status, error, info, code, extra

    def answer(self) -> Response:
        """The error as the API writes it."""
        code = {"code": self.code} if self.code else {}
        empty = {"data": None, "additional_data": None}
        body = {"success": False, "error": self.error, "error_info": self.info, **code, **empty, **self.extra}
        return json_answer(body, self.status)


class RefusedError(ApiError):
    """The values sent cannot be taken."""

    def __init__(self, field: str, reason: str) -> None:
        text = f"Validation failed: {field}: {reason}"
        super().__init__(400, text, "Please check the request and try again.", INVALID)
        self.field, self.reason = field, reason


class MissingError(ApiError):
    """There is no such record, or it is deleted."""

    def __init__(self, what: str = "Entity") -> None:
        super().__init__(404, f"{what} was not found", "Object was not found.")


class RawError(Exception):
    """A call whose error has a shape of its own (webhooks, OAuth, the edge)."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


def unauthorized(error: str = "unauthorized access") -> Response:
    """A missing or wrong token."""
    return json_answer({"success": False, "error": error, "errorCode": 401}, 401)


def wrong_scope() -> Response:
    """A token whose app was not given what this call needs."""
    return json_answer({"success": False, "error": "Scope and URL mismatch"}, 403)
