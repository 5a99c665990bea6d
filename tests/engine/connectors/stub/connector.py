"""A vendor for tests of the engine: one action for each way in which a repeat is made safe."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from vaivem.connectors.stub.bulk import BringNoted, BringPerson, PeopleImport

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
    Quota,
    Reader,
    RecordRef,
    Row,
    Trigger,
    Unsafe,
    VendorMessage,
    Webhooks,
    Written,
    load_manifest,
)
from vaivem.connectors.sdk.documents import Step
from vaivem.core.errors import RecordError, RetryError, SignatureError, SkipError, UnreadableError
from vaivem.core.fields import Field, FieldType


def _id(answer: Answer) -> dict[str, Any]:
    return {"id": str(answer.json["id"])}


def _outcome(object_key: str, record: Mapping[str, Any], did: str) -> Outcome:
    return Outcome((RecordRef(object_key, record["id"], did),), dict(record))


class StubWebhooks(Webhooks):
    managed = False

    def verify(self, delivery: Delivery, connection: Connection) -> None:
        if not hmac.compare_digest(delivery.headers.get("x-key", ""), connection.credentials["token"]):
            raise SignatureError

    def is_probe(self, delivery: Delivery, connection: Connection) -> bool:
        return delivery.body == b""

    def parse(self, delivery: Delivery, connection: Connection) -> list[Event]:
        try:
            data = json.loads(delivery.body)
            parts = data if isinstance(data, list) else [data]
            return [
                Event(
                    kind=part.get("kind", "thing"),
                    object="thing",
                    record=str(part["record"]),
                    same=(str(part["delivery"]),) if "delivery" in part else (),
                    data=part,
                    title=part.get("title", ""),
                    terms=(str(part.get("email", "")),),
                    occurred=datetime.fromisoformat(part["occurred"]) if "occurred" in part else None,
                    within=part.get("within"),
                    changed=part.get("changed"),
                    version=datetime.fromisoformat(part["version"]) if "version" in part else None,
                    whole=bool(part.get("whole")),
                    near=float(part.get("near", 0)),
                    implied=bool(part.get("implied")),
                )
                for part in parts
            ]
        except (ValueError, KeyError, AttributeError) as error:
            raise UnreadableError(detail=repr(error)) from error


class ThingHappened(Trigger):
    key = "thing_happened"
    object = "thing"
    kinds = frozenset({"thing"})
    sample = {"record": "1", "name": "One"}

    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return (Field("record"), Field("name"), Field("email"))


class ThingChanged(ThingHappened):
    """Was changed; our own change does not count."""

    key = "thing_changed"
    kinds = frozenset({"edit"})
    stops_echoes = True


class ThingTold(ThingHappened):
    """Was made by us: the vendor may tell it as well."""

    key = "thing_told"
    kinds = frozenset({"told"})


class ThingSeen(ThingHappened):
    """Tells a thing as it was then; one that is late is read again."""

    key = "thing_seen"
    snapshot = True

    async def scope(
        self, reader: Reader, event: Event, options: Mapping[str, Any]
    ) -> Mapping[str, Any] | None:
        if not event.late:
            return event.data
        listed = (await reader.read(Call("things.list", "GET", "/things"))).json
        return {**event.data, "name": f"{event.data['name']}, {len(listed)} there now"}


class ThingOnce(ThingHappened):
    """Happens once for each name."""

    key = "thing_once"

    def once_key(self, event: Event, options: Mapping[str, Any]) -> str | None:
        return str(event.data["name"])


FIELDS = (Field("thing.name"), Field("thing.email"), Field("thing.record"))


class StubAction(Action):
    object = "thing"

    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return FIELDS


class Put(StubAction):
    key = "put"

    async def run(self, context: ActionContext) -> Outcome:
        name = str(context.values["thing.name"])
        call = Call("things.put", "PUT", f"/things/{context.values['thing.record']}", json={"name": name})
        made = await context.write(call, Idempotent(), _id, leaves=self._left(context))
        return _outcome("thing", made, "updated")

    @staticmethod
    def _left(context: ActionContext) -> Any:
        """What is left is the name, as the vendor would spell it."""
        name, email = (str(context.values[f"thing.{part}"]) for part in ("name", "email"))
        values = {"name": name.upper(), "email": email}
        return lambda made: Written("thing", made["id"], values, context.now)


class PutLinked(Put):
    """Puts the thing that is linked with the event's, else the one that the rule names; and once more."""

    key = "put_linked"

    async def run(self, context: ActionContext) -> Outcome:
        told = [str(context.values["thing.email"])] if context.values.has("thing.email") else []
        linked = await context.linked("thing", *told)
        record, name = linked or str(context.values["thing.record"]), str(context.values["thing.name"])
        for call in ("things.put", "things.put_again"):
            put = Call(call, "PUT", f"/things/{record}", json={"name": name})
            made = await context.write(put, Idempotent(), _id)
        context.link("thing", made["id"], *told)
        return _outcome("thing", made, "updated")


class PutShown(Put):
    """Puts a thing, then a tag on it, and shows it as it is then, and a note that is kept for it."""

    key = "put_shown"

    async def run(self, context: ActionContext) -> Outcome:
        record = str(context.values["thing.record"])
        shown = {key: context.values[f"thing.{key}"] for key in ("name", "email")}
        for call, body in (("things.put", shown), ("things.tag", {"tag": "here"})):
            put = Call(call, "PUT", f"/things/{record}", json=body)
            await context.write(put, Idempotent(), _id)
        shown |= {"id": record, "tags_on": ["here"]}
        note = {"id": f"of {record}", "status": "completed", "of": {"thing": record}}
        refs = (RecordRef("thing", record, "updated"), RecordRef("note", note["id"], "created"))
        return Outcome(refs, {"thing": shown, "note": note})


class Draft(StubAction):
    """Makes a document for one signer, which nobody has been sent."""

    key = "draft"

    async def run(self, context: ActionContext) -> Outcome:
        name, email = str(context.values["thing.name"]), str(context.values["thing.email"])
        call = Call("notes.post", "POST", "/notes", json={"name": name})
        made = await context.write(call, Unsafe(), _id)
        about = {"id": f"d-{made['id']}", "name": "Contrato", "url": "", "sender": "Rui"}
        who = {"id": email, "name": name, "email": email}
        return Outcome((RecordRef("envelope", made["id"], "created"),), {}, (Step("draft", [who], about),))


class HalfDraft(StubAction):
    """Makes a document, takes one signer into it, and then another one, whom the vendor may refuse."""

    key = "half_draft"

    async def run(self, context: ActionContext) -> Outcome:
        made = await context.write(Call("notes.post", "POST", "/notes", json={}), Unsafe(), _id)
        about = {"id": f"d-{made['id']}", "name": "Contrato"}
        people = [{"id": f"{name}@y.example", "name": name, "email": f"{name}@y.example"} for name in "ab"]
        context.so_far(Step("half", [people[0], {**people[1], "lacking": True}], about))
        key = str(context.values["thing.name"])
        await context.write(Call("things.put", "PUT", f"/things/{key}", json={"key": key}), Idempotent(), _id)
        return Outcome((RecordRef("envelope", made["id"], "created"),), {}, (Step("draft", people, about),))


class PutNew(Put):
    """Puts a thing that is not there yet, and makes a keyed one in any case."""

    key = "put_new"

    async def run(self, context: ActionContext) -> Outcome:
        path, body = f"/things/{context.values['thing.record']}", {"name": str(context.values["thing.name"])}
        try:
            await context.read(Call("things.get", "GET", path))
        except RecordError:
            await context.write(Call("things.put", "PUT", path, json=body), Idempotent(), _id)
        call = Call("things.keyed", "POST", "/keyed", json={**body, "key": context.reference})
        return _outcome("thing", await context.write(call, Keyed(context.reference), _id), "created")


class Count(StubAction):
    """Makes a thing of that name be there, its amount as the rule says: raised, lowered, or set."""

    key = "count"
    counts = ("thing",)

    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return (Field("thing.name"), Field("thing.amount", FieldType.NUMBER), Field("thing.record"))

    async def run(self, context: ActionContext) -> Outcome:
        values = context.values.group("thing")
        name = str(values["name"])
        async with context.claim("thing", f"name:{name}"):
            looked = Call("things.find", "GET", "/things", query=(("name", name),))
            found = (await context.read(looked)).json

            async def find() -> dict[str, Any] | None:
                again = (await context.read(looked)).json
                return {"id": str(again[0]["id"])} if again else None

            if not found:
                body = {"name": name, "amount": values.to_create()["amount"]}
                call = Call("things.create", "POST", "/things", json=body)
                return _outcome("thing", await context.write(call, Findable(find, settle=0), _id), "created")
            changes = values.to_update({"amount": found[0]["amount"], "name": name})
            call = Call("things.put", "PUT", f"/things/{found[0]['id']}", json={"amount": changes["amount"]})
            made = await context.write(call, Idempotent(), _id)
        return _outcome("thing", made, "updated")


class PutTagged(Put):
    """A person, known by the address, with tags."""

    key = "put_tagged"
    tags = ("thing.tags",)

    def fields(self, connection: Connection) -> tuple[Field, ...]:
        address = Field("thing.email", FieldType.EMAIL)
        return (Field("thing.name"), address, Field("thing.record"), Field("thing.tags", FieldType.LIST))


class PutWhole(Put):
    """Wants an address, and has nothing to do for nobody."""

    key = "put_whole"

    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return (Field("thing.name"), Field("thing.email", required=True), Field("thing.record"))

    async def run(self, context: ActionContext) -> Outcome:
        if context.values["thing.name"] == "nobody":
            raise SkipError("record_not_found", path="thing.name")
        return await super().run(context)


class PostKeyed(StubAction):
    key = "post_keyed"

    async def run(self, context: ActionContext) -> Outcome:
        body = {"name": context.values["thing.name"], "key": context.reference}
        call = Call("things.keyed", "POST", "/keyed", json=body)
        return _outcome("thing", await context.write(call, Keyed(context.reference), _id), "created")


class PostTold(StubAction):
    """Makes a keyed thing, reads it and tells that it was made; leaves a note then."""

    key = "post_told"

    async def run(self, context: ActionContext) -> Outcome:
        record, name = (str(context.values[f"thing.{part}"]) for part in ("record", "name"))
        call = Call("things.keyed", "POST", "/keyed", json={"name": name, "key": context.reference})
        made = await context.write(call, Keyed(context.reference), _id)

        async def told() -> Delivery:
            await context.read(Call("things.list", "GET", "/things"))
            event = {"kind": "told", "record": record, "name": name, "delivery": f"told {record}"}
            return Delivery("POST", "", "", {}, json.dumps(event).encode())

        await context.tell(told)
        await context.write(Call("notes.post", "POST", "/notes", json={"name": name}), Idempotent(), _id)
        return _outcome("thing", made, "created")


class PostFound(StubAction):
    """Find, then create under a claim; the record is remembered by its source."""

    key = "post_found"

    async def run(self, context: ActionContext) -> Outcome:
        name = str(context.values["thing.name"])
        key = f"name:{name}"

        async def find() -> dict[str, Any] | None:
            answer = await context.read(Call("things.find", "GET", "/things", query=(("name", name),)))
            found = answer.json
            if len(found) > 1:
                chosen = await context.choose("thing", found)
                return {"id": chosen} if chosen else None
            return {"id": str(found[0]["id"])} if found else None

        async with context.claim("thing", key) as claim:
            if claim.known:
                return _outcome("thing", {"id": claim.known}, "kept")
            found = await find()
            if found is not None:
                return _outcome("thing", found, "found")
            call = Call("things.post", "POST", "/things", json={"name": name})
            made = await context.write(call, Findable(find), _id, remember={key: lambda record: record["id"]})
        return _outcome("thing", made, "created")


class PostKnown(StubAction):
    """A thing known by several keys, the parts of its name: found by any of them, made under all of them."""

    key = "post_known"

    async def run(self, context: ActionContext) -> Outcome:
        name = str(context.values["thing.name"])
        keys = name.split(",")

        async def find() -> dict[str, Any] | None:
            for key in keys:
                answer = await context.read(Call("things.find", "GET", "/things", query=(("part", key),)))
                if answer.json:
                    return {"id": str(answer.json[0]["id"])}
            return None

        async with context.claim("thing", *keys):
            found = await find()
            if found is not None:
                return _outcome("thing", found, "found")
            call = Call("things.post", "POST", "/things", json={"name": name})
            made = await context.write(call, Findable(find), _id)
        return _outcome("thing", made, "created")


class PostUnsure(StubAction):
    """Create under a claim; what a look does not find may be there all the same."""

    key = "post_unsure"

    async def run(self, context: ActionContext) -> Outcome:
        name = str(context.values["thing.name"])

        async def find() -> dict[str, Any] | None:
            await context.read(Call("things.find", "GET", "/things", query=(("name", "nothing"),)))
            return None

        async def look() -> dict[str, Any] | None:
            answer = await context.read(Call("things.look", "GET", "/things", query=(("name", name),)))
            return {"id": str(answer.json[0]["id"])} if answer.json else None

        async with context.claim("thing", name):
            found = await look()
            if found is not None:
                return _outcome("thing", found, "found")
            call = Call("things.post", "POST", "/things", json={"name": name})
            made = await context.write(call, Findable(find, sure=False), _id)
        return _outcome("thing", made, "created")


class FindThing(StubAction):
    """A lookup by name."""

    key = "find_thing"
    reads_only = True

    async def run(self, context: ActionContext) -> Outcome:
        name = str(context.values["thing.name"])
        answer = await context.read(Call("things.find", "GET", "/things", query=(("name", name),)))
        if not answer.json:
            return Outcome((), {})
        thing = {**answer.json[0], "id": str(answer.json[0]["id"])}
        return _outcome("thing", {**thing, "thing": thing}, "found")


class PostUnsafe(StubAction):
    key = "post_unsafe"

    async def run(self, context: ActionContext) -> Outcome:
        call = Call("notes.post", "POST", "/notes", json={"name": context.values["thing.name"]})
        return _outcome("note", await context.write(call, Unsafe(), _id), "created")


class KeepNote(StubAction):
    """Makes a note for each event; a replay changes the one that was made."""

    key = "keep_note"

    async def run(self, context: ActionContext) -> Outcome:
        body = {"name": context.values["thing.name"]}
        earlier = context.made("note")
        if earlier is not None:
            call = Call("notes.put", "PUT", f"/notes/{earlier}", json=body)
            return _outcome("note", await context.write(call, Idempotent(), _id), "updated")
        call = Call("notes.post", "POST", "/notes", json=body)
        return _outcome("note", await context.write(call, Unsafe(), _id), "created")


class KeepLinked(StubAction):
    """Makes a thing for each record, and changes the one that is linked with it."""

    key = "keep_linked"

    async def run(self, context: ActionContext) -> Outcome:
        body = {"name": context.values["thing.name"]}
        linked = await context.linked("thing")
        if linked is not None:
            call = Call("things.put", "PUT", f"/things/{linked}", json=body)
            return _outcome("thing", await context.write(call, Idempotent(), _id), "updated")
        call = Call("things.post", "POST", "/things", json=body)
        made = await context.write(call, Unsafe(), _id)
        context.link("thing", made["id"])
        return _outcome("thing", made, "created")


class NoteOnce(StubAction):
    """Looks at the things, then leaves a note: nothing makes that safe to repeat."""

    key = "note_once"

    def reaches(self, options: Mapping[str, Any]) -> bool:
        return True

    async def run(self, context: ActionContext) -> Outcome:
        await context.read(Call("things.list", "GET", "/things"))
        call = Call("notes.post", "POST", "/notes", json={"name": context.values["thing.name"]})
        return _outcome("note", await context.write(call, Unsafe(), _id), "created")


class PersonAndDeal(StubAction):
    """Find a person, create or update it, create a deal: three calls."""

    key = "person_and_deal"

    async def run(self, context: ActionContext) -> Outcome:
        email = str(context.values["thing.email"])

        async def find() -> dict[str, Any] | None:
            answer = await context.read(Call("people.find", "GET", "/people", query=(("email", email),)))
            return {"id": str(answer.json[0]["id"])} if answer.json else None

        async with context.claim("person", f"email:{email}"):
            person = await find()
            body = {"email": email, "name": context.values["thing.name"]}
            if person is None:
                call = Call("people.post", "POST", "/people", json=body)
                person = await context.write(call, Findable(find), _id)
            else:
                call = Call("people.put", "PUT", f"/people/{person['id']}", json=body)
                person = await context.write(call, Idempotent(), _id)
        deal = {"name": context.values["thing.name"], "person": person["id"], "key": context.reference}
        made = await context.write(
            Call("deals.post", "POST", "/keyed", json=deal), Keyed(context.reference), _id
        )
        return _outcome("deal", made, "created")


def _read(answer: Answer) -> VendorMessage:
    return VendorMessage(answer.text[:200])


class StubConnector(Connector):
    manifest = load_manifest("vaivem.connectors.stub")
    errors = ErrorTable(
        Row(
            429, RetryError, "stub_budget_spent", lambda call, answer: b"budget" in answer.content, spent=True
        ),
        read=_read,
    )
    triggers = (ThingHappened(), ThingChanged(), ThingTold(), ThingSeen(), ThingOnce())
    actions = (
        Put(),
        Count(),
        PutTagged(),
        PutNew(),
        PutShown(),
        Draft(),
        HalfDraft(),
        PutWhole(),
        PutLinked(),
        PostKeyed(),
        PostTold(),
        PostFound(),
        PostKnown(),
        PostUnsure(),
        FindThing(),
        PostUnsafe(),
        KeepNote(),
        KeepLinked(),
        NoteOnce(),
        PersonAndDeal(),
        BringPerson(),
        BringNoted(),
    )
    bulk = (PeopleImport(),)
    webhooks = StubWebhooks()
    kinds = {"thing": "person"}

    def authorise(self, connection: Connection) -> Authorisation:
        if connection.method.startswith("oauth") or connection.method == "server":
            return Authorisation(
                headers=(("Authorization", f"Bearer {connection.credentials['access_token']}"),)
            )
        return Authorisation(headers=(("X-Key", connection.credentials["token"]),))

    def quota(self, connection: Connection) -> Quota | None:
        size = connection.settings.get("day")
        return Quota(int(size)) if size else None

    async def account(self, reader: Any) -> Account:
        return Account("1", "Stub")


connector = StubConnector()
