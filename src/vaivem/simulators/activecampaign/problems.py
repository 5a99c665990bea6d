"""The vendor's refusals. There is no one shape: which one comes depends on the object."""

from typing import Any

from starlette.responses import Response

from vaivem.simulators.kit.answers import json_answer


class ProblemError(Exception):
    """A call is refused: the status and the body that is answered."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(str(body))
        self.status, self.body = status, body

    def answer(self) -> Response:
        """The HTTP answer."""
        return json_answer(self.body, self.status)


def message(status: int, text: str) -> ProblemError:
    """`{"message": …}`."""
    return ProblemError(status, {"message": text})


def no_result(label: str, record_id: object, status: int = 404) -> ProblemError:
    """The usual answer for an id that is not there; `label` is the vendor's internal name."""
    return message(status, f"No Result found for {label} with id {record_id}")


def wrong(title: str, code: str, pointer: str, detail: str = "") -> ProblemError:
    """422 about one attribute; codes are duplicate, field_missing, field_invalid."""
    source = {"pointer": f"/data/attributes/{pointer}"}
    return ProblemError(422, {"errors": [{"title": title, "detail": detail, "code": code, "source": source}]})


def titled(status: int, title: str, detail: str) -> ProblemError:
    """`{"errors": [{"status", "title", "detail"}]}`."""
    return ProblemError(status, {"errors": [{"status": status, "title": title, "detail": detail}]})


def wrong_object(field: str, detail: str) -> ProblemError:
    """422 of custom objects."""
    source = {"type": "pointer", "value": f"/data/attributes/{field.replace('.', '/')}"}
    title = f'Invalid value for field "{field}"'
    return ProblemError(422, {"errors": [{"title": title, "detail": detail, "source": source}]})


def bad_object() -> ProblemError:
    """400 of custom objects."""
    return ProblemError(400, {"errors": [{"status": 400, "title": "Bad Request"}]})


def bad_request() -> ProblemError:
    """400 of everything else: an empty object."""
    return ProblemError(400, {})


def forbidden() -> ProblemError:
    return message(403, "Forbidden")
