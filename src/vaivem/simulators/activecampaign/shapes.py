"""Records as the API answers them: ids and flags are texts, times have the account's offset."""

import hashlib

from vaivem.simulators.activecampaign.shapes_sales import SalesShapes
from vaivem.simulators.activecampaign.times import local_text, nano_text, plain_text
from vaivem.simulators.kit.tables import Record

NO_DAY, NO_TIME = "0000-00-00", "0000-00-00 00:00:00"
_CONTACT_LINKS = (
    "bounceLogs",
    "contactAutomations",
    "contactData",
    "contactGoals",
    "contactLists",
    "contactLogs",
    "contactTags",
    "contactDeals",
    "deals",
    "fieldValues",
    "geoIps",
    "notes",
    "organization",
    "plusAppend",
    "trackingLogs",
    "scoreValues",
    "accountContacts",
    "automationEntryCounts",
)


# What a list has besides; none of it can be set here.
_OFF = ("p_use_analytics_read", "p_use_analytics_link", "p_use_twitter", "p_use_facebook", "private")
_EMPTY = ("sender_name", "sender_addr1", "sender_addr2", "sender_city", "sender_state", "sender_zip")
_LIST_SETTINGS: Record = {
    "p_use_tracking": "1",
    "p_embed_image": "1",
    "p_use_captcha": "1",
    "send_last_broadcast": "0",
    "require_name": "0",
    "get_unsubscribe_reason": "0",
    "optinoptout": "1",
    "optinmessageid": "0",
    "optoutconf": "0",
    "to_name": "",
    "fulladdress": "",
    "sender_country": "",
    "sender_phone": "",
    "analytics_source": "",
    "analytics_ua": "",
    "twitter_token": "",
    "twitter_token_secret": "",
    "analytics_domains": None,
    "facebook_session": None,
    "carboncopy": None,
    "subscription_notify": None,
    "unsubscription_notify": None,
    **dict.fromkeys(_OFF, "0"),
    **dict.fromkeys(_EMPTY, ""),
}


class Shapes(SalesShapes):
    """Answers of one account; `base` is its API address up to `/api/3`."""

    def contact(self, contact: Record) -> Record:
        """A contact without its side-loaded parts."""
        links = self._account["account_contacts"].find("contact", contact["id"])
        firm = self._account["accounts"].get(links[0]["account"]) if links else None
        return {
            "cdate": local_text(contact["cdate"]),
            "email": contact["email"],
            "phone": contact["phone"],
            "firstName": contact["firstName"],
            "lastName": contact["lastName"],
            "orgid": firm["id"] if firm else "0",
            "orgname": firm["name"] if firm else "",
            "segmentio_id": "",
            "bounced_hard": "0",
            "bounced_soft": "0",
            "bounced_date": NO_DAY,
            "ip": "0",
            "ua": "",
            "hash": hashlib.md5(contact["email"].encode(), usedforsecurity=False).hexdigest(),
            "socialdata_lastcheck": NO_TIME,
            "email_local": "",
            "email_domain": "",
            "sentcnt": "0",
            "rating_tstamp": NO_DAY,
            "gravatar": "0",
            "deleted": "0",
            "anonymized": "0",
            "adate": local_text(contact["udate"]),
            "udate": local_text(contact["udate"]),
            "edate": NO_TIME,
            "deleted_at": NO_TIME,
            "created_utc_timestamp": plain_text(contact["cdate"]),
            "updated_utc_timestamp": plain_text(contact["udate"]),
            "links": self._links(f"contacts/{contact['id']}", _CONTACT_LINKS),
            "id": contact["id"],
            "organization": firm["id"] if firm else None,
        }

    def whole_contact(self, contact: Record) -> Record:
        """`GET /contacts/{id}`: the contact with ids of its parts, and the parts beside it."""
        key, account = contact["id"], self._account
        parts: dict[str, list[Record]] = {
            "contactAutomations": [
                self.contact_automation(one) for one in account["contact_automations"].find("contact", key)
            ],
            "contactLists": [self.contact_list(one) for one in account["contact_lists"].find("contact", key)],
            "deals": [self.deal(one) for one in account["deals"].find("contact", key)],
            "fieldValues": [self.field_value(one) for one in account["field_values"].find("contact", key)],
            "geoIps": [],
            "geoAddresses": [],
            "accountContacts": [
                self.account_contact(one) for one in account["account_contacts"].find("contact", key)
            ],
        }
        ids = {name: [one["id"] for one in rows] for name, rows in parts.items() if name != "geoAddresses"}
        return {**parts, "contact": {**self.contact(contact), **ids}}

    def field(self, field: Record) -> Record:
        """A contact field's definition."""
        key = field["id"]
        return {
            "title": field["title"],
            "descript": field["descript"],
            "type": field["type"],
            "isrequired": "0",
            "perstag": field["perstag"],
            "defval": field["defval"],
            "show_in_list": "0",
            "rows": "0",
            "cols": "0",
            "visible": field["visible"],
            "service": "",
            "ordernum": field["ordernum"],
            "cdate": local_text(field["cdate"]),
            "udate": local_text(field["udate"]),
            "options": list(self._account["field_options"].ids("field", key)),
            "relations": list(self._account["field_rels"].ids("field", key)),
            "links": self._links(f"fields/{key}", ("options", "relations")),
            "id": key,
        }

    def field_option(self, option: Record) -> Record:
        keys = ("field", "orderid", "value", "label", "isdefault", "id")
        shown = {key: option[key] for key in keys}
        times = {key: local_text(option[key]) for key in ("cdate", "udate")}
        return {**shown, **times, "links": self._links(f"fieldOptions/{option['id']}", ("field",))}

    def field_rel(self, rel: Record) -> Record:
        shown = {"field": rel["field"], "relid": rel["relid"], "dorder": "0", "id": rel["id"]}
        return {**shown, "cdate": local_text(rel["cdate"]), "links": []}

    def field_value(self, value: Record) -> Record:
        return {
            "contact": value["contact"],
            "field": value["field"],
            "value": value["value"],
            "cdate": local_text(value["cdate"]),
            "udate": local_text(value["udate"]),
            "created_by": "0",
            "updated_by": "0",
            "links": self._links(f"fieldValues/{value['id']}", ("owner", "field")),
            "id": value["id"],
            "owner": value["contact"],
        }

    def tag(self, tag: Record) -> Record:
        return {
            "tagType": tag["tagType"],
            "tag": tag["tag"],
            "description": tag["description"],
            "cdate": local_text(tag["cdate"]),
            "links": self._links(f"tags/{tag['id']}", ("contactGoalTags",)),
            "id": tag["id"],
        }

    def contact_tag(self, link: Record) -> Record:
        return {
            "cdate": local_text(link["cdate"]),
            "contact": link["contact"],
            "id": link["id"],
            "links": {"contact": f"/{link['id']}/contact", "tag": f"/{link['id']}/tag"},
            "tag": link["tag"],
        }

    def list(self, one: Record) -> Record:
        return {
            "stringid": one["stringid"],
            "userid": "1",
            "name": one["name"],
            "cdate": local_text(one["cdate"]),
            **_LIST_SETTINGS,
            "sender_url": one["sender_url"],
            "sender_reminder": one["sender_reminder"],
            "deletestamp": None,
            "udate": local_text(one["udate"]),
            "links": self._links(f"lists/{one['id']}", ("contactGoalLists", "user", "addressLists")),
            "id": one["id"],
            "user": "1",
        }

    def contact_list(self, link: Record) -> Record:
        contact = self._account["contacts"].get(link["contact"]) or {}
        return {
            "contact": link["contact"],
            "list": link["list"],
            "form": None,
            "seriesid": "0",
            "sdate": local_text(link["cdate"]),
            "udate": local_text(link["udate"]),
            "status": link["status"],
            "responder": "1",
            "sync": "0",
            "unsubreason": link["unsubreason"] or None,
            "campaign": None,
            "message": None,
            "first_name": contact.get("firstName", ""),
            "last_name": contact.get("lastName", ""),
            "ip4Sub": "0",
            "sourceid": link["sourceid"],
            "autosyncLog": None,
            "ip4_last": "0",
            "ip4Unsub": "0",
            "created_timestamp": plain_text(link["cdate"]),
            "updated_timestamp": plain_text(link["udate"]),
            "created_by": None,
            "updated_by": None,
            "unsubscribeAutomation": None,
            "links": self._links(f"contactLists/{link['id']}", ("automation", "list", "contact")),
            "id": link["id"],
            "automation": None,
        }

    def automation(self, one: Record) -> Record:
        inside = self._account["contact_automations"].find("automation", one["id"])
        names = ("campaigns", "contactGoals", "contactAutomations", "blocks", "goals", "sms", "sites")
        return {
            "name": one["name"],
            "cdate": local_text(one["cdate"]),
            "mdate": local_text(one["udate"]),
            "userid": "1",
            "status": one["status"],
            "entered": str(len(inside)),
            "exited": str(sum(row["status"] == "2" for row in inside)),
            "hidden": "0",
            "defaultscreenshot": "",
            "screenshot": "",
            "links": self._links(f"automations/{one['id']}", names),
            "id": one["id"],
        }

    def contact_automation(self, row: Record) -> Record:
        done = row["status"] == "2"
        return {
            "contact": row["contact"],
            "seriesid": row["automation"],
            "startid": "0",
            "status": row["status"],
            "batchid": None,
            "adddate": local_text(row["cdate"]),
            "remdate": local_text(row["udate"]) if done else None,
            "timespan": None,
            "lastblock": "0",
            "lastlogid": "0",
            "lastdate": local_text(row["udate"]),
            "completedElements": "1" if done else "0",
            "totalElements": "1",
            "completed": 1 if done else 0,
            "completeValue": 100 if done else 0,
            "links": self._links(
                f"contactAutomations/{row['id']}", ("automation", "contact", "contactGoals")
            ),
            "id": row["id"],
            "automation": row["automation"],
        }

    def schema(self, schema: Record) -> Record:
        keys = ("id", "slug", "visibility", "labels", "description")
        icon = "https://d226aj4ao1t61q.cloudfront.net/custom-object.png"
        return {
            **{key: schema[key] for key in keys},
            "createdTimestamp": nano_text(schema["cdate"]),
            "updatedTimestamp": nano_text(schema["udate"]),
            "fields": [field for field in schema["fields"] if field.get("status") is None],
            "icons": {"default": icon},
            "relationships": schema["relationships"],
        }

    def record(self, record: Record) -> Record:
        return {
            "id": record["id"],
            "externalId": record["external"],
            "schemaId": record["schema"],
            "fields": [{"id": key, "value": value} for key, value in record["values"].items()],
            "relationships": record["relationships"],
            "createdTimestamp": nano_text(record["cdate"]),
            "updatedTimestamp": nano_text(record["udate"]),
        }

    def user(self, user: Record) -> Record:
        keys = ("username", "firstName", "lastName", "email")
        names = ("lists", "userGroup", "dealGroupTotals", "dealGroupUsers", "configs")
        links = self._links(f"users/{user['id']}", names)
        shown = {key: user[key] for key in keys}
        return {**shown, "phone": "", "signature": None, "links": links, "id": user["id"]}

    def webhook(self, hook: Record) -> Record:
        keys = ("listid", "name", "url", "events", "sources")
        shown = {key: hook[key] for key in keys}
        return {"cdate": local_text(hook["cdate"]), **shown, "links": [], "id": hook["id"]}
