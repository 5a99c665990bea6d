"""RD Station Marketing: the table of contents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from typing_extensions import override

from vaivem.connectors.rd_station_marketing import client
from vaivem.connectors.rd_station_marketing.errors import ERRORS
from vaivem.connectors.rd_station_marketing.event_actions import (
    MarkLost,
    MarkOpportunity,
    MarkSale,
    RegisterConversion,
)
from vaivem.connectors.rd_station_marketing.lead_actions import CreateOrUpdateLead, FindLead
from vaivem.connectors.rd_station_marketing.leads import own_field, web_address
from vaivem.connectors.rd_station_marketing.triggers import TRIGGERS
from vaivem.connectors.rd_station_marketing.webhooks import RdStationMarketingWebhooks
from vaivem.connectors.sdk import (
    Account,
    Authorisation,
    CheckResult,
    Connection,
    Connector,
    Reader,
    load_manifest,
)
from vaivem.connectors.sdk.manifest import Limit
from vaivem.core.errors import RecordError, RuleError
from vaivem.core.fields import Field, FieldType, Option

DAY = 86_400.0
# Of a lead's own limits one call is left over: a lead is made under its address and changed under its code.
LEAD_SHARE = 0.96
MOST_PAGES = 4  # of landing pages: who has more of them types the name


class RdStationMarketingConnector(Connector):
    """Leads, conversions, opportunities, sales and losses."""

    manifest = load_manifest(__package__)
    errors = ERRORS
    triggers = TRIGGERS
    actions = (
        CreateOrUpdateLead(),
        MarkOpportunity(),
        MarkSale(),
        MarkLost(),
        RegisterConversion(),
        FindLead(),
    )
    webhooks = RdStationMarketingWebhooks()
    lists: ClassVar[tuple[str, ...]] = ("fields/lead", "conversions")
    objects: ClassVar[tuple[str, ...]] = ("lead",)
    kinds: ClassVar[Mapping[str, str]] = {"lead": "person"}

    @override
    def authorise(self, connection: Connection) -> Authorisation:
        token = connection.credentials["access_token"]
        return Authorisation(headers=(("Authorization", f"Bearer {token}"),))

    @override
    def limits(self, connection: Connection) -> tuple[Limit, ...]:
        """Return the account's limit a minute, and each lead's own a day."""
        settings = connection.settings
        calls, seconds = settings.get("limit_calls"), settings.get("limit_seconds")
        if calls and seconds:
            account = Limit(calls=int(calls), seconds=float(seconds))
        else:
            account = Limit(calls=500 if settings.get("advanced_plan") else 120, seconds=60.0, share=0.9)
        return (
            account,
            Limit(calls=24, seconds=DAY, scope=client.LEAD, each=True, share=LEAD_SHARE),
            Limit(calls=24, seconds=DAY, scope=client.FUNNEL, each=True, share=LEAD_SHARE),
            Limit(calls=120, seconds=DAY, scope=client.EVENT, each=True, share=LEAD_SHARE),
        )

    @override
    async def account(self, reader: Reader) -> Account:
        """Test the credentials. The vendor tells the account's name and no id: a name is taken for one."""
        told = (await reader.read(client.account())).json or {}
        name = str(told.get("name") or "")
        return Account(id=name, name=name)

    @override
    async def checks(self, reader: Reader) -> list[CheckResult]:
        return [await _fields(reader), await _webhooks(reader)]

    @override
    async def live_list(self, reader: Reader, source: str) -> list[Option]:
        if source == "conversions":
            return await _conversions(reader)
        own = await self.custom_fields(reader, "lead")
        kept = (one for one in own if one.type is not FieldType.OPTIONS)
        return [Option(one.key.partition(".custom.")[2], one.label or "") for one in kept]

    @override
    async def custom_fields(self, reader: Reader, object_key: str) -> list[Field]:
        rows = client.rows(await reader.read(client.fields()), "fields")
        return [found for row in rows if (found := own_field(row))]

    @override
    def record_url(self, connection: Connection, object_key: str, record_id: str) -> str:
        return web_address(connection, record_id) if object_key == "lead" else ""


async def _conversions(reader: Reader) -> list[Option]:
    """Return the events of the account's landing pages; those of forms and of other tools are typed.

    An account whose plan or app does not show its landing pages has none to choose from.
    """
    found: dict[str, Option] = {}
    for page in range(1, MOST_PAGES + 1):
        try:
            rows = client.rows(await reader.read(client.landing_pages(page)), "landing_pages", "items")
        except (RuleError, RecordError):
            break
        for row in rows:
            if identifier := str(row.get("conversion_identifier") or ""):
                found[identifier] = Option(identifier, identifier)
        if len(rows) < client.PAGE_SIZE:
            break
    return list(found.values())


async def _fields(reader: Reader) -> CheckResult:
    try:
        rows = client.rows(await reader.read(client.fields()), "fields")
    except (RuleError, RecordError) as error:
        return CheckResult("fields", "bad", {"message": error.detail})
    return CheckResult("fields", "ok", {"count": sum(1 for row in rows if row.get("custom_field"))})


async def _webhooks(reader: Reader) -> CheckResult:
    try:
        await reader.read(client.webhooks())
    except (RuleError, RecordError) as error:
        return CheckResult("webhooks", "bad", {"message": error.detail})
    return CheckResult("webhooks", "ok")


connector = RdStationMarketingConnector()
