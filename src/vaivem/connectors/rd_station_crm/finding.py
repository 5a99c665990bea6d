"""Looks records up: by id, by key, by name. Nothing here writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from vaivem.connectors.rd_station_crm.client import Api
from vaivem.connectors.rd_station_crm.records import Record, has_email, has_phone, phone_spellings
from vaivem.connectors.sdk import Answer, Call, Reader
from vaivem.core.errors import RecordError
from vaivem.core.likeness import document_spellings, same_name

T = TypeVar("T")

MAX_PAGES = 20
MAX_DEALS_OF_CONTACT = 20


async def one(reader: Reader, call: Call, read: Callable[[Answer], T]) -> T | None:
    """Return the record that a call asks for, or None when the vendor has none of that id."""
    try:
        answer = await reader.read(call)
    except RecordError as error:
        if error.code != "record_not_found":
            raise
        return None
    return read(answer)


async def whole(
    reader: Reader, record: Record, call: Callable[[str], Call], read: Callable[[Answer], Record]
) -> Record:
    """Return a record, read again when only its id is known.

    So it is after a person settled a write in doubt by naming the record.
    """
    if record.keys() != {"id"}:
        return record
    if not record["id"]:
        raise RecordError("record_not_told")
    return read(await reader.read(call(record["id"])))


async def all_pages(reader: Reader, api: Api, first: Call, read: Callable[[Answer], list[T]]) -> list[T]:
    """Return the records of all pages of a list, as far as MAX_PAGES."""
    found: list[T] = []
    call = first
    for _ in range(MAX_PAGES):
        answer = await reader.read(call)
        page = read(answer)
        found += page
        following = api.next_page(call, answer, page)
        if following is None:
            break
        call = following
    return found


async def first_page(reader: Reader, call: Call | None, read: Callable[[Answer], list[T]]) -> list[T]:
    """Return the records of a search, or none where the API has no such search."""
    return read(await reader.read(call)) if call is not None else []


def without_doubles(records: Iterable[Record]) -> list[Record]:
    """Return records with each id once, in order."""
    return list({record["id"]: record for record in records}.values())


async def contacts_by_email(reader: Reader, api: Api, email: str) -> list[Record]:
    """Return the contacts with an address: as it is and in lower case, compared without regard to case."""
    spellings = tuple(dict.fromkeys((email.lower(), email)))
    found = await _several(reader, api.contacts_with_email(*spellings), api.read_contacts)
    return [contact for contact in found if has_email(contact, email)]


async def contacts_by_phone(reader: Reader, api: Api, phone: str) -> list[Record]:
    """Return the contacts with a phone number, in any of the usual spellings."""
    found = await _several(reader, api.contacts_with_phone(*phone_spellings(phone)), api.read_contacts)
    return [contact for contact in found if has_phone(contact, phone)]


async def contacts_by_document(reader: Reader, api: Api, key: str, number: str) -> list[Record]:
    """Return the contacts whose own field holds a CPF or CNPJ, with or without its mask."""
    call = api.contacts_with_field(key, *document_spellings(number))
    return await first_page(reader, call, api.read_contacts)


async def contacts_by_name(reader: Reader, api: Api, name: str) -> list[Record]:
    """Return the contacts of exactly this name."""
    found = await first_page(reader, api.contacts_named(name), api.read_contacts)
    return [contact for contact in found if same_name(contact.get("name"), name)]


async def organizations_by_name(reader: Reader, api: Api, name: str) -> list[Record]:
    """Return the organizations of exactly this name: one at most, the vendor keeps names unique."""
    found = await first_page(reader, api.organizations_named(name), api.read_organizations)
    return [organization for organization in found if same_name(organization.get("name"), name)]


async def organizations_by_document(reader: Reader, api: Api, key: str, number: str) -> list[Record]:
    """Return the organizations whose own field holds a CNPJ, with or without its mask."""
    call = api.organizations_with_field(key, *document_spellings(number))
    return await first_page(reader, call, api.read_organizations)


async def deals_by_name(reader: Reader, api: Api, name: str, pipeline: str | None) -> list[Record]:
    """Return the deals of exactly this name, of one funnel or of all."""
    found = await first_page(reader, api.deals_named(name, pipeline), api.read_deals)
    return [deal for deal in found if same_name(deal.get("name"), name) and _in_funnel(deal, pipeline)]


async def deals_by_contact(reader: Reader, api: Api, contact_id: str, pipeline: str | None) -> list[Record]:
    """Return the deals that a contact is linked to, of one funnel or of all."""
    call = api.deals_of_contact(contact_id)
    if call is not None:
        found = await first_page(reader, call, api.read_deals)
    else:
        contact = await one(reader, api.contact(contact_id), api.read_contact)
        ids = (contact or {}).get("deals", [])[-MAX_DEALS_OF_CONTACT:]
        deals = [await one(reader, api.deal(deal_id), api.read_deal) for deal_id in ids]
        found = [deal for deal in deals if deal is not None]
    return [deal for deal in found if _in_funnel(deal, pipeline)]


async def deals_by_field(reader: Reader, api: Api, key: str, value: Any) -> list[Record]:
    """Return the deals whose own field has a value; none where the API has no such search."""
    call = api.deals_with_field(key, str(value))
    return await first_page(reader, call, api.read_deals)


async def contacts_of_deal(reader: Reader, api: Api, deal: Record) -> list[str]:
    """Return the ids of a deal's contacts, asking for them where the deal does not hold them."""
    if deal["contacts"] is not None:
        return list(deal["contacts"])
    call = api.deal_contacts(deal["id"])
    return [contact["id"] for contact in await first_page(reader, call, api.read_contacts)]


async def _several(reader: Reader, calls: list[Call], read: Callable[[Answer], list[Record]]) -> list[Record]:
    found: list[Record] = []
    for call in calls:
        found += read(await reader.read(call))
    return without_doubles(found)


def _in_funnel(deal: Record, pipeline: str | None) -> bool:
    return pipeline is None or deal["pipeline"] is None or deal["pipeline"] == pipeline
