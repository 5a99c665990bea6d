"""The vendor's refusals: `{"errorCode", "message"}`, and a status that its sources do not agree on."""

from collections.abc import Mapping

from starlette.responses import Response

from vaivem.simulators.docusign.quirks import Quirks
from vaivem.simulators.kit.answers import json_answer

MESSAGES = {
    "AUTHORIZATION_INVALID_TOKEN": "The access token provided is expired, revoked or malformed.",
    "USER_AUTHENTICATION_FAILED": "One or both of Username and Password are invalid.",
    "ACCOUNT_LACKS_PERMISSIONS": "This Account lacks sufficient permissions.",
    "USER_NOT_ACCOUNT_ADMIN": "The user specified is not an account administrator.",
    "USER_LACKS_PERMISSIONS": "This user lacks sufficient permissions to access this resource.",
    "USER_DOES_NOT_BELONG_TO_SPECIFIED_ACCOUNT": "The User is not a member of the specified Account.",
    "USER_NOT_ENVELOPE_SENDER_OR_RECIPIENT": "The caller is not a party to the envelope.",
    "ENVELOPE_DOES_NOT_EXIST": "The envelope specified either does not exist or you have no rights to it.",
    "DOCUMENT_DOES_NOT_EXIST": "The document specified was not found.",
    "TEMPLATE_ID_INVALID": "Invalid template ID.",
    "RESOURCE_NOT_FOUND": "The URL provided does not resolve to a resource.",
    "INVALID_REQUEST_BODY": "The request body is missing or improperly formatted.",
    "INVALID_REQUEST_PARAMETER": "The request contained at least one invalid parameter.",
    "INVALID_EMAIL_ADDRESS_FOR_RECIPIENT": "The email address for the recipient is invalid.",
    "UNKNOWN_ENVELOPE_RECIPIENT": "The recipient is not a valid recipient of the envelope.",
    "ENVELOPE_IS_INCOMPLETE": "The Envelope is not Complete. A Complete Envelope Requires Documents, "
    "Recipients, Tabs, and a Subject Line.",
    "ENVELOPE_CANNOT_VOID_INVALID_STATE": "Only envelopes in the 'Sent' or 'Delivered' states may be voided.",
    "ENVELOPE_INVALID_STATUS": "Invalid envelope status. It must be another for this operation.",
    "ENVELOPE_NOT_IN_CORRECT_STATE": "The envelope is not in a state that allows this.",
    "HOURLY_APIINVOCATION_LIMIT_EXCEEDED": "The maximum number of hourly API invocations has been exceeded.",
    "BURST_APIINVOCATION_LIMIT_EXCEEDED": "The maximum number of burst API invocations has been exceeded.",
    "Hourly_Envelope_Polling_Limit_Exceeded": "The maximum number of hourly GETs of this envelope has been "
    "exceeded.",
    "UNSPECIFIED_ERROR": "An unspecified error occurred.",
}
_NOT_FOUND = frozenset(
    {"ENVELOPE_DOES_NOT_EXIST", "DOCUMENT_DOES_NOT_EXIST", "TEMPLATE_ID_INVALID", "RESOURCE_NOT_FOUND"}
)
_NOT_ALLOWED = frozenset(
    {
        "ACCOUNT_LACKS_PERMISSIONS",
        "USER_LACKS_PERMISSIONS",
        "USER_NOT_ACCOUNT_ADMIN",
        "USER_DOES_NOT_BELONG_TO_SPECIFIED_ACCOUNT",
        "USER_NOT_ENVELOPE_SENDER_OR_RECIPIENT",
    }
)
_NOT_KNOWN = frozenset({"AUTHORIZATION_INVALID_TOKEN", "USER_AUTHENTICATION_FAILED"})


class ProblemError(Exception):
    """A call is refused: the vendor's code, what is said beside its sentence, and headers."""

    def __init__(self, code: str, detail: str = "", headers: Mapping[str, str] | None = None) -> None:
        self.code = code
        self.message = f"{MESSAGES[code]} {detail}".strip()
        self.headers = dict(headers or {})
        super().__init__(f"{code}: {self.message}")

    def answer(self, quirks: Quirks) -> Response:
        """The HTTP answer."""
        body = {"errorCode": self.code, "message": self.message}
        return json_answer(body, status_of(self.code, quirks), self.headers)


def status_of(code: str, quirks: Quirks) -> int:
    """The status that goes with a code; clients are told to go by the code."""
    if code in _NOT_KNOWN:
        return 401
    if code in _NOT_FOUND:
        return quirks.not_found_status
    if code in _NOT_ALLOWED:
        return quirks.permission_status
    if code.startswith("HOURLY_API"):
        return quirks.hourly_status
    if code.startswith("BURST_API"):
        return quirks.burst_status
    return 500 if code == "UNSPECIFIED_ERROR" else 400


def parameter(detail: str) -> ProblemError:
    """A value in the query or the body that cannot be."""
    return ProblemError("INVALID_REQUEST_PARAMETER", detail)


def body(detail: str) -> ProblemError:
    """A body that is not what the call takes."""
    return ProblemError("INVALID_REQUEST_BODY", detail)
