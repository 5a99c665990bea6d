"""What a rule can do with deals: the people and the company first, then the deal, then its products."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from typing_extensions import override

from vaivem.connectors.rd_station_crm import finding
from vaivem.connectors.rd_station_crm.client import Api, api_for
from vaivem.connectors.rd_station_crm.contact_actions import OTHER_EMAIL, WITHOUT_KEY
from vaivem.connectors.rd_station_crm.objects import (
    STATUSES,
    choice,
    contact_fields,
    contact_output,
    deal_fields,
    deal_output,
    field,
    live,
    organization_fields,
    organization_output,
    product_fields,
)
from vaivem.connectors.rd_station_crm.products import settle_products
from vaivem.connectors.rd_station_crm.records import CUSTOM, Record
from vaivem.connectors.rd_station_crm.settling_contacts import contact_ref, settle_contact
from vaivem.connectors.rd_station_crm.settling_deals import (
    DealPlan,
    candidate,
    create_deal,
    deal_ref,
    for_source,
    settle_deal,
    update_deal,
)
from vaivem.connectors.rd_station_crm.settling_organizations import organization_ref, settle_organization
from vaivem.connectors.rd_station_crm.trigger_fields import outputs_of
from vaivem.connectors.sdk import Action, ActionContext, Connection, Outcome
from vaivem.core.errors import RecordError, RuleError
from vaivem.core.fields import Field, FieldType


@dataclass(frozen=True, slots=True)
class People:
    """Who and what belongs to a deal, settled: pairs of record and what was done."""

    contacts: tuple[tuple[Record, str], ...]
    organization: tuple[Record, str] | None

    def plan(self, context: ActionContext, key: Mapping[str, Any]) -> DealPlan:
        """Return the deal as the rule wants it, with them."""
        return DealPlan(
            values=context.values.group("deal"),
            contacts=tuple(dict.fromkeys(contact["id"] for contact, _ in self.contacts)),
            organization=self.organization[0]["id"] if self.organization else None,
            key=key,
        )


async def settle_people(context: ActionContext, api: Api) -> People:
    """Make the deal's organization and contacts be there, one claim after the other."""
    organization = None
    if context.values.has("organization.name"):
        organization = await settle_organization(context, api, context.values.group("organization"))
    company = organization[0]["id"] if organization else None
    contacts = [
        await settle_contact(context, api, element, company) for element in context.values.each("contact")
    ]
    return People(tuple(contacts), organization)


def outcome(
    connection: Connection, deal: Record, did: str, people: People, products: list[Record]
) -> Outcome:
    """Return what was done, the deal first."""
    records = [deal_ref(connection, deal, did)]
    contacts: list[Record] = []
    for contact, contact_did in people.contacts:
        records.append(contact_ref(connection, contact, contact_did))
        contacts.append(contact_output(connection, contact) | {"did": contact_did})
    output: dict[str, Any] = {
        "deal": deal_output(connection, deal) | {"did": did},
        "contacts": contacts,
        "contact": contacts[0] if contacts else {},
        "organization": {},
        "products": products,
    }
    if people.organization:
        organization, company_did = people.organization
        records.append(organization_ref(connection, organization, company_did))
        output["organization"] = organization_output(connection, organization) | {"did": company_did}
    return Outcome(tuple(dict.fromkeys(records)), output)


class _DealWriter(Action):
    """A deal with its people and products."""

    object = "deal"
    groups: ClassVar[tuple[str, ...]] = ("contact", "product")
    options: ClassVar[tuple[Field, ...]] = (WITHOUT_KEY, OTHER_EMAIL)
    makes: ClassVar[bool] = True

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return (
            *deal_fields(connection, new=self.makes),
            *contact_fields(connection),
            *organization_fields(connection),
            *product_fields(connection),
        )

    @override
    def outputs(self, connection: Connection) -> tuple[Field, ...]:
        return outputs_of(connection, "deal", "contact", "organization")

    @override
    async def run(self, context: ActionContext) -> Outcome:
        api = api_for(context.connection)
        people = await settle_people(context, api)
        deal, did = await self.settle(context, api, people)
        context.link("deal", deal["id"])
        products = await settle_products(context, api, deal["id"], context.values.each("product"))
        return outcome(context.connection, deal, did, people, products)

    async def settle(self, context: ActionContext, api: Api, people: People) -> tuple[Record, str]:
        """Make the deal as it should be; return it and what was done."""
        raise NotImplementedError


class CreateOrUpdateDeal(_DealWriter):
    """Make a deal be there, recognised as the rule says."""

    key = "create_or_update_deal"
    counts = ("deal", "contact", "organization")
    keys = ("source", "contact", "name", "field")

    @override
    async def settle(self, context: ActionContext, api: Api, people: People) -> tuple[Record, str]:
        return await settle_deal(context, api, people.plan(context, context.options.get("key") or {}))


class CreateDeal(_DealWriter):
    """Make a new deal each time."""

    key = "create_deal"

    @override
    async def settle(self, context: ActionContext, api: Api, people: People) -> tuple[Record, str]:
        plan = people.plan(context, {"by": "new"})
        earlier = context.made("deal")
        if earlier is not None:
            async with context.claim("deal", f"id:{earlier}"):
                deal = await finding.one(context, api.deal(earlier), api.read_deal)
                if deal is not None:
                    return await update_deal(context, api, deal, plan)
        key = for_source(context)
        async with context.claim("deal", key) as claim:
            # An earlier deal of the same source record is not the one whose answer was lost.
            declined = frozenset({claim.known} if claim.known else ())
            return await create_deal(context, api, plan, key, declined), "created"


class UpdateDeal(_DealWriter):
    """Change a deal whose id is known."""

    key = "update_deal"
    counts = ("deal", "contact", "organization")
    makes = False

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return (field("deal.id", FieldType.RECORD, required=True), *super().fields(connection))

    @override
    async def settle(self, context: ActionContext, api: Api, people: People) -> tuple[Record, str]:
        plan = people.plan(context, {})
        deal_id = str(plan.values["id"])
        async with context.claim("deal", f"id:{deal_id}"):
            deal = api.read_deal(await context.read(api.deal(deal_id)))
            return await update_deal(context, api, deal, plan)


class FindDeal(Action):
    """Look for a deal: by id, an own field, a contact or its exact name; narrowed by funnel and status."""

    key = "find_deal"
    object = "deal"
    reads_only = True

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return (
            field("deal.id", FieldType.RECORD),
            field("deal.contact", FieldType.RECORD),
            field("deal.name"),
            live(connection, "deal.pipeline", "pipelines"),
            choice("deal.status", *STATUSES),
            *connection.custom_fields("deal"),
        )

    @override
    def outputs(self, connection: Connection) -> tuple[Field, ...]:
        return outputs_of(connection, "deal")

    @override
    async def run(self, context: ActionContext) -> Outcome:
        api, connection = api_for(context.connection), context.connection
        found = await _matching(context, api)
        deal: Record | None = next(iter(found), None)
        if len(found) > 1:
            candidates: list[Mapping[str, Any]] = [candidate(connection, one) for one in found]
            chosen = await context.choose("deal", candidates, why="several")
            deal = next((one for one in found if one["id"] == chosen), None)
        if deal is None:
            return Outcome(())
        return Outcome((deal_ref(connection, deal, "found"),), {"deal": deal_output(connection, deal)})


async def _matching(context: ActionContext, api: Api) -> list[Record]:
    values = context.values.group("deal")
    pipeline, status = values["pipeline"], values["status"]
    own = next((key for key in values if key.startswith(CUSTOM) and values.has(key)), None)
    if values.has("id"):
        deal = await finding.one(context, api.deal(str(values["id"])), api.read_deal)
        found = [deal] if deal else []
    elif own:
        key = own.removeprefix(CUSTOM)
        if not api.finds_by_field:
            raise RuleError("key_needs_oauth", params={"field": key}, path=f"deal.{own}")
        found = await finding.deals_by_field(context, api, key, values[own])
    elif values.has("contact"):
        found = await finding.deals_by_contact(context, api, str(values["contact"]), pipeline)
    elif values.has("name"):
        found = await finding.deals_by_name(context, api, str(values["name"]), pipeline)
    else:
        raise RecordError("nothing_to_find_by", path="deal.name")
    fits_funnel = [deal for deal in found if not pipeline or deal["pipeline"] in (None, pipeline)]
    return [deal for deal in fits_funnel if not status or deal["status"] == status]
