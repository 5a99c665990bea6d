"""Events on a lead's timeline: marked as opportunity, sold, lost, converted.

The vendor accepts an event for a lead that it does not know, and drops it later without a word. So the lead
is looked up first. It has no key that would make a repeat safe; what can be looked at afterwards is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from typing_extensions import override

from vaivem.connectors.rd_station_marketing import client, finding
from vaivem.connectors.rd_station_marketing.lead_actions import write_changes
from vaivem.connectors.rd_station_marketing.leads import (
    CUSTOM,
    Lead,
    field,
    flat,
    output,
    ref,
    who_fields,
    written_fields,
)
from vaivem.connectors.rd_station_marketing.objects import event_outputs_of
from vaivem.connectors.sdk import Action, ActionContext, Answer, Connection, Findable, Outcome, Unsafe
from vaivem.core.errors import RecordError, RetryError, SkipError
from vaivem.core.fields import Field, FieldType, Option
from vaivem.core.likeness import made_since
from vaivem.core.values import Values

# Conversions that we register bear this in front of their name, and our own trigger leaves them alone.
RESERVED = "vaivem-"
NOT_YET_SECONDS = 60.0  # a lead appears seconds to minutes after its first conversion
MOST_REASON = 255


def _option(key: str, *choices: str, **parts: Any) -> Field:
    return Field(
        key=key,
        type=FieldType.OPTION,
        label_key=f"fields.{key}",
        help_key=f"fields.{key}.help",
        options=tuple(Option(one) for one in choices),
        **parts,
    )


UNKNOWN_LEAD = _option("unknown_lead", "fail", "skip", "convert")
DATE_FIELD = _option("date_field", source="fields/lead")
REASON_FIELD = _option("reason_field", source="fields/lead")
WITHOUT_VALUE = _option("without_value", "fail", "send")
OTHER_CURRENCY = _option("other_currency", "fail", "send")
DEFAULT_REASON = Field(
    key="default_reason", label_key="fields.default_reason", help_key="fields.default_reason.help"
)


async def _known_lead(context: ActionContext) -> Lead:
    """Return the lead that is meant, made by a conversion where the step says so.

    Raises RecordError or SkipError ``lead_unknown``, as the step's option says.
    """
    values = context.values.group("lead")
    lead = await finding.linked_or_meant(context, values)
    if lead is not None:
        return lead
    wanted, unknown = finding.addresses(values), context.options.get("unknown_lead")
    if unknown != "convert" or not wanted:
        error = SkipError if unknown == "skip" else RecordError
        raise error("lead_unknown", params={"email": ", ".join(wanted)}, path="lead.email")
    await _convert(context, wanted[0], f"{RESERVED}lead", {}, None)
    lead = await finding.one(context, "email", wanted[0])
    if lead is None:
        raise RetryError("lead_not_there_yet", params={"email": wanted[0]}, retry_after=NOT_YET_SECONDS)
    context.link("lead", lead["id"], *wanted)
    return lead


async def _send(context: ActionContext, kind: str, lead: Lead, repeat: Any, **payload: Any) -> dict[str, Any]:
    with_query = bool(context.connection.settings.get("event_query", True))
    told = {"email": lead["email"], "funnel_name": "default", **payload}
    call = client.event(kind, told, with_query=with_query)
    return await context.write(call, repeat, _event_of)


def _event_of(answer: Answer) -> dict[str, Any]:
    body = answer.json or {}
    return {"id": str(body.get("event_uuid") or "")}


async def _convert(
    context: ActionContext, email: str, identifier: str, payload: dict[str, Any], lead: Lead | None
) -> dict[str, Any]:
    """Register a conversion. A lost one is looked for on the timeline; unseen, a person decides."""

    async def find() -> dict[str, Any] | None:
        known = lead or await finding.one(context, "email", email)
        if known is None:
            return None
        listed = client.rows(await context.read(client.lead_events(known["id"], "CONVERSION")), "events")
        mine = (
            row
            for row in listed
            if row.get("event_identifier") == identifier
            and made_since(row.get("event_timestamp") or row.get("created_at"), context.now)
        )
        return next(({"id": str(row.get("event_uuid") or row.get("uuid") or "seen")} for row in mine), None)

    with_query = bool(context.connection.settings.get("event_query", True))
    told = {"conversion_identifier": identifier, "email": email, **payload}
    call = client.event("CONVERSION", told, with_query=with_query)
    return await context.write(call, Findable(find, sure=False), _event_of)


def _outcome(context: ActionContext, lead: Lead, did: str, event: dict[str, Any]) -> Outcome:
    shown = {"lead": output(context.connection, lead), "event": event}
    return Outcome((ref(context.connection, lead, did),), shown)


async def _note_in_field(context: ActionContext, lead: Lead, option: str, value: Any) -> Lead:
    """Write a value into the own field that the step names, if it names one."""
    key = str(context.options.get(option) or "")
    if not key or value is None or flat(lead).get(f"{CUSTOM}{key}") == value:
        return lead
    return await write_changes(context, lead, {f"{CUSTOM}{key}": value})


class MarkOpportunity(Action):
    """Mark a lead as an opportunity. One that is marked already is left as it is."""

    key = "mark_opportunity"
    object = "lead"
    options: ClassVar[tuple[Field, ...]] = (UNKNOWN_LEAD,)

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return who_fields()

    @override
    def outputs(self, connection: Connection) -> tuple[Field, ...]:
        return event_outputs_of(connection)

    @override
    async def run(self, context: ActionContext) -> Outcome:
        lead = await _known_lead(context)
        if await self._is_marked(context, lead):
            return _outcome(context, lead, "kept", {})

        async def find() -> dict[str, Any] | None:
            return {"id": "seen"} if await self._is_marked(context, lead) else None

        # Marked twice it is still one opportunity, so that sending again is safe when nothing is seen.
        event = await _send(context, "OPPORTUNITY", lead, Findable(find))
        return _outcome(context, lead, "updated", event)

    @staticmethod
    async def _is_marked(context: ActionContext, lead: Lead) -> bool:
        told = (await context.read(client.funnel(lead["id"]))).json or {}
        return told.get("opportunity") in (True, "true")


class MarkSale(Action):
    """Mark a sale. The vendor stamps the time of receipt, so the day of the sale goes into an own field."""

    key = "mark_sale"
    object = "lead"
    options: ClassVar[tuple[Field, ...]] = (UNKNOWN_LEAD, DATE_FIELD, WITHOUT_VALUE, OTHER_CURRENCY)

    @override
    def adds(self, options: Mapping[str, Any]) -> bool:
        return True

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return (
            *who_fields(),
            field("sale.value", FieldType.MONEY, sample=1500.0),
            field("sale.currency", min_length=3, max_length=3, sample="BRL"),
            field("sale.date", FieldType.DATE, sample="2026-11-23"),
        )

    @override
    def outputs(self, connection: Connection) -> tuple[Field, ...]:
        return event_outputs_of(
            connection, Field("event.value", FieldType.MONEY, label_key="fields.sale.value", sample=1500.0)
        )

    @override
    async def run(self, context: ActionContext) -> Outcome:
        sale = context.values.group("sale")
        value = _value_of(context, sale)
        lead = await _known_lead(context)
        lead = await _note_in_field(context, lead, "date_field", sale["date"])
        payload = {"value": value} if value is not None else {}
        event = await _send(context, "SALE", lead, Unsafe(), **payload)
        return _outcome(context, lead, "updated", event | {"value": value})


def _value_of(context: ActionContext, sale: Values) -> Any:
    """Return the sale's value; raises RecordError for one that the step does not want sent."""
    ours = str(context.connection.settings.get("currency") or "").upper()
    currency = str(sale["currency"] or ours).upper()
    if currency != ours and context.options.get("other_currency") != "send":
        raise RecordError(
            "sale_in_other_currency", params={"currency": currency, "ours": ours}, path="sale.value"
        )
    if not sale["value"] and context.options.get("without_value") != "send":
        raise RecordError("sale_without_value", path="sale.value")
    return sale["value"]


class MarkLost(Action):
    """Mark a lost opportunity with its reason. The timeline cannot be used for segments, an own field can."""

    key = "mark_lost"
    object = "lead"
    options: ClassVar[tuple[Field, ...]] = (UNKNOWN_LEAD, DEFAULT_REASON, REASON_FIELD, DATE_FIELD)

    @override
    def adds(self, options: Mapping[str, Any]) -> bool:
        return True

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return (
            *who_fields(),
            field("loss.reason", max_length=MOST_REASON, sample="Preço"),
            field("loss.date", FieldType.DATE, sample="2026-11-23"),
        )

    @override
    def outputs(self, connection: Connection) -> tuple[Field, ...]:
        return event_outputs_of(
            connection, Field("event.reason", label_key="fields.loss.reason", sample="Preço")
        )

    @override
    async def run(self, context: ActionContext) -> Outcome:
        loss = context.values.group("loss")
        reason = loss["reason"] or str(context.options.get("default_reason") or "").strip()
        lead = await _known_lead(context)
        lead = await _note_in_field(context, lead, "reason_field", reason or None)
        lead = await _note_in_field(context, lead, "date_field", loss["date"])
        payload = {"reason": reason} if reason else {}
        event = await _send(context, "OPPORTUNITY_LOST", lead, Unsafe(), **payload)
        return _outcome(context, lead, "updated", event | {"reason": reason})


class RegisterConversion(Action):
    """Register a conversion, which makes or updates the lead. Our own trigger leaves it alone."""

    key = "register_conversion"
    object = "lead"

    @override
    def adds(self, options: Mapping[str, Any]) -> bool:
        return True

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        left_out = ("lead.bio", "lead.birthdate")  # not in the documentation of a conversion
        written = (one for one in written_fields(connection) if one.key not in left_out)
        return (
            field("conversion.identifier", required=True, max_length=200, sample="contrato-assinado"),
            field("lead.email", FieldType.EMAIL, many=True, required=True, sample=["ana@padaria.example"]),
            *written,
            field("conversion.company", sample="Padaria Lima Ltda."),
        )

    @override
    def outputs(self, connection: Connection) -> tuple[Field, ...]:
        return event_outputs_of(connection)

    @override
    async def run(self, context: ActionContext) -> Outcome:
        values, conversion = context.values.group("lead"), context.values.group("conversion")
        email = finding.addresses(values)[0]
        payload = self._payload(values, conversion)
        event = await _convert(context, email, identifier_of(str(conversion["identifier"])), payload, None)
        lead = await finding.one(context, "email", email)
        if lead is None:
            raise RetryError("lead_not_there_yet", params={"email": email}, retry_after=NOT_YET_SECONDS)
        return _outcome(context, lead, "updated", event)

    @staticmethod
    def _payload(values: Values, conversion: Values) -> dict[str, Any]:
        told = {key.removeprefix(CUSTOM): value for key, value in values.to_create().items()}
        told.pop("email", None)
        basis, status = told.pop("legal_basis", None), told.pop("consent", None)
        if basis or status:
            granted = {
                "category": "communications",
                "type": basis or "consent",
                "status": status or "granted",
            }
            told["legal_bases"] = [granted]
        if "tags" in told:
            told["tags"] = [str(tag).lower() for tag in told["tags"]]
        if conversion.has("company"):
            told["company_name"] = conversion["company"]
        return told


def identifier_of(name: str) -> str:
    """Return a conversion's identifier: ours bear a mark in front."""
    return name if name.startswith(RESERVED) else f"{RESERVED}{name}"
