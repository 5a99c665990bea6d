"""The older messages of Connect: XML that tells an envelope's whole state, in times without a zone.

Read into the shape of the newer ones, so that everything else knows one shape only.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any
from xml.etree.ElementTree import Element, ParseError
from zoneinfo import ZoneInfo

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from vaivem.core.errors import UnreadableError

DEFAULT_ZONE = "America/Los_Angeles"
LARGE = frozenset({"DocumentPDFs", "FormData", "Attachments", "AttachmentPDFs"})

_LISTS = {
    "signer": "signers", "inpersonsigner": "inPersonSigners", "carboncopy": "carbonCopies",
    "certifieddelivery": "certifiedDeliveries", "agent": "agents", "editor": "editors",
    "intermediary": "intermediaries",
}  # fmt: skip
_TABS = {"checkbox": "checkboxTabs", "list": "listTabs", "radio": "radioGroupTabs"}


def zone_of(name: str) -> tzinfo:
    """Return a time zone by its name. Raises ValueError when there is none of that name."""
    try:
        return ZoneInfo(name.strip())
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(name) from error


def read_xml(body: bytes) -> Element:
    """Return the message's root. Raises UnreadableError; entities and such are refused."""
    try:
        return fromstring(body.lstrip(b"\xef\xbb\xbf").strip(), forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise UnreadableError(detail=f"not XML: {error}") from error


def summary_of(root: Element, zone: str) -> dict[str, Any]:
    """Return the envelope's summary in the shape of the newer messages.

    `zone` is the account's time zone, for a message that does not say its offset.
    """
    status = _child(root, "EnvelopeStatus")
    if status is None:
        raise UnreadableError(detail=f"no EnvelopeStatus in {_name(root)}")
    times = _Times(_text(root, "TimeZoneOffset"), zone)
    state = (_text(status, "Status") or "").lower()
    told = times.read(status, "TimeGenerated")
    found: dict[str, Any] = {
        "envelopeId": _text(status, "EnvelopeID"),
        "status": state,
        "emailSubject": _text(status, "Subject"),
        "createdDateTime": times.read(status, "Created"),
        "sentDateTime": times.read(status, "Sent"),
        "deliveredDateTime": times.read(status, "Delivered"),
        "completedDateTime": times.read(status, "Completed"),
        "declinedDateTime": times.read(status, "Declined"),
        "statusChangedDateTime": told,
        "voidedDateTime": told if state == "voided" else None,
        "voidedReason": _text(status, "VoidReason"),
        "sender": {"userName": _text(status, "UserName"), "email": _text(status, "Email")},
        "customFields": {"textCustomFields": list(_custom_fields(status))},
        "recipients": _recipients(status, times),
        "envelopeDocuments": list(_documents(status)),
    }
    if state == "declined":
        found["declinedDateTime"] = found["declinedDateTime"] or told
    return found


class _Times:
    """Reads times without a zone: by the message's own offset, else in the account's zone."""

    def __init__(self, offset: str | None, zone: str) -> None:
        self._zone = _offset(offset) or zone_of(zone)

    def read(self, element: Element, name: str) -> str | None:
        text = _text(element, name)
        try:
            moment = datetime.fromisoformat(text) if text else None
        except ValueError:
            return None
        if moment is None:
            return None
        return (moment if moment.tzinfo else moment.replace(tzinfo=self._zone)).isoformat()


def _offset(text: str | None) -> tzinfo | None:
    """Return the zone of an offset in hours, ``-8`` or ``5.5``; None for anything else."""
    try:
        hours = float(text) if text else None
    except ValueError:
        return None
    return timezone(timedelta(hours=hours)) if hours is not None and abs(hours) < 24 else None


def _recipients(status: Element, times: _Times) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for one in _children(_child(status, "RecipientStatuses"), "RecipientStatus"):
        kind = (_text(one, "Type") or "signer").lower()
        state = (_text(one, "Status") or "").lower()
        declined = times.read(one, "Declined")
        recipient = {
            "recipientId": _text(one, "RecipientId"),
            "name": _text(one, "UserName"),
            "email": _text(one, "Email"),
            "signerName": _text(one, "UserName"),
            "signerEmail": _text(one, "Email"),
            "roleName": _text(one, "RoleName"),
            "routingOrder": _text(one, "RoutingOrder"),
            "status": state,
            "sentDateTime": times.read(one, "Sent"),
            "deliveredDateTime": times.read(one, "Delivered"),
            "signedDateTime": None if state == "declined" else times.read(one, "Signed"),
            "declinedDateTime": declined or (times.read(one, "Signed") if state == "declined" else None),
            "declinedReason": _text(one, "DeclineReason"),
            "tabs": _tabs(one),
        }
        found.setdefault(_LISTS.get(kind, "signers"), []).append(recipient)
    return found


def _tabs(recipient: Element) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for tab in _children(_child(recipient, "TabStatuses"), "TabStatus"):
        label, value = _text(tab, "TabLabel"), _text(tab, "TabValue")
        kind = _TABS.get((_text(tab, "CustomTabType") or "").lower(), "textTabs")
        if kind == "checkboxTabs":
            shaped: dict[str, Any] = {"tabLabel": label, "selected": "true" if value == "X" else "false"}
        elif kind == "radioGroupTabs":
            shaped = {"groupName": label, "radios": [{"value": value, "selected": "true"}]}
        else:
            shaped = {"tabLabel": label, "value": value}
        found.setdefault(kind, []).append(shaped)
    return found


def _custom_fields(status: Element) -> Iterator[dict[str, Any]]:
    for one in _children(_child(status, "CustomFields"), "CustomField"):
        yield {"name": _text(one, "Name"), "value": _text(one, "Value")}


def _documents(status: Element) -> Iterator[dict[str, Any]]:
    for one in _children(_child(status, "DocumentStatuses"), "DocumentStatus"):
        yield {
            "documentId": _text(one, "ID"),
            "name": _text(one, "Name"),
            "type": "content",
            "order": _text(one, "Sequence"),
        }


def drop_large(root: Element) -> None:
    """Take out the files: what rules read is beside them."""
    for child in list(root):
        if _name(child) in LARGE:
            root.remove(child)


def _name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _child(element: Element | None, name: str) -> Element | None:
    return next(_children(element, name), None)


def _children(element: Element | None, name: str) -> Iterator[Element]:
    for child in element if element is not None else ():
        if _name(child) == name:
            yield child


def _text(element: Element, name: str) -> str | None:
    child = _child(element, name)
    return (child.text or "").strip() or None if child is not None else None
