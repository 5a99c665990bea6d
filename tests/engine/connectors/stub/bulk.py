"""People, known by their address: of the past by the vendor's import, else one by one; then a keyed thing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from vaivem.connectors.sdk import (
    Action,
    ActionContext,
    Answer,
    BulkWrite,
    Call,
    Connection,
    Findable,
    Idempotent,
    Keyed,
    Outcome,
    Reader,
    RecordRef,
    Unsafe,
)
from vaivem.core.fields import Field

FEW = 4


class PeopleImport(BulkWrite):
    """The vendor's list of imports says of each which of its records it left out, once it is done."""

    key = "people.import"
    most = FEW
    most_bytes = 10_000

    def call(self, records: Sequence[Mapping[str, Any]]) -> Call:
        return Call(self.key, "POST", "/imports", json={"records": list(records)})

    def name(self, answer: Answer) -> str:
        return str(answer.json.get("id") or "")

    def refused(self, answer: Answer) -> Collection[int]:
        return answer.json.get("refused") or ()

    async def look(
        self, reader: Reader, name: str, records: Sequence[Mapping[str, Any]]
    ) -> Sequence[Mapping[str, Any] | None] | None:
        listed = (await reader.read(Call("imports.list", "GET", "/imports"))).json
        mine = next(one for one in listed if str(one["id"]) == name)
        if not mine.get("made"):
            return None
        return [mine["made"].get(record["email"]) for record in records]


def _id(answer: Answer) -> dict[str, Any]:
    return {"id": str(answer.json["id"])}


class BringPerson(Action):
    """Makes a person be there, under a claim of the address."""

    key = "bring_person"
    object = "thing"

    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return (Field("thing.name"), Field("thing.email"), Field("thing.record"))

    async def run(self, context: ActionContext) -> Outcome:
        name, email = (str(context.values[f"thing.{part}"]) for part in ("name", "email"))
        async with context.claim("person", f"email:{email}"):
            looked = Call("people.find", "GET", "/people", query=(("email", email),))
            found = (await context.read(looked)).json

            async def find() -> dict[str, Any] | None:
                again = (await context.read(looked)).json
                return {"id": str(again[0]["id"])} if again else None

            record = {"email": email, "name": name}
            made = None if found else await context.write_in_bulk(PeopleImport.key, record, dict)
            if found:
                call = Call("people.put", "PUT", f"/people/{found[0]['id']}", json=record)
                made = await context.write(call, Idempotent(), _id)
            elif made is None:
                call = Call("people.post", "POST", "/people", json=record)
                made = await context.write(call, Findable(find, settle=0), _id)
        await self._more(context, name)
        return Outcome((RecordRef("thing", made["id"], "created"),), made)

    async def _more(self, context: ActionContext, name: str) -> None:
        call = Call("things.keyed", "POST", "/keyed", json={"name": name, "key": context.reference})
        await context.write(call, Keyed(context.reference), _id)


class BringNoted(BringPerson):
    """The same, with a note that nothing makes safe to repeat."""

    key = "bring_noted"

    async def _more(self, context: ActionContext, name: str) -> None:
        await context.write(Call("notes.post", "POST", "/notes", json={"name": name}), Unsafe(), _id)
