"""Webhooks: which subscriptions an event has, and the documents it carries, each kind in its own shape."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import orjson

from vaivem.simulators.kit.tables import Record
from vaivem.simulators.rd_station_crm.custom_values import definitions
from vaivem.simulators.rd_station_crm.schema import ENTITIES, EVENT_ENTITIES
from vaivem.simulators.rd_station_crm.times import brasilia_text

if TYPE_CHECKING:
    from vaivem.simulators.rd_station_crm.account import Account

# Five further tries after the first; the vendor does not state the pauses.
RETRY_SECONDS = (5.0, 30.0, 120.0, 600.0, 1800.0)
ANSWER_SECONDS = 5.0
_EVENT_OF_TABLE = {f"{entity}s": entity for entity in EVENT_ENTITIES}
_WITHOUT_DESCRIPTION = frozenset({"sources"})

Send = Callable[[str, str, bytes, dict[str, str], str], object]


class Events:
    """Turns the account's writes into deliveries, handed to `send(event, url, body, headers, webhook id)`."""

    def __init__(self, account: "Account", send: Send) -> None:
        self._account = account
        self._send = send
        self._given_up: dict[str, int] = {}
        self.muted = False
        account.listen(self.on_write)

    def on_write(self, table: str, verb: str, record: Record, _before: Record | None) -> None:
        """Send the event of a write to whoever subscribed to it."""
        if table == "webhooks" and verb == "created" and self._account.quirks.ping_on_create:
            self._send("ping", record["url"], b"", _headers(record), record["id"])
        entity = _EVENT_OF_TABLE.get(table)
        if entity is None or self.muted:
            return
        self._emit(f"crm_{entity}_{verb}", table, verb, record)
        if table == "deals" and verb == "created" and self._account.quirks.deal_updated_on_create:
            self._emit("crm_deal_updated", table, "updated", record)

    def on_outcome(self, webhook_id: str, *, delivered: bool) -> None:
        """Count what a delivery came to: a URL that errors constantly is suspended."""
        if delivered:
            self._given_up.pop(webhook_id, None)
            return
        count = self._given_up[webhook_id] = self._given_up.get(webhook_id, 0) + 1
        if count >= self._account.quirks.suspend_after and webhook_id in self._account.tables["webhooks"]:
            self._given_up.pop(webhook_id)
            self._account.update("webhooks", webhook_id, {"status": "suspended"})

    def _emit(self, event_name: str, table: str, verb: str, record: Record) -> None:
        subscribers = self._account.tables["webhooks"].find("event_name", event_name)
        active = [webhook for webhook in subscribers if webhook["status"] == "active"]
        if not active:
            return
        document = (
            {"id": record["id"], "name": record["name"]}
            if verb == "deleted"
            else self.document(table, record)
        )
        # The docs' samples carry whole seconds here, unlike the documents' own times.
        stamp = self._account.now().strftime("%Y-%m-%dT%H:%M:%S.000Z")
        for webhook in active:
            envelope = {
                "event_name": event_name,
                "document": document,
                "event_timestamp": stamp,
                "transaction_uuid": str(uuid4()),
            }
            self._send(event_name, webhook["url"], orjson.dumps(envelope), _headers(webhook), webhook["id"])

    def document(self, table: str, record: Record) -> Record:
        """The `document` of a created or updated event."""
        if table == "deals":
            return self._deal(record)
        entity = ENTITIES[table]
        shown: Record = {"id": record["id"]}
        for name, field in entity.fields.items():
            if not field.write_only and not (name == "description" and table in _WITHOUT_DESCRIPTION):
                shown[name] = record[name]
        if entity.custom:
            shown["custom_fields"] = {
                definition["slug"]: record["custom_fields"].get(definition["slug"])
                for definition in definitions(self._account, entity.custom)
            }
        shown["created_at"] = brasilia_text(record["created_at"])
        shown["updated_at"] = brasilia_text(record["updated_at"])
        return shown

    def _deal(self, deal: Record) -> Record:
        """API v1's shape with small differences of its own; contacts and organization are not in it."""
        tables = self._account.tables
        owner, stage = tables["users"].get(deal["owner_id"]), tables["stages"].get(deal["stage_id"])
        pipeline = tables["pipelines"].get(deal["pipeline_id"])
        return {
            "id": deal["id"],
            "name": deal["name"],
            "amount_monthly": deal["recurrence_price"],
            "amount_unique": deal["one_time_price"],
            "amount_total": deal["total_price"],
            "prediction_date": deal["expected_close_date"],
            "created_at": brasilia_text(deal["created_at"]),
            "updated_at": brasilia_text(deal["updated_at"]),
            "rating": deal["rating"],
            "status": deal["status"],
            "closed_at": brasilia_text(deal["closed_at"]),
            "user": {**_pick(owner, "id", "name", "email"), "avatar_url": None} if owner else {},
            "deal_stage": _stage(stage) if stage else {},
            "deal_pipeline": _pick(pipeline, "id", "name"),
            "deal_source": _pick(tables["sources"].get(deal["source_id"]), "id", "name"),
            "campaign": _pick(tables["campaigns"].get(deal["campaign_id"]), "id", "name"),
            "deal_lost_reason": _pick(tables["lost_reasons"].get(deal["lost_reason_id"]), "id", "name"),
            "deal_custom_fields": [
                {"value": deal["custom_fields"].get(field["slug"]), "custom_field": _label(field)}
                for field in definitions(self._account, "deal")
            ],
            "deal_products": [
                self._product(product) for product in tables["deal_products"].find("deal_id", deal["id"])
            ],
        }

    def _product(self, item: Record) -> Record:
        product = self._account.tables["products"].get(item["product_id"])
        shown = _pick(item, "id", "product_id", "price", "discount", "discount_type", "billing_frequency")
        return {
            **shown,
            "name": product["name"] if product else None,
            "amount": item["quantity"],
            "total": item["total_price"],
        }


def nickname(name: str) -> str:
    """A stage's short name: the capitals of its words (`Sem contato` is `SC`)."""
    return "".join(word[0] for word in name.split() if len(word) > 2).upper()[:3]


def _stage(stage: Record) -> Record:
    times = {
        "created_at": brasilia_text(stage["created_at"]),
        "updated_at": brasilia_text(stage["updated_at"]),
    }
    return {
        **_pick(stage, "id", "name"),
        "nickname": nickname(stage["name"]),
        **times,
        "order": stage["order"],
    }


def _label(field: Record) -> Record:
    shown: dict[str, Any] = {
        "id": field["id"],
        "label": field["name"],
        "required": bool(field["required_rules"]),
    }
    return {**shown, "unique": field["unique"], "opts": field["options"], "type": field["type"]}


def _pick(record: Record | None, *names: str) -> Record:
    return {name: record[name] for name in names} if record else {}


def _headers(webhook: Record) -> dict[str, str]:
    headers = {"content-type": "application/json", "user-agent": "RD-Station-Webhook"}
    if webhook["auth_header"]:
        headers[webhook["auth_header"]] = webhook["auth_key"]
    return headers
