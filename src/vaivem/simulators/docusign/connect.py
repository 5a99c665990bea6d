"""Configurations of Connect: what is taken, which happenings one wants, and for whose envelopes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vaivem.simulators.docusign.account import Account, Record
from vaivem.simulators.docusign.problems import body, parameter
from vaivem.simulators.kit.webhooks import RefusedAddressError, check_address

EVENTS = (
    "envelope-created",
    "envelope-sent",
    "envelope-resent",
    "envelope-delivered",
    "envelope-completed",
    "envelope-declined",
    "envelope-voided",
    "envelope-corrected",
    "envelope-purge",
    "envelope-deleted",
    "envelope-discard",
    "recipient-sent",
    "recipient-resent",
    "recipient-delivered",
    "recipient-completed",
    "recipient-declined",
    "recipient-authenticationfailed",
    "recipient-autoresponded",
    "recipient-reassign",
    "recipient-delegate",
    "recipient-finish-later",
    "template-created",
    "template-modified",
    "template-deleted",
    "click-agreed",
    "click-declined",
)
INCLUDES = (
    "attachments",
    "custom_fields",
    "documents",
    "extensions",
    "folders",
    "payment_tabs",
    "powerform",
    "prefill_tabs",
    "recipients",
    "tabs",
)
KINDS = ("custom", "customrecipient", "salesforce", "eOriginal")
# The older names, which count only in exactly these letters.
OLD_ENVELOPE = {
    "Sent": "envelope-sent",
    "Delivered": "envelope-delivered",
    "Completed": "envelope-completed",
    "Declined": "envelope-declined",
    "Voided": "envelope-voided",
}
OLD_RECIPIENT = {
    "Sent": "recipient-sent",
    "AutoResponded": "recipient-autoresponded",
    "Delivered": "recipient-delivered",
    "Completed": "recipient-completed",
    "Declined": "recipient-declined",
    "AuthenticationFailed": "recipient-authenticationfailed",
}
MOST, LONGEST_URL = 20, 4096
SIM, AGGREGATE = "SIM", "Aggregate"
_FLAGS = {
    "allowEnvelopePublish": "false",
    "enableLog": "false",
    "requiresAcknowledgement": "false",
    "includeHMAC": "false",
    "includeDocuments": "false",
    "includeEnvelopeVoidReason": "false",
    "includeTimeZoneInformation": "false",
    "includeCertificateOfCompletion": "false",
    "includeSenderAccountasCustomField": "false",
    "signMessageWithX509Certificate": "false",
    "useSoapInterface": "false",
    "allUsers": "false",
    "allUsersExcept": "false",
}
_KEPT = ("configurationType", "name", "urlToPublishTo", "deliveryMode", "soapNamespace", "integratorManaged")


def new_configuration(account: Account, sent: Mapping[str, Any]) -> Record:
    """An account's configuration out of a body. Raises ProblemError."""
    if len(account.configurations) >= MOST:
        raise parameter(f"An account has at most {MOST} Connect configurations.")
    start = {"deliveryMode": AGGREGATE if "envelopeEvents" in sent else SIM, **_FLAGS}
    changed = _changed(start, sent)
    return {**changed, "connectId": str(account.number_next()), "level": "account"}


def changed_configuration(configuration: Record, sent: Mapping[str, Any]) -> Record:
    """A configuration with what was sent put over it. Raises ProblemError."""
    return _changed(configuration, sent)


def _changed(start: Record, sent: Mapping[str, Any]) -> Record:
    done: Record = dict(start)
    for key in (*_KEPT, "userName"):
        if sent.get(key) is not None:
            done[key] = str(sent[key])
    for key in (*_FLAGS, "pausePublish"):
        if sent.get(key) is not None:
            done[key] = "true" if str(sent[key]).lower() == "true" else "false"
    for key in ("events", "envelopeEvents", "recipientEvents", "userIds"):
        if sent.get(key) is not None:
            done[key] = _texts(key, sent[key])
    if sent.get("eventData") is not None:
        done["eventData"] = _event_data(sent["eventData"])
    if not done.get("name") or done.get("configurationType") not in KINDS:
        raise parameter("A configuration needs a name and a configurationType.")
    _check_url(str(done.get("urlToPublishTo") or ""))
    _check_events(done)
    return done


def configuration_shape(configuration: Record) -> Record:
    """A configuration in an answer."""
    return {key: value for key, value in configuration.items() if key != "level"}


def of_envelope(account: Account, sent: Any) -> Record:
    """The configuration that comes with an envelope (`eventNotification`), under the account's own names."""
    if not isinstance(sent, dict):
        raise body("eventNotification must be an object.")
    url = str(sent.get("url") or "")
    _check_url(url)
    old_envelope = _codes(sent.get("envelopeEvents"), "envelopeEventStatusCode", OLD_ENVELOPE)
    old_recipient = _codes(sent.get("recipientEvents"), "recipientEventStatusCode", OLD_RECIPIENT)
    documents = str(sent.get("includeDocuments")).lower() == "true" or any(
        isinstance(one, dict) and str(one.get("includeDocuments")).lower() == "true"
        for one in sent.get("envelopeEvents") or []
    )
    done: Record = {
        **_FLAGS,
        "level": "envelope",
        "connectId": str(account.number_next()),
        "configurationType": "custom",
        "name": "eventNotification",
        "urlToPublishTo": url,
        "deliveryMode": str(sent.get("deliveryMode") or (AGGREGATE if old_envelope else SIM)),
        "allowEnvelopePublish": "true",
        "allUsers": "true",
        "events": _texts("events", sent.get("events") or []),
        "envelopeEvents": old_envelope,
        "recipientEvents": old_recipient,
        "requiresAcknowledgement": _flag(sent, "requireAcknowledgment"),
        "enableLog": _flag(sent, "loggingEnabled"),
        "includeHMAC": _flag(sent, "includeHMAC"),
        "includeTimeZoneInformation": _flag(sent, "includeTimeZone"),
        "includeEnvelopeVoidReason": _flag(sent, "includeEnvelopeVoidReason"),
        "includeDocuments": "true" if documents else "false",
    }
    if sent.get("eventData") is not None:
        done["eventData"] = _event_data(sent["eventData"])
    _check_events(done)
    return done


def wants(configuration: Record, kind: str) -> bool:
    """Whether a happening of this kind is to be sent there."""
    if configuration["allowEnvelopePublish"] != "true" or configuration.get("pausePublish") == "true":
        return False
    if configuration["deliveryMode"] == SIM and configuration.get("events"):
        return kind in configuration["events"]
    old = {OLD_ENVELOPE.get(name) for name in configuration.get("envelopeEvents") or []}
    old |= {OLD_RECIPIENT.get(name) for name in configuration.get("recipientEvents") or []}
    return kind in old


def covers(account: Account, configuration: Record, envelope: Record, sender_account: Account) -> bool:
    """Whether an envelope is one that a configuration of `account` is about."""
    users = configuration.get("userIds") or []
    if configuration["configurationType"] == "customrecipient":
        found = [account.user_by_email(one["email"]) for one in envelope["recipients"] if one["email"]]
        ids = {user["userId"] for user in found if user}
    elif account is sender_account:
        ids = {envelope["sender"]}
    else:
        return False
    if configuration["allUsersExcept"] == "true":
        return bool(ids - set(users))
    return bool(ids) if configuration["allUsers"] == "true" else bool(ids & set(users))


def is_json(configuration: Record) -> bool:
    """Whether messages are JSON; without event data they are the older XML."""
    data = configuration.get("eventData") or {}
    return data.get("version") == "restv2.1" and data.get("format", "json") == "json"


def includes(configuration: Record) -> list[str]:
    """What is to be in the message itself."""
    found: list[str] = (configuration.get("eventData") or {}).get("includeData") or []
    return found


def _check_url(url: str) -> None:
    if len(url) > LONGEST_URL:
        raise parameter(f"The URL has more than {LONGEST_URL} characters.")
    try:
        check_address(url)
    except RefusedAddressError as error:
        raise parameter(f"urlToPublishTo: {error}.") from error


def _check_events(done: Record) -> None:
    unknown = [name for name in done.get("events") or [] if name not in EVENTS]
    if unknown:
        raise parameter(f"Unknown events: {', '.join(unknown)}.")
    if done["deliveryMode"] not in (SIM, AGGREGATE):
        raise parameter("deliveryMode must be SIM or Aggregate.")


def _event_data(sent: Any) -> Record:
    if not isinstance(sent, dict):
        raise body("eventData must be an object.")
    included = _texts("includeData", sent.get("includeData") or [])
    unknown = [name for name in included if name not in INCLUDES]
    if unknown:
        raise parameter(f"Unknown includeData: {', '.join(unknown)}.")
    data = {"version": str(sent.get("version") or ""), "format": str(sent.get("format") or "json")}
    return {**data, "includeData": included}


def _codes(rows: Any, key: str, known: Mapping[str, str]) -> list[str]:
    """The older events of an envelope's own configuration: objects, in any letters."""
    names = {name.lower(): name for name in known}
    found = [str(row.get(key) or "") for row in rows or [] if isinstance(row, dict)]
    return [names.get(name.lower(), name) for name in found]


def _texts(key: str, value: Any) -> list[str]:
    if not isinstance(value, list):
        raise body(f"{key} must be a list.")
    return [str(one) for one in value]


def _flag(sent: Mapping[str, Any], key: str) -> str:
    return "true" if str(sent.get(key)).lower() == "true" else "false"
