"""RD Station CRM: the table of contents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from typing_extensions import override

from vaivem.connectors.rd_station_crm.actions import ACTIONS
from vaivem.connectors.rd_station_crm.api_v1 import ApiV1
from vaivem.connectors.rd_station_crm.api_v2 import ApiV2
from vaivem.connectors.rd_station_crm.checks import REFERENCE_LABEL, check_account
from vaivem.connectors.rd_station_crm.client import api_for
from vaivem.connectors.rd_station_crm.custom_values import OBJECTS
from vaivem.connectors.rd_station_crm.errors import ERRORS
from vaivem.connectors.rd_station_crm.finding import all_pages
from vaivem.connectors.rd_station_crm.objects import own_field, web_address
from vaivem.connectors.rd_station_crm.triggers import TRIGGERS
from vaivem.connectors.rd_station_crm.webhooks import RdStationCrmWebhooks
from vaivem.connectors.sdk import (
    Account,
    Authorisation,
    CheckResult,
    Connection,
    Connector,
    Reader,
    Writer,
    load_manifest,
)
from vaivem.core.errors import RecordError, RuleError
from vaivem.core.fields import Field, Option

FIELD_LISTS = tuple(f"fields/{object_key}" for object_key in OBJECTS)


class RdStationCrmConnector(Connector):
    """What RD Station CRM can do."""

    manifest = load_manifest(__package__)
    errors = ERRORS
    triggers = TRIGGERS
    actions = ACTIONS
    webhooks = RdStationCrmWebhooks()
    lists: ClassVar[tuple[str, ...]] = (
        "pipelines",
        "stages/<pipelines>",
        "users",
        "sources",
        "campaigns",
        "lost_reasons",
        "segments",
        "products",
    )
    kinds: ClassVar[Mapping[str, str]] = {"contact": "person", "organization": "company", "deal": "deal"}
    objects: ClassVar[tuple[str, ...]] = OBJECTS

    @override
    def authorise(self, connection: Connection) -> Authorisation:
        if connection.method == "oauth":
            token = connection.credentials["access_token"]
            return Authorisation(headers=(("Authorization", f"Bearer {token}"),))
        return Authorisation(query=(("token", bare_token(str(connection.credentials["token"]))),))

    @override
    async def account(self, reader: Reader) -> Account:
        """Test the credentials. API v2 does not say whose they are."""
        if reader.connection.method == "oauth":
            api = ApiV2(reader.connection)
            api.read_listing("pipelines", await reader.read(api.listing("pipelines")))
            return Account("")
        told = (await reader.read(ApiV1(reader.connection).token_check())).json or {}
        name = str(told.get("organization") or "")
        details = {"email": told.get("email"), "user": told.get("name")}
        return Account(id=name, name=name, details=details)

    @override
    async def checks(self, reader: Reader) -> list[CheckResult]:
        return await check_account(reader)

    @override
    async def live_list(self, reader: Reader, source: str) -> list[Option]:
        if source in FIELD_LISTS:
            own = await self.custom_fields(reader, source.partition("/")[2])
            return [Option(f.key.partition(".custom.")[2], f.label or "") for f in own if f.type == "text"]
        if source == "segments" and reader.connection.method != "oauth":
            return []  # v1 has no list of them
        api = api_for(reader.connection)
        call = api.listing(source)
        try:
            rows = await all_pages(reader, api, call, lambda answer: api.read_listing(source, answer))
        except RecordError as error:
            if source != "products" or error.code != "record_not_found":
                raise
            return []  # v1's list of products is not documented: without it their ids can still be given
        return [Option(row["id"], row["name"]) for row in rows]

    @override
    async def custom_fields(self, reader: Reader, object_key: str) -> list[Field]:
        api = api_for(reader.connection)
        call = api.field_definitions(object_key)
        rows = await all_pages(reader, api, call, api.read_field_definitions)
        return [own_field(object_key, row) for row in rows]

    @override
    async def prepare(self, writer: Writer, choice: str, **values: Any) -> Mapping[str, Any]:
        """Make the deal's text field that keeps our reference, or take the one of that name that is there."""
        if choice != "reference_field":
            raise KeyError(choice)
        if writer.connection.method != "oauth":
            raise RuleError("reference_needs_oauth")
        api = ApiV2(writer.connection)
        rows = await all_pages(writer, api, api.field_definitions("deal"), api.read_field_definitions)
        for row in rows:
            if row["label"] == REFERENCE_LABEL and row["type"] == "text":
                return {"reference_field": row["key"]}
        made = await writer.send(api.field_create("deal", REFERENCE_LABEL))
        return {"reference_field": api.read_field_key(made)}

    @override
    def record_url(self, connection: Connection, object_key: str, record_id: str) -> str:
        return web_address(connection, object_key, record_id)


def bare_token(pasted: str) -> str:
    """Return a token without the blanks, line breaks and quotes that come along when it is pasted."""
    return "".join(pasted.split()).strip("\"'<>“”‘’")


connector = RdStationCrmConnector()
