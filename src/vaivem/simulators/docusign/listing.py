"""The list of changes: what is asked for, found, ordered and cut into pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlencode

from vaivem.simulators.docusign import people
from vaivem.simulators.docusign.account import Account, Record
from vaivem.simulators.docusign.api import Call
from vaivem.simulators.docusign.drafting import TRANSACTION_LIFE
from vaivem.simulators.docusign.lifecycle import EXPIRED
from vaivem.simulators.docusign.problems import parameter
from vaivem.simulators.docusign.shapes import INCLUDES, envelope_shape
from vaivem.simulators.docusign.times import LONGEST_BACK, asked, moment, stamp

MOST = 1000
_STATES = ("created", "sent", "delivered", "completed", "declined", "voided", "deleted")
# What each moment that can be asked about is called in an envelope.
_MOMENTS = {
    "changed": "statusChanged",
    "created": "created",
    "sent": "sent",
    "delivered": "delivered",
    "signed": "completed",
    "completed": "completed",
    "declined": "declined",
    "voided": "voided",
    "deleted": "deleted",
    "timedout": "voided",
    "processing": "statusChanged",
}
# A status in which an envelope can be that has been through such a moment.
_POSSIBLE = {
    "completed": {"completed", "deleted"},
    "signed": {"completed", "deleted"},
    "declined": {"declined", "deleted"},
    "voided": {"voided", "deleted"},
    "timedout": {"voided", "deleted"},
    "deleted": {"deleted"},
    "delivered": {"delivered", "completed", "declined", "voided", "deleted"},
    "sent": {"sent", "delivered", "completed", "declined", "voided", "deleted"},
}
_ORDERS = {
    "last_modified": "lastModified",
    "status_changed": "statusChanged",
    "action_required": "statusChanged",
    "created": "created",
    "sent": "sent",
    "completed": "completed",
    "envelope_name": "subject",
    "subject": "subject",
    "status": "status",
}
_FOLDERS: dict[str, Callable[[Record, Record], bool]] = {
    "all": lambda _one, _user: True,
    "normal": lambda _one, _user: True,
    "envelopes": lambda _one, _user: True,
    "drafts": lambda one, _user: one["status"] == "created",
    "draft": lambda one, _user: one["status"] == "created",
    "sentitems": lambda one, user: one["sender"] == user["userId"] and one["status"] != "created",
    "inbox": lambda one, user: any(_is(row, user) and row["sent"] for row in one["recipients"]),
    "awaiting_my_signature": lambda one, user: any(
        _is(row, user) and row["status"] in people.ACTIVE for row in one["recipients"]
    ),
    "out_for_signature": lambda one, _user: one["status"] in ("sent", "delivered"),
    "waiting_for_others": lambda one, _user: one["status"] in ("sent", "delivered"),
    "expiring_soon": lambda one, _user: one["status"] in ("sent", "delivered"),
    "completed": lambda one, _user: one["status"] == "completed",
    "recyclebin": lambda one, _user: bool(one["deleted"]),
}


def changes(call: Call, ids: list[str] | None = None, transactions: list[str] | None = None) -> Record:
    """Answer `GET /envelopes` (or `PUT /envelopes/status`, with the ids out of its body)."""
    query = call.query
    ids = ids if ids is not None else call.listed("envelope_ids")
    transactions = transactions if transactions is not None else call.listed("transaction_ids")
    if not ids and not transactions and not query.get("from_date"):
        raise parameter("One of from_date, envelope_ids and transaction_ids is needed.")
    found = _found(call, ids) if ids or query.get("from_date") else []
    page, told = paged(call, found, "/envelopes")
    include = [part for part in call.listed("include") if part in INCLUDES]
    answer: Record = dict(told)
    if page:
        answer["envelopes"] = [envelope_shape(call.account, one, include) for one in page]
    if transactions:
        answer["envelopeTransactionStatuses"] = _transactions(call.account, transactions)
    answer["lastQueriedDateTime"] = call.account.stamp()
    return answer


def paged(call: Call, rows: list[Any], path: str, most: int = MOST) -> tuple[list[Any], Record]:
    """One page of rows, and what is said of it: texts, with the ways on and back."""
    start, count = _number(call, "start_position", 0), min(_number(call, "count", most) or most, most)
    page = rows[start : start + count]

    def way(position: int) -> str:
        kept = [(key, value) for key, value in call.query.multi_items() if key != "start_position"]
        return f"{path}?{urlencode([*kept, ('start_position', str(position))])}"

    told = {
        "resultSetSize": str(len(page)),
        "totalSetSize": str(len(rows)),
        "startPosition": str(start),
        "endPosition": str(start + len(page) - 1 if page else 0),
        "nextUri": way(start + count) if start + count < len(rows) else "",
        "previousUri": way(max(0, start - count)) if start else "",
    }
    return page, told


def _found(call: Call, ids: list[str]) -> list[Record]:
    account, query = call.account, call.query
    tests = [_by_text(query.get("search_text", "")), _by_field(query.get("custom_field", ""))]
    tests += [_by_folder(call), _by_sender(call)]
    if ids:
        chosen: Iterable[Record] = [one for key in ids if (one := account.envelopes.get(key.lower()))]
    else:
        chosen = account.envelopes.values()
        tests += [_by_moment(call), _not_too_old(account)]
    status = _by_status(call, named=bool(ids))
    rows = [one for one in chosen if all(test(one) for test in tests)]
    found = [one for one in rows if status(one)]
    if account.quirks.unrelated_slip and query.get("status") and len(found) < len(rows):
        found.append(next(one for one in rows if not status(one)))
    key = _ORDERS.get(query.get("order_by", "last_modified"))
    if key is None:
        raise parameter("order_by is not known.")
    order = query.get("order", "desc").lower()
    if order not in ("asc", "desc"):
        raise parameter("order must be asc or desc.")
    return sorted(found, key=lambda one: (one[key], one["id"]), reverse=order == "desc")


def _by_moment(call: Call) -> Callable[[Record], bool]:
    """Those that had the asked for moment between the dates."""
    event = call.query.get("from_to_status", "changed").lower()
    if event not in _MOMENTS:
        raise parameter("from_to_status is not known.")
    key = _MOMENTS[event]
    start = stamp(_date(call, "from_date"))
    end = stamp(_date(call, "to_date")) if call.query.get("to_date") else call.account.stamp()
    possible = _POSSIBLE.get(event)

    def test(one: Record) -> bool:
        good = possible is None or one["status"] in possible
        if event == "timedout" and one["voidedReason"] != EXPIRED:
            return False
        return good and bool(one[key]) and start <= one[key] <= end

    return test


def _by_status(call: Call, *, named: bool) -> Callable[[Record], bool]:
    """Those whose status is one of the list. Drafts are left out unless asked for, or named by id."""
    asked_for = {part.lower() for part in call.listed("status")}
    unknown = asked_for - {*_STATES, "any", "signed", "processing", "timedout"}
    if unknown:
        raise parameter(f"status: {', '.join(sorted(unknown))} is not known.")
    if not asked_for or "any" in asked_for:
        deleted = call.query.get("from_to_status", "").lower() == "deleted"
        hidden = {"created"} if deleted else {"created", "deleted"}
        return lambda one: named or one["status"] not in hidden
    return lambda one: one["status"] in asked_for


def _by_text(text: str) -> Callable[[Record], bool]:
    wanted = text.strip().lower()

    def test(one: Record) -> bool:
        said = [one["subject"], *(row[key] for row in one["recipients"] for key in ("name", "email"))]
        return not wanted or any(wanted in part.lower() for part in said)

    return test


def _by_field(asked_for: str) -> Callable[[Record], bool]:
    """`custom_field=Name=Value`."""
    if not asked_for:
        return lambda _one: True
    name, mark, value = asked_for.partition("=")
    if not mark:
        raise parameter("custom_field is written Name=Value.")

    def test(one: Record) -> bool:
        rows = [row for fields in one["custom_fields"].values() for row in fields]
        return any(row["name"] == name and row["value"] == value for row in rows)

    return test


def _by_folder(call: Call) -> Callable[[Record], bool]:
    names = [*call.listed("folder_ids"), *call.listed("folder_types")]
    unknown = [name for name in names if name.lower() not in _FOLDERS]
    if unknown:
        raise parameter(f"Unknown folders: {', '.join(unknown)}.")
    folders = [_FOLDERS[name.lower()] for name in names]
    return lambda one: not folders or any(folder(one, call.user) for folder in folders)


def _by_sender(call: Call) -> Callable[[Record], bool]:
    """Of `user_id`, or of `email` with `user_name`; who is no administrator sees only their own."""
    query, account = call.query, call.account
    wanted = query.get("user_id", "")
    if query.get("email"):
        user = account.user_by_email(query["email"])
        wanted = user["userId"] if user else "nobody"

    def test(one: Record) -> bool:
        mine = one["sender"] == call.user["userId"] or any(_is(row, call.user) for row in one["recipients"])
        return (call.user["isAdmin"] or mine) and (not wanted or one["sender"] == wanted)

    return test


def _not_too_old(account: Account) -> Callable[[Record], bool]:
    oldest = stamp(account.now() - LONGEST_BACK)
    return lambda one: one["created"] >= oldest


def _transactions(account: Account, ids: list[str]) -> list[Record]:
    """What became of the envelopes that were made with these ids, within their seven days."""
    told = []
    for key in ids:
        one = account.by_transaction(key)
        if one is not None and account.now() - moment(one["created"]) <= TRANSACTION_LIFE:
            told.append({"transactionId": key, "envelopeId": one["id"], "status": one["status"]})
        elif account.quirks.unknown_transaction == "error":
            details = {"errorCode": "TRANSACTION_ID_NOT_FOUND", "message": "The transaction is not known."}
            told.append({"transactionId": key, "errorDetails": details})
    return told


def _is(recipient: Record, user: Record) -> bool:
    same: bool = recipient["email"].lower() == user["email"].lower()
    return same


def _date(call: Call, name: str) -> Any:
    try:
        return asked(call.query[name])
    except ValueError as error:
        raise parameter(f"{name} is not a date.") from error


def _number(call: Call, name: str, default: int) -> int:
    text = call.query.get(name, "")
    if not text:
        return default
    if not text.isdigit():
        raise parameter(f"{name} must be a number.")
    return int(text)
