"""Connect sending: who hears of a happening, what waits while an address is down, and the log of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any
from uuid import uuid4

from vaivem.simulators.docusign import connect
from vaivem.simulators.docusign.account import Account, Record
from vaivem.simulators.docusign.messages import body_of, headers_of, template_body, tried_again
from vaivem.simulators.docusign.times import stamp
from vaivem.simulators.kit.webhooks import Delivery, Webhooks

ANSWER_SECONDS = 100.0
# One quick retry, then once a day: ten in all. The sources disagree; the schedule can be set.
RETRY_SECONDS = (15.0, *(86_400.0,) * 9)
LOGS_KEPT, LOG_DAYS = 100, 15


class Publisher:
    """Sends for every account: `tell` what is about single happenings, `settle` the states after them."""

    def __init__(self, accounts: Mapping[str, Account], webhooks: Webhooks) -> None:
        self._accounts = accounts
        self._webhooks = webhooks
        # Aggregate messages of the action under way: by configuration and envelope, the last state counts.
        self._states: dict[tuple[str, str], tuple[Account, Record, Record, str]] = {}
        # Addresses that are down, by hook: nothing but the retries goes there.
        self._down: dict[str, str] = {}
        webhooks.on_start(self._starting)
        webhooks.on_try(self._tried)
        webhooks.on_outcome(self._ended)

    def clear(self) -> None:
        """Nothing is down, nothing waits."""
        self._states.clear()
        self._down.clear()

    def tell(self, account: Account, kind: str, envelope: Record, recipient_id: str) -> None:
        """Send a happening to whoever wants it."""
        for owner, configuration in self._hearing(account, envelope):
            if not connect.wants(configuration, kind):
                continue
            if configuration["deliveryMode"] == connect.AGGREGATE:
                key = (f"{owner.key}:{configuration['connectId']}", envelope["id"])
                self._states.pop(key, None)
                self._states[key] = (account, configuration, envelope, kind)
            else:
                raw = body_of(account, configuration, envelope, kind, recipient_id)
                self._send(owner, configuration, kind, envelope["id"], raw)

    def tell_template(self, account: Account, kind: str, template: Record) -> None:
        """Send a happening about a template."""
        if not account.connect_enabled:
            return
        for configuration in account.configurations.values():
            if connect.wants(configuration, kind) and connect.is_json(configuration):
                raw = template_body(account, configuration, template, kind)
                self._send(account, configuration, kind, template["id"], raw)

    def settle(self) -> None:
        """The action is over: send the states."""
        states, self._states = self._states, {}
        for (hook, envelope_id), (account, configuration, envelope, kind) in states.items():
            raw = body_of(account, configuration, envelope, kind, "")
            self._send(self._accounts[hook.partition(":")[0]], configuration, kind, envelope_id, raw)

    def publish(self, account: Account, configuration: Record, envelope: Record) -> None:
        """Send the state of an envelope to a configuration that was given for that alone."""
        kind = f"envelope-{envelope['status']}"
        raw = body_of(account, configuration, envelope, kind, "")
        self._send(account, configuration, kind, envelope["id"], raw)

    def republish(self, account: Account, envelope_ids: Iterable[str]) -> list[Record]:
        """Send again, now, what did not arrive about these envelopes."""
        wanted, done = set(envelope_ids), []
        for failure in [one for one in account.failures.values() if one["envelopeId"] in wanted]:
            configuration = account.hook(failure["connectId"])
            delivery = self._webhooks.deliveries.get(failure["deliveryId"])
            if configuration is None or delivery is None:
                continue
            del account.failures[failure["failureId"]]
            raw = tried_again(delivery.body, failure["retryCount"] + 1, None)
            headers = headers_of(configuration, raw, _keys(account))
            self._webhooks.send(delivery.event, delivery.url, raw, headers, hook=delivery.hook, once=True)
            done.append(failure)
        return done

    # -- whom it goes to

    def _hearing(self, account: Account, envelope: Record) -> list[tuple[Account, Record]]:
        """The configurations that an envelope is a matter of: of accounts, then its own."""
        found = [
            (owner, configuration)
            for owner in self._accounts.values()
            if owner.connect_enabled
            for configuration in owner.configurations.values()
            if connect.covers(owner, configuration, envelope, account)
        ]
        return [*found, *((account, hook) for hook in envelope["hooks"])]

    def _send(self, owner: Account, configuration: Record, kind: str, envelope_id: str, raw: bytes) -> None:
        hook = f"{owner.key}:{configuration['connectId']}"
        headers = headers_of(configuration, raw, _keys(owner))
        once = configuration["requiresAcknowledgement"] != "true"
        sent = self._webhooks.send(
            kind,
            configuration["urlToPublishTo"],
            raw,
            headers,
            hook=hook,
            once=once,
            hold=not once and hook in self._down,
        )
        if configuration["enableLog"] == "true":
            self._log(owner, configuration, sent, envelope_id)

    # -- what came of it

    def _starting(self, delivery: Delivery) -> None:
        """A repeated try counts itself, and every try is signed with the keys of its moment."""
        owner, configuration = self._of(delivery)
        if owner is None or configuration is None:
            return
        if delivery.tries:
            time = owner.stamp() if owner.quirks.new_time_on_retry else None
            delivery.body = tried_again(delivery.body, len(delivery.tries), time)
        delivery.headers = headers_of(configuration, delivery.body, _keys(owner))

    def _tried(self, delivery: Delivery) -> None:
        """After a failed try the address is down."""
        owner, configuration = self._of(delivery)
        if owner is None:
            return
        good = 200 <= delivery.tries[-1].get("status", 0) < 300
        self._logged(owner, delivery, good)
        if good or configuration is None or delivery.once:
            return
        if configuration["deliveryMode"] == connect.SIM:
            self._down.setdefault(delivery.hook, delivery.id)

    def _ended(self, delivery: Delivery) -> None:
        """Something arrived, or was given up: the next one that waits has its turn, in order."""
        if delivery.hook not in self._down:
            return
        held = (
            one
            for one in self._webhooks.deliveries.values()
            if one.hook == delivery.hook and one.state == "held"
        )
        waiting = next(held, None)
        if waiting is None:
            del self._down[delivery.hook]
        else:
            self._down[delivery.hook] = waiting.id
            self._webhooks.release(waiting)

    def _of(self, delivery: Delivery) -> tuple[Account | None, Record | None]:
        key, _, connect_id = delivery.hook.partition(":")
        account = self._accounts.get(key)
        return account, account.hook(connect_id) if account else None

    # -- the log that the vendor keeps

    def _log(self, owner: Account, configuration: Record, delivery: Delivery, envelope_id: str) -> None:
        envelope = owner.envelopes.get(envelope_id) or {"sender": "", "subject": ""}
        user = owner.user(envelope["sender"]) or {"userName": "", "email": ""}
        log_id = str(uuid4())
        owner.logs.append(
            {
                "logId": log_id,
                "accountId": owner.id,
                "connectId": configuration["connectId"],
                "configUrl": configuration["urlToPublishTo"],
                "created": owner.stamp(),
                "envelopeId": envelope_id,
                "email": user["email"],
                "userName": user["userName"],
                "subject": envelope["subject"],
                "status": "Pending" if delivery.state == "held" else "Queued",
                "error": "",
                "lastTry": "",
                "retryCount": "0",
                "deliveryId": delivery.id,
                "event": delivery.event,
            }
        )
        oldest = stamp(owner.now() - timedelta(days=LOG_DAYS))
        owner.logs = [one for one in owner.logs[-LOGS_KEPT:] if one["created"] >= oldest]

    def _logged(self, owner: Account, delivery: Delivery, good: bool) -> None:
        """Write the outcome of a try into the log, and keep what did not arrive among the failures."""
        last = delivery.tries[-1]
        said = "" if good else str(last.get("error") or f"HTTP status {last.get('status')}")
        entry = next((one for one in reversed(owner.logs) if one["deliveryId"] == delivery.id), None)
        if entry is None:
            return
        entry.update(
            status="Successful" if good else "Failed",
            error=said,
            lastTry=owner.stamp(),
            retryCount=str(len(delivery.tries) - 1),
        )
        known = next((key for key, one in owner.failures.items() if one["deliveryId"] == delivery.id), None)
        if good and known:
            del owner.failures[known]
        elif not good:
            failure_id = known or str(uuid4())
            kept: dict[str, Any] = {**entry, "retryCount": len(delivery.tries) - 1}
            owner.failures[failure_id] = {**kept, "failureId": failure_id}


def _keys(account: Account) -> list[Record]:
    return [key for key in account.hmac_keys if key["active"]]
