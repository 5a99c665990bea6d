"""Pipedrive: the table of contents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from typing_extensions import override

from vaivem.connectors.pipedrive import client
from vaivem.connectors.pipedrive.checks import REFERENCE_LABEL, check_account
from vaivem.connectors.pipedrive.custom_values import OBJECTS, own_field
from vaivem.connectors.pipedrive.deals import CreateDeal, CreateOrUpdateDeal, FindDeal, UpdateDeal
from vaivem.connectors.pipedrive.errors import ERRORS, limit_state
from vaivem.connectors.pipedrive.limits import limits, quota
from vaivem.connectors.pipedrive.objects import web_address
from vaivem.connectors.pipedrive.organizations import CreateOrUpdateOrganization, FindOrganization
from vaivem.connectors.pipedrive.persons import CreateOrUpdatePerson, FindPerson
from vaivem.connectors.pipedrive.removal import removal
from vaivem.connectors.pipedrive.timeline import AddActivity, AddNote
from vaivem.connectors.pipedrive.triggers import TRIGGERS
from vaivem.connectors.pipedrive.webhooks import PipedriveWebhooks
from vaivem.connectors.sdk import (
    Account,
    Answer,
    App,
    Authorisation,
    Call,
    CheckResult,
    Connection,
    Connector,
    Delivery,
    LimitState,
    Quota,
    Reader,
    Removal,
    Writer,
    load_manifest,
)
from vaivem.connectors.sdk.manifest import Limit
from vaivem.core.fields import Field, FieldType, Option

FIELD_LISTS = tuple(f"fields/{object_key}" for object_key in OBJECTS)
# What people paste around a token.
_AROUND_TOKENS = "\"'`<>“”‘’«»"


class PipedriveConnector(Connector):
    """Persons, organizations, deals, notes and activities."""

    manifest = load_manifest(__package__)
    errors = ERRORS
    triggers = TRIGGERS
    actions = (
        CreateOrUpdatePerson(),
        CreateOrUpdateOrganization(),
        CreateOrUpdateDeal(),
        CreateDeal(),
        UpdateDeal(),
        AddNote(),
        AddActivity(),
        FindPerson(),
        FindOrganization(),
        FindDeal(),
    )
    webhooks = PipedriveWebhooks()
    lists: ClassVar[tuple[str, ...]] = ("pipelines", "stages/<pipelines>", "users", "activity_types")
    objects: ClassVar[tuple[str, ...]] = OBJECTS
    kinds: ClassVar[Mapping[str, str]] = {"person": "person", "organization": "company", "deal": "deal"}

    @override
    def authorise(self, connection: Connection) -> Authorisation:
        if connection.method == "oauth":
            token = connection.credentials["access_token"]
            return Authorisation(headers=(("Authorization", f"Bearer {token}"),))
        pasted = "".join(str(connection.credentials["token"]).split()).strip(_AROUND_TOKENS)
        return Authorisation(headers=(("x-api-token", pasted),))

    @override
    def limits(self, connection: Connection) -> tuple[Limit, ...]:
        return limits(connection)

    @override
    def quota(self, connection: Connection) -> Quota:
        return quota(connection)

    @override
    def limit_state(self, call: Call, answer: Answer) -> LimitState | None:
        return limit_state(call, answer)

    @override
    async def account(self, reader: Reader) -> Account:
        """Test the credentials. A token is of one user in one company: both say whose it is."""
        told = client.one(await reader.read(client.me()))
        return Account(
            id=f"{told.get('company_id')}:{told.get('id')}",
            name=str(told.get("company_name") or ""),
            details={
                "user": told.get("name"),
                "email": told.get("email"),
                "domain": told.get("company_domain"),
                "currency": told.get("default_currency"),
                "zone": told.get("timezone_name"),
            },
        )

    @override
    async def checks(self, reader: Reader) -> list[CheckResult]:
        return await check_account(reader)

    @override
    async def live_list(self, reader: Reader, source: str) -> list[Option]:
        if source in FIELD_LISTS:
            own = await self.custom_fields(reader, source.partition("/")[2])
            return [
                Option(one.key.partition(".custom.")[2], one.label or "")
                for one in own
                if one.type is FieldType.TEXT and not one.help_key
            ]
        name, _, of = source.partition("/")
        if name == "activity_types":
            types = client.rows(await reader.read(client.activity_types()))
            return [
                Option(str(row["key_string"]), str(row["name"]))
                for row in types
                if row.get("active_flag", True)
            ]
        if name == "users":
            users = client.rows(await reader.read(client.users()))
            return [Option(str(row["id"]), str(row["name"])) for row in users if row.get("active_flag", True)]
        call = client.stages(of) if name == "stages" else client.pipelines()
        listed = [row for row in await _all(reader, call) if not row.get("is_deleted")]
        return [Option(str(row["id"]), str(row["name"])) for row in listed]

    @override
    async def custom_fields(self, reader: Reader, object_key: str) -> list[Field]:
        rows = await _all(reader, client.field_definitions(object_key))
        return [found for row in rows if (found := own_field(object_key, row))]

    @override
    async def prepare(self, writer: Writer, choice: str, **values: Any) -> Mapping[str, Any]:
        """Make the deal's text field that keeps our reference, or take the one of that name that is there."""
        if choice != "reference_field":
            raise KeyError(choice)
        for one in await self.live_list(writer, "fields/deal"):
            if one.label == REFERENCE_LABEL:
                return {"reference_field": one.value}
        made = client.one(await writer.send(client.create_field("deal", REFERENCE_LABEL)))
        return {"reference_field": made["field_code"]}

    @override
    def removal(self, delivery: Delivery, app: App) -> Removal | None:
        return removal(delivery, app)

    @override
    def record_url(self, connection: Connection, object_key: str, record_id: str) -> str:
        return web_address(connection, object_key, record_id)


async def _all(reader: Reader, first: Call) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    call: Call | None = first
    while call is not None:
        answer = await reader.read(call)
        found += client.rows(answer)
        call = client.following(call, answer)
    return found


connector = PipedriveConnector()
