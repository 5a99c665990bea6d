"""API v1: the user's token in the query, related records inside, and many shapes of error."""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from vaivem.simulators.kit.answers import MalformedBodyError, json_answer, read_object
from vaivem.simulators.kit.tables import Record
from vaivem.simulators.rd_station_crm.access import Access
from vaivem.simulators.rd_station_crm.account import Account
from vaivem.simulators.rd_station_crm.problems import MissingError, Problem, RefusedError
from vaivem.simulators.rd_station_crm.v1_bodies import V1_NAMES, UnknownCustomFieldError, UnreadableBodyError
from vaivem.simulators.rd_station_crm.v1_shapes import ShapesV1
from vaivem.simulators.rd_station_crm.visibility import get_visible, visible_only

Handler = Callable[[Request, Record], Awaitable[Response]]

PREFIX = "/api/v1"
LIMIT = 20
MAX_LIMIT = 200
MAX_LISTED = 10_000


class BadParameterError(ValueError):
    """A parameter that the vendor breaks at with a 500."""


class ApiV1:
    """What every call of API v1 has in common; the calls themselves are in the `v1_` modules."""

    def __init__(self, account: Account, access: Access) -> None:
        self.account = account
        self.shapes = ShapesV1(account)
        self._access = access

    def route(self, path: str, **handlers: Handler) -> Route:
        """A route whose handlers get the token's user, with the errors in API v1's shapes."""

        async def endpoint(request: Request) -> Response:
            user = self._access.user_of_v1(request.query_params.get("token"))
            if user is None:
                return json_answer({"error": "Permission denied."}, 401)
            # HEAD is let in by the router wherever GET is.
            handler = handlers["GET" if request.method == "HEAD" else request.method]
            try:
                return await handler(request, user)
            except RefusedError as error:
                return refused(error)
            except MissingError as error:
                return not_found(str(error))
            except UnknownCustomFieldError as error:
                return json_answer({"errors": str(error.args[0])}, 400)
            except (BadParameterError, UnreadableBodyError, MalformedBodyError):
                return server_error()

        return Route(PREFIX + path, endpoint, methods=list(handlers))

    def get(self, user: Record, table: str, record_id: object) -> Record:
        """Return a record that the user may see; MissingError otherwise."""
        return get_visible(self.account, user, table, record_id)

    def visible(self, user: Record, table: str) -> list[Record]:
        """All records of a table that the user may see."""
        among = visible_only(self.account, user, table)
        return self.account.tables[table].dump() if among is None else among

    def page(
        self, request: Request, key: str, found: list[Record], shape: Callable[[Record], Record], **more: Any
    ) -> Response:
        """One page of a list under its key; BadParameterError when page or limit is not a number."""
        number, limit = page_of(request)
        listed = found[:MAX_LISTED]
        start = (number - 1) * limit
        records = [shape(record) for record in listed[start : start + limit]]
        return json_answer(
            {key: records, "has_more": start + limit < len(listed), "total": len(found), **more}
        )


def page_of(request: Request, limit: int = LIMIT, max_limit: int = MAX_LIMIT) -> tuple[int, int]:
    """Return page number and size; BadParameterError when one is not a positive number."""
    query = request.query_params
    return _positive(query.get("page"), 1), min(_positive(query.get("limit"), limit), max_limit)


def ordered(request: Request, found: list[Record], columns: dict[str, str]) -> list[Record]:
    """Sort by `order` and `direction`; `columns` maps API v1's names to ours. Newest first when not asked.

    Ids rise, so of two made in one millisecond the later one is the newer.
    """
    query = request.query_params
    column = columns.get(query.get("order", "created_at"))
    direction = query.get("direction", "asc" if "order" in query else "desc")
    if column is None or direction not in ("asc", "desc"):
        raise BadParameterError("order")
    present = [record for record in found if record.get(column) is not None]
    absent = [record for record in found if record.get(column) is None]
    present.sort(key=lambda record: (record[column], record["id"]), reverse=direction == "desc")
    return present + absent


def refused(error: RefusedError) -> Response:
    """All refused values by field; a wrong type is an object where the rest is text."""
    errors: dict[str, list[Any]] = {}
    for item in error.problems:
        name = V1_NAMES.get(item.field, item.field)
        errors.setdefault(name, []).append(_message(name, item))
    return json_answer({"errors": errors}, 422)


def not_found(message: str) -> Response:
    """No such record, or none that the user may see."""
    return json_answer({"errors": {"error_type": "RESOURCE_NOT_FOUND", "error_message": message}}, 404)


def server_error() -> Response:
    """The vendor's 500: a paragraph of HTML, also for parameters it cannot read."""
    return HTMLResponse("<p>We're sorry, but something went wrong.</p>", 500)


def too_many_requests() -> Response:
    """Over the limit; the misspelling is the vendor's."""
    inner = {"error_type": "RATE_LIMIT_EXCEDDED", "error_message": "API usage limit exceeded"}
    return json_answer({"errors": inner}, 429)


async def read_list(request: Request, key: str) -> list[dict[str, Any]]:
    """Return the objects under a key of the body; UnreadableBodyError when there are none."""
    items = (await read_object(request)).get(key)
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise UnreadableBodyError(key)
    return items


def _message(name: str, item: Problem) -> Any:
    if item.message == "must be string.":
        label = name.replace("_", " ").capitalize()
        return {"error_type": "MUST_BE_STRING", "error_message": f"{label} must be string."}
    return item.message


def _positive(text: str | None, absent: int) -> int:
    if not text:
        return absent
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 10**9:
        raise BadParameterError(text)
    return int(text)
