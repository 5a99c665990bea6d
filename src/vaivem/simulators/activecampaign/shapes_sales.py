"""Accounts, deals, their custom fields and notes as the API answers them."""

import hashlib
from typing import Any

from vaivem.simulators.activecampaign.account import Account
from vaivem.simulators.activecampaign.shapes_tasks import task_shape
from vaivem.simulators.activecampaign.tasks import next_of
from vaivem.simulators.activecampaign.times import local_text, plain_text
from vaivem.simulators.kit.tables import Record


class SalesShapes:
    """Answers of one account; `base` is its API address up to `/api/3`."""

    def __init__(self, account: Account, base: str) -> None:
        self._account = account
        self._base = base

    def _links(self, path: str, names: tuple[str, ...]) -> dict[str, str]:
        return {name: f"{self._base}/{path}/{name}" for name in names}

    def account(self, one: Record, *, count_deals: bool = False) -> Record:
        key = one["id"]
        people = len(list(self._account["account_contacts"].ids("account", key)))
        deals = len(list(self._account["deals"].ids("account", key)))
        return {
            "name": one["name"],
            "accountUrl": one["accountUrl"],
            "createdTimestamp": local_text(one["cdate"]),
            "updatedTimestamp": local_text(one["udate"]),
            "contactCount": people if count_deals else 0,
            "dealCount": deals if count_deals else 0,
            "links": self._links(f"accounts/{key}", ("notes", "accountCustomFieldData", "accountContacts")),
            "owner": one["owner"],
            "id": key,
        }

    def account_contact(self, link: Record) -> Record:
        return {
            "account": link["account"],
            "contact": link["contact"],
            "jobTitle": link["jobTitle"],
            "createdTimestamp": local_text(link["cdate"]),
            "updatedTimestamp": local_text(link["udate"]),
            "links": self._links(f"accountContacts/{link['id']}", ("account", "contact")),
            "id": link["id"],
        }

    def deal(self, deal: Record, *, allowed: bool = True) -> Record:
        """A deal; without permission for its pipeline only its id and title."""
        if not allowed:
            return {"id": deal["id"], "isDisabled": True, "title": deal["title"]}
        key = deal["id"]
        following = next_of(self._account, "Deal", key)
        names = ("dealActivities", "contact", "contactDeals", "group", "nextTask", "notes", "account")
        return {
            "owner": deal["owner"],
            "contact": deal["contact"],
            "organization": deal["account"],
            "group": deal["group"],
            "stage": deal["stage"],
            "title": deal["title"],
            "description": deal["description"],
            "percent": deal["percent"],
            "cdate": local_text(deal["cdate"]),
            "mdate": local_text(deal["udate"]),
            "nextdate": local_text(following["duedate"]) if following else None,
            "nexttaskid": following["id"] if following else None,
            "value": deal["value"],
            "currency": deal["currency"],
            "winProbability": None,
            "winProbabilityMdate": None,
            "status": deal["status"],
            "activitycount": "1",
            "nextdealid": None,
            "nextTask": following["id"] if following else None,
            "edate": None,
            "hash": hashlib.md5(key.encode(), usedforsecurity=False).hexdigest()[:8],
            "links": self._links(f"deals/{key}", names),
            "id": key,
            "isDisabled": False,
            "account": deal["account"],
            "customerAccount": deal["account"],
        }

    def deal_group(self, group: Record) -> Record:
        return {
            "allgroups": "1",
            "allusers": "1",
            "autoassign": group["autoassign"],
            "cdate": local_text(group["cdate"]),
            "currency": group["currency"],
            "id": group["id"],
            "links": self._links(
                f"dealGroups/{group['id']}", ("dealGroupUsers", "dealGroupGroups", "stages")
            ),
            "stages": list(self._account["deal_stages"].ids("group", group["id"])),
            "title": group["title"],
            "udate": local_text(group["udate"]),
        }

    def deal_stage(self, stage: Record) -> Record:
        regions = ("title", "next-action", "show-avatar", "contact-fullname-orgname", "value")
        return {
            **{f"cardRegion{place}": region for place, region in enumerate(regions, 1)},
            "cdate": local_text(stage["cdate"]),
            "color": "32B0FC",
            "dealOrder": "next-action DESC",
            "group": stage["group"],
            "id": stage["id"],
            "links": self._links(f"dealStages/{stage['id']}", ("group",)),
            "order": stage["order"],
            "title": stage["title"],
            "udate": local_text(stage["udate"]),
            "width": "280",
        }

    def meta(self, kind: str, meta: Record) -> Record:
        """A custom field of accounts or deals; `kind` is account or deal."""
        return {
            "id": meta["id"],
            "fieldLabel": meta["fieldLabel"],
            "fieldType": meta["fieldType"],
            "fieldOptions": meta["fieldOptions"] or None,
            "fieldDefault": None,
            "fieldDefaultCurrency": meta["fieldDefaultCurrency"],
            "isFormVisible": 0,
            "isRequired": 0,
            "displayOrder": int(meta["id"]),
            "personalization": "",
            "knownFieldId": None,
            "hideFieldFlag": 0,
            "createdTimestamp": plain_text(meta["cdate"]),
            "updatedTimestamp": plain_text(meta["udate"]),
            "links": self._links(f"{kind}CustomFieldMeta/{meta['id']}", (f"{kind}CustomFieldData",)),
        }

    def datum(self, kind: str, datum: Record) -> Record:
        """A value of such a field; numbers here are numbers."""
        meta_id = int(datum["meta"])
        shown: dict[str, Any] = {
            "id": datum["id"],
            f"{kind}CustomFieldMetumId": meta_id,
            f"{kind}Id": int(datum["owner"]),
            "customFieldId": meta_id,
            "createdTimestamp": plain_text(datum["cdate"]),
            "updatedTimestamp": plain_text(datum["udate"]),
            "fieldValue": datum["value"],
            "links": self._links(f"{kind}CustomFieldData/{datum['id']}", (kind, f"{kind}CustomFieldMetum")),
        }
        return {**shown, "fieldCurrency": datum["currency"]} if datum["currency"] else shown

    def task(self, task: Record, *, whole: bool = False) -> Record:
        """A task; `whole` as it is read by itself."""
        return task_shape(task, self._base, whole=whole)

    def note(self, note: Record) -> Record:
        kinds = {"Subscriber": "contact", "Deal": "deal", "CustomerAccount": "customerAccount"}
        owner = {"type": kinds.get(note["reltype"], note["reltype"].lower()), "id": note["relid"]}
        return {
            "relid": note["relid"],
            "reltype": note["reltype"],
            "userid": note["user"],
            "cdate": local_text(note["cdate"]),
            "mdate": local_text(note["udate"]),
            "note": note["note"],
            "links": self._links(f"notes/{note['id']}", ("activities", "mentions", "notes", "user", "owner")),
            "id": note["id"],
            "user": note["user"],
            "owner": owner,
        }
