"""Makes a deal be there, once: found by what the rule says, created or updated, its contacts linked.

A new deal carries a reference of ours in a text field of the account's own, so that one whose answer was lost
can be found again. Without such a field, and with API v1, which cannot search own fields, it is looked for by
contact, funnel, exact name and time of creation; what that leaves open goes to a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from vaivem.connectors.rd_station_crm import finding
from vaivem.connectors.rd_station_crm.client import Api
from vaivem.connectors.rd_station_crm.objects import deal_output, web_address
from vaivem.connectors.rd_station_crm.records import CUSTOM, OPEN, Record, custom_of, flat_deal, written
from vaivem.connectors.rd_station_crm.settling_contacts import record_id
from vaivem.connectors.sdk import ActionContext, Connection, Findable, Idempotent, RecordRef
from vaivem.core.errors import RecordError, RuleError
from vaivem.core.fields import FieldType
from vaivem.core.identity import normalise_name
from vaivem.core.likeness import made_since, oldest, same_name
from vaivem.core.mapping import Values
from vaivem.core.sameness import same_value

# Written on a deal that exists: the vendor makes new ones as ongoing only.
AFTERWARDS = ("status", "lost_reason")


@dataclass(frozen=True, slots=True)
class DealPlan:
    """A deal as a rule wants it: its values, its contacts and organization (ids), how it is recognised."""

    values: Values
    contacts: tuple[str, ...] = ()
    organization: str | None = None
    key: Mapping[str, Any] = field(default_factory=dict)

    @property
    def by(self) -> str:
        """How the deal is recognised."""
        return str(self.key.get("by") or "source")

    @property
    def pipeline(self) -> str | None:
        """The funnel it belongs to."""
        pipeline = self.values["pipeline"]
        return str(pipeline) if pipeline else None

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.values.get("name", ""))


async def settle_deal(context: ActionContext, api: Api, plan: DealPlan) -> tuple[Record, str]:
    """Find, create or update the deal; return it and what was done."""
    claim_key = _claim_key(context, plan)
    async with context.claim("deal", claim_key) as claim:
        deal: Record | None = None
        if claim.known:
            deal = await finding.one(context, api.deal(claim.known), api.read_deal)
            if deal is None:
                context.forget("deal", claim_key)
            elif plan.by in ("contact", "name") and not _still_meant(deal, plan):
                deal = None
        if deal is None:
            found = await _search(context, api, plan)
            deal = await _pick(context, plan, found, claim_key)
        else:
            found = []
        if deal is not None:
            return await update_deal(context, api, deal, plan)
        declined = frozenset(record["id"] for record in found)
        return await create_deal(context, api, plan, claim_key, declined), "created"


async def create_deal(
    context: ActionContext, api: Api, plan: DealPlan, claim_key: str, declined: frozenset[str] = frozenset()
) -> Record:
    """Make the deal, under a claim. `declined` are deals like it that are known to be others."""
    changes = _new_deal(context, plan)

    async def find() -> Record | None:
        found = await _made_by_us(context, api, plan)
        return oldest(deal for deal in found if deal["id"] not in declined)

    deal = await context.write(
        api.deal_create(changes),
        Findable(find, sure=api.sees_all and api.finds_by_field and bool(_reference_field(context))),
        api.read_deal,
        remember={claim_key: record_id},
        leaves=partial(written, "deal", changes),
    )
    deal = await finding.whole(context, deal, api.deal, api.read_deal)
    deal = await _complete(context, api, deal, changes)
    deal = await _link(context, api, deal, plan.contacts)
    later = {key: plan.values[key] for key in AFTERWARDS if plan.values.has(key)}
    if later.get("status") not in (None, deal["status"]):
        deal = await _put(context, api, deal, later)
    return deal


async def update_deal(context: ActionContext, api: Api, deal: Record, plan: DealPlan) -> tuple[Record, str]:
    """Write what differs, by the rule's write policies; return the deal and what was done."""
    changes = plan.values.to_update(flat_deal(deal))
    if plan.organization and not deal["organization"]:
        changes["organization"] = plan.organization
    present = await finding.contacts_of_deal(context, api, deal)
    missing = [contact for contact in plan.contacts if contact not in present]
    if missing and deal["contacts"] is not None and api.deal_contacts(deal["id"]) is None:
        changes["contacts"] = present + missing
    if changes.get("status") == "lost" and not (plan.values["lost_reason"] or deal["lost_reason"]):
        raise RecordError("lost_reason_missing", path="deal.lost_reason")
    if changes.get("status") == "lost":
        changes.setdefault("lost_reason", plan.values["lost_reason"] or deal["lost_reason"])
    if changes:
        deal = await _put(context, api, deal, changes)
    linked = await _link(context, api, deal | {"contacts": present}, missing)
    return linked | {"contacts": present + missing}, "updated" if changes or missing else "kept"


def for_source(context: ActionContext) -> str:
    """Return the claim's key for the deal that belongs to the source record."""
    return f"source:{context.source}"


async def _put(context: ActionContext, api: Api, deal: Record, changes: Record) -> Record:
    leaves = partial(written, "deal", changes)
    return await context.write(api.deal_update(deal, changes), Idempotent(), api.read_deal, leaves=leaves)


def _new_deal(context: ActionContext, plan: DealPlan) -> Record:
    changes = {key: value for key, value in plan.values.to_create().items() if key not in AFTERWARDS}
    if plan.values["status"] == "lost" and not plan.values.has("lost_reason"):
        raise RecordError("lost_reason_missing", path="deal.lost_reason")
    owner = context.connection.settings.get("default_owner")
    if owner:
        changes.setdefault("owner", owner)
    if plan.organization:
        changes["organization"] = plan.organization
    if plan.contacts:
        changes["contacts"] = list(plan.contacts)
    reference = _reference_field(context)
    if reference:
        changes[f"{CUSTOM}{reference}"] = context.reference
    return changes


def _reference_field(context: ActionContext) -> str:
    return str(context.connection.settings.get("reference_field") or "")


def _claim_key(context: ActionContext, plan: DealPlan) -> str:
    if plan.by == "contact":
        if not plan.contacts:
            raise RecordError("deal_key_empty", params={"key": "contact"}, path="contact.email")
        return f"contact:{plan.contacts[0]}/{plan.pipeline}"
    if plan.by == "name":
        return f"name:{normalise_name(plan.name)}/{plan.pipeline}"
    if plan.by == "field":
        key, value = _field_key(plan)
        return f"field:{key}={value}"
    return for_source(context)


def _field_key(plan: DealPlan) -> tuple[str, Any]:
    """Return the own field that recognises the deal (the vendor's key) and its value here."""
    name = str(plan.key.get("field") or "").removeprefix("deal.")
    value = plan.values[name]
    if value is None:
        raise RecordError("deal_key_empty", params={"key": name}, path=f"deal.{name}")
    return name.removeprefix(CUSTOM), value


async def _search(context: ActionContext, api: Api, plan: DealPlan) -> list[Record]:
    """Return the deals that the rule may mean."""
    if plan.by == "contact":
        found: list[Record] = []
        for contact in plan.contacts:
            found += await finding.deals_by_contact(context, api, contact, plan.pipeline)
        return [deal for deal in finding.without_doubles(found) if deal["status"] in OPEN]
    if plan.by == "name":
        named = await finding.deals_by_name(context, api, plan.name, plan.pipeline)
        return [deal for deal in named if deal["status"] in OPEN]
    if plan.by == "field":
        key, value = _field_key(plan)
        if not api.finds_by_field:
            raise RuleError("key_needs_oauth", params={"field": key})
        return await finding.deals_by_field(context, api, key, value)
    found = await _with_reference(context, api, plan)
    first = oldest(found)  # all carry our reference: several are one that was doubled by hand
    return [first] if first else []


async def _with_reference(context: ActionContext, api: Api, plan: DealPlan) -> list[Record]:
    """Return the deals that carry our reference, as far as the API can look for them."""
    reference = _reference_field(context)
    if not reference:
        return []
    if api.finds_by_field:
        found = await finding.deals_by_field(context, api, reference, context.reference)
    else:
        found = await finding.deals_by_name(context, api, plan.name, plan.pipeline) if plan.name else []
    return [deal for deal in found if deal["custom"].get(reference) == context.reference]


async def _made_by_us(context: ActionContext, api: Api, plan: DealPlan) -> list[Record]:
    """Return the deals that a creation whose answer was lost may have made."""
    if _reference_field(context):
        marked = await _with_reference(context, api, plan)
        # By source there is one deal for this reference; else there may be earlier ones of other runs.
        return [
            deal for deal in marked if plan.by == "source" or made_since(deal.get("created_at"), context.now)
        ]
    found: list[Record] = []
    for contact in plan.contacts[:1]:
        found += await finding.deals_by_contact(context, api, contact, plan.pipeline)
    if not plan.contacts:
        found = await finding.deals_by_name(context, api, plan.name, plan.pipeline)
    return [
        deal
        for deal in found
        if same_name(deal.get("name"), plan.name) and made_since(deal.get("created_at"), context.now)
    ]


def _still_meant(deal: Record, plan: DealPlan) -> bool:
    """Say whether a remembered deal still is the open one that a contact or a name means."""
    in_funnel = deal["pipeline"] in (None, plan.pipeline)
    return in_funnel and deal["status"] in OPEN


async def _pick(context: ActionContext, plan: DealPlan, found: list[Record], claim_key: str) -> Record | None:
    if len(found) < 2:
        return next(iter(found), None)
    candidates: list[Mapping[str, Any]] = [candidate(context.connection, deal) for deal in found]
    chosen = await context.choose("deal", candidates, name=plan.name, why="several")
    if chosen:
        context.remember("deal", claim_key, chosen)
    return next((deal for deal in found if deal["id"] == chosen), None)


def candidate(connection: Connection, deal: Record) -> dict[str, Any]:
    """Return what tells a deal apart when a person chooses."""
    shown = deal_output(connection, deal)
    return {key: shown[key] for key in ("id", "name", "status", "stage_name", "created_at", "url")}


async def _complete(context: ActionContext, api: Api, deal: Record, changes: Record) -> Record:
    """Write again the own fields that the vendor left out.

    It has been seen to drop fields without a word when a deal is created; lost without the reference, a deal
    could never be found again.
    """
    wanted = custom_of(changes)
    lacking = {
        f"{CUSTOM}{key}": value
        for key, value in wanted.items()
        if not same_value(FieldType.TEXT, deal["custom"].get(key), value)
    }
    return await _put(context, api, deal, lacking) if lacking else deal


async def _link(
    context: ActionContext, api: Api, deal: Record, contacts: list[str] | tuple[str, ...]
) -> Record:
    """Link contacts that the deal does not show, from their side, where the API links so (v1)."""
    if not contacts or api.deal_contacts(deal["id"]) is None:
        return deal
    present = await finding.contacts_of_deal(context, api, deal)
    for contact_id in contacts:
        if contact_id in present:
            continue
        contact = await finding.one(context, api.contact(contact_id), api.read_contact)
        call = api.link_contact(contact, deal["id"]) if contact else None
        if call is not None:
            await context.write(call, Idempotent(), api.read_contact)
            present = [*present, contact_id]
    return deal | {"contacts": present}


def deal_ref(connection: Connection, deal: Record, did: str) -> RecordRef:
    """Return a deal as history shows it."""
    return RecordRef(
        "deal", deal["id"], did, str(deal["name"] or ""), web_address(connection, "deal", deal["id"])
    )
