"""Recipients of envelopes and templates: by list, with an order in which their turns come."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid4, uuid5

from vaivem.simulators.docusign import tabs as tab_lists
from vaivem.simulators.docusign.account import Record
from vaivem.simulators.docusign.problems import ProblemError, body, parameter

LISTS = (
    "signers",
    "agents",
    "editors",
    "intermediaries",
    "carbonCopies",
    "certifiedDeliveries",
    "inPersonSigners",
    "seals",
    "witnesses",
    "notaries",
)
# Whoever gets a copy has nothing to do; who receives certified has only to look.
COPIES, LOOKERS = ("carbonCopies",), ("certifiedDeliveries",)
MOST = 100
ACTIVE, DONE = ("sent", "delivered"), ("completed", "declined", "autoresponded")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_TEXTS = ("name", "email", "roleName", "clientUserId", "note", "firstName", "lastName")


def is_email(text: object) -> bool:
    """Whether a text looks like an e-mail address."""
    return isinstance(text, str) and _EMAIL.fullmatch(text) is not None


def each_sent(sent: Any) -> Iterator[tuple[str, Record]]:
    """Every recipient of a `recipients` object with its list. Raises ProblemError where it is none."""
    if sent is None:
        return
    if not isinstance(sent, dict):
        raise body("recipients must be an object of lists.")
    for kind in LISTS:
        rows = sent.get(kind) or []
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise body(f"{kind} must be a list of recipients.")
        for row in rows:
            yield kind, row


def made(kind: str, sent: Mapping[str, Any]) -> Record:
    """A recipient of a new envelope, as the account keeps it. Raises ProblemError."""
    recipient: Record = {
        "kind": kind,
        "recipientId": str(sent.get("recipientId") or ""),
        "recipientIdGuid": str(uuid4()),
        "routingOrder": str(sent.get("routingOrder") or "1"),
        "status": "created",
        "deliveryMethod": "email",
        "phoneNumber": sent.get("phoneNumber") or None,
        "customFields": _texts(sent.get("customFields")),
        "tabs": {},
        **{key: str(sent.get(key) or "") for key in _TEXTS},
        "sent": "",
        "delivered": "",
        "signed": "",
        "declined": "",
        "declinedReason": "",
        "autoRespondedReason": "",
        "userId": "",
    }
    if not recipient["routingOrder"].isdigit():
        raise parameter("routingOrder must be a number.")
    check(recipient)
    tab_lists.fill(recipient["tabs"], tab_lists.checked(sent.get("tabs")))
    return recipient


def _texts(rows: Any) -> list[str]:
    """The recipient's own custom fields, which are bare texts."""
    if not isinstance(rows or [], list):
        raise body("A recipient's customFields must be a list.")
    return [str(row) for row in rows or []]


def check(recipient: Record) -> None:
    """Hold the e-mail, and give the person the id that everybody of that address has."""
    email = recipient["email"]
    if email and not is_email(email):
        raise ProblemError("INVALID_EMAIL_ADDRESS_FOR_RECIPIENT", email)
    if len(recipient["name"]) > 100:
        raise parameter("A recipient's name has at most 100 characters.")
    recipient["userId"] = str(uuid5(NAMESPACE_URL, f"mailto:{email.lower()}")) if email else ""


def numbered(recipients: list[Record]) -> list[Record]:
    """Give an id to those without one. Raises ProblemError when two have the same, or there are too many."""
    if len(recipients) > MOST:
        raise parameter(f"An envelope has at most {MOST} recipients.")
    taken = {one["recipientId"] for one in recipients if one["recipientId"]}
    if len(taken) < sum(1 for one in recipients if one["recipientId"]):
        raise parameter("Two recipients have the same recipientId.")
    number = 0
    for one in recipients:
        while not one["recipientId"]:
            number += 1
            if str(number) not in taken:
                one["recipientId"] = str(number)
                taken.add(str(number))
    return recipients


def turn(recipients: list[Record]) -> int | None:
    """The routing order whose turn it is: the lowest with somebody not done; None when all are done."""
    waiting = [int(one["routingOrder"]) for one in recipients if one["status"] not in DONE]
    return min(waiting, default=None)


def find(recipients: list[Record], key: str) -> Record:
    """A recipient by its id or its GUID. Raises ProblemError."""
    for one in recipients:
        if key in (one["recipientId"], one["recipientIdGuid"]):
            return one
    raise ProblemError("UNKNOWN_ENVELOPE_RECIPIENT")
