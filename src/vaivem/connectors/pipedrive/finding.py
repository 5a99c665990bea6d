"""Looks records up: by id, by key, among the newest. Nothing here writes.

The search runs over an index that lags some seconds behind, and costs 20 tokens; a list does not lag and
costs 10. So what may have been made a moment ago is looked for among the newest records.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from vaivem.connectors.pipedrive import client
from vaivem.connectors.pipedrive.records import (
    Record,
    has_document,
    has_email,
    has_phone,
    phone_spellings,
    record_from,
)
from vaivem.connectors.sdk import Call, Reader
from vaivem.core.errors import RecordError
from vaivem.core.likeness import document_spellings, made_since, same_name

MAX_PAGES = 20


async def one(reader: Reader, object_key: str, record_id: str | None) -> Record | None:
    """Return a record, or None when the vendor has none of that id (deleted ones count as gone)."""
    if not record_id or not record_id.isdecimal():
        return None
    try:
        row = client.one(await reader.read(client.record(object_key, record_id)))
    except RecordError as error:
        if error.code != "record_not_found":
            raise
        return None
    return None if row.get("is_deleted") or not row else record_from(reader.connection, object_key, row)


async def whole(reader: Reader, object_key: str, record: Record) -> Record:
    """Return a record, read again when only its id is known: a person settled a write in doubt."""
    if record.keys() != {"id"}:
        return record
    found = await one(reader, object_key, str(record["id"]))
    if found is None:
        raise RecordError("record_not_found", params={"call": f"{object_key} {record['id']}"})
    return found


async def all_of(reader: Reader, object_key: str, first: Call) -> list[Record]:
    """Return the records of all pages of a list, as far as MAX_PAGES."""
    return await until(reader, object_key, first, lambda record: False)


async def until(reader: Reader, object_key: str, first: Call, stop: Callable[[Record], bool]) -> list[Record]:
    """Return the records of a list up to the first that `stop` holds for, as far as MAX_PAGES."""
    found: list[Record] = []
    call: Call | None = first
    for _ in range(MAX_PAGES):
        if call is None:
            break
        answer = await reader.read(call)
        for row in client.rows(answer):
            record = record_from(reader.connection, object_key, row)
            if stop(record):
                return found
            found.append(record)
        call = client.following(call, answer)
    return found


async def made_lately(reader: Reader, object_key: str, since: datetime) -> list[Record]:
    """Return what was made from a moment on, by the list that does not lag."""
    newest = client.newest(object_key)
    return await until(
        reader, object_key, newest, lambda record: not made_since(record.get("created_at"), since)
    )


async def searched(reader: Reader, object_key: str, term: str, field: str) -> list[Record]:
    """Return the records that a search names, each read whole: a search shows a part of them only."""
    answer = await reader.read(client.search(object_key, term, field))
    ids = dict.fromkeys(str(row["id"]) for row in client.rows(answer) if row.get("id"))
    found = [await one(reader, object_key, record_id) for record_id in ids]
    return [record for record in found if record is not None]


async def persons_by_email(reader: Reader, email: str) -> list[Record]:
    """Return the persons who truly have an address: the search may find more."""
    return [person for person in await searched(reader, "person", email, "email") if has_email(person, email)]


async def persons_by_phone(reader: Reader, phone: str) -> list[Record]:
    """Return the persons with a number, in its usual spellings."""
    for spelling in phone_spellings(phone):
        found = await searched(reader, "person", spelling, "phone")
        if matching := [person for person in found if has_phone(person, phone)]:
            return matching
    return []


async def by_document(reader: Reader, object_key: str, code: str, number: str) -> list[Record]:
    """Return the records whose own field holds a CPF or CNPJ, with or without its mask."""
    for spelling in document_spellings(number):
        found = await searched(reader, object_key, spelling, "custom_fields")
        if matching := [record for record in found if has_document(record, code, number)]:
            return matching
    return []


async def by_name(reader: Reader, object_key: str, name: str) -> list[Record]:
    """Return the records of exactly this name (a deal's title)."""
    field = "title" if object_key == "deal" else "name"
    found = await searched(reader, object_key, name, field)
    return [record for record in found if same_name(record.get(field), name)]


async def deals_of(
    reader: Reader, person: str, pipeline: str | None = None, status: str | None = None
) -> list[Record]:
    """Return a person's deals, of one pipeline and in one status or in all."""
    filters = [("person_id", person)]
    filters += [("status", status)] if status else []
    filters += [("pipeline_id", pipeline)] if pipeline else []
    return await all_of(reader, "deal", client.records("deal", *filters))


async def deals_by_field(reader: Reader, code: str, value: str) -> list[Record]:
    """Return the deals whose own field holds exactly this value."""
    found = await searched(reader, "deal", value, "custom_fields")
    return [deal for deal in found if str(deal["custom"].get(code) or "") == value]
