"""Deals and contacts."""

from __future__ import annotations

from vaivem.connectors.sdk import (
    Account,
    Action,
    Authorisation,
    Call,
    Connector,
    ErrorTable,
    VendorMessage,
    load_manifest,
)
from vaivem.core.fields import Field, FieldType, WritePolicy


def field(key, type_=FieldType.TEXT, **parts):
    return Field(key, type_, label_key=f"fields.{key}", **parts)


class Deal(Action):
    key = "create_or_update_deal"
    counts = ("deal",)
    object = "deal"
    keys = ("source", "name", "field")
    groups = ("contact",)

    def fields(self, connection):
        created = WritePolicy.CREATED
        return (
            field("deal.name", required=True, write=created),
            field("deal.pipeline", FieldType.OPTION, source="pipelines", required=True, write=created),
            field(
                "deal.stage",
                FieldType.OPTION,
                source="stages",
                depends_on="deal.pipeline",
                required=True,
                write=created,
            ),
            field("deal.owner", FieldType.OPTION, source="users", write=created),
            field("deal.price", FieldType.MONEY),
            field("contact.name", write=created),
            field("contact.email", FieldType.EMAIL),
            *connection.custom_fields("deal"),
        )


class FindContact(Action):
    key = "find_contact"
    object = "contact"
    reads_only = True

    def fields(self, connection):
        return (field("contact.email", FieldType.EMAIL, required=True),)


class AcmeCrm(Connector):
    manifest = load_manifest("vaivem.connectors.acme_crm")
    errors = ErrorTable(read=lambda answer: VendorMessage(answer.text))
    actions = (Deal(), FindContact())

    def authorise(self, connection):
        return Authorisation((("Authorization", connection.credentials["token"]),))

    async def account(self, reader):
        await reader.read(Call("account", "GET", "/me"))
        return Account("crm-1", "Raiar")

    def record_url(self, connection, object_key, record_id):
        return f"https://crm.acme.example/app/{object_key}/{record_id}"


connector = AcmeCrm()
