"""What a rule can start from: a conversion, and being marked as an opportunity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from vaivem.connectors.rd_station_marketing import finding
from vaivem.connectors.rd_station_marketing.event_actions import RESERVED
from vaivem.connectors.rd_station_marketing.leads import output
from vaivem.connectors.rd_station_marketing.objects import fields_of, sample
from vaivem.connectors.sdk import Connection, Event, Reader, Trigger
from vaivem.core.fields import Field, FieldType
from vaivem.core.folding import fold

CONVERTED, OPPORTUNITY = "WEBHOOK.CONVERTED", "WEBHOOK.MARKED_OPPORTUNITY"


class _OfLead(Trigger):
    """What happened to a lead. A late webhook tells how the lead was: then it is read as it is now.

    The company, which only webhooks tell, stays that of the event.
    """

    object = "lead"
    snapshot = True

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return fields_of(connection)

    @override
    async def scope(
        self, reader: Reader, event: Event, options: Mapping[str, Any]
    ) -> Mapping[str, Any] | None:
        lead = await finding.one(reader, "uuid", event.record) if event.late else None
        return {**event.data, "lead": output(reader.connection, lead)} if lead else event.data


class Converted(_OfLead):
    """A lead converted: in any way, or in chosen ones. Our own conversions start nothing unless chosen."""

    key = "converted"
    kinds = frozenset({CONVERTED})
    options = (
        Field(
            key="identifiers",
            type=FieldType.OPTIONS,
            label_key="fields.identifiers",
            help_key="fields.identifiers.help",
            source="conversions",
            allow_new_option=True,
        ),
    )
    sample = sample("newsletter", opportunity=False)

    @override
    def accepts(self, event: Event, options: Mapping[str, Any]) -> bool:
        identifier = str(event.data["event"]["identifier"] or "")
        wanted = {fold(str(one)) for one in options.get("identifiers") or ()}
        if wanted:
            return fold(identifier) in wanted
        return not identifier.startswith(RESERVED)


class MarkedOpportunity(_OfLead):
    """A lead was marked as an opportunity, by hand, by a flow or by another tool."""

    key = "marked_opportunity"
    kinds = frozenset({OPPORTUNITY})
    sample = sample("default", opportunity=True)


TRIGGERS: tuple[Trigger, ...] = (Converted(), MarkedOpportunity())
