"""Envelopes, recipients and templates as the vendor writes them: texts only, what is empty is left out."""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping
from typing import Any

from vaivem.simulators.docusign import people
from vaivem.simulators.docusign import tabs as tab_lists
from vaivem.simulators.docusign.account import Account, Record
from vaivem.simulators.docusign.documents import certificate_shape, document_shape, pdf_of

_TIMES = {
    "createdDateTime": "created",
    "lastModifiedDateTime": "lastModified",
    "initialSentDateTime": "initialSent",
    "sentDateTime": "sent",
    "deliveredDateTime": "delivered",
    "completedDateTime": "completed",
    "declinedDateTime": "declined",
    "voidedDateTime": "voided",
    "deletedDateTime": "deleted",
    "statusChangedDateTime": "statusChanged",
    "expireDateTime": "expires",
}
_RECIPIENT_TIMES = {
    "sentDateTime": "sent",
    "deliveredDateTime": "delivered",
    "signedDateTime": "signed",
    "declinedDateTime": "declined",
}
_RECIPIENT_TEXTS = (
    "name",
    "firstName",
    "lastName",
    "email",
    "recipientId",
    "recipientIdGuid",
    "userId",
    "routingOrder",
    "roleName",
    "clientUserId",
    "note",
    "status",
    "deliveryMethod",
    "declinedReason",
    "autoRespondedReason",
)
INCLUDES = ("recipients", "custom_fields", "documents", "tabs", "folders")


def envelope_shape(account: Account, envelope: Record, include: Collection[str] = ()) -> Record:
    """An envelope in an answer; `include` adds recipients, tabs, custom_fields, documents, folders."""
    shown = _summary(account, envelope)
    if "custom_fields" in include:
        shown["customFields"] = envelope["custom_fields"]
    if "recipients" in include or "tabs" in include:
        shown["recipients"] = recipients_shape(envelope, with_tabs="tabs" in include)
    if "documents" in include:
        shown["envelopeDocuments"] = documents_shape(envelope)
    if "folders" in include:
        shown["folders"] = [{"folderId": folder_of(envelope), "name": folder_of(envelope)}]
    return shown


def payload_shape(account: Account, envelope: Record, include: Collection[str], *, files: bool) -> Record:
    """An envelope in a message of Connect: lists of recipients that are empty are left out."""
    shown = {**_summary(account, envelope), "signingLocation": "online"}
    if "custom_fields" in include:
        shown["customFields"] = envelope["custom_fields"]
    if "recipients" in include or "tabs" in include:
        found = recipients_shape(envelope, with_tabs="tabs" in include)
        shown["recipients"] = {key: value for key, value in found.items() if value or key == "signers"}
    if "folders" in include:
        shown["folders"] = [{"folderId": folder_of(envelope), "name": folder_of(envelope)}]
    if files:
        least = account.quirks.document_bytes
        shown["envelopeDocuments"] = [
            document_shape(envelope, one, PDFBytes=base64.b64encode(pdf_of(envelope, one, least)).decode())
            for one in envelope["documents"]
        ]
    return shown


def _summary(account: Account, envelope: Record) -> Record:
    own = f"/envelopes/{envelope['id']}"
    sender = account.user(envelope["sender"]) or {"userName": "", "email": "", "userId": envelope["sender"]}
    shown: Record = {
        "status": envelope["status"],
        "documentsUri": f"{own}/documents",
        "recipientsUri": f"{own}/recipients",
        "attachmentsUri": f"{own}/attachments",
        "envelopeUri": own,
        "emailSubject": envelope["subject"],
        "emailBlurb": envelope["blurb"],
        "envelopeId": envelope["id"],
        "customFieldsUri": f"{own}/custom_fields",
        "notificationUri": f"{own}/notification",
        "enableWetSign": "true",
        "allowMarkup": "false",
        "allowReassign": "true",
        "documentsCombinedUri": f"{own}/documents/combined",
        "certificateUri": f"{own}/documents/certificate",
        "templatesUri": f"{own}/templates",
        "purgeState": envelope["purgeState"],
        "envelopeIdStamping": "true",
        "expireEnabled": "true",
        "expireAfter": str(envelope["expireDays"]),
        "sender": {
            "userName": sender["userName"],
            "userId": sender["userId"],
            "accountId": account.id,
            "email": sender["email"],
            "ipAddress": "192.0.2.10",
        },
    }
    shown |= {name: envelope[key] for name, key in _TIMES.items() if envelope[key]}
    for name in ("voidedReason", "transactionId", "externalEnvelopeId", "notification"):
        if envelope[name]:
            shown[name] = envelope[name]
    return shown


def recipients_shape(envelope: Mapping[str, Any], *, with_tabs: bool) -> Record:
    """Recipients by list, every list there, with their count and whose turn it is."""
    recipients = envelope["recipients"]
    shown: Record = {kind: [] for kind in people.LISTS}
    for one in recipients:
        shown[one["kind"]].append(recipient_shape(one, with_tabs=with_tabs))
    orders = [int(one["routingOrder"]) for one in recipients]
    turn = people.turn(recipients)
    shown["recipientCount"] = str(len(recipients))
    shown["currentRoutingOrder"] = str(turn if turn is not None else max(orders, default=1))
    return shown


def recipient_shape(one: Record, *, with_tabs: bool) -> Record:
    """One recipient."""
    shown: Record = {key: one[key] for key in _RECIPIENT_TEXTS if one[key] or key in ("name", "email")}
    shown |= {name: one[key] for name, key in _RECIPIENT_TIMES.items() if one[key]}
    shown["requireIdLookup"] = "false"
    if one["phoneNumber"]:
        shown["phoneNumber"] = one["phoneNumber"]
        if not one["email"]:
            shown["deliveryMethod"] = "SMS"
    if one["customFields"]:
        shown["customFields"] = one["customFields"]
    if one["status"] == "completed":
        shown["completedCount"] = "1"
    if one["kind"] == "signers":
        shown["isBulkRecipient"] = "false"
    shown["totalTabCount"] = str(tab_lists.count(one["tabs"]))
    if with_tabs:
        shown["tabs"] = {kind: rows for kind, rows in one["tabs"].items() if rows}
    return shown


def documents_shape(envelope: Record) -> list[Record]:
    """The list of documents, with the certificate at its end."""
    shown = [document_shape(envelope, one) for one in envelope["documents"]]
    return [*shown, certificate_shape(envelope)] if envelope["status"] != "created" else shown


def folder_of(envelope: Record) -> str:
    """In which folder of its sender an envelope lies."""
    if envelope["deleted"]:
        return "recyclebin"
    return "draft" if envelope["status"] == "created" else "sentitems"


def template_shape(account: Account, template: Record, include: Collection[str] = ()) -> Record:
    """A template; `include` adds documents, recipients, tabs, custom_fields."""
    owner = account.user(template["owner"]) or {"userName": "", "email": "", "userId": template["owner"]}
    shown: Record = {
        "templateId": template["id"],
        "uri": f"/templates/{template['id']}",
        "name": template["name"],
        "description": template["description"],
        "shared": template["shared"],
        "created": template["created"],
        "lastModified": template["lastModified"],
        "emailSubject": template["subject"],
        "emailBlurb": template["blurb"],
        "folderId": template["folderId"],
        "folderName": template["folderName"],
        "pageCount": str(len(template["documents"])),
        "passwordProtected": "false",
        "owner": {key: owner[key] for key in ("userName", "email", "userId")},
    }
    if template["lastUsed"]:
        shown["lastUsed"] = template["lastUsed"]
    if "recipients" in include or "tabs" in include:
        shown["recipients"] = recipients_shape(template, with_tabs="tabs" in include)
    if "documents" in include:
        shown["documents"] = [template_document(template, one) for one in template["documents"]]
    if "custom_fields" in include:
        shown["customFields"] = template["custom_fields"]
    return shown


def template_document(template: Record, document: Record) -> Record:
    """A document of a template."""
    return {
        "documentId": document["documentId"],
        "uri": f"/envelopes/{template['id']}/documents/{document['documentId']}",
        "name": document["name"],
        "order": document["order"],
        "pages": "1",
    }


def prefill_shape(lists: Mapping[str, list[Record]]) -> Record:
    """The sender's own fields of a document."""
    return {"prefillTabs": {kind: rows for kind, rows in lists.items() if rows}}
