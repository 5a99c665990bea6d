"""Whether a body has objects where the vendor has objects, and lists where it has lists."""

from typing import Any

from vaivem.simulators.docusign.people import LISTS
from vaivem.simulators.docusign.problems import body

_OBJECTS = frozenset(
    {
        "recipients",
        "tabs",
        "notification",
        "expirations",
        "reminders",
        "phoneNumber",
        "eventNotification",
        "eventData",
        "config",
        "prefillTabs",
        "document",
    }
)
_LISTS_OF_OBJECTS = frozenset(
    {
        *LISTS,
        "radios",
        "textCustomFields",
        "listCustomFields",
        "documents",
        "templateRoles",
        "compositeTemplates",
        "serverTemplates",
        "inlineTemplates",
        "eventNotifications",
    }
)
_LISTS = frozenset(
    {
        "events",
        "envelopeEvents",
        "recipientEvents",
        "userIds",
        "includeData",
        "envelopeIds",
        "transactionIds",
        "listItems",
    }
)


def check(value: Any) -> None:
    """Raise ProblemError at the first thing that has the wrong form; null stands for what is not sent."""
    if isinstance(value, list):
        for item in value:
            check(item)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if inner is not None:
                _check_one(key, inner)
            check(inner)


def _check_one(key: str, value: Any) -> None:
    objects = key in _LISTS_OF_OBJECTS or (key.endswith("Tabs") and key not in _OBJECTS)
    if key in _OBJECTS and not isinstance(value, dict):
        raise body(f"{key} must be an object.")
    if (objects or key in _LISTS) and not isinstance(value, list):
        raise body(f"{key} must be a list.")
    if objects and not all(isinstance(item, dict) for item in value):
        raise body(f"{key} must be a list of objects.")
