"""The fields of a document: lists by type, found by label, filled beforehand or at signing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any
from uuid import uuid4

from vaivem.simulators.docusign.account import Record
from vaivem.simulators.docusign.problems import body, parameter

VALUE_TABS = (
    "textTabs",
    "numberTabs",
    "numericalTabs",
    "dateTabs",
    "emailTabs",
    "companyTabs",
    "titleTabs",
    "phoneNumberTabs",
    "noteTabs",
    "ssnTabs",
    "zipTabs",
)
# These fill themselves when the recipient signs.
OWN_TABS = (
    "fullNameTabs",
    "firstNameTabs",
    "lastNameTabs",
    "emailAddressTabs",
    "dateSignedTabs",
    "envelopeIdTabs",
)
MARK_TABS = (
    "signHereTabs",
    "initialHereTabs",
    "approveTabs",
    "declineTabs",
    "signerAttachmentTabs",
    "formulaTabs",
)
TAB_TYPES = frozenset({*VALUE_TABS, *OWN_TABS, *MARK_TABS, "checkboxTabs", "listTabs", "radioGroupTabs"})
LONGEST_TEXT = 4000
_PLACES = ("xPosition", "anchorString")
_OF_BUTTONS = ("tabId", "xPosition", "yPosition", "pageNumber")


def label_of(kind: str, tab: Mapping[str, Any]) -> str:
    """By what a tab is found: its label, a group of radio buttons by its name."""
    return str(tab.get("groupName" if kind == "radioGroupTabs" else "tabLabel") or "")


def each(tabs: Mapping[str, Any]) -> Iterator[tuple[str, Record]]:
    """Every tab with the list it is in."""
    for kind, rows in tabs.items():
        for tab in rows:
            yield kind, tab


def count(tabs: Mapping[str, Any]) -> int:
    """How many tabs there are."""
    return sum(1 for _ in each(tabs))


def checked(sent: Any) -> dict[str, list[Record]]:
    """Lists of tabs as they were sent. Raises ProblemError where they are none."""
    if sent is None:
        return {}
    if not isinstance(sent, dict):
        raise body("tabs must be an object of lists.")
    found: dict[str, list[Record]] = {}
    for kind, rows in sent.items():
        if kind in ("prefillTabs", "tabGroups") or rows is None:
            continue
        if kind not in TAB_TYPES:
            raise body(f"{kind} is not a kind of tab.")
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise body(f"{kind} must be a list of tabs.")
        found[kind] = rows
    return found


def fill(
    tabs: dict[str, list[Record]], sent: dict[str, list[Record]], *, refuse_unmatched: bool = False
) -> None:
    """Write the sent values into the tabs that have their labels; those of no place are passed over.

    A sent tab with a place of its own is added. A label that begins with `\\*` stands for all that begin so.
    """
    for kind, new in each(sent):
        if kind in OWN_TABS:
            continue
        found = [tab for tab in tabs.get(kind, []) if _meant(label_of(kind, new), label_of(kind, tab))]
        for tab in found:
            write(kind, tab, new)
        if not found and any(new.get(place) for place in _PLACES):
            tabs.setdefault(kind, []).append(made(kind, new))
        elif not found and refuse_unmatched:
            raise parameter(f"The tab {label_of(kind, new)} has no place.")


def made(kind: str, sent: Record) -> Record:
    """A tab as the account keeps it."""
    tab = _identified(kind, {**deepcopy(sent), "tabType": kind.removesuffix("Tabs").lower()})
    if kind in VALUE_TABS:
        tab.setdefault("value", "")
        tab.setdefault("originalValue", tab["value"])
    write(kind, tab, sent)
    return tab


def write(kind: str, tab: Record, sent: Mapping[str, Any]) -> None:
    """Put the value of a sent tab into a tab. Raises ProblemError where it does not fit."""
    if kind == "checkboxTabs":
        if "selected" in sent:
            tab["selected"] = _flag(sent["selected"])
    elif kind == "radioGroupTabs":
        _choose_radio(tab, sent.get("radios") or [])
    elif kind == "listTabs":
        _choose_item(tab, sent.get("value"))
    elif kind in VALUE_TABS and "value" in sent:
        text = str(sent["value"])
        if len(text.encode()) > LONGEST_TEXT:
            raise parameter(
                f"The value of the tab {tab.get('tabLabel')} is longer than {LONGEST_TEXT} bytes."
            )
        tab["value"] = text
    if "locked" in sent:
        tab["locked"] = _flag(sent["locked"])


def value_of(kind: str, tab: Mapping[str, Any]) -> str:
    """What stands in a tab, as form data tells it."""
    if kind == "checkboxTabs":
        return "X" if tab.get("selected") == "true" else ""
    if kind == "radioGroupTabs":
        return next(
            (str(one.get("value")) for one in tab.get("radios", []) if one.get("selected") == "true"), ""
        )
    return str(tab.get("value") or "")


def fill_own(tabs: dict[str, list[Record]], recipient: Record, envelope_id: str, day: str) -> None:
    """What the vendor writes itself when somebody signs."""
    first, _, last = recipient["name"].partition(" ")
    values = {
        "fullNameTabs": recipient["name"],
        "firstNameTabs": first,
        "lastNameTabs": last,
        "emailAddressTabs": recipient["email"],
        "dateSignedTabs": day,
        "envelopeIdTabs": envelope_id,
    }
    for kind, tab in each(tabs):
        if kind in values:
            tab["value"] = values[kind]
        elif kind in ("signHereTabs", "initialHereTabs"):
            tab["status"] = "signed"


def fresh(tabs: Mapping[str, Any]) -> dict[str, list[Record]]:
    """A template's tabs for a new envelope, each with an id of its own."""
    return {kind: [_identified(kind, deepcopy(tab)) for tab in rows] for kind, rows in tabs.items()}


def _identified(kind: str, tab: Record) -> Record:
    """A tab with an id; in a group of radio buttons each button has one, and its own place."""
    if kind != "radioGroupTabs":
        return {**tab, "tabId": str(uuid4())}
    radios = [{**radio, "tabId": str(uuid4())} for radio in tab.get("radios") or []]
    return {**{key: value for key, value in tab.items() if key not in _OF_BUTTONS}, "radios": radios}


def _meant(asked: str, label: str) -> bool:
    return label.startswith(asked[2:]) if asked.startswith("\\*") else bool(asked) and asked == label


def _flag(value: Any) -> str:
    return "true" if str(value).lower() == "true" else "false"


def _choose_radio(tab: Record, sent: list[Record]) -> None:
    known = tab.setdefault("radios", [])
    for radio in sent:
        if not any(one.get("value") == radio.get("value") for one in known):
            raise parameter(f"{radio.get('value')} is not an option of {tab.get('groupName')}.")
    chosen = [radio.get("value") for radio in sent if _flag(radio.get("selected")) == "true"]
    if sent:
        for one in known:
            one["selected"] = "true" if one.get("value") in chosen else "false"


def _choose_item(tab: Record, value: Any) -> None:
    if value is None:
        return
    items = [item for item in tab.get("listItems") or [] if isinstance(item, dict)]
    if value and not any(item.get("value") == value for item in items):
        raise parameter(f"{value} is not an option of the list {tab.get('tabLabel')}.")
    tab["value"] = tab["listSelectedValue"] = value
    for item in items:
        item["selected"] = "true" if item.get("value") == value else "false"
