"""API v3: webhooks."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from starlette.routing import BaseRoute

from vaivem.simulators.clicksign.api import Call, Gate
from vaivem.simulators.clicksign.attributes import Attribute, read_attributes, read_data
from vaivem.simulators.clicksign.jsonapi import filters, page, resource
from vaivem.simulators.clicksign.problems import (
    missing_attribute,
    model_error,
    not_one_of,
    unprocessable,
)
from vaivem.simulators.clicksign.records import Record, new_id
from vaivem.simulators.kit.webhooks import RefusedAddressError, check_address

if TYPE_CHECKING:
    from vaivem.simulators.clicksign.app import ClicksignSimulator

EVENTS = (
    "add_image",
    "upload",
    "add_signer",
    "remove_signer",
    "sign",
    "close",
    "auto_close",
    "deadline",
    "document_closed",
    "cancel",
    "update_deadline",
    "update_auto_close",
    "update_locale",
    "custom",
    "refusal",
    "acceptance_term_enqueued",
    "acceptance_term_sent",
    "acceptance_term_completed",
    "acceptance_term_refused",
    "acceptance_term_canceled",
    "acceptance_term_expired",
    "acceptance_term_error",
    "attempts_by_whatsapp_exceeded",
    "attempts_by_liveness_or_facematch_exceeded",
    "liveness_refused",
    "facematch_refused",
    "documentscopy_refused",
    "biometric_refused",
    "ocr_refused",
    "signature_started",
)
_WEBHOOK = {
    "endpoint": Attribute(required=True),
    "status": Attribute(choices=("active", "inactive")),
    "events": Attribute(list),
}


class WebhookCalls:
    """The handlers of webhook subscriptions; the settings page uses ``add`` and ``change`` too."""

    def __init__(self, simulator: ClicksignSimulator) -> None:
        self._simulator = simulator
        self._account = simulator.account

    def routes(self, gate: Gate) -> list[BaseRoute]:
        return [
            gate.route("/webhooks", GET=self.list, POST=self.create),
            gate.route("/webhooks/{webhook}", GET=self.show, PATCH=self.update, DELETE=self.delete),
        ]

    def list(self, call: Call) -> tuple[int, Record]:
        filters(call.query, ())
        hooks = list(self._account["webhooks"].values())
        return 200, page(call.address, call.query, hooks, lambda hook: resource(call.base, "webhooks", hook))

    def create(self, call: Call) -> tuple[int, Record]:
        given = read_attributes(read_data(call.body, "webhooks"), _WEBHOOK)
        return 201, {"data": resource(call.base, "webhooks", self.add(given))}

    def show(self, call: Call) -> tuple[int, Record]:
        return 200, {"data": resource(call.base, "webhooks", self._hook(call))}

    def update(self, call: Call) -> tuple[int, Record]:
        hook = self._hook(call)
        data = read_data(call.body, "webhooks", hook["id"])
        given = read_attributes(data, _WEBHOOK, creating=False)
        self.change(hook, given)
        return 200, {"data": resource(call.base, "webhooks", hook)}

    def delete(self, call: Call) -> tuple[int, None]:
        self._account.remove("webhooks", self._hook(call))
        return 204, None

    def add(self, given: Record) -> Record:
        """A new subscription with a secret of its own."""
        events = _checked_events(given.get("events"))
        self._check_endpoint(given["endpoint"], None)
        now = self._simulator.notifier.now()
        hook = {
            "id": new_id(),
            "endpoint": given["endpoint"],
            "secret": secrets.token_hex(16),
            "status": given.get("status") or "active",
            "events": events,
            "created": now,
            "modified": now,
        }
        return self._account.add("webhooks", hook)

    def change(self, hook: Record, given: Record) -> None:
        """Change what is given; all or nothing."""
        events = _checked_events(given["events"]) if "events" in given else hook["events"]
        endpoint = given.get("endpoint") or hook["endpoint"]
        self._check_endpoint(endpoint, hook["id"])
        del self._account.webhook_by_endpoint[hook["endpoint"]]
        self._account.webhook_by_endpoint[endpoint] = hook["id"]
        hook.update(
            endpoint=endpoint,
            events=events,
            status=given.get("status") or hook["status"],
            modified=self._simulator.notifier.now(),
        )

    def _check_endpoint(self, endpoint: str, own_id: str | None) -> None:
        try:
            check_address(endpoint)
        except RefusedAddressError:
            raise unprocessable(model_error("endpoint", "não é válido")) from None
        if self._account.webhook_by_endpoint.get(endpoint, own_id) != own_id:
            raise unprocessable(model_error("endpoint", "já está em uso"))

    def _hook(self, call: Call) -> Record:
        return self._account.find("webhooks", call.path["webhook"])


def _checked_events(events: object) -> list[str]:
    if not isinstance(events, list) or not events:
        raise missing_attribute("events")
    for event in events:
        if event not in EVENTS:
            raise not_one_of("events", EVENTS)
    return list(dict.fromkeys(events))
