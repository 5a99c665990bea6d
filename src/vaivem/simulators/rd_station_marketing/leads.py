"""Contacts as the API reads and writes them: found by uuid or e-mail, whole answers, strict bodies."""

import re
from typing import TYPE_CHECKING, Any

from vaivem.simulators.rd_station_marketing.fields import (
    STANDARD_KEYS,
    empty,
    is_email,
    problem_of,
)
from vaivem.simulators.rd_station_marketing.problems import Item, by_field, flat, item, no_lead

if TYPE_CHECKING:
    from vaivem.simulators.rd_station_marketing.account import Account, Record

STAGES = ("Lead", "Qualified Lead", "Client")
BASES = (
    "consent",
    "legitimate_interest",
    "pre_existent_contract",
    "judicial_process",
    "public_interest",
    "vital_interest",
)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
_FUNNEL = ("lifecycle_stage", "opportunity", "contact_owner_email")


def identify(key: str) -> tuple[str, str]:
    """Split `uuid:…` or `email:…` (or a bare uuid) of a path; 404 for anything else."""
    kind, _, value = key.partition(":")
    if kind in ("uuid", "email") and value:
        return kind, value.strip()
    if _UUID.match(key):
        return "uuid", key
    raise no_lead()


def find(account: "Account", key: str) -> "Record | None":
    """The lead that a path's identifier means."""
    kind, value = identify(key)
    return account.leads.get(value) if kind == "uuid" else account.lead(value)


def found(account: "Account", key: str) -> "Record":
    """The lead that a path's identifier means; 404 when there is none."""
    lead = find(account, key)
    if lead is None:
        raise no_lead()
    return lead


def shape(account: "Account", lead: "Record", base_url: str) -> "Record":
    """A contact as the API answers it: empty texts and numbers are left out, lists are not."""
    values = lead["values"]
    shown: Record = {"uuid": lead["uuid"], "email": lead["email"]}
    shown |= {key: values[key] for key in STANDARD_KEYS if not empty(values.get(key))}
    for field in account.fields.values():
        key = field["api_identifier"]
        if not field["custom_field"]:
            continue
        if field["data_type"] == "STRING[]":
            shown[key] = values.get(key) or []
        elif not empty(values.get(key)):
            shown[key] = values[key]
    shown |= {key: lead[key] for key in ("tags", "extra_emails", "legal_bases")}
    return {**shown, "links": links(lead, base_url)}


def links(lead: "Record", base_url: str) -> list["Record"]:
    """The answer's HATEOAS links."""
    address = f"{base_url}/platform/contacts/{lead['uuid']}"
    kinds = (("SELF", "GET"), ("CONTACT.UPDATE", "PATCH"), ("CONTACT.DELETE", "DELETE"))
    made = [
        {"rel": rel, "href": address, "media": "application/json", "type": method} for rel, method in kinds
    ]
    funnel = {"rel": "CONTACT.FUNNELS", "href": f"{address}/funnels/default"}
    return [*made, {**funnel, "media": "application/json", "type": "GET"}]


def create(account: "Account", data: "Record") -> "Record":
    """POST: a new lead; refused when the e-mail is somebody's."""
    email = data.get("email")
    if email is None:
        raise by_field({"email": [item("CANNOT_BE_NULL", "email cannot be null.")]})
    check(account, data)
    if account.lead(str(email)) is not None:
        raise flat("EMAIL_ALREADY_IN_USE", "Email already exists in the database.")
    lead = account.add_lead(str(email))
    write(account, lead, data)
    return lead


def upsert(account: "Account", key: str, data: "Record") -> "Record":
    """PATCH: by uuid only a lead that is there; by e-mail also a new one."""
    kind, value = identify(key)
    if kind in data:
        message = "The payload contains an attribute that was used to identify the lead"
        raise flat("CONFLICTING_FIELD", message)
    lead = find(account, key)
    if lead is None and kind == "uuid":
        raise no_lead()
    if lead is None and not is_email(value):
        raise by_field({"email": [item("INVALID_EMAIL_FORMAT", "email must be a valid e-mail address.")]})
    check(account, data)
    if lead is not None and "email" in data:
        other = account.lead(data["email"])
        if other is not None and other is not lead:
            raise flat("EMAIL_ALREADY_IN_USE", "Email already exists in the database.")
        account.change_email(lead, data["email"])
    if lead is None:
        lead = account.add_lead(value)
    write(account, lead, data)
    return lead


def check(account: "Account", data: "Record") -> None:
    """Refuse a body with unknown fields or wrong values; all problems at once."""
    keys = {field["api_identifier"]: field for field in account.fields.values()}
    unknown = [key for key in data if key not in keys and key not in ("tags", "legal_bases")]
    if unknown:
        message = f"Payload contains fields that do not exist: ({', '.join(unknown)})"
        raise flat("INVALID_FIELDS", message)
    strict = account.quirks.strict_social
    problems: dict[str, list[Item]] = {}
    for key, value in data.items():
        if key == "tags":
            problem = tags_problem(value)
        elif key == "legal_bases":
            problem = bases_problem(value)
        else:
            problem = problem_of(keys[key], value, strict_social=strict)
        if problem:
            problems[key] = [problem]
    if problems:
        raise by_field(problems)


def tags_problem(value: object) -> Item | None:
    """What is wrong with a list of tags."""
    if not isinstance(value, list) or not all(isinstance(tag, str) for tag in value):
        return item("MUST_BE_STRING_ARRAY", "tags must be an array of strings.")
    if any(tag != tag.lower() for tag in value):
        return item("VALUES_MUST_BE_LOWERCASE", "tags must be lower case.")
    if len(set(value)) != len(value):
        return item("VALUES_MUST_BE_UNIQUE", "tags must be unique.")
    return None


def bases_problem(value: object) -> Item | None:
    """What is wrong with a list of legal bases."""
    if not isinstance(value, list) or not all(isinstance(base, dict) for base in value):
        return item("INVALID", "legal_bases must be an array of objects.")
    for base in value:
        good = base.get("category") == "communications" and base.get("type") in BASES
        if not good or base.get("status") not in ("granted", "declined"):
            return item(
                "MUST_BE_VALID_OPTION", "legal_bases: category, type or status is not a valid option."
            )
    return None


def write(account: "Account", lead: "Record", data: "Record") -> None:
    """Set checked values; `tags` and `legal_bases` replace what was there."""
    for key, value in data.items():
        if key in ("tags", "legal_bases"):
            lead[key] = list(value)
        elif key != "email":
            lead["values"][key] = value
    lead["updated_at"] = account.now_text()


def add_tags(account: "Account", lead: "Record", data: "Record") -> None:
    """POST tag: one that the lead has already is refused, and then none is added."""
    tags = data.get("tags")
    problem = item("CANNOT_BE_NULL", "tags cannot be null.") if tags is None else tags_problem(tags)
    if problem:
        raise by_field({"tags": [problem]})
    if set(tags or ()) & set(lead["tags"]):
        raise by_field({"tags": [item("VALUES_MUST_BE_UNIQUE", "tags must be unique.")]})
    lead["tags"] = [*lead["tags"], *(tags or ())]
    lead["updated_at"] = account.now_text()


def funnel(lead: "Record") -> "Record":
    """The funnel record as the API answers it."""
    return {key: lead["funnel"][key] for key in (*_FUNNEL, "fit", "interest")}


def change_funnel(account: "Account", lead: "Record", data: "Record") -> bool:
    """PUT funnels; tell whether the lead has just become an opportunity."""
    unknown = [key for key in data if key not in _FUNNEL]
    if unknown:
        message = f"Payload contains fields that do not exist: ({', '.join(unknown)})"
        raise flat("INVALID_FIELDS", message)
    values: dict[str, Any] = dict(data)
    problems: dict[str, list[Item]] = {}
    if "lifecycle_stage" in values and values["lifecycle_stage"] not in STAGES:
        known = f"lifecycle_stage must be one of: {', '.join(STAGES)}."
        problems["lifecycle_stage"] = [item("MUST_BE_VALID_OPTION", known)]
    if "opportunity" in values and not isinstance(values["opportunity"], bool):
        problems["opportunity"] = [item("MUST_BE_BOOLEAN", "opportunity must be a boolean.")]
    if values.get("contact_owner_email") == "null":
        values["contact_owner_email"] = None
    owner = values.get("contact_owner_email")
    if owner is not None and account.user(str(owner)) is None:
        message = "contact_owner_email must be a user of the account."
        problems["contact_owner_email"] = [item("INVALID_USER", message)]
    if problems:
        raise by_field(problems)
    marked = values.get("opportunity") is True and not lead["funnel"]["opportunity"]
    lead["funnel"].update(values)
    lead["updated_at"] = account.now_text()
    return marked
