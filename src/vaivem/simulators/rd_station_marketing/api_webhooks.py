"""`/integrations/webhooks`: an app's subscriptions. A new address is called before it is stored."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from pyreqwest.client import ClientBuilder
from pyreqwest.exceptions import PyreqwestError
from starlette.routing import BaseRoute

from vaivem.simulators.rd_station_marketing.api import Call, Gate, Result
from vaivem.simulators.rd_station_marketing.hooks import ANSWER_SECONDS, Subscriptions, hook_shape
from vaivem.simulators.rd_station_marketing.problems import flat

if TYPE_CHECKING:
    from vaivem.simulators.rd_station_marketing.app import RdStationMarketing


class WebhookCalls:
    """The handlers of subscriptions."""

    def __init__(self, simulator: RdStationMarketing) -> None:
        self._simulator = simulator

    def routes(self, gate: Gate) -> list[BaseRoute]:
        return [
            *gate.route("/integrations/webhooks", GET=self.list, POST=self.create),
            *gate.route("/integrations/webhooks/{hook}", GET=self.show, PUT=self.change, DELETE=self.delete),
        ]

    def list(self, call: Call) -> Result:
        found = Subscriptions(call.account).of(call.owner)
        return 200, {"webhooks": [hook_shape(hook, call.account) for hook in found]}

    def show(self, call: Call) -> Result:
        return 200, hook_shape(Subscriptions(call.account).get(call.owner, call.path["hook"]), call.account)

    async def create(self, call: Call) -> Result:
        subscriptions = Subscriptions(call.account)
        values = subscriptions.checked(call.owner, call.object())
        await self._try_address(str(values["url"]))
        # Another call may have made the same one while the address was tried.
        subscriptions.checked(call.owner, values)
        return 201, hook_shape(subscriptions.add(call.owner, values), call.account)

    async def change(self, call: Call) -> Result:
        subscriptions = Subscriptions(call.account)
        hook = subscriptions.get(call.owner, call.path["hook"])
        values = subscriptions.checked(call.owner, call.object(), hook["uuid"])
        if values["url"] != hook["url"]:
            await self._try_address(str(values["url"]))
        subscriptions.change(hook, values)
        return 200, hook_shape(hook, call.account)

    def delete(self, call: Call) -> Result:
        subscriptions = Subscriptions(call.account)
        subscriptions.remove(subscriptions.get(call.owner, call.path["hook"]))
        return 204, None

    async def _try_address(self, url: str) -> None:
        """Call the address once; anything but 2xx within the time refuses the subscription with 401."""
        probe = self._simulator.quirks.probe
        if probe == "none":
            return
        body = b"{}" if probe == "post_json" else b""
        headers = {"content-type": "application/json", "user-agent": "RD-Station-Webhook"}
        status: int | None = None
        try:
            async with ClientBuilder().follow_redirects(False).no_proxy().build() as client:
                request = client.get(url) if probe == "get" else client.post(url).body_bytes(body)
                wait = timedelta(seconds=ANSWER_SECONDS)
                answer = await request.headers(headers).timeout(wait).build().send()
                status = answer.status
        except (PyreqwestError, ValueError):
            pass
        self._simulator.probes.append(
            {"at": self._simulator.clock.now().isoformat(), "url": url, "status": status}
        )
        if status is None or not 200 <= status < 300:
            raise flat("UNAUTHORIZED", "Webhook URL validation failed.", 401)
