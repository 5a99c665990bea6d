"""What a rule can do with organizations."""

from __future__ import annotations

from typing_extensions import override

from vaivem.connectors.pipedrive import finding, settling
from vaivem.connectors.pipedrive.custom_values import CUSTOM, key_of
from vaivem.connectors.pipedrive.objects import organization_fields, output, ref
from vaivem.connectors.pipedrive.records import Record, has_document
from vaivem.connectors.pipedrive.trigger_fields import outputs_of
from vaivem.connectors.sdk import Action, ActionContext, Connection, Outcome
from vaivem.core.errors import RecordError
from vaivem.core.fields import Field
from vaivem.core.identity import normalise_name
from vaivem.core.likeness import DOCUMENT_TYPES, same_name
from vaivem.core.mapping import Values

Documents = list[tuple[str, str]]


async def settle_organization(context: ActionContext, values: Values) -> tuple[Record, str]:
    """Find, create or update one organization; return it and what was done."""
    name, documents = str(values.get("name", "")), documents_of(context.connection, values)
    claims = (*(f"document:{number}" for _, number in documents), f"name:{normalise_name(name)}")

    def fits(organization: Record) -> bool:
        held = [pair for pair in documents if organization["custom"].get(pair[0])]
        if held:
            return any(has_document(organization, code, number) for code, number in held)
        return same_name(organization.get("name"), name)

    async with context.claim("organization", *claims) as claim:
        organization = await settling.known(context, "organization", claim, claims, fits)
        found = [] if organization else await find_organizations(context, name, documents)
        about = {"name": name, "why": "several"}
        organization = organization or await settling.pick(context, "organization", found, claims, **about)
        if organization is not None:
            changes = settling.changes_of(values, organization)
            return await settling.update(context, "organization", organization, changes)
        changes = values.to_create()
        if owner := context.connection.settings.get("default_owner"):
            changes.setdefault("owner", owner)
        declined = frozenset(one["id"] for one in found)
        made = await settling.create(context, "organization", changes, claims, fits, declined)
        return made, "created"


async def find_organizations(context: ActionContext, name: str, documents: Documents) -> list[Record]:
    """Return the organizations with one of these documents, else of exactly this name."""
    for code, number in documents:
        if found := await finding.by_document(context, "organization", code, number):
            return found
    named = await finding.by_name(context, "organization", name) if name else []
    # One of the same name that has another document is another company.
    return [
        one
        for one in named
        if all(not one["custom"].get(code) or has_document(one, code, number) for code, number in documents)
    ]


def documents_of(connection: Connection, values: Values) -> Documents:
    """Return the own fields that hold a CNPJ or CPF and are filled: (code, digits)."""
    fields = [one for one in connection.custom_fields("organization") if one.type in DOCUMENT_TYPES]
    found = [(key_of(one), values.get(f"{CUSTOM}{key_of(one)}")) for one in fields]
    return [(code, str(number)) for code, number in found if number]


class FindOrganization(Action):
    """Look for an organization by document, else by exact name."""

    key = "find_organization"
    object = "organization"
    reads_only = True

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        offered = organization_fields(connection)
        kept = [one for one in offered if one.key == "organization.name" or one.type in DOCUMENT_TYPES]
        return tuple(kept)

    @override
    def outputs(self, connection: Connection) -> tuple[Field, ...]:
        return outputs_of(connection, "organization")

    @override
    async def run(self, context: ActionContext) -> Outcome:
        connection, values = context.connection, context.values.group("organization")
        name, documents = str(values.get("name", "")), documents_of(connection, values)
        if not name and not documents:
            raise RecordError("nothing_to_find_by", path="organization.name")
        found = await find_organizations(context, name, documents)
        organization = await settling.pick(context, "organization", found, (), name=name, why="several")
        if organization is None:
            return Outcome(())
        shown = {"organization": output(connection, "organization", organization)}
        return Outcome((ref(connection, "organization", organization, "found"),), shown)


class CreateOrUpdateOrganization(Action):
    """Make an organization be there."""

    key = "create_or_update_organization"
    object = "organization"
    counts = ("organization",)

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return organization_fields(connection)

    @override
    def outputs(self, connection: Connection) -> tuple[Field, ...]:
        return outputs_of(connection, "organization")

    @override
    async def run(self, context: ActionContext) -> Outcome:
        connection = context.connection
        organization, did = await settle_organization(context, context.values.group("organization"))
        shown = {"organization": output(connection, "organization", organization) | {"did": did}}
        return Outcome((ref(connection, "organization", organization, did),), shown)
