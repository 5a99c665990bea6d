"""Webhooks: which subscriptions a write has, what they are sent, and what failures cost them."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import orjson

from vaivem.simulators.kit.webhooks import Delivery, Webhooks
from vaivem.simulators.pipedrive.account import Account, Change
from vaivem.simulators.pipedrive.custom_fields import definitions, webhook_value
from vaivem.simulators.pipedrive.schema import ENTITIES, Record
from vaivem.simulators.pipedrive.shapes import TIMES, v2_shape
from vaivem.simulators.pipedrive.times import rfc, stored
from vaivem.simulators.pipedrive.v1_shapes import v1_shape

RETRY_SECONDS = (3.0, 30.0, 150.0)
ANSWER_SECONDS = 10.0
BAN = timedelta(minutes=30)
GIVE_UP = timedelta(days=3)
# Which tables have events, by the word of the subscription.
OBJECTS = {
    "activities": "activity",
    "deals": "deal",
    "leads": "lead",
    "notes": "note",
    "organizations": "organization",
    "persons": "person",
    "pipelines": "pipeline",
    "products": "product",
    "stages": "stage",
    "users": "user",
    "deal_products": "deal_product",
}
_V1_ACTIONS = {"create": "added", "change": "updated", "delete": "deleted"}
# Version 1 knows neither of these.
_ONLY_V2 = ("lead", "deal_product")


class Events:
    """Turns the account's writes into deliveries."""

    def __init__(self, account: Account, webhooks: Webhooks, host: Callable[[], str]) -> None:
        self._account = account
        self._webhooks = webhooks
        self._host = host
        self.muted = False
        account.listen(self.on_change)
        webhooks.on_try(self.on_try)

    def on_change(self, change: Change) -> None:
        """Send the event of a write to whoever subscribed to it; banned subscriptions lose it."""
        word = OBJECTS.get(change.table)
        if word is None or self.muted:
            return
        for hook in list(self._account.tables["webhooks"].values()):
            if (
                hook["event_object"] in (word, "*")
                and self._wants(hook, change.verb)
                and not self._banned(hook)
            ):
                if hook["version"] == "2.0":
                    self._send(hook, f"{change.verb}.{word}", self._v2(hook, word, change))
                elif word not in _ONLY_V2:
                    action = _V1_ACTIONS[change.verb]
                    self._send(hook, f"{action}.{word}", self._v1(hook, word, action, change))

    def on_try(self, delivery: Delivery) -> None:
        """Count what a try came to, and number the next one in the body."""
        hook = self._account.tables["webhooks"].get(int(delivery.hook)) if delivery.hook else None
        if hook is None:
            return
        last = delivery.tries[-1]
        arrived = 200 <= last.get("status", 0) < 300
        now = self._account.now_text()
        changed = {**hook, "last_delivery_time": now, "last_http_status": last.get("status")}
        if arrived:
            changed["_failing_since"] = None
            if self._account.quirks.ban_counter_resets:
                changed["_failures"] = 0
        else:
            changed["_failing_since"] = hook["_failing_since"] or now
            if len(delivery.tries) == 1:
                changed["_failures"] += 1
            if changed["_failures"] >= self._account.quirks.ban_after:
                until = datetime.fromisoformat(now) + BAN
                changed |= {"_failures": 0, "_banned_until": stored(until)}
            delivery.body = _next_attempt(delivery.body, len(delivery.tries))
        self._account.tables["webhooks"][hook["id"]] = changed

    def drop_dead(self) -> None:
        """Delete the webhooks that nothing reached for three days."""
        hooks, limit = self._account.tables["webhooks"], stored(self._account.now() - GIVE_UP)
        for key in [key for key, hook in hooks.items() if (hook["_failing_since"] or "9") <= limit]:
            del hooks[key]

    def _banned(self, hook: Record) -> bool:
        return bool(hook["_banned_until"]) and hook["_banned_until"] > self._account.now_text()

    def _wants(self, hook: Record, verb: str) -> bool:
        if not self._account.tables["users"][hook["user_id"]]["active_flag"]:
            return False
        action = verb if hook["version"] == "2.0" else _V1_ACTIONS[verb]
        return hook["event_action"] in (action, "*")

    def _send(self, hook: Record, event: str, payload: Record) -> None:
        headers = {"content-type": "application/json", "user-agent": "Pipedrive-Webhook"}
        if hook["http_auth_user"] or hook["http_auth_password"]:
            pair = f"{hook['http_auth_user'] or ''}:{hook['http_auth_password'] or ''}".encode()
            headers["authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        self._webhooks.send(event, hook["subscription_url"], orjson.dumps(payload), headers, str(hook["id"]))

    def _v2(self, hook: Record, word: str, change: Change) -> Record:
        now = self._account.now()
        merged = {}
        if change.merged:
            merged = {"merged_to_id" if change.verb == "delete" else "merged_from_id": str(change.merged)}
        before = self.document(change.table, change.before) if change.before else None
        data = None if change.verb == "delete" else self.document(change.table, change.record)
        previous = before
        if data is not None and before is not None:
            previous = _changed(before, data)
        meta = {
            "action": change.verb,
            "entity": word,
            "entity_id": str(change.record["id"]),
            "company_id": str(self._account.company["id"]),
            "correlation_id": str(uuid4()),
            "id": str(uuid4()),
            "is_bulk_edit": False,
            "timestamp": stored(now),
            "type": hook["type"],
            "user_id": str(change.actor.user_id),
            "version": "2.0",
            "webhook_id": str(hook["id"]),
            "webhook_owner_id": str(hook["owner_id"]),
            "change_source": change.actor.source,
            "permitted_user_ids": self._permitted(str),
            "attempt": 1,
            "host": self._host(),
            **merged,
        }
        return {"meta": meta, "data": data, "previous": previous}

    def _v1(self, hook: Record, word: str, action: str, change: Change) -> Record:
        now = self._account.now()
        micro = int(now.timestamp() * 1_000_000)
        meta = {
            "v": 1,
            "action": action,
            "object": word,
            "id": change.record["id"],
            "company_id": self._account.company["id"],
            "user_id": change.actor.user_id,
            "host": self._host(),
            "timestamp": micro // 1_000_000,
            "timestamp_micro": micro,
            "prepublish_timestamp": micro // 1000,
            "permitted_user_ids": self._permitted(int),
            "trans_pending": False,
            "is_bulk_update": False,
            "pipedrive_service_name": False,
            "change_source": change.actor.source,
            "webhook_id": str(hook["id"]),
            "matches_filters": {"current": [], "previous": []},
        }
        current = None if action == "deleted" else v1_shape(self._account, change.table, change.record)
        previous = v1_shape(self._account, change.table, change.before) if change.before else None
        return {
            "v": 1,
            "matches_filters": {"current": [], "previous": []},
            "meta": meta,
            "current": [current] if word == "user" else current,
            "previous": [previous] if word == "user" else previous,
            "retry": 0,
            "event": f"{action}.{word}",
        }

    def document(self, table: str, record: Record) -> Record:
        """A record as webhooks of version 2 carry it: API v2's fields, custom values typed."""
        if table == "users":
            return v1_shape(self._account, table, record)
        shown = v2_shape(self._account, table, record, [], [], False)
        shown.pop("is_deleted", None)
        for name in TIMES[table]:
            if name in shown:
                # The event has the milliseconds by which a reader tells which of two is the newer.
                shown[name] = record[name] if name == "update_time" else rfc(record[name])
        if "custom_fields" in shown:
            fields = definitions(self._account, ENTITIES[table].custom)
            values = record["custom_fields"]
            shown["custom_fields"] = {
                field["field_code"]: webhook_value(field, values.get(field["field_code"])) for field in fields
            }
        return shown

    def _permitted(self, kind: Callable[[Any], Any]) -> list[Any]:
        users = self._account.tables["users"].values()
        return [kind(user["id"]) for user in users if user["active_flag"]]


def _changed(before: Record, data: Record) -> Record:
    """Only the fields that are different, with their old values; custom ones one by one."""
    found = {key: value for key, value in before.items() if key != "custom_fields" and data.get(key) != value}
    if "custom_fields" in before:
        old, new = before["custom_fields"], data["custom_fields"]
        custom = {key: value for key, value in old.items() if new.get(key) != value}
        if custom:
            found["custom_fields"] = custom
    return found


def _next_attempt(body: bytes, tries: int) -> bytes:
    payload = orjson.loads(body)
    if "retry" in payload:
        return orjson.dumps({**payload, "retry": tries})
    return orjson.dumps({**payload, "meta": {**payload["meta"], "attempt": tries + 1}})
