"""What a rule can do with deals: recognised as the rule says, made once, won, lost, moved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from typing_extensions import override

from vaivem.connectors.pipedrive import finding, settling
from vaivem.connectors.pipedrive.custom_values import CUSTOM
from vaivem.connectors.pipedrive.objects import (
    STATUSES,
    choice,
    deal_fields,
    live,
    output,
    ref,
)
from vaivem.connectors.pipedrive.objects import field as own
from vaivem.connectors.pipedrive.records import Record
from vaivem.connectors.pipedrive.trigger_fields import outputs_of
from vaivem.connectors.sdk import Action, ActionContext, Connection, Outcome
from vaivem.core.errors import RecordError
from vaivem.core.fields import Field, FieldType
from vaivem.core.identity import normalise_name
from vaivem.core.likeness import DOCUMENT_TYPES, made_since, same_name
from vaivem.core.mapping import Values


@dataclass(frozen=True, slots=True)
class DealPlan:
    """A deal as a rule wants it, and how it is recognised."""

    values: Values
    key: Mapping[str, Any] = field(default_factory=dict)

    @property
    def by(self) -> str:
        """How it is recognised: ``source``, ``contact`` (its person), ``name`` (its title) or ``field``."""
        return str(self.key.get("by") or "source")

    @property
    def title(self) -> str:
        """Its title."""
        return str(self.values.get("title", ""))

    @property
    def person(self) -> str:
        """Its person's id, "" without one."""
        return str(self.values.get("person", ""))

    @property
    def pipeline(self) -> str | None:
        """The pipeline it belongs to."""
        found = self.values["pipeline"]
        return str(found) if found else None

    def own_key(self) -> tuple[str, str]:
        """Return the own field that recognises the deal (its code) and its value here."""
        name = str(self.key.get("field") or "").removeprefix("deal.")
        value = self.values[name]
        if value is None:
            raise RecordError("deal_key_empty", params={"key": name}, path=f"deal.{name}")
        return name.removeprefix(CUSTOM), str(value)

    def claim(self, source: str) -> str:
        """Return the key to claim."""
        if self.by == "contact":
            if not self.person:
                raise RecordError("deal_key_empty", params={"key": "contact"}, path="deal.person")
            return f"person:{self.person}/{self.pipeline}"
        if self.by == "name":
            return f"title:{normalise_name(self.title)}/{self.pipeline}"
        if self.by == "field":
            code, value = self.own_key()
            return f"field:{code}={value}"
        return f"source:{source}"

    def still_means(self, deal: Record) -> bool:
        """Say whether a remembered deal is the one: a person or a title means an open one of the pipeline."""
        if self.by not in ("contact", "name"):
            return True
        return deal["status"] == "open" and self.pipeline in (None, deal["pipeline"])


async def settle_deal(context: ActionContext, plan: DealPlan) -> tuple[Record, str]:
    """Find, create or update the deal; return it and what was done."""
    key = plan.claim(context.source)
    async with context.claim("deal", key) as claim:
        deal = await settling.known(context, "deal", claim, (key,), plan.still_means)
        found = [] if deal else await _search(context, plan)
        about = {"name": plan.title, "why": "several"}
        deal = deal or await settling.pick(context, "deal", found, (key,), **about)
        if deal is not None:
            return await update_deal(context, deal, plan.values)
        return await create_deal(context, plan, key, frozenset(one["id"] for one in found)), "created"


async def create_deal(context: ActionContext, plan: DealPlan, key: str, declined: frozenset[str]) -> Record:
    """Make the deal, under a claim. `declined` are deals like it that are known to be others."""
    changes = _new_deal(context, plan)
    reference = _reference(context)

    def fits(deal: Record) -> bool:
        if reference:
            return bool(deal["custom"].get(reference) == context.reference)
        same = same_name(deal["title"], plan.title) and (deal["person"] or "") == plan.person
        return bool(same and made_since(deal.get("created_at"), context.now))

    return await settling.create(context, "deal", changes, (key,), fits, declined)


async def update_deal(context: ActionContext, deal: Record, values: Values) -> tuple[Record, str]:
    """Write what differs, by the rule's write policies."""
    changes = settling.changes_of(values, deal)
    if changes.get("status") == "lost" and values.has("lost_reason"):
        changes["lost_reason"] = values["lost_reason"]
    if changes.get("status", deal["status"]) != "lost":
        changes.pop("lost_reason", None)  # the vendor takes it with a lost deal only
    if "stage" in changes:
        changes.pop("pipeline", None)  # the stage decides it
    return await settling.update(context, "deal", deal, changes)


def _new_deal(context: ActionContext, plan: DealPlan) -> Record:
    changes = plan.values.to_create()
    if changes.get("status") != "lost":
        changes.pop("lost_reason", None)
    if "stage" in changes:
        changes.pop("pipeline", None)
    if owner := context.connection.settings.get("default_owner"):
        changes.setdefault("owner", owner)
    if reference := _reference(context):
        changes[f"{CUSTOM}{reference}"] = context.reference
    return changes


def _reference(context: ActionContext) -> str:
    return str(context.connection.settings.get("reference_field") or "")


async def _search(context: ActionContext, plan: DealPlan) -> list[Record]:
    """Return the deals that the rule may mean."""
    if plan.by == "contact":
        return await finding.deals_of(context, plan.person, plan.pipeline, "open")
    if plan.by == "name":
        named = await finding.by_name(context, "deal", plan.title)
        return [deal for deal in named if plan.still_means(deal)]
    if plan.by == "field":
        code, value = plan.own_key()
        return await finding.deals_by_field(context, code, value)
    reference = _reference(context)
    return await finding.deals_by_field(context, reference, context.reference) if reference else []


def _outcome(connection: Connection, deal: Record, did: str) -> Outcome:
    shown = {"deal": output(connection, "deal", deal) | {"did": did}}
    return Outcome((ref(connection, "deal", deal, did),), shown)


def _linked(context: ActionContext, deal: Record, did: str) -> Outcome:
    """Link a deal with whose it is, so that its end finds the way back."""
    context.link("deal", deal["id"])
    return _outcome(context.connection, deal, did)


class CreateOrUpdateDeal(Action):
    """Make a deal be there, recognised as the rule says."""

    key = "create_or_update_deal"
    object = "deal"
    counts = ("deal",)
    keys = ("source", "contact", "name", "field")

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return deal_fields(connection, new=True)

    @override
    def outputs(self, connection: Connection) -> tuple[Field, ...]:
        return outputs_of(connection, "deal")

    @override
    async def run(self, context: ActionContext) -> Outcome:
        plan = DealPlan(context.values.group("deal"), context.options.get("key") or {})
        return _linked(context, *await settle_deal(context, plan))


class CreateDeal(Action):
    """Make a new deal each time."""

    key = "create_deal"
    object = "deal"

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return deal_fields(connection, new=True)

    @override
    def outputs(self, connection: Connection) -> tuple[Field, ...]:
        return outputs_of(connection, "deal")

    @override
    async def run(self, context: ActionContext) -> Outcome:
        plan = DealPlan(context.values.group("deal"))
        earlier = context.made("deal")
        if earlier is not None:
            async with context.claim("deal", f"id:{earlier}"):
                there = await finding.one(context, "deal", earlier)
                if there is not None:
                    return _linked(context, *await update_deal(context, there, plan.values))
        key = plan.claim(context.source)
        async with context.claim("deal", key) as claim:
            # An earlier deal of the same source record is not the one whose answer was lost.
            declined = frozenset({claim.known} if claim.known else ())
            deal = await create_deal(context, plan, key, declined)
        return _linked(context, deal, "created")


class UpdateDeal(Action):
    """Change a deal whose id is known."""

    key = "update_deal"
    object = "deal"
    counts = ("deal",)

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return (own("deal.id", FieldType.RECORD, required=True), *deal_fields(connection, new=False))

    @override
    def outputs(self, connection: Connection) -> tuple[Field, ...]:
        return outputs_of(connection, "deal")

    @override
    async def run(self, context: ActionContext) -> Outcome:
        values = context.values.group("deal")
        deal_id = str(values["id"])
        async with context.claim("deal", f"id:{deal_id}"):
            deal = await finding.one(context, "deal", deal_id)
            if deal is None:
                raise RecordError("record_not_found", params={"call": f"deal {deal_id}"}, path="deal.id")
            return _outcome(context.connection, *await update_deal(context, deal, values))


class FindDeal(Action):
    """Look for a deal: by id, an own field, a person or its exact title; narrowed by pipeline and status."""

    key = "find_deal"
    object = "deal"
    reads_only = True
    searchable: ClassVar[frozenset[FieldType]] = (
        frozenset({FieldType.TEXT, FieldType.NUMBER}) | DOCUMENT_TYPES
    )

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return (
            own("deal.id", FieldType.RECORD),
            own("deal.person", FieldType.RECORD),
            own("deal.title"),
            live(connection, "deal.pipeline", "pipelines"),
            choice("deal.status", *STATUSES),
            *(one for one in connection.custom_fields("deal") if one.type in self.searchable),
        )

    @override
    def outputs(self, connection: Connection) -> tuple[Field, ...]:
        return outputs_of(connection, "deal")

    @override
    async def run(self, context: ActionContext) -> Outcome:
        values = context.values.group("deal")
        found = [deal for deal in await self._look(context, values) if _narrowed(deal, values)]
        about = {"name": str(values.get("title", "")), "why": "several"}
        deal = await settling.pick(context, "deal", found, (), **about)
        return _outcome(context.connection, deal, "found") if deal else Outcome(())

    async def _look(self, context: ActionContext, values: Values) -> list[Record]:
        if values.has("id"):
            deal = await finding.one(context, "deal", str(values["id"]))
            return [deal] if deal else []
        own_keys = [key for key in values if key.startswith(CUSTOM) and values.has(key)]
        if own_keys:
            code, value = own_keys[0].removeprefix(CUSTOM), str(values[own_keys[0]])
            return await finding.deals_by_field(context, code, value)
        if values.has("person"):
            return await finding.deals_of(context, str(values["person"]))
        if values.has("title"):
            return await finding.by_name(context, "deal", str(values["title"]))
        raise RecordError("nothing_to_find_by", path="deal.title")


def _narrowed(deal: Record, values: Values) -> bool:
    wanted = {key: values[key] for key in ("pipeline", "status") if values.has(key)}
    return all(str(deal[key]) == str(value) for key, value in wanted.items())
