"""What a rule can do with leads themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from typing_extensions import override

from vaivem.connectors.rd_station_marketing import client, finding
from vaivem.connectors.rd_station_marketing.leads import (
    Lead,
    body_for,
    flat,
    lead_from,
    output,
    ref,
    who_fields,
    written_fields,
)
from vaivem.connectors.rd_station_marketing.objects import outputs_of
from vaivem.connectors.sdk import Action, ActionContext, Connection, Idempotent, Outcome
from vaivem.core.errors import RecordError
from vaivem.core.fields import Field
from vaivem.core.mapping import Values

NOT_WRITTEN = frozenset({"uuid", "email"})


class FindLead(Action):
    """Look for a lead by its code or an address."""

    key = "find_lead"
    object = "lead"
    reads_only = True

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return who_fields()

    @override
    def outputs(self, connection: Connection) -> tuple[Field, ...]:
        return outputs_of(connection)

    @override
    async def run(self, context: ActionContext) -> Outcome:
        values = context.values.group("lead")
        if not values.has("uuid") and not finding.addresses(values):
            raise RecordError("nothing_to_find_by", path="lead.email")
        lead = await finding.meant(context, values)
        if lead is None:
            return Outcome(())
        connection = context.connection
        return Outcome((ref(connection, lead, "found"),), {"lead": output(connection, lead)})


class CreateOrUpdateLead(Action):
    """Make a lead be there, with what the rule says of it. It adds no conversion to the timeline."""

    key = "create_or_update_lead"
    tags = ("lead.tags",)
    object = "lead"
    groups: ClassVar[tuple[str, ...]] = ()

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return (*who_fields(), *written_fields(connection))

    @override
    def outputs(self, connection: Connection) -> tuple[Field, ...]:
        return outputs_of(connection)

    @override
    async def run(self, context: ActionContext) -> Outcome:
        values = context.values.group("lead")
        lead = await finding.linked_or_meant(context, values)
        made, did = await (_update(context, values, lead) if lead else _create(context, values))
        context.link("lead", made["id"], *finding.addresses(values))
        shown = {"lead": output(context.connection, made) | {"did": did}}
        return Outcome((ref(context.connection, made, did),), shown)


async def write_changes(context: ActionContext, lead: Lead, changes: Mapping[str, Any]) -> Lead:
    """Write changes to a known lead by its code: so the address may be among them."""
    body = body_for(changes, lead)
    if not body:
        return lead
    call = client.update_lead("uuid", lead["id"], body)
    return await context.write(call, Idempotent(), lambda answer: lead_from(answer.json or {}))


async def _update(context: ActionContext, values: Values, lead: Lead) -> tuple[Lead, str]:
    """Write what differs: each write is one of the lead's 24 a day, so nothing is written for nothing."""
    held = {"email": lead["emails"], **flat(lead)}
    changes = values.to_update(held)
    changes.pop("uuid", None)
    if "email" in changes:
        changes["email"] = _address(values, lead)
    if changes.get("email", "") in (None, lead["email"]):
        changes.pop("email", None)
    written = await write_changes(context, lead, changes)
    return written, "kept" if written is lead else "updated"


def _address(values: Values, lead: Lead) -> str | None:
    """Return the address that a lead should have: the rule's first, unless the lead has one of them."""
    wanted = finding.addresses(values)
    held = {str(address).lower() for address in lead["emails"]}
    return None if held & set(wanted) else next(iter(wanted), None)


async def _create(context: ActionContext, values: Values) -> tuple[Lead, str]:
    wanted = finding.addresses(values)
    if not wanted:
        raise RecordError("lead_has_no_email", path="lead.email")
    changes = {key: value for key, value in values.to_create().items() if key not in NOT_WRITTEN}
    call = client.update_lead("email", wanted[0], body_for(changes, None))
    made = await context.write(call, Idempotent(), lambda answer: lead_from(answer.json or {}))
    return made, "created"
