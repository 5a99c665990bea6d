"""DocuSign's eSignature REST API v2.1 as calls, one function each. Pure: the engine sends them.

Paths begin with the account, which userinfo tells; numbers and booleans are texts in both directions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from vaivem.connectors.sdk import Answer, Call, Connection, Reader
from vaivem.core.errors import ReconnectError, UncertainError

PAGE = 100
# The vendor lets one envelope be read once in a quarter of an hour; each resource counts by itself.
ENVELOPE = "envelope"
_JSON = (("Accept", "application/json"),)

Raw = Mapping[str, Any]


def _path(connection: Connection, rest: str) -> str:
    account = str(connection.account.get("id") or "")
    if not account:
        raise ReconnectError("account_unknown")
    return f"/restapi/v2.1/accounts/{account}{rest}"


def _get(connection: Connection, name: str, rest: str, *query: tuple[str, str], **more: Any) -> Call:
    return Call(name, "GET", _path(connection, rest), query=query, headers=_JSON, **more)


# https://developers.docusign.com/platform/auth/reference/user-info
def user_info() -> Call:
    """Say who the access is of, and which accounts the user has, each with its address."""
    return Call("userinfo", "GET", "/oauth/userinfo", headers=_JSON, base="account")


# https://developers.docusign.com/docs/esign-rest-api/reference/accounts/accounts/get
def account(connection: Connection) -> Call:
    """Read the account: the cheapest call that proves the access at its own address."""
    return _get(connection, "account.read", "")


# https://developers.docusign.com/docs/esign-rest-api/reference/envelopes/envelopes/create
def create_envelope(connection: Connection, body: Raw) -> Call:
    """Make an envelope."""
    return Call(
        "envelopes.create", "POST", _path(connection, "/envelopes"), headers=_JSON, json=dict(body),
        query=(("merge_roles_on_draft", "true"),),
    )  # fmt: skip


# https://developers.docusign.com/docs/esign-rest-api/reference/envelopes/envelopes/update
def send_envelope(connection: Connection, envelope: str) -> Call:
    """Send a draft."""
    path = _path(connection, f"/envelopes/{envelope}")
    return Call("envelopes.send", "PUT", path, headers=_JSON, json={"status": "sent"})


# https://developers.docusign.com/docs/esign-rest-api/reference/envelopes/envelopes/update
def void_envelope(connection: Connection, envelope: str, reason: str) -> Call:
    """Void an envelope that is under way; the vendor wants a reason."""
    path = _path(connection, f"/envelopes/{envelope}")
    body = {"status": "voided", "voidedReason": reason}
    return Call("envelopes.void", "PUT", path, headers=_JSON, json=body)


# https://developers.docusign.com/docs/esign-rest-api/reference/envelopes/envelopes/get
def get_envelope(connection: Connection, envelope: str, since: datetime | None = None) -> Call:
    """Read an envelope whole: once in a quarter of an hour, unless an answer from after `since` is kept."""
    include = ("include", "recipients,custom_fields,tabs,documents")
    rest = f"/envelopes/{envelope}"
    return _get(connection, "envelopes.get", rest, include, scope=ENVELOPE, record=envelope, since=since)


# https://developers.docusign.com/docs/esign-rest-api/reference/envelopes/envelopes/liststatuschanges
def by_transaction(connection: Connection, transaction: str) -> Call:
    """Say what became of an envelope that was made with this transaction id (known for seven days)."""
    return _get(connection, "envelopes.by_transaction", "/envelopes", ("transaction_ids", transaction))


# https://developers.docusign.com/docs/esign-rest-api/reference/envelopes/envelopes/liststatuschanges
def status_of(connection: Connection, envelope: str) -> Call:
    """Say the state of one envelope, by the list: that is no read of the envelope itself."""
    return _get(connection, "envelopes.status", "/envelopes", ("envelope_ids", envelope))


# https://developers.docusign.com/docs/esign-rest-api/reference/envelopes/envelopes/liststatuschanges
def changed(connection: Connection, since: datetime, until: datetime, start: int = 0) -> Call:
    """List the envelopes whose state changed between two moments, the oldest change first; no drafts."""
    return _get(
        connection, "envelopes.changed", "/envelopes",
        ("from_date", since.isoformat()), ("to_date", until.isoformat()), ("from_to_status", "changed"),
        ("include", "recipients,custom_fields"), ("order_by", "last_modified"), ("order", "asc"),
        ("count", str(PAGE)), ("start_position", str(start)),
    )  # fmt: skip


# https://developers.docusign.com/docs/esign-rest-api/reference/templates/templates/list
def templates(connection: Connection, start: int = 0) -> Call:
    """List the templates that the user has or shares."""
    return _get(
        connection, "templates.list", "/templates", ("order_by", "name"), ("user_filter", "all"),
        ("count", str(PAGE)), ("start_position", str(start)),
    )  # fmt: skip


# https://developers.docusign.com/docs/esign-rest-api/reference/templates/templaterecipients/list
def template_recipients(connection: Connection, template: str) -> Call:
    """List the roles of a template with their tabs."""
    rest = f"/templates/{template}/recipients"
    return _get(connection, "templates.recipients", rest, ("include_tabs", "true"))


# https://developers.docusign.com/docs/esign-rest-api/reference/accounts/accountcustomfields/list
def custom_fields(connection: Connection) -> Call:
    """List the account's envelope custom fields."""
    return _get(connection, "custom_fields.list", "/custom_fields")


# https://developers.docusign.com/docs/esign-rest-api/reference/connect/connectconfigurations/list
def configurations(connection: Connection) -> Call:
    """List the account's Connect configurations."""
    return _get(connection, "connect.list", "/connect")


# https://developers.docusign.com/docs/esign-rest-api/reference/connect/connectconfigurations/create
def create_configuration(connection: Connection, body: Raw) -> Call:
    """Make a Connect configuration."""
    return Call("connect.create", "POST", _path(connection, "/connect"), headers=_JSON, json=dict(body))


# https://developers.docusign.com/docs/esign-rest-api/reference/connect/connectconfigurations/update
def update_configuration(connection: Connection, body: Raw) -> Call:
    """Change a Connect configuration; its `connectId` is in the body."""
    return Call("connect.update", "PUT", _path(connection, "/connect"), headers=_JSON, json=dict(body))


# https://developers.docusign.com/docs/esign-rest-api/reference/connect/connectconfigurations/delete
def delete_configuration(connection: Connection, configuration: str) -> Call:
    """Remove a Connect configuration."""
    path = _path(connection, f"/connect/{configuration}")
    return Call("connect.delete", "DELETE", path, headers=_JSON)


def one(answer: Answer) -> Raw:
    """Return the object of an answer. Raises UncertainError for anything else."""
    content = answer.json
    if not isinstance(content, dict):
        raise UncertainError("vendor_answer_unreadable", detail=answer.text[:300])
    return content


def rows(answer: Answer, name: str) -> list[Raw]:
    """Return a list of an answer; it is left out by the vendor when it is empty."""
    return rows_of(one(answer), name)


def rows_of(content: Raw, name: str) -> list[Raw]:
    """Return a list of a content that is there, or not."""
    return [row for row in content.get(name) or [] if isinstance(row, dict)]


async def each(reader: Reader, pages: Sequence[int], call: Any, name: str) -> list[Raw]:
    """Return the rows of a list, page by page; `call(start)` asks for the page from that place on."""
    found: list[Raw] = []
    for number in pages:
        answer = await reader.read(call(number * PAGE))
        listed = rows(answer, name)
        found += listed
        if not listed or not _goes_on(one(answer), number * PAGE + len(listed)):
            break
    return found


def _goes_on(content: Raw, seen: int) -> bool:
    if content.get("nextUri"):
        return True
    total = str(content.get("totalSetSize") or "")
    return total.isdecimal() and seen < int(total)
