"""Looks records up. Nothing here writes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any

from vaivem.connectors.activecampaign import client, sales_client
from vaivem.connectors.activecampaign.records import (
    Record,
    account_from,
    contact_from,
    deal_from,
    values_from,
)
from vaivem.connectors.sdk import ActionContext, Call, Reader
from vaivem.core.errors import RecordError
from vaivem.core.folding import fold
from vaivem.core.likeness import has_address, made_since, same_name

MAX_PAGES = 50
NOBODY = ("", "0")  # the id of what a dry run made
Rows = AsyncIterator[Mapping[str, Any]]


async def every(reader: Reader, first: Call, key: str) -> Rows:
    """Give the rows of all pages of a list, as far as MAX_PAGES."""
    call: Call | None = first
    for _ in range(MAX_PAGES):
        if call is None:
            return
        answer = await reader.read(call)
        for row in client.rows(answer, key):
            yield row
        call = client.following(call, answer, key)


async def contact(reader: Reader, contact_id: str | None) -> Record | None:
    """Return a contact, or None when the vendor has none of that id."""
    if not contact_id or not contact_id.isdecimal():
        return None
    try:
        answer = await reader.read(client.contact(contact_id))
    except RecordError as error:
        if error.code != "record_not_found":
            raise
        return None
    return contact_from(reader.connection, answer.json or {})


async def contact_by_email(reader: Reader, email: str) -> Record | None:
    """Return the contact with an address. The list tells who; only the contact itself has its values."""
    found = client.rows(await reader.read(client.contacts_by_email(email)), "contacts")
    mine = next((row for row in found if has_address([str(row.get("email") or "")], email)), None)
    return await contact(reader, str(mine["id"])) if mine else None


async def meant(context: ActionContext, group: str = "contact") -> Record:
    """Return the contact that a step means, by its id where there is one, else by its address.

    Raises RecordError ``contact_not_there`` where there is none, ``nothing_to_find_by`` without either.
    """
    values = context.values.group(group)
    number, email = str(values["id"] or ""), str(values["email"] or "")
    if not number and not email:
        raise RecordError("nothing_to_find_by", path=f"{group}.email")
    found = await contact(context, number) if number else await contact_by_email(context, email)
    if found is None:
        raise RecordError("contact_not_there", params={"contact": email or number}, path=f"{group}.email")
    return found


async def tag_id(reader: Reader, name: str, *, anew: bool = True) -> str | None:
    """Return the id of the tag of exactly this name, whatever its letters' case and accents.

    Unless it is asked `anew`, the answer may be a minute old where the run is of bulk.
    """
    wanted, likely = fold(name), None
    async for row in every(reader, client.search_tags(name, anew=anew), "tags"):
        if row.get("tagType", "contact") == "contact":
            if str(row.get("tag")) == name:
                return str(row["id"])
            if fold(str(row.get("tag"))) == wanted:
                likely = likely or str(row["id"])
    return likely


async def parts(reader: Reader, contact_id: str, part: str) -> list[Mapping[str, Any]]:
    """Return what hangs on a contact (``contactTags``, ``notes``...); one that a dry run made has nothing."""
    if contact_id in NOBODY:
        return []
    return client.rows(await reader.read(client.contact_parts(contact_id, part)), part)


async def contact_tags(reader: Reader, contact_id: str) -> dict[str, str]:
    """Return a contact's tags: the id of each link by the id of its tag."""
    rows = await parts(reader, contact_id, "contactTags")
    return {str(row["tag"]): str(row["id"]) for row in rows}


async def account(reader: Reader, account_id: str | None) -> Record | None:
    """Return an account with its own values, or None when the vendor has none of that id."""
    return await _sales_record(reader, "account", account_id)


async def accounts_named(reader: Reader, name: str) -> list[Record]:
    """Return the accounts of exactly this name; the vendor allows one, and searches for parts of names."""
    rows = [row async for row in every(reader, sales_client.search_accounts(name), "accounts")]
    found = [await account(reader, str(row["id"])) for row in rows if same_name(row.get("name"), name)]
    return [one for one in found if one is not None]


async def deal(reader: Reader, deal_id: str | None) -> Record | None:
    """Return a deal with its own values, or None when there is none of that id or we may not see it."""
    return await _sales_record(reader, "deal", deal_id)


async def deals_of(reader: Reader, contact_id: str) -> list[Record]:
    """Return a contact's deals, without their own values."""
    if contact_id in NOBODY:
        return []
    first = client.listed(f"contacts/{contact_id}/deals", name="contacts.deals")
    return [deal_from(row, {}) async for row in every(reader, first, "deals")]


async def deals_titled(reader: Reader, title: str) -> list[Record]:
    """Return the deals of exactly this title, without their own values."""
    rows = every(reader, sales_client.deals(("title", title)), "deals")
    return [deal_from(row, {}) async for row in rows if same_name(row.get("title"), title)]


async def made_lately(
    reader: Reader, title: str, contact_id: str, since: datetime, reference: tuple[str, str] | None
) -> list[Record]:
    """Return the deals that a creation since a moment may have made: same title and contact.

    `reference` is an own field and what it must hold, where the account has one for that.
    """
    listed = await (deals_of(reader, contact_id) if contact_id else deals_titled(reader, title))
    likely = [
        one for one in listed if same_name(one["title"], title) and made_since(one.get("created_at"), since)
    ]
    if reference is None:
        return likely
    whole = [await deal(reader, one["id"]) for one in likely]
    number, value = reference
    return [one for one in whole if one is not None and one["custom"].get(number) == value]


async def values_of(reader: Reader, object_key: str, record_id: str) -> Record:
    """Return an account's or a deal's own values."""
    key = sales_client.VALUES[object_key]
    rows = [row async for row in every(reader, sales_client.own_values(object_key, record_id), key)]
    return values_from(reader.connection, object_key, rows)


async def _sales_record(reader: Reader, object_key: str, record_id: str | None) -> Record | None:
    if not record_id or not record_id.isdecimal():
        return None
    call = sales_client.deal(record_id) if object_key == "deal" else sales_client.account(record_id)
    try:
        row = client.one(await reader.read(call), object_key)
    except RecordError as error:
        if error.code != "record_not_found":
            raise
        return None
    if not row or row.get("isDisabled") in (True, "1"):  # of a pipeline that the key's user may not see
        return None
    custom = await values_of(reader, object_key, record_id)
    return deal_from(row, custom) if object_key == "deal" else account_from(row, custom)
