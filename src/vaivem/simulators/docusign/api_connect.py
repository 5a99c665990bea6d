"""Connect by API: configurations, keys, the log, and sending again."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING
from uuid import uuid4

from starlette.routing import BaseRoute

from vaivem.simulators.docusign.account import Account, Record
from vaivem.simulators.docusign.api import Call, Gate, Handler, Result, for_connect
from vaivem.simulators.docusign.connect import (
    changed_configuration,
    configuration_shape,
    new_configuration,
)
from vaivem.simulators.docusign.problems import ProblemError, body, parameter

if TYPE_CHECKING:
    from vaivem.simulators.docusign.app import DocuSign

MOST_KEYS = 100
_LOG_KEYS = (
    "logId",
    "accountId",
    "connectId",
    "configUrl",
    "created",
    "envelopeId",
    "email",
    "userName",
    "subject",
    "status",
    "error",
    "lastTry",
)


class ConnectCalls:
    """What is called about Connect, by administrators."""

    def __init__(self, simulator: DocuSign) -> None:
        self._simulator = simulator

    def routes(self, gate: Gate) -> list[BaseRoute]:
        """The routes; the fixed ones before those with an id."""

        def admin(path: str, /, **handlers: Handler) -> BaseRoute:
            guarded = {method: for_connect(handler) for method, handler in handlers.items()}
            return gate.route(f"/connect{path}", **guarded)

        return [
            admin("", GET=_list, POST=_create, PUT=_change),
            admin("/secret", GET=_keys, POST=_add_key),
            admin("/secret/{key}", DELETE=_drop_key),
            admin("/logs", GET=_logs, DELETE=_drop_logs),
            admin("/logs/{log}", GET=_log, DELETE=_drop_log),
            admin("/failures", GET=_failures),
            admin("/failures/{failure}", DELETE=_drop_failure),
            admin("/envelopes/retry_queue", PUT=self._retry_some),
            admin("/envelopes/publish/historical", POST=self._historical),
            admin("/envelopes/{envelope}/retry_queue", PUT=self._retry_one),
            admin("/{configuration}", GET=_read, DELETE=_delete),
        ]

    def _retry_some(self, call: Call) -> Result:
        ids = call.body.get("envelopeIds")
        if not isinstance(ids, list):
            raise body("envelopeIds must be a list.")
        return self._retry(call, [str(key) for key in ids])

    def _retry_one(self, call: Call) -> Result:
        return self._retry(call, [call.envelope()["id"]])

    def _retry(self, call: Call, ids: list[str]) -> Result:
        done = self._simulator.publisher.republish(call.account, ids)
        return 200, {
            "retryQueue": [
                {
                    "configId": one["connectId"],
                    "configUrl": one["configUrl"],
                    "envelopeId": one["envelopeId"],
                    "status": "queued",
                    "statusMessage": "",
                }
                for one in done
            ]
        }

    def _historical(self, call: Call) -> Result:
        """Send old envelopes once to an address that is given for it."""
        ids, config = call.body.get("envelopes"), call.body.get("config")
        if not isinstance(ids, list) or not isinstance(config, dict):
            raise body("envelopes is a list of ids and config a configuration.")
        sent = {"name": "historical", "configurationType": "custom", **config, "allowEnvelopePublish": "true"}
        # It is not kept among the account's own, so it does not count against their number.
        configuration = new_configuration(Account("", call.account.now, call.account.quirks), sent)
        configuration["connectId"] = str(call.account.number_next())
        found = [call.account.envelopes.get(str(key).lower()) for key in ids]
        known = [one for one in found if one is not None and one["status"] != "created"]
        for envelope in known:
            self._simulator.publisher.publish(call.account, configuration, envelope)
        return 201, {
            "envelopePublishTransactionId": str(uuid4()),
            "processingStatus": "processing",
            "envelopeCount": str(len(ids)),
            "submittedForPublishingEnvelopeCount": str(len(known)),
            "errorCount": str(len(ids) - len(known)),
            "submissionDate": call.account.stamp(),
            "applyConnectSettings": "true",
        }


def _list(call: Call) -> Result:
    rows = [configuration_shape(one) for one in call.account.configurations.values()]
    return 200, {"configurations": rows, "totalRecords": str(len(rows))}


def _create(call: Call) -> Result:
    configuration = new_configuration(call.account, call.body)
    call.account.configurations[configuration["connectId"]] = configuration
    return 201, configuration_shape(configuration)


def _change(call: Call) -> Result:
    before = _configuration(call.account, str(call.body.get("connectId") or ""))
    after = changed_configuration(before, call.body)
    call.account.configurations[after["connectId"]] = after
    return 200, configuration_shape(after)


def _read(call: Call) -> Result:
    """One configuration, in the list's own wrapping."""
    found = _configuration(call.account, call.path["configuration"])
    return 200, {"configurations": [configuration_shape(found)], "totalRecords": "1"}


def _delete(call: Call) -> Result:
    found = _configuration(call.account, call.path["configuration"])
    del call.account.configurations[found["connectId"]]
    return 200, None


def _configuration(account: Account, connect_id: str) -> Record:
    found = account.configurations.get(connect_id)
    if found is None:
        raise parameter(f"There is no Connect configuration {connect_id or 'without connectId'}.")
    return found


# -- keys


def new_key(account: Account, key: str = "") -> Record:
    """One more HMAC key of the account. Raises ProblemError when it has too many."""
    if len(account.hmac_keys) >= MOST_KEYS:
        raise parameter(f"An account has at most {MOST_KEYS} keys.")
    made = {
        "keyId": str(uuid4()),
        "key": key or secrets.token_urlsafe(32),
        "created": account.stamp(),
        "active": True,
    }
    account.hmac_keys.append(made)
    return made


def drop_key(account: Account, key_id: str) -> None:
    """Retire a key: messages are no longer signed with it. Raises ProblemError."""
    kept = [key for key in account.hmac_keys if key["keyId"] != key_id]
    if len(kept) == len(account.hmac_keys):
        raise ProblemError("RESOURCE_NOT_FOUND")
    account.hmac_keys = kept


def _keys(call: Call) -> Result:
    """The keys without their secrets, which are shown once."""
    return 200, {"secrets": [_key_shape(key) for key in call.account.hmac_keys]}


def _add_key(call: Call) -> Result:
    made = new_key(call.account)
    return 201, {**_key_shape(made), "secret": made["key"]}


def _drop_key(call: Call) -> Result:
    drop_key(call.account, call.path["key"])
    return 200, None


def _key_shape(key: Record) -> Record:
    state = "active" if key["active"] else "inactive"
    return {"keyId": key["keyId"], "createdDateTime": key["created"], "status": state}


# -- the log


def _logs(call: Call) -> Result:
    rows = [_log_shape(call, one) for one in reversed(call.account.logs) if _between(call, one)]
    return 200, {"logs": rows, "totalRecords": str(len(rows)), "type": "logs"}


def _failures(call: Call) -> Result:
    rows = [_log_shape(call, one) for one in call.account.failures.values() if _between(call, one)]
    return 200, {"failures": rows, "totalRecords": str(len(rows)), "type": "failures"}


def _between(call: Call, one: Record) -> bool:
    """Between the dates as they are written; a rough bound, as the vendor's own page has it."""
    start, end = call.query.get("from_date", ""), call.query.get("to_date", "")
    return bool(start <= one["created"] and (not end or one["created"] <= end))


def _log_shape(call: Call, one: Record) -> Record:
    shown = {key: one[key] for key in _LOG_KEYS if one[key]}
    shown |= {"retryCount": str(one["retryCount"]), "logUri": f"/connect/logs/{one['logId']}"}
    if "failureId" in one:
        shown["failureId"] = one["failureId"]
        shown["failureUri"] = f"/connect/failures/{one['failureId']}"
        shown["retryUri"] = f"/connect/envelopes/{one['envelopeId']}/retry_queue"
    if call.query.get("additional_info") == "true":
        what = f"{one['event']}: {one['status']} {one['error']}".strip()
        shown["connectDebugLog"] = [{"eventDateTime": one["created"], "eventDescription": what}]
    return shown


def _log(call: Call) -> Result:
    found = next((one for one in call.account.logs if one["logId"] == call.path["log"]), None)
    if found is None:
        raise ProblemError("RESOURCE_NOT_FOUND")
    return 200, _log_shape(call, found)


def _drop_logs(call: Call) -> Result:
    call.account.logs.clear()
    return 200, None


def _drop_log(call: Call) -> Result:
    call.account.logs = [one for one in call.account.logs if one["logId"] != call.path["log"]]
    return 200, None


def _drop_failure(call: Call) -> Result:
    if call.account.failures.pop(call.path["failure"], None) is None:
        raise ProblemError("RESOURCE_NOT_FOUND")
    return 200, {}
