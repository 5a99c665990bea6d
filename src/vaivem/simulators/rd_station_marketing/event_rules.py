"""What an event's body must look like before it is accepted."""

from typing import TYPE_CHECKING, Any

from vaivem.simulators.rd_station_marketing.fields import is_email
from vaivem.simulators.rd_station_marketing.leads import BASES
from vaivem.simulators.rd_station_marketing.problems import Item, at_path

if TYPE_CHECKING:
    from vaivem.simulators.rd_station_marketing.account import Record

QUALIFICATIONS = ("OPPORTUNITY", "SALE", "OPPORTUNITY_LOST")
# Kept in the lead's timeline; the account does nothing else with them.
NOTED = (
    "CHAT_STARTED",
    "CHAT_FINISHED",
    "CALL_FINISHED",
    "MEDIA_PLAYBACK_STARTED",
    "MEDIA_PLAYBACK_STOPPED",
    "ECOMMERCE_CHECKOUT_STARTED",
    "ECOMMERCE_CART_ABANDONED",
    "ECOMMERCE_ORDER_PLACED",
    "ECOMMERCE_ORDER_PAID",
    "ECOMMERCE_ORDER_FULFILLED",
    "ECOMMERCE_SHIPMENT_DELIVERED",
    "ECOMMERCE_ORDER_CANCELLED",
    "ECOMMERCE_ORDER_REFUNDED",
)
TYPES = ("CONVERSION", *QUALIFICATIONS, *NOTED)
_TEXTS = (
    "name",
    "job_title",
    "state",
    "city",
    "country",
    "personal_phone",
    "mobile_phone",
    "twitter",
    "facebook",
    "linkedin",
    "website",
    "company_name",
    "company_site",
    "company_address",
    "client_tracking_id",
    "traffic_source",
    "traffic_medium",
    "traffic_campaign",
    "traffic_value",
)
_FUNNEL_NAME = "default"


def problems_of(event: Any, path: str = "$") -> list[Item]:
    """Everything that is wrong with one event; an empty list when it is accepted. `path` goes before."""
    if not isinstance(event, dict):
        return [_wrong_type(path, "OBJECT")]
    found: list[Item] = []
    kind = event.get("event_type")
    if kind not in TYPES:
        known = {"valid_options": list(TYPES)}
        message = f"Must be one of the valid options: {', '.join(TYPES)}."
        found.append(at_path(f"{path}.event_type", "INVALID_OPTION", message, validation_rules=known))
    if event.get("event_family") != "CDP":
        known = {"valid_options": ["CDP"]}
        message = "Must be one of the valid options: CDP."
        found.append(at_path(f"{path}.event_family", "INVALID_OPTION", message, validation_rules=known))
    payload = event.get("payload")
    if not isinstance(payload, dict):
        return [*found, _wrong_type(f"{path}.payload", "OBJECT")]
    return [*found, *_payload_problems(str(kind), payload, f"{path}.payload")]


def _payload_problems(kind: str, payload: "Record", path: str) -> list[Item]:
    found = []
    email = payload.get("email")
    if email is None:
        found.append(at_path(f"{path}.email", "CANNOT_BE_NULL", "Cannot be null."))
    elif not isinstance(email, str):
        found.append(_wrong_type(f"{path}.email", "STRING"))
    elif not is_email(email.strip()):
        found.append(at_path(f"{path}.email", "INVALID_FORMAT", "Must be a valid e-mail address."))
    if kind == "CONVERSION":
        return [*found, *_conversion_problems(payload, path)]
    if kind in QUALIFICATIONS:
        return [*found, *_qualification_problems(kind, payload, path)]
    return found


def _conversion_problems(payload: "Record", path: str) -> list[Item]:
    found = []
    identifier = payload.get("conversion_identifier")
    if identifier is None:
        found.append(at_path(f"{path}.conversion_identifier", "CANNOT_BE_NULL", "Cannot be null."))
    elif not isinstance(identifier, str):
        found.append(_wrong_type(f"{path}.conversion_identifier", "STRING"))
    elif not identifier.strip():
        found.append(at_path(f"{path}.conversion_identifier", "CANNOT_BE_BLANK", "Cannot be blank."))
    found += [
        _wrong_type(f"{path}.{key}", "STRING")
        for key in _TEXTS
        if payload.get(key) is not None and not isinstance(payload[key], str)
    ]
    tags = payload.get("tags")
    if tags is not None and not (isinstance(tags, list) and all(isinstance(tag, str) for tag in tags)):
        found.append(_wrong_type(f"{path}.tags", "SET"))
    mailing = payload.get("available_for_mailing")
    if mailing is not None and not isinstance(mailing, bool):
        found.append(_wrong_type(f"{path}.available_for_mailing", "BOOLEAN"))
    return [*found, *_bases_problems(payload.get("legal_bases"), f"{path}.legal_bases")]


def _bases_problems(bases: object, path: str) -> list[Item]:
    if bases is None:
        return []
    if not isinstance(bases, list) or not all(isinstance(base, dict) for base in bases):
        return [_wrong_type(path, "SET")]
    allowed = {"category": ("communications",), "type": BASES, "status": ("granted", "declined")}
    return [
        at_path(f"{path}[{place}].{key}", "INVALID_OPTION", f"Must be one of: {', '.join(options)}.")
        for place, base in enumerate(bases)
        for key, options in allowed.items()
        if base.get(key) not in options
    ]


def _qualification_problems(kind: str, payload: "Record", path: str) -> list[Item]:
    found = []
    if payload.get("funnel_name") is None:
        found.append(at_path(f"{path}.funnel_name", "CANNOT_BE_NULL", "Cannot be null."))
    elif payload["funnel_name"] != _FUNNEL_NAME:
        message = "Must be one of the valid options: default."
        found.append(at_path(f"{path}.funnel_name", "INVALID_OPTION", message))
    value = payload.get("value")
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "SALE" and value is not None and not number:
        found.append(_wrong_type(f"{path}.value", "NUMBER"))
    reason = payload.get("reason")
    if kind == "OPPORTUNITY_LOST" and reason is not None and not isinstance(reason, str):
        found.append(_wrong_type(f"{path}.reason", "STRING"))
    return found


def _wrong_type(path: str, wanted: str) -> Item:
    message = f"Must be of type '{wanted}'."
    return at_path(path, "INVALID_DATA_TYPE", message, validation_rules={"data_type": wanted})
