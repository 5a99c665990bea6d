"""Every refusal of the REST API has one shape, in the language that the request asks for.

``{"error": {"code", "message", "params", "path", "problems"?}}``: `code` is stable and for programs,
`message` for people; `problems` lists all that is wrong, each in the same form, when there are several.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import DataError
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from vaivem.core.errors import (
    Problem,
    ReconnectError,
    RecordError,
    RetryError,
    RuleError,
    UncertainError,
    VaivemError,
)
from vaivem.hub.history.acts import ActError
from vaivem.hub.history.filters import FilterError
from vaivem.hub.messages import explain_problem
from vaivem.hub.replays.sets import ReplayError
from vaivem.hub.rules.combining import CombinationStateError
from vaivem.hub.rules.drafts import DraftConflictError
from vaivem.hub.rules.files import PlanError
from vaivem.hub.rules.publishing import RuleStateError


class ApiError(Exception):
    """A refusal with its status. `connector` is the system that it is about."""

    def __init__(self, status: int, *problems: Problem, connector: str = "") -> None:
        super().__init__(problems)
        self.status = status
        self.problems = problems
        self.connector = connector


def gone() -> ApiError:
    """Return the refusal for what is not there, or not in this workspace."""
    return ApiError(404, Problem("not_found"))


STATUSES: tuple[tuple[type[VaivemError], int], ...] = (
    (FilterError, 400),
    (RuleStateError, 409),
    (DraftConflictError, 409),
    (CombinationStateError, 409),
    (ActError, 409),
    (ReplayError, 409),
    (PlanError, 409),
    (RuleError, 422),
    (RecordError, 422),
    (ReconnectError, 422),
    (RetryError, 502),
    (UncertainError, 502),
)

NOT_KEPT = "a null character, or a number that is too large"


def add_handlers(api: NinjaAPI) -> None:
    """Let the API answer each error in the one shape."""

    @api.exception_handler(ApiError)
    def refused(request: HttpRequest, error: ApiError) -> HttpResponse:
        return _answer(api, request, error.status, error.problems, error.connector)

    @api.exception_handler(VaivemError)
    def failed(request: HttpRequest, error: VaivemError) -> HttpResponse:
        status = next((status for kind, status in STATUSES if isinstance(error, kind)), 500)
        return _answer(api, request, status, error.problems, str(error.params.get("connector") or ""))

    @api.exception_handler(Http404)
    def not_found(request: HttpRequest, error: Http404) -> HttpResponse:
        return _answer(api, request, 404, [Problem("not_found")])

    @api.exception_handler(AuthenticationError)
    def unknown(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
        answer = _answer(api, request, 401, [Problem("token_missing")])
        answer["WWW-Authenticate"] = "Bearer"
        return answer

    @api.exception_handler(ValidationError)
    def invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
        return _answer(api, request, 422, [_problem(one) for one in error.errors])

    @api.exception_handler(DataError)
    def cannot_be_kept(request: HttpRequest, error: DataError) -> HttpResponse:
        """Answer for what the database cannot hold."""
        return _answer(api, request, 422, [Problem("request_invalid", {"message": NOT_KEPT}, "body")])

    @api.exception_handler(ValueError)
    def null_character(request: HttpRequest, error: ValueError) -> HttpResponse:
        if "NUL" not in str(error):
            raise error
        return _answer(api, request, 422, [Problem("request_invalid", {"message": NOT_KEPT}, "query")])

    @api.exception_handler(HttpError)
    def refused_by_framework(request: HttpRequest, error: HttpError) -> HttpResponse:
        problem = Problem("request_invalid", {"message": str(error)}, "body")
        return _answer(api, request, error.status_code, [problem])


def _problem(found: dict[str, Any]) -> Problem:
    place = ".".join(str(part) for part in found.get("loc", ()) if part not in ("body", "query", "payload"))
    return Problem("request_invalid", {"message": str(found.get("msg", ""))}, place or "body")


def shown(problem: Problem, connector: str = "") -> dict[str, Any]:
    """Return a problem as the API shows it."""
    return {
        "code": problem.code,
        "message": str(explain_problem(problem, connector)),
        "params": dict(problem.params),
        "path": problem.path,
    }


def _answer(
    api: NinjaAPI, request: HttpRequest, status: int, problems: Sequence[Problem], connector: str = ""
) -> HttpResponse:
    listed = [shown(problem, connector) for problem in problems]
    several = {"problems": listed} if len(listed) > 1 else {}
    return api.create_response(request, {"error": {**listed[0], **several}}, status=status)
