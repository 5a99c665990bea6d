"""Webhooks: subscriptions of apps and of the settings page, and what is sent to them. Nothing is signed."""

from collections.abc import Callable
from typing import TYPE_CHECKING
from uuid import uuid4

import orjson

from vaivem.simulators.kit.webhooks import RefusedAddressError, check_address
from vaivem.simulators.rd_station_marketing.fields import STANDARD_KEYS, empty
from vaivem.simulators.rd_station_marketing.problems import by_field, flat, item, not_found
from vaivem.simulators.rd_station_marketing.times import brasilia_text

if TYPE_CHECKING:
    from vaivem.simulators.rd_station_marketing.account import Account, Record

CONVERTED, MARKED = "WEBHOOK.CONVERTED", "WEBHOOK.MARKED_OPPORTUNITY"
# The last three need the vendor's CRM beside; they can be subscribed to here and never fire.
EVENT_TYPES = (CONVERTED, MARKED, "crm_deal_created", "crm_deal_updated", "crm_deal_deleted")
RELATIONS = ("COMPANY", "CONTACT_FUNNEL")
# Up to three further tries after the first; the vendor does not state the pauses.
RETRY_SECONDS = (10.0, 60.0, 300.0)
ANSWER_SECONDS = 5.0
_NOT_SENT = frozenset({"state", "country", "birthdate"})
_LEGACY_STAGES = {"Lead": "0", "Qualified Lead": "1", "Client": "2"}
_HEADERS = {"content-type": "application/json", "user-agent": "RD-Station-Webhook"}

Send = Callable[[str, str, bytes, dict[str, str], str], object]


class Subscriptions:
    """The webhooks of one account. `owner` is the app's client id, or empty for the settings page."""

    def __init__(self, account: "Account") -> None:
        self._account = account

    def of(self, owner: str) -> list["Record"]:
        """What this app made, and nothing else."""
        return [hook for hook in self._account.webhooks.values() if hook["owner"] == owner]

    def get(self, owner: str, hook_id: str) -> "Record":
        """One that this app made, or 404."""
        hook = self._account.webhooks.get(hook_id)
        if hook is None or hook["owner"] != owner:
            raise not_found("Webhook")
        return hook

    def checked(self, owner: str, data: "Record", own_id: str | None = None) -> "Record":
        """The values of a body; ProblemError when one is wrong or the pair of url and type is taken."""
        kind, url = data.get("event_type"), data.get("url")
        problems = {}
        if kind not in EVENT_TYPES:
            known = f"event_type is one of {', '.join(EVENT_TYPES)}."
            problems["event_type"] = [item("INCLUSION", known)]
        for name, only in (("entity_type", "CONTACT"), ("http_method", "POST")):
            if data.get(name) != only:
                problems[name] = [item("INCLUSION", f"{name} must be {only}.")]
        try:
            check_address(url if isinstance(url, str) else "")
        except RefusedAddressError:
            problems["url"] = [item("INVALID", "url must be a valid https address.")]
        relations = data.get("include_relations") or []
        if not isinstance(relations, list) or any(one not in RELATIONS for one in relations):
            known = f"include_relations holds {', '.join(RELATIONS)}."
            problems["include_relations"] = [item("INCLUSION", known)]
        identifiers = data.get("event_identifiers") or []
        if not isinstance(identifiers, list) or not all(isinstance(one, str) for one in identifiers):
            problems["event_identifiers"] = [
                item("MUST_BE_STRING_ARRAY", "event_identifiers must be an array of strings.")
            ]
        elif identifiers and kind != CONVERTED:
            message = f"event_identifiers can only be used with {CONVERTED}."
            problems["event_identifiers"] = [item("INVALID", message)]
        if problems:
            raise by_field(problems)
        if any(
            hook["url"] == url and hook["event_type"] == kind and hook["uuid"] != own_id
            for hook in self.of(owner)
        ):
            message = "There is already a webhook with this url and event_type."
            raise flat("TAKEN", message, self._account.quirks.duplicate_status)
        return {
            "event_type": kind,
            "entity_type": "CONTACT",
            "event_identifiers": identifiers,
            "url": url,
            "http_method": "POST",
            "include_relations": relations,
        }

    def add(self, owner: str, values: "Record", *, legacy: bool = False) -> "Record":
        """Store a new subscription."""
        now = self._account.now_text()
        hook = {
            "uuid": str(uuid4()),
            **values,
            "owner": owner,
            "legacy": legacy,
            "status": "active",
            "created_at": now,
            "updated_at": now,
        }
        self._account.webhooks[hook["uuid"]] = hook
        return hook

    def change(self, hook: "Record", values: "Record") -> None:
        """Replace a subscription's values."""
        hook.update(values, updated_at=self._account.now_text())

    def remove(self, hook: "Record") -> None:
        del self._account.webhooks[hook["uuid"]]

    def remove_all_of(self, owner: str) -> None:
        """What a person does who removes an app."""
        for hook in self.of(owner):
            self.remove(hook)


def hook_shape(hook: "Record", account: "Account") -> "Record":
    """A subscription as the API answers it."""
    keys = ("uuid", "event_type", "entity_type", "event_identifiers", "url", "http_method")
    return {
        **{key: hook[key] for key in keys},
        "include_relations": hook["include_relations"],
        "platform_account_id": 123 if account.key == "main" else 456,
        "source": "MKT",
        "status": hook["status"],
        "created_at": hook["created_at"],
        "updated_at": hook["updated_at"],
    }


class Deliveries:
    """Sends what has happened to whoever subscribed, through `send(event, url, body, headers, hook id)`."""

    def __init__(self, send: Send) -> None:
        self._send = send

    def tell(self, account: "Account", kind: str, lead: "Record", event: "Record") -> None:
        """Send one event of a lead; each conversion goes again, also for the same lead."""
        for hook in list(account.webhooks.values()):
            if hook["event_type"] != kind or hook["status"] != "active":
                continue
            wanted = hook["event_identifiers"]
            if wanted and event["event_identifier"] not in wanted:
                continue
            body = legacy_body(account, lead) if hook["legacy"] else self._body(account, hook, lead, event)
            self._send(kind, hook["url"], orjson.dumps(body), dict(_HEADERS), hook["uuid"])

    def _body(self, account: "Account", hook: "Record", lead: "Record", event: "Record") -> "Record":
        return {
            "event_type": hook["event_type"],
            "entity_type": "CONTACT",
            "event_identifier": event["event_identifier"],
            "timestamp": brasilia_text(account.now_text()),
            "event_timestamp": brasilia_text(event["event_timestamp"]),
            "contact": contact_body(account, hook, lead),
        }


def contact_body(account: "Account", hook: "Record", lead: "Record") -> "Record":
    """`contact` of a webhook: state and country are not in it, empty custom fields neither."""
    values = lead["values"]
    body: Record = {"uuid": lead["uuid"], "email": lead["email"]}
    body |= {key: values[key] for key in STANDARD_KEYS if key not in _NOT_SENT and not empty(values.get(key))}
    body["tags"] = lead["tags"]
    custom = [field["api_identifier"] for field in account.fields.values() if field["custom_field"]]
    body |= {key: values[key] for key in custom if not empty(values.get(key))}
    body["legal_bases"] = lead["legal_bases"]
    asked = hook["include_relations"] if account.quirks.relations_only_if_asked else RELATIONS
    if "COMPANY" in asked and lead["company"].get("name"):
        body["company"] = {"name": lead["company"]["name"]}
    if "CONTACT_FUNNEL" in asked:
        funnel = {key: value for key, value in lead["funnel"].items() if not empty(value)}
        body["funnel"] = {"name": "default", **funnel}
    return body


def legacy_body(account: "Account", lead: "Record") -> "Record":
    """`{"leads": [one]}`, the body of API 1.x: flags are texts, custom fields go by their label."""
    values, funnel = lead["values"], lead["funnel"]
    conversions = [event for event in lead["events"] if event["event_type"] == "CONVERSION"]
    labels = {
        field["label"]["pt-BR"]: values[field["api_identifier"]]
        for field in account.fields.values()
        if field["custom_field"] and not empty(values.get(field["api_identifier"]))
    }
    texts = ("name", "job_title", "bio", "website", "personal_phone", "mobile_phone", "city", "state")
    return {
        "leads": [
            {
                "id": str(lead["id"]),
                "uuid": lead["uuid"],
                "email": lead["email"],
                **{key: values.get(key) for key in texts},
                "company": lead["company"].get("name"),
                "created_at": brasilia_text(lead["created_at"]),
                "opportunity": "true" if funnel["opportunity"] else "false",
                "number_conversions": str(len(conversions)),
                "user": funnel["contact_owner_email"],
                "first_conversion": _legacy_conversion(conversions[:1], 1),
                "last_conversion": _legacy_conversion(conversions[-1:], len(conversions)),
                "custom_fields": labels,
                "lead_stage": _LEGACY_STAGES[funnel["lifecycle_stage"]],
                "tags": lead["tags"],
                "fit_score": "d",
                "interest": funnel["interest"],
            }
        ]
    }


def _legacy_conversion(events: list["Record"], count: int) -> "Record":
    if not events:
        return {}
    payload, at = events[0]["payload"], events[0]["event_timestamp"]
    said = {key: value for key, value in payload.items() if key.startswith("cf_") or key in STANDARD_KEYS}
    return {
        "content": {"identificador": payload["conversion_identifier"], **said},
        "created_at": brasilia_text(at),
        "cumulative_sum": str(count),
        "source": payload["conversion_identifier"],
        "conversion_origin": {
            "source": payload.get("traffic_source") or "unknown",
            "medium": payload.get("traffic_medium") or "unknown",
            "value": payload.get("traffic_value"),
            "campaign": payload.get("traffic_campaign") or "unknown",
            "channel": payload.get("traffic_medium") or "Unknown",
        },
    }
