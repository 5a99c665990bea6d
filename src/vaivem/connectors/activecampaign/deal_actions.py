"""What a rule can do with deals: recognised as the rule says, made once, won, lost, moved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from typing_extensions import override

from vaivem.connectors.activecampaign import client, finding, sales_client
from vaivem.connectors.activecampaign.custom_values import CUSTOM
from vaivem.connectors.activecampaign.objects import candidate, choice, deal_fields, live, output, ref
from vaivem.connectors.activecampaign.objects import field as own
from vaivem.connectors.activecampaign.records import (
    STATUSES,
    Record,
    body_for,
    deal_from,
    deal_written,
    flat,
    not_told,
)
from vaivem.connectors.activecampaign.trigger_fields import outputs_of
from vaivem.connectors.sdk import Action, ActionContext, Answer, Connection, Findable, Idempotent, Outcome
from vaivem.core.errors import RecordError, RuleError
from vaivem.core.fields import Field, FieldType
from vaivem.core.identity import normalise_name
from vaivem.core.likeness import oldest, same_name
from vaivem.core.mapping import Values


@dataclass(frozen=True, slots=True)
class DealPlan:
    """A deal as a rule wants it, and how it is recognised."""

    values: Values
    key: Mapping[str, Any] = field(default_factory=dict)

    @property
    def by(self) -> str:
        """How it is recognised: ``source``, ``contact`` or ``name`` (its title)."""
        return str(self.key.get("by") or "source")

    @property
    def title(self) -> str:
        """Its title."""
        return str(self.values.get("title", ""))

    @property
    def contact(self) -> str:
        """Its contact's id, "" without one."""
        return str(self.values.get("contact", ""))

    @property
    def pipeline(self) -> str | None:
        """The pipeline it belongs to."""
        found = self.values["pipeline"]
        return str(found) if found else None

    def claim(self, source: str) -> str:
        """Return the key to claim."""
        if self.by == "contact":
            if not self.contact:
                raise RecordError("deal_key_empty", path="deal.contact")
            return f"contact:{self.contact}/{self.pipeline}"
        if self.by == "name":
            return f"title:{normalise_name(self.title)}/{self.pipeline}"
        return f"source:{source}"

    def means(self, deal: Record) -> bool:
        """Say whether a deal is the one: a contact or a title means an open one of the pipeline."""
        if self.by not in ("contact", "name"):
            return True
        return deal["status"] == "open" and self.pipeline in (None, deal["pipeline"])


async def settle_deal(context: ActionContext, plan: DealPlan) -> tuple[Record, str]:
    """Find, create or update the deal; return it and what was done."""
    key = plan.claim(context.source)
    async with context.claim("deal", key) as claim:
        deal = await finding.deal(context, claim.known)
        if claim.known and deal is None:
            context.forget("deal", key)
        deal = deal if deal and plan.means(deal) else None
        found = [] if deal else await _search(context, plan)
        deal = deal or await pick(context, found, plan.title, key)
        if deal is not None:
            return await update_deal(context, deal, plan.values)
        return await create_deal(context, plan, key, frozenset(one["id"] for one in found)), "created"


async def create_deal(context: ActionContext, plan: DealPlan, key: str, declined: frozenset[str]) -> Record:
    """Make the deal, under a claim. `declined` are deals like it that are known to be others."""
    changes = _new_deal(context, plan)
    number = str(context.connection.settings.get("reference_field") or "")
    reference = (number, context.reference) if number else None

    async def find() -> Record | None:
        likely = await finding.made_lately(context, plan.title, plan.contact, context.now, reference)
        return oldest(one for one in likely if one["id"] not in declined)

    made: Record = await context.write(
        sales_client.create_deal(body_for(context.connection, "deal", changes)),
        Findable(find),
        partial(_taken, {}),
        remember={key: lambda deal: str(deal["id"])},
        leaves=partial(deal_written, changes),
    )
    if made.keys() != {"id"}:
        return made
    settled = await finding.deal(context, str(made["id"]))  # a person said which one it is
    if settled is None:
        raise RecordError("record_not_found", params={"call": f"deal {made['id']}"})
    return settled


async def update_deal(context: ActionContext, deal: Record, values: Values) -> tuple[Record, str]:
    """Write what differs, by the rule's write policies."""
    changes = values.to_update(flat(deal))
    changes.pop("id", None)
    if "pipeline" in changes and "stage" not in changes and values["stage"] and deal["stage"]:
        changes.pop("pipeline")  # the stage decides it
    if not changes:
        return deal, "kept"
    call = sales_client.update_deal(deal["id"], body_for(context.connection, "deal", changes))
    leaves = partial(deal_written, changes)
    return await context.write(call, Idempotent(), partial(_taken, deal), leaves=leaves), "updated"


def _new_deal(context: ActionContext, plan: DealPlan) -> Record:
    """Return what a new deal is made with; value, currency and owner must be there."""
    connection = context.connection
    changes = plan.values.to_create()
    if not changes.get("contact") and not changes.get("account"):
        raise RecordError("deal_of_nobody", path="deal.contact")
    details = connection.account.get("details") or {}
    owner = connection.settings.get("default_owner") or details.get("user_id")
    if not changes.get("owner") and not owner:
        raise RuleError("deal_without_owner", path="deal.owner")
    changes = {"owner": owner, "value": 0, "currency": connection.settings.get("currency") or "BRL"} | changes
    if number := connection.settings.get("reference_field"):
        changes[f"{CUSTOM}{number}"] = context.reference
    return changes


async def _search(context: ActionContext, plan: DealPlan) -> list[Record]:
    """Return the deals that the rule may mean, each read whole. One of this source record is remembered."""
    if plan.by == "contact":
        listed = await finding.deals_of(context, plan.contact)
    elif plan.by == "name":
        listed = await finding.deals_titled(context, plan.title)
    else:
        return []
    whole = [await finding.deal(context, one["id"]) for one in listed if plan.means(one)]
    return [one for one in whole if one is not None]


async def pick(context: ActionContext, found: list[Record], name: str, key: str) -> Record | None:
    """Return the one deal that is meant: a person chooses between several. None means a new one."""
    if len(found) < 2:
        return next(iter(found), None)
    shown = [candidate(context.connection, "deal", one) for one in found]
    chosen = await context.choose("deal", list(shown), name=name, why="several")
    if chosen and key:
        context.remember("deal", key, chosen)
    return next((one for one in found if one["id"] == chosen), None)


def _taken(before: Record, answer: Answer) -> Record:
    """Return the deal as the answer shows it, with what it was before where the answer does not tell."""
    row = client.one(answer, "deal")
    deal = deal_from(row, before.get("custom", {}))
    names = ("status", "value", "currency")
    kept: Record = {key: before[key] for key in names if key in before and key not in row}
    return {**deal, **not_told(before, "deal", row), **kept}


def _outcome(connection: Connection, deal: Record, did: str) -> Outcome:
    shown = {"deal": output(connection, "deal", deal) | {"did": did}}
    return Outcome((ref(connection, "deal", deal, did),), shown)


class _DealAction(Action):
    object = "deal"

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return deal_fields(connection, new=True)

    @override
    def outputs(self, connection: Connection) -> tuple[Field, ...]:
        return outputs_of(connection, "deal")


class CreateOrUpdateDeal(_DealAction):
    """Make a deal be there, recognised as the rule says."""

    key = "create_or_update_deal"
    counts = ("deal",)
    keys = ("source", "contact", "name")

    @override
    async def run(self, context: ActionContext) -> Outcome:
        plan = DealPlan(context.values.group("deal"), context.options.get("key") or {})
        return _outcome(context.connection, *await settle_deal(context, plan))


class CreateDeal(_DealAction):
    """Make a new deal each time."""

    key = "create_deal"

    @override
    async def run(self, context: ActionContext) -> Outcome:
        plan = DealPlan(context.values.group("deal"))
        earlier = context.made("deal")
        if earlier is not None:
            async with context.claim("deal", f"id:{earlier}"):
                there = await finding.deal(context, earlier)
                if there is not None:
                    return _outcome(context.connection, *await update_deal(context, there, plan.values))
        key = plan.claim(context.source)
        async with context.claim("deal", key) as claim:
            # An earlier deal of the same source record is not the one whose answer was lost.
            declined = frozenset({claim.known} if claim.known else ())
            deal = await create_deal(context, plan, key, declined)
        return _outcome(context.connection, deal, "created")


class UpdateDeal(_DealAction):
    """Change a deal whose id is known."""

    key = "update_deal"
    counts = ("deal",)

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return (own("deal.id", FieldType.RECORD, required=True), *deal_fields(connection, new=False))

    @override
    async def run(self, context: ActionContext) -> Outcome:
        values = context.values.group("deal")
        deal_id = str(values["id"])
        async with context.claim("deal", f"id:{deal_id}"):
            deal = await finding.deal(context, deal_id)
            if deal is None:
                raise RecordError("record_not_found", params={"call": f"deal {deal_id}"}, path="deal.id")
            return _outcome(context.connection, *await update_deal(context, deal, values))


class FindDeal(_DealAction):
    """Look for a deal: by id, its contact or its exact title; narrowed by pipeline and status."""

    key = "find_deal"
    reads_only = True

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return (
            own("deal.id", FieldType.RECORD),
            own("deal.contact", FieldType.RECORD),
            own("deal.title"),
            live(connection, "deal.pipeline", "pipelines"),
            choice("deal.status", *STATUSES),
        )

    @override
    async def run(self, context: ActionContext) -> Outcome:
        values = context.values.group("deal")
        found = [deal for deal in await self._look(context, values) if _narrowed(deal, values)]
        deal = await pick(context, found, str(values.get("title", "")), "")
        whole = await finding.deal(context, deal["id"]) if deal else None
        return _outcome(context.connection, whole, "found") if whole else Outcome(())

    @staticmethod
    async def _look(context: ActionContext, values: Values) -> list[Record]:
        if values.has("id"):
            deal = await finding.deal(context, str(values["id"]))
            return [deal] if deal else []
        title = str(values.get("title", ""))
        if values.has("contact"):
            listed = await finding.deals_of(context, str(values["contact"]))
            return [one for one in listed if not title or same_name(one["title"], title)]
        if title:
            return await finding.deals_titled(context, title)
        raise RecordError("nothing_to_find_by", path="deal.title")


def _narrowed(deal: Record, values: Values) -> bool:
    wanted = {key: values[key] for key in ("pipeline", "status") if values.has(key)}
    return all(str(deal[key]) == str(value) for key, value in wanted.items())
