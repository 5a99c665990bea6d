"""Makes a contact be there, once, with what the rule says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from vaivem.connectors.rd_station_crm import finding
from vaivem.connectors.rd_station_crm.client import Api
from vaivem.connectors.rd_station_crm.objects import contact_output, web_address
from vaivem.connectors.rd_station_crm.records import (
    CUSTOM,
    Record,
    flat_contact,
    has_email,
    has_phone,
    written,
)
from vaivem.connectors.sdk import ActionContext, Claim, Connection, Findable, Idempotent, RecordRef
from vaivem.core.errors import RecordError
from vaivem.core.identity import normalise_email, normalise_name, normalise_phone
from vaivem.core.likeness import DOCUMENT_TYPES, bare_document, made_since, oldest, same_name
from vaivem.core.mapping import Values


@dataclass(frozen=True, slots=True)
class ContactKeys:
    """What a contact is recognised by. `documents`: own fields with a CPF or CNPJ (vendor's key, digits)."""

    name: str
    email: str | None
    phone: str | None
    documents: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, values: Values, connection: Connection) -> ContactKeys:
        """Read the keys out of one element of the group ``contact``."""
        fields = [f for f in connection.custom_fields("contact") if f.type in DOCUMENT_TYPES]
        keys = [f.key.removeprefix("contact.") for f in fields]
        return cls(
            name=str(values.get("name", "")),
            email=values["email"],
            phone=values["phone"],
            documents=tuple((key.removeprefix(CUSTOM), values[key]) for key in keys if values.has(key)),
        )

    @property
    def any(self) -> bool:
        """Whether there is a key beside the name."""
        return bool(self.email or self.phone or self.documents)

    def claims(self, source: str) -> tuple[str, ...]:
        """Return the keys to claim, the surest first; without a key the name within the source record."""
        keys = [f"email:{normalise_email(self.email) or self.email}"] if self.email else []
        keys += [f"document:{number}" for _, number in self.documents]
        keys += [f"phone:{normalise_phone(self.phone) or self.phone}"] if self.phone else []
        return tuple(keys) or (f"source:{source}/{normalise_name(self.name)}",)

    def fit(self, contact: Record) -> bool:
        """Say whether a contact carries the surest of these keys that can be compared."""
        if self.email:
            return has_email(contact, self.email)
        for key, number in self.documents:
            if held := bare_document(contact["custom"].get(key)):
                return held == number
        if self.phone:
            return has_phone(contact, self.phone)
        return same_name(contact.get("name"), self.name)

    def touch(self, contact: Record) -> bool:
        """Say whether a contact carries any of these keys."""
        by_email = bool(self.email and has_email(contact, self.email))
        by_phone = bool(self.phone and has_phone(contact, self.phone))
        return (
            by_email
            or by_phone
            or any(bare_document(contact["custom"].get(key)) == n for key, n in self.documents)
        )


async def settle_contact(
    context: ActionContext, api: Api, values: Values, organization: str | None = None
) -> tuple[Record, str]:
    """Find, create or update one contact; return it and what was done (``created``, ``updated``, ``kept``).

    The contact that is linked with the event's record is the one, whatever the address has become.
    `organization` is what a contact without one is put into. Raises RecordError ``contact_has_no_key`` for a
    mere name, unless the step's option ``without_key`` is ``create``.
    """
    keys = ContactKeys.of(values, context.connection)
    if not keys.any and not (keys.name and context.options.get("without_key") == "create"):
        raise RecordError("contact_has_no_key", params={"name": keys.name}, path="contact.email")
    told = (keys.email,) if keys.email else ()
    known = await context.linked("contact", *told)
    linked = await finding.one(context, api.contact(known), api.read_contact) if known else None
    if linked and not keys.email and not keys.fit(linked):
        linked = None  # without an address the rule may speak of somebody else
    contact, did = await _settled(context, api, values, keys, organization, linked)
    context.link("contact", contact["id"], *told)
    return contact, did


async def _settled(
    context: ActionContext,
    api: Api,
    values: Values,
    keys: ContactKeys,
    organization: str | None,
    linked: Record | None,
) -> tuple[Record, str]:
    claims = keys.claims(context.source)
    async with context.claim("contact", *claims) as claim:
        contact = linked or await _known(context, api, keys, claims, claim)
        found = [] if contact else await find_contacts(context, api, keys)
        contact = contact or await pick(context, found, keys, claims)
        if contact is not None:
            return await _update(context, api, values, contact, organization)
        declined = frozenset(contact["id"] for contact in found)
        changes = _new_contact(values, keys, organization)
        return await _create(context, api, changes, keys, claims, declined), "created"


async def find_contacts(context: ActionContext, api: Api, keys: ContactKeys) -> list[Record]:
    """Return the contacts that match by the first key that finds any; [] when none does."""
    if keys.email and (found := await finding.contacts_by_email(context, api, keys.email)):
        return found
    for key, number in keys.documents:
        if found := await finding.contacts_by_document(context, api, key, number):
            return found
    if keys.phone and (found := await finding.contacts_by_phone(context, api, keys.phone)):
        return found
    if keys.any and keys.name:
        # The vendor compares letter by letter: "ANA@x.com" or "(11) 9…" of the same name is found here.
        named = await finding.contacts_by_name(context, api, keys.name)
        return [contact for contact in named if keys.touch(contact)]
    return []


async def pick(
    context: ActionContext, found: list[Record], keys: ContactKeys, claims: tuple[str, ...] = ()
) -> Record | None:
    """Return the one contact that is meant: a person chooses between several. None means a new one."""
    if not found:
        return None
    if len(found) == 1 and not _doubtful(found[0], keys, context.options):
        return found[0]
    if len(found) == 1 and context.options.get("other_email") == "new":
        return None
    candidates: list[Mapping[str, Any]] = [candidate(context.connection, contact) for contact in found]
    why = "several" if len(found) > 1 else "other_email"
    about = {"name": keys.name, "email": keys.email, "phone": keys.phone, "why": why}
    chosen = await context.choose("contact", candidates, **about)
    for key in claims if chosen else ():
        context.remember("contact", key, str(chosen))
    return next((contact for contact in found if contact["id"] == chosen), None)


def candidate(connection: Connection, contact: Record) -> dict[str, Any]:
    """Return what tells a contact apart when a person chooses."""
    shown = contact_output(connection, contact)
    return {key: shown[key] for key in ("id", "name", "url", "emails", "phones", "created_at")}


def _doubtful(contact: Record, keys: ContactKeys, options: Any) -> bool:
    """Say whether one match may be somebody else: same phone, another e-mail address and another name."""
    if not keys.email or not contact["emails"] or has_email(contact, keys.email):
        return False
    if options.get("other_email") == "same" or not keys.name:
        return False
    return not same_name(contact.get("name"), keys.name)


async def _known(
    context: ActionContext, api: Api, keys: ContactKeys, claims: tuple[str, ...], claim: Claim
) -> Record | None:
    if not claim.known:
        return None
    contact = await finding.one(context, api.contact(claim.known), api.read_contact)
    if contact is None:
        for key in claims:
            context.forget("contact", key)
        return None
    return contact if keys.fit(contact) else None


def _new_contact(values: Values, keys: ContactKeys, organization: str | None) -> Record:
    changes = values.to_create()
    if not keys.name:  # the vendor wants one
        changes["name"] = keys.email or keys.phone or keys.documents[0][1]
    if organization:
        changes.setdefault("organization", organization)
    return changes


async def _create(
    context: ActionContext,
    api: Api,
    changes: Record,
    keys: ContactKeys,
    claims: tuple[str, ...],
    declined: frozenset[str],
) -> Record:
    """Make a contact. `declined` are those that matched and were not meant: a lost answer is none of them."""

    async def find() -> Record | None:
        if keys.any:
            found = await find_contacts(context, api, keys)
        else:
            named = await finding.contacts_by_name(context, api, keys.name)
            found = [contact for contact in named if made_since(contact.get("created_at"), context.now)]
        return oldest(c for c in found if keys.fit(c) and c["id"] not in declined)

    searched = bool(keys.email or keys.phone or (keys.documents and api.finds_by_field))
    made = await context.write(
        api.contact_create(changes),
        Findable(find, sure=searched and api.sees_all),
        api.read_contact,
        remember=dict.fromkeys(claims, record_id),
        leaves=partial(written, "contact", changes),
    )
    return await finding.whole(context, made, api.contact, api.read_contact)


async def _update(
    context: ActionContext, api: Api, values: Values, contact: Record, organization: str | None
) -> tuple[Record, str]:
    changes = values.to_update(flat_contact(contact))
    if organization and not contact["organization"] and "organization" not in changes:
        changes["organization"] = organization
    if not changes:
        return contact, "kept"
    call = api.contact_update(contact, changes)
    leaves = partial(written, "contact", changes)
    return await context.write(call, Idempotent(), api.read_contact, leaves=leaves), "updated"


def contact_ref(connection: Connection, contact: Record, did: str) -> RecordRef:
    """Return a contact as history shows it."""
    url = web_address(connection, "contact", contact["id"])
    return RecordRef("contact", contact["id"], did, str(contact["name"] or ""), url)


def record_id(record: Record) -> str:
    """Return a record's id, for what a claim remembers."""
    return str(record["id"])
