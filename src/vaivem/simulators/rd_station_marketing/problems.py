"""The vendor's refusals. It has several shapes of error body, and which one comes depends on the call."""

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response

from vaivem.simulators.kit.answers import json_answer

Item = dict[str, Any]


class ProblemError(Exception):
    """A call is refused: the status and the body that is answered, and headers beside it."""

    def __init__(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(str(body))
        self.status, self.body, self.headers = status, body, dict(headers or {})

    def answer(self) -> Response:
        """The HTTP answer."""
        return json_answer(self.body, self.status, self.headers)


def item(kind: str, message: str, **more: Any) -> Item:
    """One error as every shape holds it."""
    return {"error_type": kind, "error_message": message, **more}


def flat(kind: str, message: str, status: int = 400) -> ProblemError:
    """`{"errors": {"error_type", "error_message"}}`."""
    return ProblemError(status, {"errors": item(kind, message)})


def listed(items: Sequence[Item], status: int = 400) -> ProblemError:
    """`{"errors": [{"error_type", "error_message", "path"}]}`, the events' shape."""
    return ProblemError(status, {"errors": list(items)})


def by_field(problems: Mapping[str, Any]) -> ProblemError:
    """`{"errors": {"email": [{…}]}}`, or a language more between, the contacts' and fields' shape."""
    return ProblemError(400, {"errors": dict(problems)})


def at_path(path: str, kind: str, message: str, **more: Any) -> Item:
    """An error of an event's body at `$.payload.email`."""
    return item(kind, message, **more, path=path)


def no_lead() -> ProblemError:
    return flat("RESOURCE_NOT_FOUND", "Lead not found.", 404)


def not_found(what: str) -> ProblemError:
    return flat("RESOURCE_NOT_FOUND", f"{what} not found.", 404)
