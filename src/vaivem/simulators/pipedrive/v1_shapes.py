"""Records as API v1 shows them: other names, plain times, custom values flat at the root."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vaivem.simulators.pipedrive.custom_fields import definitions, v1_values
from vaivem.simulators.pipedrive.schema import ENTITIES, Record
from vaivem.simulators.pipedrive.times import plain, rfc

if TYPE_CHECKING:
    from vaivem.simulators.pipedrive.account import Account


def v1_shape(account: Account, table: str, record: Record, *, nested: bool = False, me: int = 0) -> Record:
    """A record in API v1's form; `nested` makes linked records objects, as its own GETs do."""
    if table == "users":
        return user(record, me)
    if table == "leads":
        return lead(account, record)
    if table == "notes":
        return note(account, record, me)
    shown = _SHAPES[table](account, record)
    if ENTITIES[table].custom:
        shown |= v1_values(definitions(account, ENTITIES[table].custom), record["custom_fields"])
    return _nested(account, shown) if nested else shown


def user(record: Record, me: int) -> Record:
    """A user without what only `/users/me` tells."""
    shown = {key: value for key, value in record.items() if key not in ("token", "add_time", "update_time")}
    return {**shown, "is_you": record["id"] == me}


def lead(account: Account, record: Record) -> Record:
    """A lead; its times are RFC 3339 with milliseconds even here."""
    shown = {
        key: record[key]
        for key in (
            "id",
            "title",
            "owner_id",
            "creator_id",
            "label_ids",
            "value",
            "expected_close_date",
            "person_id",
            "organization_id",
            "is_archived",
            "source_name",
            "source_deal_id",
            "origin",
            "origin_id",
            "channel",
            "channel_id",
            "was_seen",
            "next_activity_id",
            "add_time",
            "update_time",
        )
    }
    shown["visible_to"] = str(record["visible_to"])
    shown["cc_email"] = f"{account.company['domain']}+lead{record['id']}@pipedrivemail.com"
    return {**shown, **v1_values(definitions(account, "deal"), record["custom_fields"])}


def note(account: Account, record: Record, me: int) -> Record:
    """A note with the names of what it hangs on."""
    tables, author = account.tables, account.tables["users"][record["user_id"]]
    deal = tables["deals"].get(record["deal_id"])
    person = tables["persons"].get(record["person_id"])
    organization = tables["organizations"].get(record["org_id"])
    links = ("deal_id", "person_id", "org_id", "lead_id", "project_id", "task_id")
    flags = ("lead", "deal", "organization", "person", "project", "task")
    return {
        "id": record["id"],
        "user_id": record["user_id"],
        "content": record["content"],
        **{link: record[link] for link in links},
        "add_time": plain(record["add_time"]),
        "update_time": plain(record["update_time"]),
        "active_flag": not record["is_deleted"],
        **{f"pinned_to_{flag}_flag": bool(record[f"pinned_to_{flag}_flag"]) for flag in flags},
        "last_update_user_id": None,
        "deal": deal and {"title": deal["title"]},
        "person": person and {"name": person["name"]},
        "organization": organization and {"name": organization["name"]},
        "user": {
            "email": author["email"],
            "icon_url": author["icon_url"],
            "is_you": author["id"] == me,
            "name": author["name"],
        },
    }


def _deal(account: Account, deal: Record) -> Record:
    tables = account.tables
    person, organization = (
        tables["persons"].get(deal["person_id"]),
        tables["organizations"].get(deal["org_id"]),
    )
    stage, owner = tables["stages"].get(deal["stage_id"]), tables["users"].get(deal["owner_id"])
    activities = [row for row in account.rows("activities") if row["deal_id"] == deal["id"]]
    same = (
        "id",
        "creator_user_id",
        "person_id",
        "org_id",
        "stage_id",
        "title",
        "value",
        "currency",
        "status",
        "is_archived",
        "probability",
        "lost_reason",
        "pipeline_id",
        "expected_close_date",
        "origin",
        "origin_id",
        "channel",
        "channel_id",
        "acv",
        "arr",
        "mrr",
        "local_won_date",
        "local_lost_date",
        "local_close_date",
    )
    times = (
        "add_time",
        "update_time",
        "stage_change_time",
        "close_time",
        "won_time",
        "lost_time",
        "archive_time",
    )
    return {
        **{key: deal[key] for key in same},
        **{key: plain(deal[key]) for key in times},
        "user_id": deal["owner_id"],
        "visible_to": str(deal["visible_to"]),
        "label": ",".join(str(label) for label in deal["label_ids"]) or None,
        "active": deal["status"] == "open" and not deal["is_deleted"],
        "deleted": deal["is_deleted"],
        "stage_order_nr": stage and stage["order_nr"],
        "person_name": person and person["name"],
        "org_name": organization and organization["name"],
        "owner_name": owner and owner["name"],
        "formatted_value": f"{deal['currency']} {deal['value']}",
        "weighted_value": deal["value"] * (deal["probability"] or 100) / 100,
        "weighted_value_currency": deal["currency"],
        "activities_count": len(activities),
        "done_activities_count": sum(1 for row in activities if row["done"]),
        "undone_activities_count": sum(1 for row in activities if not row["done"]),
        "cc_email": f"{account.company['domain']}+deal{deal['id']}@pipedrivemail.com",
        "org_hidden": False,
        "person_hidden": False,
        **({"status": "deleted"} if deal["is_deleted"] else {}),
    }


def _person(account: Account, person: Record) -> Record:
    organization = account.tables["organizations"].get(person["org_id"])
    owner = account.tables["users"].get(person["owner_id"])
    deals = [deal for deal in account.rows("deals") if deal["person_id"] == person["id"]]
    return {
        **{
            key: person[key]
            for key in ("id", "owner_id", "org_id", "name", "first_name", "last_name", "label_ids")
        },
        "company_id": account.company["id"],
        "email": person["emails"],
        "phone": person["phones"],
        "first_char": person["name"][:1].lower(),
        "add_time": plain(person["add_time"]),
        "update_time": plain(person["update_time"]),
        "active_flag": not person["is_deleted"],
        "visible_to": str(person["visible_to"]),
        "picture_id": None,
        "label": next(iter(person["label_ids"]), None),
        "org_name": organization and organization["name"],
        "owner_name": owner and owner["name"],
        "cc_email": f"{account.company['domain']}@pipedrivemail.com",
        "open_deals_count": sum(deal["status"] == "open" for deal in deals),
        "won_deals_count": sum(deal["status"] == "won" for deal in deals),
        "lost_deals_count": sum(deal["status"] == "lost" for deal in deals),
    }


def _organization(account: Account, organization: Record) -> Record:
    owner = account.tables["users"].get(organization["owner_id"])
    address = organization["address"] or {}
    people = [row for row in account.rows("persons") if row["org_id"] == organization["id"]]
    parts = (
        "subpremise",
        "street_number",
        "route",
        "sublocality",
        "locality",
        "admin_area_level_1",
        "admin_area_level_2",
        "country",
        "postal_code",
    )
    return {
        **{key: organization[key] for key in ("id", "owner_id", "name", "label_ids")},
        "company_id": account.company["id"],
        "people_count": len(people),
        "add_time": plain(organization["add_time"]),
        "update_time": plain(organization["update_time"]),
        "active_flag": not organization["is_deleted"],
        "visible_to": str(organization["visible_to"]),
        "first_char": organization["name"][:1].lower(),
        "label": next(iter(organization["label_ids"]), None),
        "owner_name": owner and owner["name"],
        "address": address.get("value"),
        **{f"address_{part}": address.get(part) for part in parts},
        "address_formatted_address": address.get("value"),
        "cc_email": f"{account.company['domain']}@pipedrivemail.com",
    }


def _activity(account: Account, activity: Record) -> Record:
    tables = account.tables
    person, deal = tables["persons"].get(activity["person_id"]), tables["deals"].get(activity["deal_id"])
    organization = tables["organizations"].get(activity["org_id"])
    same = (
        "id",
        "subject",
        "type",
        "deal_id",
        "lead_id",
        "person_id",
        "org_id",
        "project_id",
        "due_date",
        "note",
        "public_description",
    )
    return {
        **{key: activity[key] for key in same},
        "user_id": activity["owner_id"],
        "assigned_to_user_id": activity["owner_id"],
        "created_by_user_id": activity["creator_user_id"],
        "company_id": account.company["id"],
        "due_time": (activity["due_time"] or "")[:5],
        "duration": (activity["duration"] or "")[:5],
        "done": bool(activity["done"]),
        "busy_flag": bool(activity["busy"]),
        "location": activity["location"] and activity["location"]["value"],
        "participants": [
            {"person_id": item["person_id"], "primary_flag": item["primary"]}
            for item in activity["participants"]
        ],
        "attendees": activity["attendees"] or None,
        "add_time": plain(activity["add_time"]),
        "update_time": plain(activity["update_time"]),
        "marked_as_done_time": plain(activity["marked_as_done_time"]) or "",
        "active_flag": not activity["is_deleted"],
        "org_name": organization and organization["name"],
        "person_name": person and person["name"],
        "deal_title": deal and deal["title"],
    }


def _pipeline(account: Account, pipeline: Record) -> Record:
    return {
        "id": pipeline["id"],
        "name": pipeline["name"],
        "url_title": pipeline["name"].replace(" ", "-"),
        "order_nr": pipeline["order_nr"],
        "active": not pipeline["is_deleted"],
        "deal_probability": pipeline["is_deal_probability_enabled"],
        "add_time": plain(pipeline["add_time"]),
        "update_time": plain(pipeline["update_time"]),
        "selected": pipeline["order_nr"] == 1,
    }


def _stage(account: Account, stage: Record) -> Record:
    pipeline = account.tables["pipelines"][stage["pipeline_id"]]
    return {
        **{key: stage[key] for key in ("id", "order_nr", "name", "deal_probability", "pipeline_id")},
        "active_flag": not stage["is_deleted"],
        "rotten_flag": stage["is_deal_rot_enabled"],
        "rotten_days": stage["days_to_rotten"],
        "add_time": plain(stage["add_time"]),
        "update_time": plain(stage["update_time"]),
        "pipeline_name": pipeline["name"],
        "pipeline_deal_probability": pipeline["is_deal_probability_enabled"],
    }


def _product(_account: Account, product: Record) -> Record:
    return {
        **{
            key: product[key]
            for key in ("id", "name", "code", "description", "unit", "tax", "category", "prices")
        },
        "owner_id": product["owner_id"],
        "active_flag": not product["is_deleted"],
        "selectable": product["is_linkable"],
        "visible_to": product["visible_to"],
        "add_time": plain(product["add_time"]),
        "update_time": plain(product["update_time"]),
    }


def _nested(account: Account, shown: Record) -> Record:
    """API v1's GETs give the linked records as small objects with their id under `value` or `id`."""
    tables = account.tables
    for name in ("user_id", "owner_id", "creator_user_id"):
        found = tables["users"].get(shown.get(name))
        if found is not None:
            keys = ("id", "name", "email", "has_pic", "active_flag")
            shown[name] = {**{key: found.get(key, 0) for key in keys}, "value": found["id"]}
    person = tables["persons"].get(shown.get("person_id"))
    if person is not None:
        contact: dict[str, Any] = {"email": person["emails"], "phone": person["phones"]}
        active = {
            "active_flag": not person["is_deleted"],
            "owner_id": person["owner_id"],
            "value": person["id"],
        }
        shown["person_id"] = {"name": person["name"], **contact, **active}
    organization = tables["organizations"].get(shown.get("org_id"))
    if organization is not None:
        address = organization["address"] and organization["address"]["value"]
        shown["org_id"] = {
            "name": organization["name"],
            "owner_id": organization["owner_id"],
            "address": address,
            "active_flag": not organization["is_deleted"],
            "value": organization["id"],
        }
    return shown


def field(definition: Record, key: str, custom: bool) -> Record:
    """A field's definition as API v1 has it."""
    options = definition["options"]
    return {
        "id": definition["id"],
        "key": key,
        "name": definition["field_name"],
        "order_nr": definition["id"],
        "field_type": definition["field_type"],
        "add_time": plain(definition["add_time"]),
        "update_time": plain(definition["update_time"]),
        "last_updated_by_user_id": definition.get("created_by_user_id"),
        "created_by_user_id": definition.get("created_by_user_id"),
        "active_flag": True,
        "edit_flag": custom,
        "index_visible_flag": True,
        "details_visible_flag": True,
        "add_visible_flag": not custom,
        "important_flag": False,
        "bulk_edit_allowed": True,
        "searchable_flag": False,
        "filtering_allowed": True,
        "sortable_flag": True,
        "mandatory_flag": bool(definition.get("mandatory")),
        **({"options": [{"id": o["id"], "label": o["label"]} for o in options]} if options else {}),
    }


def rfc_times(record: Record) -> Record:
    """A record whose two times are written as RFC 3339, for the lists that do."""
    return {**record, **{key: rfc(record[key]) for key in ("add_time", "update_time")}}


_SHAPES = {
    "deals": _deal,
    "persons": _person,
    "organizations": _organization,
    "activities": _activity,
    "pipelines": _pipeline,
    "stages": _stage,
    "products": _product,
}
