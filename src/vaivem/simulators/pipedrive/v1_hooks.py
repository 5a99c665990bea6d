"""API v1: webhooks, whose errors have a shape of their own."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

from starlette.responses import Response

from vaivem.simulators.kit.answers import json_answer
from vaivem.simulators.kit.webhooks import RefusedAddressError, check_address
from vaivem.simulators.pipedrive.account import Account, Actor
from vaivem.simulators.pipedrive.api import Asked, Call, call
from vaivem.simulators.pipedrive.problems import RawError
from vaivem.simulators.pipedrive.schema import Record

AT_MOST = 40
VERSIONS = ("1.0", "2.0")
ACTIONS = {"1.0": ("added", "updated", "deleted", "merged", "*"), "2.0": ("create", "change", "delete", "*")}
OBJECTS = {
    "1.0": (
        "activity",
        "activityType",
        "deal",
        "note",
        "organization",
        "person",
        "pipeline",
        "product",
        "stage",
        "user",
        "*",
    ),
    "2.0": (
        "activity",
        "deal",
        "lead",
        "note",
        "organization",
        "person",
        "pipeline",
        "product",
        "stage",
        "user",
        "*",
        "deal_product",
        "deal_installment",
        "board",
        "phase",
        "project",
        "task",
    ),
}
_PROBE_SECONDS = 3.0


class HooksV1:
    """The handlers of webhook subscriptions, for both versions of their payload."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def calls(self) -> list[Call]:
        """Every operation with its published cost and scopes."""
        return [
            call("GET", "/webhooks", self._list, 10, "admin"),
            call("POST", "/webhooks", self._create, 10, "admin"),
            call("DELETE", "/webhooks/{id}", self._delete, 6, "admin"),
        ]

    async def subscribe(self, body: Record, actor: Actor, app: str = "") -> Record:
        """Make a subscription out of what was sent; RawError when it is refused."""
        errors = self._wrong(body)
        if not errors and self._account.quirks.probe_address:
            errors = await _unreachable(body["subscription_url"])
        if errors:
            raise RawError(json_answer({"status": "error", "success": False, "errors": errors}, 400))
        own = [
            hook
            for hook in self._account.tables["webhooks"].values()
            if hook["owner_id"] == actor.user_id and hook["_app"] == app
        ]
        if len(own) >= AT_MOST:
            errors = {"webhook": [f"limit of {AT_MOST} webhooks per user reached"]}
            raise RawError(json_answer({"status": "error", "success": False, "errors": errors}, 422))
        hook = {
            "company_id": self._account.company["id"],
            "owner_id": actor.user_id,
            "user_id": body.get("user_id") or actor.user_id,
            "event_action": body["event_action"],
            "event_object": body["event_object"],
            "subscription_url": body["subscription_url"],
            "version": body.get("version") or "2.0",
            "is_active": 1,
            "add_time": self._account.now_text(),
            "remove_time": None,
            "type": "application" if app else "general",
            "http_auth_user": body.get("http_auth_user") or None,
            "http_auth_password": body.get("http_auth_password") or None,
            "remove_reason": None,
            "last_delivery_time": None,
            "last_http_status": None,
            "admin_id": actor.user_id,
            "name": body["name"],
            "_app": app,
            "_failures": 0,
            "_banned_until": "",
            "_failing_since": None,
        }
        return self._account.put("webhooks", hook)

    async def _list(self, asked: Asked) -> Response:
        hooks = self._account.tables["webhooks"].values()
        shown = [_shape(hook) for hook in hooks if _is_theirs(hook, asked)]
        return json_answer({"status": "ok", "success": True, "data": shown})

    async def _create(self, asked: Asked) -> Response:
        hook = await self.subscribe(await asked.loose_body(), asked.actor, asked.caller.client_id)
        return json_answer({"status": "ok", "success": True, "data": _shape(hook)}, 201)

    async def _delete(self, asked: Asked) -> Response:
        text = asked.request.path_params["id"]
        hook = self._account.tables["webhooks"].get(int(text)) if text.isdigit() else None
        if hook is None:
            body = {"status": "error", "success": False, "errors": {"id": ["not found"]}}
            raise RawError(json_answer(body, 404))
        if not _is_theirs(hook, asked):
            raise RawError(json_answer({"success": False, "message": "Forbidden"}, 403))
        del self._account.tables["webhooks"][hook["id"]]
        return json_answer({"status": "ok", "success": True})

    def _wrong(self, body: Record) -> dict[str, list[str]]:
        errors: dict[str, list[str]] = {}
        version = body.get("version") or "2.0"
        if version not in VERSIONS:
            return {"version": ["must be 1.0 or 2.0"]}
        for name, known in (("event_action", ACTIONS[version]), ("event_object", OBJECTS[version])):
            if body.get(name) not in known:
                errors[name] = [f"must be one of {', '.join(known)}"]
        label = body.get("name")
        if not isinstance(label, str) or not 0 < len(label) <= 255:
            errors["name"] = ["is required and has at most 255 characters"]
        if not _is_address(body.get("subscription_url")):
            errors["subscription_url"] = ["invalid or non-reachable URL"]
        user_id = body.get("user_id")
        if user_id is not None and not self._account.exists("users", _number(user_id)):
            errors["user_id"] = ["there is no such user"]
        return errors


def _is_theirs(hook: Record, asked: Asked) -> bool:
    """An app sees its own webhooks only; a personal token sees the general ones."""
    return bool(hook["_app"] == asked.caller.client_id)


def _shape(hook: Record) -> Record:
    return {key: value for key, value in hook.items() if not key.startswith("_")}


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isdigit() else value


def _is_address(url: Any) -> bool:
    if not isinstance(url, str):
        return False
    try:
        check_address(url)
    except (RefusedAddressError, ValueError):
        return False
    host = urlsplit(url).hostname or ""
    return host != "pipedrive.com" and not host.endswith(".pipedrive.com")


async def _unreachable(url: str) -> dict[str, list[str]]:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        opening = asyncio.open_connection(parts.hostname, port)
        _reader, writer = await asyncio.wait_for(opening, _PROBE_SECONDS)
    except (OSError, TimeoutError):
        return {"subscription_url": ["invalid or non-reachable URL"]}
    writer.close()
    return {}
