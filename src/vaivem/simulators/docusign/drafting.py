"""From what is sent to POST /envelopes to an envelope: templates, roles, prefilled tabs, own documents."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from copy import deepcopy
from datetime import timedelta
from typing import Any
from uuid import uuid4

from vaivem.simulators.docusign import connect, people
from vaivem.simulators.docusign import tabs as tab_lists
from vaivem.simulators.docusign.account import Account, Record
from vaivem.simulators.docusign.problems import ProblemError, body, parameter
from vaivem.simulators.docusign.times import moment

LONGEST_SUBJECT, LONGEST_BLURB, LONGEST_FIELD = 100, 10_000, 100
EXPIRES_DAYS = 120
TRANSACTION_LIFE = timedelta(days=7)
STATUSES = ("created", "sent")


def draft(account: Account, sender: Record, sent: Mapping[str, Any]) -> Record:
    """A new envelope of this account, not stored yet and not sent. Raises ProblemError."""
    if sent.get("status") not in (None, "", *STATUSES):
        raise parameter("status must be created or sent.")
    envelope = _empty(account, sender)
    _texts(account, envelope, sent)
    if sent.get("compositeTemplates"):
        _from_composites(account, envelope, sent["compositeTemplates"])
    elif sent.get("templateId"):
        _from_template(account, envelope, str(sent["templateId"]), sent.get("templateRoles"))
    elif sent.get("templateRoles"):
        raise body("templateRoles need a templateId.")
    if not sent.get("compositeTemplates"):
        _custom_fields(account, envelope, sent.get("customFields"))
    _own_parts(account, envelope, sent)
    people.numbered(envelope["recipients"])
    if sent.get("emailSubject"):
        envelope["subject"] = checked_subject(sent["emailSubject"])
    if sent.get("emailBlurb"):
        envelope["blurb"] = str(sent["emailBlurb"])
    return envelope


def checked_subject(text: Any) -> str:
    """A subject. Raises ProblemError."""
    subject = str(text or "")
    if len(subject) > LONGEST_SUBJECT:
        raise parameter(f"The email subject has at most {LONGEST_SUBJECT} characters.")
    return subject


def _empty(account: Account, sender: Record) -> Record:
    now = account.stamp()
    return {
        "id": str(uuid4()),
        "status": "created",
        "sender": sender["userId"],
        "subject": "",
        "blurb": "",
        "transactionId": "",
        "externalEnvelopeId": "",
        "created": now,
        "initialSent": "",
        "sent": "",
        "delivered": "",
        "completed": "",
        "declined": "",
        "voided": "",
        "deleted": "",
        "statusChanged": now,
        "lastModified": now,
        "voidedReason": "",
        "custom_fields": {"textCustomFields": [], "listCustomFields": []},
        "recipients": [],
        "documents": [],
        "prefill": {},
        "notification": None,
        "expireDays": EXPIRES_DAYS,
        "expires": "",
        "hooks": [],
        "templates": [],
        "audit": [],
        "purgeState": "unpurged",
    }


def _texts(account: Account, envelope: Record, sent: Mapping[str, Any]) -> None:
    if len(str(sent.get("emailBlurb") or "")) > LONGEST_BLURB:
        raise parameter(f"The email blurb has at most {LONGEST_BLURB} characters.")
    transaction = str(sent.get("transactionId") or "")
    if transaction and account.quirks.same_transaction == "refuse":
        known = account.by_transaction(transaction)
        if known is not None and account.now() - moment(known["created"]) < TRANSACTION_LIFE:
            raise parameter("The transactionId was used before.")
    envelope["transactionId"] = transaction
    envelope["externalEnvelopeId"] = str(sent.get("externalEnvelopeId") or "")
    set_notification(envelope, sent.get("notification"))


def set_notification(envelope: Record, sent: Any) -> None:
    """Reminders and the days after which the envelope expires. Raises ProblemError."""
    if sent is None:
        return
    if not isinstance(sent, dict):
        raise body("notification must be an object.")
    envelope["notification"] = sent
    ends = sent.get("expirations") or {}
    if str(ends.get("expireEnabled", "")).lower() == "true":
        days = str(ends.get("expireAfter") or EXPIRES_DAYS)
        if not days.isdigit() or not 1 <= int(days) <= 999:
            raise parameter("expireAfter must be from 1 to 999 days.")
        envelope["expireDays"] = int(days)


# -- templates


def _template(account: Account, template_id: str) -> Record:
    template = account.templates.get(template_id.lower())
    if template is None:
        raise ProblemError("TEMPLATE_ID_INVALID")
    return template


def _take_template(account: Account, envelope: Record, template: Record) -> list[Record]:
    """Put a template's documents, fields and people into an envelope; return the people."""
    first = len(envelope["documents"])
    shift: dict[str, str] = {}
    for number, document in enumerate(template["documents"], start=first + 1):
        shift[document["documentId"]] = str(number) if first else document["documentId"]
        copy = {**deepcopy(document), "documentId": shift[document["documentId"]], "order": str(number)}
        envelope["documents"].append({**copy, "documentIdGuid": str(uuid4())})
    for document_id, lists in template["prefill"].items():
        envelope["prefill"][shift[document_id]] = tab_lists.fresh(lists)
    for name, rows in template["custom_fields"].items():
        envelope["custom_fields"][name] += deepcopy(rows)
    recipients = []
    for role in template["recipients"]:
        copy = {**deepcopy(role), "recipientIdGuid": str(uuid4()), "tabs": tab_lists.fresh(role["tabs"])}
        recipients.append(copy)
    envelope["subject"] = envelope["subject"] or template["subject"]
    envelope["blurb"] = envelope["blurb"] or template["blurb"]
    envelope["templates"].append(template["id"])
    template["lastUsed"] = account.stamp()
    return recipients


def _from_template(account: Account, envelope: Record, template_id: str, roles: Any) -> None:
    recipients = _take_template(account, envelope, _template(account, template_id))
    if not isinstance(roles or [], list) or not all(isinstance(role, dict) for role in roles or []):
        raise body("templateRoles must be a list of roles.")
    for role in roles or []:
        name = str(role.get("roleName") or "")
        found = [one for one in recipients if one["roleName"] == name]
        if not found:
            raise parameter(f"The template has no role {name!r}.")
        for one in found:
            _fill_role(account, one, role)
    envelope["recipients"] += recipients


def _fill_role(account: Account, recipient: Record, role: Mapping[str, Any]) -> None:
    """Put a person and prefilled tabs into a role of a template."""
    for key in ("name", "email", "clientUserId", "firstName", "lastName"):
        if role.get(key):
            recipient[key] = str(role[key])
    if role.get("phoneNumber"):
        recipient["phoneNumber"] = role["phoneNumber"]
    if role.get("routingOrder"):
        recipient["routingOrder"] = str(role["routingOrder"])
        if not recipient["routingOrder"].isdigit():
            raise parameter("routingOrder must be a number.")
    people.check(recipient)
    refuse = account.quirks.unmatched_tab == "refuse"
    tab_lists.fill(recipient["tabs"], tab_lists.checked(role.get("tabs")), refuse_unmatched=refuse)


def _from_composites(account: Account, envelope: Record, composites: Any) -> None:
    """Templates of the account with what is laid over them, in their sequence."""
    if not isinstance(composites, list) or not all(isinstance(one, dict) for one in composites):
        raise body("compositeTemplates must be a list.")
    fields: Any = None
    for composite in composites:
        recipients: list[Record] = []
        for server in _sequenced(composite.get("serverTemplates")):
            template = _template(account, str(server.get("templateId") or ""))
            recipients += _take_template(account, envelope, template)
        for inline in _sequenced(composite.get("inlineTemplates")):
            for kind, sent in people.each_sent(inline.get("recipients")):
                _lay_over(account, recipients, kind, sent)
            fields = inline.get("customFields") or fields
            _documents(envelope, inline.get("documents"))
        if composite.get("document"):
            _documents(envelope, [composite["document"]])
        envelope["recipients"] += _merged(envelope["recipients"], recipients)
    _custom_fields(account, envelope, fields)


def _sequenced(rows: Any) -> list[Record]:
    found = [row for row in rows or [] if isinstance(row, dict)]
    return sorted(found, key=lambda row: str(row.get("sequence") or "").zfill(6))


def _lay_over(account: Account, recipients: list[Record], kind: str, sent: Record) -> None:
    role = str(sent.get("roleName") or "")
    found = [one for one in recipients if role and one["roleName"] == role]
    if not found:
        recipients.append(people.made(kind, sent))
    for one in found:
        _fill_role(account, one, sent)


def _merged(there: list[Record], new: list[Record]) -> list[Record]:
    """The same role in two templates is one recipient with the tabs of both; the rest comes anew."""
    more: list[Record] = []
    for one in new:
        twin = next((old for old in there if one["roleName"] and old["roleName"] == one["roleName"]), None)
        if twin is None:
            taken = {old["recipientId"] for old in (*there, *more)}
            if one["recipientId"] in taken:
                one["recipientId"] = ""
            more.append(one)
        else:
            for kind, rows in one["tabs"].items():
                twin["tabs"].setdefault(kind, []).extend(rows)
    return more


# -- own recipients, documents, custom fields, notifications


def _own_parts(account: Account, envelope: Record, sent: Mapping[str, Any]) -> None:
    _documents(envelope, sent.get("documents"))
    for kind, row in people.each_sent(sent.get("recipients")):
        envelope["recipients"].append(people.made(kind, row))
    hooks = [sent["eventNotification"]] if sent.get("eventNotification") else []
    more = sent.get("eventNotifications") or []
    if not isinstance(more, list):
        raise body("eventNotifications must be a list.")
    envelope["hooks"] = [connect.of_envelope(account, one) for one in (*hooks, *more)]


def _documents(envelope: Record, rows: Any) -> None:
    if rows is None:
        return
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise body("documents must be a list.")
    for row in rows:
        document_id = str(row.get("documentId") or len(envelope["documents"]) + 1)
        try:
            content = base64.b64decode(str(row.get("documentBase64") or ""), validate=True)
        except ValueError:  # also for what is not ASCII
            raise body("documentBase64 is not base64.") from None
        if not content or any(one["documentId"] == document_id for one in envelope["documents"]):
            raise parameter("A document needs an id of its own and content.")
        envelope["documents"].append(
            {
                "documentId": document_id,
                "documentIdGuid": str(uuid4()),
                "name": str(row.get("name") or f"Document {document_id}"),
                "order": str(row.get("order") or len(envelope["documents"]) + 1),
                "content": base64.b64encode(content).decode(),
                "lines": [],
            }
        )


def _custom_fields(account: Account, envelope: Record, sent: Any) -> None:
    """What is sent stands in place of the account's own fields; else those come with the envelope."""
    if sent is None:
        for name, rows in account.field_definitions.items():
            envelope["custom_fields"][name] += deepcopy(rows)
        return
    for name, row in each_custom_field(sent):
        field = custom_field(account, name, row)
        # A template may have brought a field of that name: there is one, with what was sent.
        rows = envelope["custom_fields"][name]
        envelope["custom_fields"][name] = [*(one for one in rows if one["name"] != field["name"]), field]


def each_custom_field(sent: Any) -> list[tuple[str, Record]]:
    """The custom fields that were sent, with the list each is in. Raises ProblemError."""
    if not isinstance(sent, dict):
        raise body("customFields must be an object of lists.")
    found = []
    for name in ("textCustomFields", "listCustomFields"):
        rows = sent.get(name) or []
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise body(f"{name} must be a list.")
        found += [(name, row) for row in rows]
    return found


def custom_field(account: Account, name: str, sent: Mapping[str, Any]) -> Record:
    """One custom field as the account keeps it. Raises ProblemError."""
    row = {
        "fieldId": str(sent.get("fieldId") or account.number_next()),
        "name": _short(account, str(sent.get("name") or "")),
        "value": _short(account, str(sent.get("value") or "")),
        "show": "true" if str(sent.get("show", "true")).lower() == "true" else "false",
        "required": "true" if str(sent.get("required", "false")).lower() == "true" else "false",
    }
    if not row["name"]:
        raise parameter("A custom field needs a name.")
    if name == "listCustomFields":
        items = [str(item) for item in sent.get("listItems") or []]
        if row["value"] and items and row["value"] not in items:
            raise parameter(f"{row['value']} is not an item of the custom field {row['name']}.")
        return {**row, "listItems": items}
    return row


def _short(account: Account, text: str) -> str:
    if len(text) > LONGEST_FIELD and account.quirks.long_custom_field == "refuse":
        raise parameter(f"Custom fields have at most {LONGEST_FIELD} characters.")
    return text[:LONGEST_FIELD]
