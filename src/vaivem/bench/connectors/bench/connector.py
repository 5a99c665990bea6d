"""Bench: an e-signature tool and a CRM in one, with an action for each way a repeat is made safe.

Written as a vendor's connector is: nothing here knows that it is a benchmark.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any, ClassVar

import orjson
from typing_extensions import override

from vaivem.connectors.sdk import (
    Account,
    Action,
    ActionContext,
    Answer,
    Authorisation,
    Call,
    Connection,
    Connector,
    Delivery,
    ErrorTable,
    Event,
    Findable,
    Idempotent,
    Keyed,
    Outcome,
    Reader,
    RecordRef,
    Trigger,
    Unsafe,
    VendorMessage,
    Webhooks,
    load_manifest,
)
from vaivem.core.errors import SignatureError, UnreadableError
from vaivem.core.fields import Field, FieldType

SIGNATURE_HEADER = "x-bench-signature"


def _id(answer: Answer) -> dict[str, Any]:
    return {"id": str(answer.json["id"])}


class BenchWebhooks(Webhooks):
    """Signed over the raw body with HMAC-SHA256."""

    managed = False

    @override
    def verify(self, delivery: Delivery, connection: Connection) -> None:
        """Raise SignatureError unless the body was signed with the account's secret."""
        secret = connection.credentials["secret"].encode()
        expected = hmac.digest(secret, delivery.body, "sha256").hex()
        if not hmac.compare_digest(delivery.headers.get(SIGNATURE_HEADER, "").encode(), expected.encode()):
            raise SignatureError

    @override
    def parse(self, delivery: Delivery, connection: Connection) -> list[Event]:
        """Return the one event of a delivery."""
        try:
            data = orjson.loads(delivery.body)
            document, signer = data["document"], data["signer"]
            return [
                Event(
                    kind=data["event"]["name"],
                    object="document",
                    record=document["id"],
                    same=(data["event"]["id"],),
                    data=data,
                    title=document["title"],
                    terms=(signer["email"], signer["cpf"], signer["name"]),
                )
            ]
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise UnreadableError(detail=repr(error)) from error


class DocumentSigned(Trigger):
    """A document made of a template was signed."""

    key = "document_signed"
    object = "document"
    kinds = frozenset({"document_signed"})
    options = (Field("template"),)
    sample = {"document": {"id": "d-1", "title": "Contrato"}, "signer": {"email": "ana@example.com"}}

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        """Return what the events hold."""
        event = ("id", "occurred_at")
        document = ("id", "title", "template", "value", "signed_on")
        signer = ("name", "email", "phone", "cpf")
        return (
            *(Field(f"event.{name}") for name in event),
            *(Field(f"document.{name}") for name in document),
            *(Field(f"signer.{name}") for name in signer),
        )

    @override
    def accepts(self, event: Event, options: Mapping[str, Any]) -> bool:
        """Say whether the document was made of the template that the rule names."""
        return bool(event.data["document"]["template"] == options.get("template"))


class UpsertContact(Action):
    """Find a person by e-mail, create or update them: two calls."""

    key = "upsert_contact"
    object = "contact"

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        """Return what a contact has."""
        return (
            Field("contact.name", required=True, max_length=120),
            Field("contact.email", FieldType.EMAIL, required=True),
            Field("contact.phone", FieldType.PHONE),
            Field("contact.cpf"),
            Field("contact.update"),
        )

    @override
    async def run(self, context: ActionContext) -> Outcome:
        """Find, then create or update."""
        email = str(context.values["contact.email"])
        key = f"email:{email}"

        async def find() -> dict[str, Any] | None:
            answer = await context.read(Call("contacts.find", "GET", "/contacts", query=(("email", email),)))
            found = answer.json["items"]
            return {"id": str(found[0]["id"])} if found else None

        body = {name.partition(".")[2]: value for name, value in context.values.to_create().items()}
        async with context.claim("contact", key) as claim:
            found = await find()
            if found is None:
                call = Call("contacts.create", "POST", "/contacts", json=body)
                contact = await context.write(
                    call, Findable(find), _id, remember={key: lambda record: str(record["id"])}
                )
            else:
                call = Call("contacts.update", "PUT", f"/contacts/{found['id']}", json=body)
                contact = await context.write(call, Idempotent(), _id)
                if not claim.known:
                    context.remember("contact", key, contact["id"])
        did = "created" if found is None else "updated"
        record = RecordRef("contact", contact["id"], did, name=str(context.values["contact.name"]))
        return Outcome((record,), {"id": contact["id"], "contact": {**body, "id": contact["id"]}})


class CreateDeal(Action):
    """Make a deal under a reference that the vendor keeps unique: one call."""

    key = "create_deal"
    object = "deal"

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        """Return what a deal has."""
        return (
            Field("deal.title", required=True, max_length=120),
            Field("deal.value", FieldType.MONEY),
            Field("deal.signed_on", FieldType.DATE),
            Field("deal.external_id", required=True),
            Field("deal.contact_id"),
            Field("deal.contact_name"),
            Field("deal.contact_email", FieldType.EMAIL),
            Field("deal.contact_phone", FieldType.PHONE),
            Field("deal.contact_cpf"),
        )

    @override
    async def run(self, context: ActionContext) -> Outcome:
        """Create the deal."""
        body = {name.partition(".")[2]: value for name, value in context.values.to_create().items()}
        body["reference"] = context.reference
        call = Call("deals.create", "POST", "/deals", json=body)
        deal = await context.write(call, Keyed(context.reference), _id)
        record = RecordRef("deal", deal["id"], "created", name=str(context.values["deal.title"]))
        return Outcome((record,), {**deal, "deal": {**body, "id": deal["id"]}})


class AddNote(Action):
    """Write a note, whose repeat would be a second one."""

    key = "add_note"
    object = "note"

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        """Return what a note has."""
        return (Field("note.text", FieldType.LONG_TEXT, required=True), Field("note.external_id"))

    @override
    async def run(self, context: ActionContext) -> Outcome:
        """Write the note."""
        body = {name.partition(".")[2]: value for name, value in context.values.to_create().items()}
        note = await context.write(Call("notes.create", "POST", "/notes", json=body), Unsafe(), _id)
        return Outcome((RecordRef("note", note["id"], "created"),), note)


class BenchConnector(Connector):
    """What the benchmark's vendor can do."""

    manifest = load_manifest("vaivem.connectors.bench")
    errors = ErrorTable(read=lambda answer: VendorMessage(answer.text[:200]))
    triggers = (DocumentSigned(),)
    actions = (UpsertContact(), CreateDeal(), AddNote())
    webhooks = BenchWebhooks()
    kinds: ClassVar[Mapping[str, str]] = {"contact": "person", "deal": "deal"}

    @override
    def authorise(self, connection: Connection) -> Authorisation:
        """Return the account's token as a header."""
        return Authorisation(headers=(("Authorization", f"Bearer {connection.credentials['token']}"),))

    @override
    async def account(self, reader: Reader) -> Account:
        """Take any token: this vendor has one account."""
        return Account("1", "Bench")


connector = BenchConnector()
