"""Makes an organization be there, once: the vendor keeps their names unique."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from vaivem.connectors.rd_station_crm import finding
from vaivem.connectors.rd_station_crm.client import Api
from vaivem.connectors.rd_station_crm.custom_values import key_of
from vaivem.connectors.rd_station_crm.objects import web_address
from vaivem.connectors.rd_station_crm.records import Record, flat_organization, written
from vaivem.connectors.rd_station_crm.settling_contacts import record_id
from vaivem.connectors.sdk import ActionContext, Claim, Connection, Findable, Idempotent, RecordRef
from vaivem.core.errors import RecordError
from vaivem.core.identity import normalise_name
from vaivem.core.likeness import DOCUMENT_TYPES, oldest, same_name
from vaivem.core.mapping import Values


async def settle_organization(context: ActionContext, api: Api, values: Values) -> tuple[Record, str]:
    """Find, create or update one organization; return it and what was done."""
    name = str(values.get("name", ""))
    documents = documents_of(context.connection, values)
    claims = (*(f"document:{number}" for _, number in documents), f"name:{normalise_name(name)}")
    async with context.claim("organization", *claims) as claim:
        organization = await _look(context, api, name, documents, claims, claim)
        if organization is not None:
            return await _update(context, api, values, organization)
        return await _create(context, api, values, name, claims)


async def find_organizations(
    context: ActionContext, api: Api, name: str, documents: list[tuple[str, str]]
) -> list[Record]:
    """Return the organizations with one of these documents (own fields), else of this name."""
    for key, number in documents:
        if found := await finding.organizations_by_document(context, api, key, number):
            return found
    return await finding.organizations_by_name(context, api, name) if name else []


async def pick(
    context: ActionContext, found: list[Record], name: str, claims: tuple[str, ...] = ()
) -> Record | None:
    """Return the one organization that is meant: a person chooses between several. None means a new one."""
    if len(found) < 2:
        return next(iter(found), None)
    candidates: list[Mapping[str, Any]] = [
        {
            "id": organization["id"],
            "name": organization["name"],
            "url": web_address(context.connection, "organization", organization["id"]),
            "website": organization["website"],
            "created_at": organization["created_at"],
        }
        for organization in found
    ]
    chosen = await context.choose("organization", candidates, name=name, why="several")
    for key in claims if chosen else ():
        context.remember("organization", key, str(chosen))
    return next((organization for organization in found if organization["id"] == chosen), None)


async def _look(
    context: ActionContext,
    api: Api,
    name: str,
    documents: list[tuple[str, str]],
    claims: tuple[str, ...],
    claim: Claim,
) -> Record | None:
    if claim.known:
        organization = await finding.one(context, api.organization(claim.known), api.read_organization)
        if organization is not None and (documents or same_name(organization.get("name"), name)):
            return organization
        if organization is None:
            for key in claims:
                context.forget("organization", key)
    return await pick(context, await find_organizations(context, api, name, documents), name, claims)


async def _create(
    context: ActionContext, api: Api, values: Values, name: str, claims: tuple[str, ...]
) -> tuple[Record, str]:
    async def find() -> Record | None:
        return oldest(await finding.organizations_by_name(context, api, name))

    try:
        made = await context.write(
            api.organization_create(values.to_create()),
            Findable(find, sure=api.sees_all),
            api.read_organization,
            remember=dict.fromkeys(claims, record_id),
            leaves=partial(written, "organization", values.to_create()),
        )
    except RecordError as error:
        if error.code != "organization_name_taken":
            raise
        # Somebody made it since we looked.
        there = await find()
        if there is None:
            raise
        return await _update(context, api, values, there)
    return await finding.whole(context, made, api.organization, api.read_organization), "created"


async def _update(
    context: ActionContext, api: Api, values: Values, organization: Record
) -> tuple[Record, str]:
    changes = values.to_update(flat_organization(organization))
    if not changes:
        return organization, "kept"
    call = api.organization_update(organization, changes)
    leaves = partial(written, "organization", changes)
    return await context.write(call, Idempotent(), api.read_organization, leaves=leaves), "updated"


def documents_of(connection: Connection, values: Values) -> list[tuple[str, str]]:
    """Return the own fields that hold a CNPJ or CPF and are filled: (vendor's key, digits)."""
    fields = [field for field in connection.custom_fields("organization") if field.type in DOCUMENT_TYPES]
    found = [(key_of(field), values.get(field.key.removeprefix("organization."))) for field in fields]
    return [(key, str(number)) for key, number in found if number]


def organization_ref(connection: Connection, organization: Record, did: str) -> RecordRef:
    """Return an organization as history shows it."""
    url = web_address(connection, "organization", organization["id"])
    return RecordRef("organization", organization["id"], did, str(organization["name"] or ""), url)
