"""Records as API v1 shows them: every id twice, related records inside, times in Brasília's offset."""

from typing import Any

from vaivem.simulators.kit.tables import Record
from vaivem.simulators.rd_station_crm.account import Account
from vaivem.simulators.rd_station_crm.custom_values import definitions
from vaivem.simulators.rd_station_crm.events import nickname
from vaivem.simulators.rd_station_crm.times import brasilia_text, brazilian_date

_WIN = {"won": True, "lost": False}
_PHONE_TYPES = {"mobile": "cellphone"}
_DISCOUNTS = {"amount": "value", "percentage": "percent"}
_RECURRENCES = {"one-time": "spare", "monthly": "monthly", "annually": "annually"}


class ShapesV1:
    """Turns stored records into API v1's shapes."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._tables = account.tables

    def deal(self, deal: Record) -> Record:
        """A deal with all that hangs on it."""
        tables = self._tables
        stage, pipeline = tables["stages"].get(deal["stage_id"]), tables["pipelines"].get(deal["pipeline_id"])
        contacts = [contact for key in deal["contact_ids"] if (contact := tables["contacts"].get(key))]
        return {
            **_ids(deal),
            "name": deal["name"],
            "amount_montly": deal["recurrence_price"],
            "amount_unique": deal["one_time_price"],
            "amount_total": deal["total_price"],
            "win": _WIN.get(deal["status"]),
            "hold": True if deal["status"] == "paused" else None,
            "rating": deal["rating"],
            "prediction_date": deal["expected_close_date"],
            "closed_at": brasilia_text(deal["closed_at"]),
            "created_at": brasilia_text(deal["created_at"]),
            "updated_at": brasilia_text(deal["updated_at"]),
            "last_activity_at": brasilia_text(deal.get("_last_activity_at")),
            "interactions": len(list(tables["notes"].ids("deal_id", deal["id"]))),
            "deal_stage": self.stage(stage) if stage else None,
            "deal_pipeline": {"id": pipeline["id"], "name": pipeline["name"]} if pipeline else None,
            "deal_source": self._named("sources", deal["source_id"]),
            "deal_source_id": deal["source_id"],
            "campaign": self._named("campaigns", deal["campaign_id"]),
            "campaign_id": deal["campaign_id"],
            "deal_lost_reason_id": deal["lost_reason_id"],
            "deal_lost_note": deal.get("_lost_note"),
            "user": self._user(deal["owner_id"]),
            "organization": self._named("organizations", deal["organization_id"]),
            "contacts": [self._brief_contact(contact) for contact in contacts],
            "deal_products": [
                self.deal_product(item) for item in tables["deal_products"].find("deal_id", deal["id"])
            ],
            "deal_custom_fields": self._custom("deal", deal),
            "deal_stage_histories": [
                {
                    **step,
                    "start_date": brasilia_text(step["start_date"]),
                    "end_date": brasilia_text(step["end_date"]),
                }
                for step in deal["_stages"]
            ],
            "errors": {},
            "contact_errors": {},
            "c_cf_errors": {},
        }

    def contact(self, contact: Record, *, listed: bool = False) -> Record:
        """A contact with its organization and deals; lists show more about its phones."""
        deals = self._tables["deals"].find("contact_id", contact["id"])
        profiles = {item["type"]: item["username"] for item in contact["social_profiles"]}
        return {
            **self._brief_contact(contact, listed=listed),
            "birthday": _birthday(contact["birthday"]),
            "organization_id": contact["organization_id"],
            "organization": self._named("organizations", contact["organization_id"]),
            "deals": [
                {**_ids(deal), "name": deal["name"], "win": _WIN.get(deal["status"])} for deal in deals
            ],
            "deal_ids": [deal["id"] for deal in deals],
            "legal_bases": contact["legal_bases"],
            "contact_custom_fields": self._custom("contact", contact),
            "facebook": profiles.get("facebook"),
            "linkedin": profiles.get("linkedin"),
            "skype": profiles.get("skype"),
            "notes": contact.get("_notes"),
            **_times(contact),
        }

    def organization(self, organization: Record, *, listed: bool = False) -> Record:
        """An organization; its custom fields are under another key in lists."""
        segments = [
            found for key in organization["segment_ids"] if (found := self._tables["segments"].get(key))
        ]
        key = "custom_fields" if listed else "organization_custom_fields"
        return {
            **_ids(organization),
            "name": organization["name"],
            "resume": organization["description"],
            "url": organization["url"],
            "address": (organization["address"] or {}).get("line"),
            "organization_segments": [{**_ids(segment), "name": segment["name"]} for segment in segments],
            "user": self._user(organization["owner_id"]),
            "user_id": organization["owner_id"],
            key: self._custom("organization", organization),
            **_times(organization),
        }

    def stage(self, stage: Record) -> Record:
        """A stage of a pipeline."""
        shown = {**_ids(stage), "name": stage["name"], "nickname": nickname(stage["name"])}
        shown |= {"deal_pipeline_id": stage["pipeline_id"], "order": stage["order"]}
        return {
            **shown,
            "objective": stage["objective"],
            "description": stage["description"],
            **_times(stage),
        }

    def pipeline(self, pipeline: Record) -> Record:
        """A pipeline with its stages inside."""
        stages = [self.stage(stage) for stage in self._account.stages_of(pipeline["id"])]
        return {**_ids(pipeline), "name": pipeline["name"], "order": pipeline["order"], "deal_stages": stages}

    def named(self, record: Record) -> Record:
        """A source, campaign or lost reason."""
        return {**_ids(record), "name": record["name"], **_times(record)}

    def custom_field(self, field: Record) -> Record:
        """A custom field's definition."""
        return {
            **_ids(field),
            "label": field["name"],
            "type": field["type"],
            "for": field["entity"],
            "opts": field["options"],
            "required": any(rule["always"] for rule in field["required_rules"]),
            "required_rules": field["required_rules"],
            "unique": field["unique"],
            "allow_new": field["allow_new_option"],
            "order": field["order"],
            "visible": True,
            **_times(field),
        }

    def deal_product(self, item: Record) -> Record:
        """A product in a deal."""
        product = self._tables["products"].get(item["product_id"])
        return {
            **_ids(item),
            "product_id": item["product_id"],
            "name": product["name"] if product else None,
            "price": item["price"],
            "amount": item["quantity"],
            "discount_type": _DISCOUNTS[item["discount_type"]],
            "discount": item["discount"],
            "recurrence": _RECURRENCES[item["billing_frequency"]],
            "total": item["total_price"],
            **_times(item),
        }

    def activity(self, note: Record) -> Record:
        """A note in a deal's history."""
        shown = {
            **_ids(note),
            "deal_id": note["deal_id"],
            "user_id": note["user_id"],
            "text": note["description"],
        }
        return {**shown, "date": brasilia_text(note["registered_at"]), "user": self._user(note["user_id"])}

    def task(self, task: Record) -> Record:
        """A task, its moment parted into day and hour."""
        due = brasilia_text(task["due_date"])
        return {
            **_ids(task),
            "subject": task["name"],
            "type": task["type"],
            "date": due[:10] if due else None,
            "hour": due[11:16] if due else None,
            "notes": task["description"],
            "deal_id": task["deal_id"],
            "user_ids": task["owner_ids"],
            "done": task["status"] == "completed",
            "done_date": brasilia_text(task["completed_at"]),
            **_times(task),
        }

    def user(self, user: Record) -> Record:
        """A user of the account."""
        return {
            **_ids(user),
            "name": user["name"],
            "email": user["email"],
            "active": user["active"],
            **_times(user),
        }

    def team(self, team: Record) -> Record:
        """A team with its members."""
        members = [self._user(member) for member in team["user_ids"]]
        return {**_ids(team), "name": team["name"], "team_users": members}

    def webhook(self, webhook: Record) -> Record:
        """A subscription to one event."""
        return {
            "uuid": webhook["id"],
            "event_type": webhook["event_name"],
            "url": webhook["url"],
            "http_method": webhook["http_method"],
            "status": webhook["status"],
            "source": "CRM",
            "created_via": "api",
            "event_identifiers": [],
            "include_relations": ["CONTACT_FUNNEL", "COMPANY"],
            "name": webhook["name"],
            "platform_account_id": 104_233,
            **_times(webhook),
        }

    def _brief_contact(self, contact: Record, *, listed: bool = False) -> Record:
        phones = [_phone(phone, listed=listed) for phone in contact["phones"]]
        shown = {**_ids(contact), "name": contact["name"], "title": contact["job_title"]}
        return {**shown, "emails": contact["emails"], "phones": phones}

    def _named(self, table: str, record_id: str | None) -> Record | None:
        record = self._tables[table].get(record_id)
        return {**_ids(record), "name": record["name"]} if record else None

    def _user(self, user_id: str | None) -> Record | None:
        user = self._tables["users"].get(user_id)
        return {**_ids(user), "name": user["name"], "email": user["email"]} if user else None

    def _custom(self, entity: str, record: Record) -> list[Record]:
        shown = []
        for field in definitions(self._account, entity):
            if field["slug"] in record["custom_fields"]:
                value = record["custom_fields"][field["slug"]]
                if field["type"] == "date" and value:
                    value = brazilian_date(value)
                shown.append(
                    {"custom_field_id": field["id"], "value": value, "custom_field": self.custom_field(field)}
                )
        return shown


def _ids(record: Record) -> Record:
    return {"_id": record["id"], "id": record["id"]}


def _times(record: Record) -> Record:
    return {
        "created_at": brasilia_text(record["created_at"]),
        "updated_at": brasilia_text(record["updated_at"]),
    }


def _birthday(stored: str | None) -> dict[str, Any] | None:
    if stored is None:
        return None
    year, month, day = (int(part) for part in stored.split("-"))
    return {"day": day, "month": month, "year": year or None}


def _phone(phone: Record, *, listed: bool) -> Record:
    shown = {"phone": phone["phone"], "type": _PHONE_TYPES.get(phone["type"], phone["type"])}
    if not listed:
        return shown
    digits = "".join(char for char in phone["phone"] if char.isdigit())
    whatsapp = phone["type"] == "mobile"
    url = f"https://web.whatsapp.com/send?phone={digits}" if whatsapp else None
    return {**shown, "whatsapp": whatsapp, "whatsapp_full_internacional": digits, "whatsapp_url_web": url}
