"""Documents that get signed."""

from __future__ import annotations

import orjson

from vaivem.connectors.sdk import (
    Account,
    Authorisation,
    Call,
    Connector,
    Delivery,
    ErrorTable,
    Event,
    Trigger,
    VendorMessage,
    Webhooks,
    load_manifest,
)
from vaivem.core.errors import UnreadableError
from vaivem.core.fields import Field, FieldType, Option

FIELDS = (
    Field("document.name", label_key="fields.document.name", sample="Contrato Duarte"),
    Field("document.key", label_key="fields.document.key", sample="doc-1"),
    Field("document.finished_at", FieldType.DATETIME, label_key="fields.document.finished_at"),
    Field("signer.name", label_key="fields.signer.name", sample="Marina Duarte"),
    Field("signer.email", FieldType.EMAIL, label_key="fields.signer.email", sample="marina@duarte.example"),
    Field("signers", FieldType.LIST, label_key="fields.signers"),
)
SAMPLE = {
    "document": {"name": "Contrato Duarte", "key": "doc-1", "finished_at": "2026-11-19T11:31:06-03:00"},
    "signer": {"name": "Marina Duarte", "email": "marina@duarte.example"},
    "signers": [
        {"name": "Marina Duarte", "email": "marina@duarte.example"},
        {"name": "Otávio Lemos", "email": "otavio@tresirmaos.example"},
    ],
}


class Completed(Trigger):
    key = "document_completed"
    object = "document"
    kinds = frozenset({"document_closed"})
    options = (
        Field(
            "per",
            FieldType.OPTION,
            label_key="fields.per",
            options=(Option("document"), Option("envelope")),
        ),
    )
    sample = SAMPLE

    def fields(self, connection):
        return FIELDS


class Signed(Completed):
    key = "signer_signed"
    kinds = frozenset({"sign"})
    options = ()


class SignWebhooks(Webhooks):
    past_days = 180

    def verify(self, delivery, connection):
        return None

    def parse(self, delivery: Delivery, connection):
        data = orjson.loads(delivery.body)
        if "event" not in data:
            raise UnreadableError
        found = {key: data[key] for key in ("document", "signer", "signers") if key in data}
        return [
            Event(data["event"], "document", found["document"]["key"], (), found, found["document"]["name"])
        ]


class AcmeSign(Connector):
    manifest = load_manifest("vaivem.connectors.acme_sign")
    errors = ErrorTable(read=lambda answer: VendorMessage(answer.text))
    triggers = (Completed(), Signed())
    webhooks = SignWebhooks()

    def authorise(self, connection):
        return Authorisation((("Authorization", connection.credentials["token"]),))

    async def account(self, reader):
        await reader.read(Call("account", "GET", "/me"))
        return Account("sign-1", "Raiar")

    def record_url(self, connection, object_key, record_id):
        return f"https://sign.acme.example/{object_key}/{record_id}"


connector = AcmeSign()
