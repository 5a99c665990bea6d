"""The bodies that Connect sends: one happening as JSON, or the state of an envelope as JSON or older XML."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, tostring

import orjson

from vaivem.simulators.docusign import tabs as tab_lists
from vaivem.simulators.docusign.account import Account, Record
from vaivem.simulators.docusign.connect import AGGREGATE, includes, is_json
from vaivem.simulators.docusign.documents import pdf_of
from vaivem.simulators.docusign.shapes import payload_shape
from vaivem.simulators.docusign.times import bare, zone_offset

NAMESPACE = "http://www.docusign.net/API/3.0"
_BOM = b"\xef\xbb\xbf"
_LIST_TYPES = {
    "signers": "Signer",
    "carbonCopies": "CarbonCopy",
    "certifiedDeliveries": "CertifiedDelivery",
    "inPersonSigners": "InPersonSigner",
    "agents": "Agent",
    "editors": "Editor",
    "intermediaries": "Intermediary",
}


def body_of(account: Account, configuration: Record, envelope: Record, kind: str, recipient_id: str) -> bytes:
    """The body for one configuration. An aggregate one says nothing of the happening, only of the state."""
    if not is_json(configuration):
        return _xml(account, configuration, envelope)
    included = includes(configuration)
    files = "documents" in included or configuration["includeDocuments"] == "true"
    if configuration["deliveryMode"] == AGGREGATE:
        return orjson.dumps(payload_shape(account, envelope, included, files=files))
    data: Record = {"accountId": account.id, "userId": envelope["sender"], "envelopeId": envelope["id"]}
    if recipient_id:
        data["recipientId"] = recipient_id
    if included or files:
        data["envelopeSummary"] = payload_shape(account, envelope, included, files=files)
    return orjson.dumps(_happening(account, configuration, kind, f"envelopes/{envelope['id']}", data))


def template_body(account: Account, configuration: Record, template: Record, kind: str) -> bytes:
    """The body that tells of a template."""
    data = {"accountId": account.id, "userId": template["owner"], "templateId": template["id"]}
    return orjson.dumps(_happening(account, configuration, kind, f"templates/{template['id']}", data))


def tried_again(raw: bytes, tries: int, time: str | None) -> bytes:
    """The same message for another try, which it counts; `time` is put in as its own, if given."""
    if not raw.startswith(b'{"event"'):
        return raw
    message = orjson.loads(raw)
    message["retryCount"] = tries
    if time:
        message["generatedDateTime"] = time
    return orjson.dumps(message)


def headers_of(configuration: Record, raw: bytes, keys: Sequence[Record]) -> dict[str, str]:
    """The content type, and one signature for each active key of the account."""
    kind = "application/json; charset=utf-8" if raw.startswith(b"{") else "text/xml; charset=utf-8"
    headers = {"content-type": kind, "user-agent": "DocuSign Connect"}
    if configuration["includeHMAC"] != "true" or not keys:
        return headers
    headers["x-authorization-digest"] = "HMACSHA256"
    for number, key in enumerate(keys, start=1):
        headers[f"x-docusign-signature-{number}"] = signature(key["key"], raw)
    return headers


def signature(key: str, raw: bytes) -> str:
    """The signature of a body with one key."""
    return base64.b64encode(hmac.new(key.encode(), raw, hashlib.sha256).digest()).decode()


def _happening(account: Account, configuration: Record, kind: str, path: str, data: Record) -> Record:
    return {
        "event": kind,
        "apiVersion": "v2.1",
        "uri": f"/restapi/v2.1/accounts/{account.id}/{path}",
        "retryCount": 0,
        "configurationId": int(configuration["connectId"]),
        "generatedDateTime": account.stamp(),
        "data": data,
    }


# -- the older XML


def _xml(account: Account, configuration: Record, envelope: Record) -> bytes:
    root = Element("DocuSignEnvelopeInformation", xmlns=configuration.get("soapNamespace") or NAMESPACE)
    status = SubElement(root, "EnvelopeStatus")
    rows = SubElement(status, "RecipientStatuses")
    for one in envelope["recipients"]:
        _xml_recipient(SubElement(rows, "RecipientStatus"), one)
    sender = account.user(envelope["sender"]) or {"userName": "", "email": ""}
    now = account.stamp()
    _put(
        status,
        TimeGenerated=bare(now),
        EnvelopeID=envelope["id"],
        Subject=envelope["subject"],
        UserName=sender["userName"],
        Email=sender["email"],
        Status=envelope["status"].capitalize(),
        **{
            name: bare(envelope[key])
            for name, key in (
                ("Created", "created"),
                ("Sent", "sent"),
                ("Delivered", "delivered"),
                ("Signed", "completed"),
                ("Completed", "completed"),
                ("Declined", "declined"),
            )
            if envelope[key]
        },
    )
    if envelope["voidedReason"] and configuration["includeEnvelopeVoidReason"] == "true":
        _put(status, VoidReason=envelope["voidedReason"])
    _put(status, ACStatus="Original", ACStatusDate=bare(now), ACHolder=sender["userName"], ACSigner="")
    _xml_fields(status, envelope)
    _put(status, AutoNavigation="true", EnvelopeIdStamping="true", AuthoritativeCopy="false")
    documents = SubElement(status, "DocumentStatuses")
    for one in envelope["documents"]:
        row = SubElement(documents, "DocumentStatus")
        _put(row, ID=one["documentId"], Name=one["name"], TemplateName="", Sequence=one["order"])
    if configuration["includeDocuments"] == "true":
        _xml_files(SubElement(root, "DocumentPDFs"), envelope, account.quirks.document_bytes)
    if configuration["includeTimeZoneInformation"] == "true":
        _put(root, TimeZone="Pacific Standard Time", TimeZoneOffset=zone_offset(now))
    content: bytes = tostring(root, "utf-8")
    raw = b'<?xml version="1.0" encoding="utf-8"?>' + content
    return _BOM + raw if account.quirks.xml_bom else raw


def _xml_recipient(row: Element, one: Record) -> None:
    _put(
        row,
        Type=_LIST_TYPES.get(one["kind"], "Signer"),
        Email=one["email"],
        UserName=one["name"],
        RoutingOrder=one["routingOrder"],
        **{
            name: bare(one[key])
            for name, key in (("Sent", "sent"), ("Delivered", "delivered"), ("Signed", "signed"))
            if one[key]
        },
    )
    _put(row, DeclineReason=one["declinedReason"], Status=one["status"].capitalize())
    _put(row, RecipientIPAddress="192.0.2.10")
    SubElement(row, "CustomFields")
    rows = SubElement(row, "TabStatuses")
    for kind, tab in tab_lists.each(one["tabs"]):
        label = tab_lists.label_of(kind, tab)
        if label:
            tab_row = SubElement(rows, "TabStatus")
            _put(tab_row, TabType=kind.removesuffix("Tabs").capitalize(), TabLabel=label, TabName=label)
            _put(tab_row, TabValue=tab_lists.value_of(kind, tab), DocumentID="1", PageNumber="1")
    _put(row, AccountStatus="Active", RecipientId=one["recipientIdGuid"])


def _xml_fields(status: Element, envelope: Record) -> None:
    rows = SubElement(status, "CustomFields")
    for fields in envelope["custom_fields"].values():
        for field in fields:
            row = SubElement(rows, "CustomField")
            show, required = field["show"].capitalize(), field["required"].capitalize()
            _put(row, Name=field["name"], Show=show, Required=required, Value=field["value"])


def _xml_files(files: Element, envelope: Record, least_bytes: int) -> None:
    for one in envelope["documents"]:
        content = base64.b64encode(pdf_of(envelope, one, least_bytes)).decode()
        row = SubElement(files, "DocumentPDF")
        _put(row, Name=one["name"], PDFBytes=content, DocumentID=one["documentId"], DocumentType="CONTENT")


def _put(parent: Element, **texts: str) -> None:
    for name, text in texts.items():
        SubElement(parent, name).text = text
