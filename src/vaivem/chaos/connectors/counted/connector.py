"""One action for each way in which a repeat is made safe, and the flows that are made of them.

Every write carries the number of the event that asked for it, so that the target can count by it.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

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
    RecordRef,
    Trigger,
    Unsafe,
    VendorMessage,
    Webhooks,
    load_manifest,
)
from vaivem.core.errors import SignatureError, UnreadableError
from vaivem.core.fields import Field

FIELDS = tuple(Field(f"thing.{name}") for name in ("event", "record", "place", "email", "keys"))


def _id(answer: Answer) -> dict[str, Any]:
    return {"id": str(answer.json["id"])}


class CountedWebhooks(Webhooks):
    """Deliveries are JSON; a header proves the sender."""

    managed = False

    @override
    def verify(self, delivery: Delivery, connection: Connection) -> None:
        """Compare the key."""
        if not hmac.compare_digest(delivery.headers.get("x-key", ""), connection.credentials["token"]):
            raise SignatureError

    @override
    def parse(self, delivery: Delivery, connection: Connection) -> list[Event]:
        """Read one event. Its title is its number: lists that people see are read by it."""
        try:
            data = orjson.loads(delivery.body)
            return [
                Event(
                    kind="happened",
                    object="thing",
                    record=str(data["record"]),
                    same=(str(data["event"]),),
                    data=data,
                    title=str(data["event"]),
                    terms=(str(data.get("email", "")),),
                )
            ]
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise UnreadableError(detail=repr(error)) from error


class Happened(Trigger):
    """Something happened to a thing."""

    key = "happened"
    object = "thing"
    kinds = frozenset({"happened"})
    sample = {"record": "r1", "event": "1"}

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        """What an event says."""
        return tuple(Field(name) for name in ("event", "record", "place", "email", "keys"))


class CountedAction(Action):
    """An action with the fields of a thing."""

    object = "thing"

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        """What a rule fills."""
        return FIELDS

    def value(self, context: ActionContext, name: str) -> str:
        """Return a mapped field as text."""
        return str(context.values[f"thing.{name}"])

    def done(self, record: Mapping[str, Any], did: str) -> Outcome:
        """Return what the action made."""
        return Outcome((RecordRef("thing", record["id"], did),), dict(record))


class Update(CountedAction):
    """Idempotent: the record's newest state, with its place in the record's order."""

    key = "update"

    @override
    async def run(self, context: ActionContext) -> Outcome:
        """Put the state."""
        body = {"event": self.value(context, "event"), "place": self.value(context, "place")}
        call = Call("things.put", "PUT", f"/things/{self.value(context, 'record')}", json=body)
        return self.done(await context.write(call, Idempotent(), _id), "updated")


class CreateKeyed(CountedAction):
    """By a key that the vendor keeps unique."""

    key = "create_keyed"

    @override
    async def run(self, context: ActionContext) -> Outcome:
        """Create."""
        event = self.value(context, "event")
        key = f"{context.reference}-{event}"
        call = Call("keyed.post", "POST", "/keyed", json={"event": event, "key": key})
        return self.done(await context.write(call, Keyed(key), _id), "created")


class CreateFound(CountedAction):
    """Found by its number before it is made, and looked for when in doubt."""

    key = "create_found"

    @override
    async def run(self, context: ActionContext) -> Outcome:
        """Find, else create."""
        event = self.value(context, "event")

        async def find() -> dict[str, Any] | None:
            answer = await context.read(Call("found.find", "GET", "/found", query=(("event", event),)))
            return {"id": str(answer.json[0]["id"])} if answer.json else None

        async with context.claim("thing", f"event:{event}"):
            found = await find()
            if found is not None:
                return self.done(found, "found")
            call = Call("found.post", "POST", "/found", json={"event": event})
            made = await context.write(call, Findable(find), _id)
        return self.done(made, "created")


class CreateKnown(CountedAction):
    """A person known by several keys: found by any of them, made under all of them."""

    key = "create_known"

    @override
    async def run(self, context: ActionContext) -> Outcome:
        """Find by each key, else create."""
        keys = self.value(context, "keys").split(",")

        async def find() -> dict[str, Any] | None:
            for key in keys:
                answer = await context.read(Call("known.find", "GET", "/known", query=(("key", key),)))
                if answer.json:
                    return {"id": str(answer.json[0]["id"])}
            return None

        async with context.claim("person", *keys):
            found = await find()
            if found is None:
                body = {"event": self.value(context, "event"), "keys": keys}
                call = Call("known.post", "POST", "/known", json=body)
                made = await context.write(call, Findable(find), _id)
                return self.done(made, "created")
        body = {"event": self.value(context, "event"), "place": "0"}
        call = Call("known.put", "PUT", f"/known/{found['id']}", json=body)
        return self.done(await context.write(call, Idempotent(), _id), "updated")


class CreateUnsafe(CountedAction):
    """Nothing makes a repeat safe: in doubt, a person decides."""

    key = "create_unsafe"

    @override
    async def run(self, context: ActionContext) -> Outcome:
        """Create."""
        call = Call("unsafe.post", "POST", "/unsafe", json={"event": self.value(context, "event")})
        return self.done(await context.write(call, Unsafe(), _id), "created")


class Sale(CountedAction):
    """Find a person by e-mail, create or update them, create a deal: three calls."""

    key = "sale"

    @override
    async def run(self, context: ActionContext) -> Outcome:
        """Do all three."""
        event, email = self.value(context, "event"), self.value(context, "email")

        async def find() -> dict[str, Any] | None:
            answer = await context.read(Call("people.find", "GET", "/people", query=(("email", email),)))
            return {"id": str(answer.json[0]["id"])} if answer.json else None

        async with context.claim("person", f"email:{email}"):
            person = await find()
            if person is None:
                call = Call("people.post", "POST", "/people", json={"email": email})
                person = await context.write(call, Findable(find), _id)
            else:
                call = Call("people.put", "PUT", f"/people/{person['id']}", json={"email": email})
                person = await context.write(call, Idempotent(), _id)
        key = f"{context.reference}-{event}"
        body = {"event": event, "key": key, "person": person["id"]}
        return self.done(
            await context.write(Call("deals.post", "POST", "/keyed", json=body), Keyed(key), _id), "created"
        )


def _read(answer: Answer) -> VendorMessage:
    return VendorMessage(answer.text[:200])


class CountedConnector(Connector):
    """The table of contents."""

    manifest = load_manifest("vaivem.connectors.counted")
    errors = ErrorTable(read=_read)
    triggers = (Happened(),)
    actions = (
        Update(),
        CreateKeyed(),
        CreateFound(),
        CreateKnown(),
        CreateUnsafe(),
        Sale(),
    )
    webhooks = CountedWebhooks()

    @override
    def authorise(self, connection: Connection) -> Authorisation:
        """Send the token."""
        if connection.method in ("oauth", "rotating"):
            return Authorisation(
                headers=(("Authorization", f"Bearer {connection.credentials['access_token']}"),)
            )
        return Authorisation(headers=(("X-Key", connection.credentials["token"]),))

    @override
    async def account(self, reader: Any) -> Account:
        """Whose it is."""
        return Account("1", "Counted")


connector = CountedConnector()
