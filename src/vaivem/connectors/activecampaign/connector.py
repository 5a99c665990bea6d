"""ActiveCampaign: the table of contents."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import urlsplit

import orjson
from typing_extensions import override

from vaivem.connectors.activecampaign import client, finding, sales_client
from vaivem.connectors.activecampaign.account_actions import CreateOrUpdateAccount, FindAccount
from vaivem.connectors.activecampaign.automation_actions import EnrolInAutomation, LeaveAutomation
from vaivem.connectors.activecampaign.checks import REFERENCE_LABEL, check_account
from vaivem.connectors.activecampaign.contact_actions import (
    AddTags,
    CreateOrUpdateContact,
    FindContact,
    RemoveTags,
)
from vaivem.connectors.activecampaign.custom_objects import (
    document_schema,
    fields_of,
    keeps_documents,
    label_of,
    relations_of,
)
from vaivem.connectors.activecampaign.custom_values import contact_field, number_of, sales_field
from vaivem.connectors.activecampaign.deal_actions import (
    CreateDeal,
    CreateOrUpdateDeal,
    FindDeal,
    UpdateDeal,
)
from vaivem.connectors.activecampaign.errors import ERRORS
from vaivem.connectors.activecampaign.imports import ContactImport
from vaivem.connectors.activecampaign.list_actions import Subscribe, Unsubscribe
from vaivem.connectors.activecampaign.note_actions import AddNote
from vaivem.connectors.activecampaign.object_actions import SaveDocument, SaveObjectRecord
from vaivem.connectors.activecampaign.objects import web_address
from vaivem.connectors.activecampaign.task_actions import AddTask
from vaivem.connectors.activecampaign.triggers import TRIGGERS
from vaivem.connectors.activecampaign.webhooks import ActiveCampaignWebhooks
from vaivem.connectors.sdk import (
    Account,
    Answer,
    Authorisation,
    Call,
    CheckResult,
    Connection,
    Connector,
    LimitState,
    Reader,
    Writer,
    load_manifest,
)
from vaivem.core.errors import RuleError
from vaivem.core.fields import Field, FieldType, Option

_API = re.compile(r"/api(?:/\d+)?/*$")
_HOSTS = (".api-us1.com", ".activehosted.com")  # where the account's name is the first part
# The lists that a key's user or a plan may not have; forms then offer nothing there, and the checks say why.
_MAY_LACK = frozenset(
    {"lists", "pipelines", "stages", "task_types", "objects", "document_objects", "relations", "fields/deal"}
)


class ActiveCampaignConnector(Connector):
    """Contacts, tags, lists, automations, companies, deals, custom objects."""

    manifest = load_manifest(__package__)
    errors = ERRORS
    triggers = TRIGGERS
    actions = (
        CreateOrUpdateContact(),
        AddTags(),
        RemoveTags(),
        Subscribe(),
        Unsubscribe(),
        EnrolInAutomation(),
        LeaveAutomation(),
        CreateOrUpdateAccount(),
        CreateOrUpdateDeal(),
        CreateDeal(),
        UpdateDeal(),
        AddNote(),
        AddTask(),
        SaveDocument(),
        SaveObjectRecord(),
        FindContact(),
        FindAccount(),
        FindDeal(),
    )
    bulk = (ContactImport(),)
    webhooks = ActiveCampaignWebhooks()
    lists: ClassVar[tuple[str, ...]] = (
        "users", "tags", "tag_ids", "lists", "automations", "pipelines", "stages/<pipelines>", "task_types",
        "objects", "document_objects", "relations", "perstags",
    )  # fmt: skip
    objects: ClassVar[tuple[str, ...]] = ("contact", "account", "deal", "record")
    kinds: ClassVar[Mapping[str, str]] = {"contact": "person", "account": "company", "deal": "deal"}

    @override
    def authorise(self, connection: Connection) -> Authorisation:
        return Authorisation(headers=(("Api-Token", str(connection.credentials["token"])),))

    @override
    def address(self, base: str, connection: Connection) -> str:
        """Return the account's own address: as pasted, with or without the path of the API."""
        given = connection.settings.get("address_api") or connection.credentials.get("url") or ""
        return server_of(str(given))

    @override
    def limit_state(self, call: Call, answer: Answer) -> LimitState | None:
        """Read what is left of this second; when it began is not told, so nothing is closed for it."""
        left = answer.headers.get("ratelimit-remaining", "").strip()
        return LimitState(int(left)) if left.isdecimal() else None

    @override
    async def account(self, reader: Reader) -> Account:
        """Test the key. It is of one user; whose account it is, the address says."""
        user = client.one(await reader.read(client.me()), "user")
        given = str(reader.connection.credentials.get("url") or "")
        server = server_of(given) or self.address("api", reader.connection)
        host = urlsplit(server).netloc.lower()
        name = host.partition(".")[0] if host.endswith(_HOSTS) else host
        parts = (user.get("firstName"), user.get("lastName"))
        return Account(
            id=name,
            name=name,
            details={
                "user": " ".join(str(part) for part in parts if part),
                "user_id": str(user.get("id") or ""),
                "email": user.get("email"),
                "web": f"https://{name}.activehosted.com" if host.endswith(_HOSTS) else server,
            },
        )

    @override
    def suggested_name(self, account: Account) -> str:
        """Return the account's name; a server of one's own has none."""
        return self.manifest.name if "." in account.name else account.name

    @override
    async def checks(self, reader: Reader) -> list[CheckResult]:
        return await check_account(reader)

    @override
    async def live_list(self, reader: Reader, source: str) -> list[Option]:
        name = source if source.startswith("fields/") else source.partition("/")[0]
        try:
            found: list[Option] = await _LISTS[name](reader, source.partition("/")[2])
        except RuleError:
            if name not in _MAY_LACK:
                raise
            return []
        return found

    @override
    async def custom_fields(self, reader: Reader, object_key: str) -> list[Field]:
        if object_key == "contact":
            return await _contact_fields(reader)
        try:
            if object_key == "record":
                return [own async for row in _schemas(reader) for own in fields_of(row)]
            key, call = sales_client.FIELDS[object_key], sales_client.own_fields(object_key)
            return [sales_field(object_key, row) async for row in finding.every(reader, call, key)]
        except RuleError:  # the plan or the user's rights lack it: see the checks
            return []

    @override
    async def prepare(self, writer: Writer, choice: str, **values: Any) -> Mapping[str, Any]:
        """Make the deals' field for our reference or the object for documents, or take what is there."""
        if choice == "reference_field":
            for one in await self.live_list(writer, "fields/deal"):
                if one.label == REFERENCE_LABEL:
                    return {choice: one.value}
            made = await writer.send(sales_client.create_deal_field(REFERENCE_LABEL))
            return {choice: str(client.one(made, "dealCustomFieldMetum").get("id") or "")}
        if choice == "document_object":
            async for row in _schemas(writer):  # raises what says that the plan has no custom objects
                if keeps_documents(row):
                    return {choice: str(row["id"])}
            made = await writer.send(client.create_schema(document_schema()))
            return {choice: str(client.one(made, "schema").get("id") or "")}
        raise KeyError(choice)

    @override
    def echo(self, call: Call) -> Answer:
        """Return what the vendor may answer to a write: the record under its name, with an id."""
        if not isinstance(call.json, Mapping) or len(call.json) != 1:
            return Answer(200, {"content-type": "application/json"}, b"{}")
        ((name, inner),) = call.json.items()
        number = call.path.rpartition("/")[2] if call.method == "PUT" else str(inner.get("externalId") or "0")
        told: dict[str, Any] = {name: {**inner, "id": number}}
        told |= {"fieldValues": inner.get("fieldValues") or []} if name == "contact" else {}
        return Answer(200, {"content-type": "application/json"}, orjson.dumps(told))

    @override
    def record_url(self, connection: Connection, object_key: str, record_id: str) -> str:
        return web_address(connection, object_key, record_id)


def server_of(given: str) -> str:
    """Return the address of an account's server out of what was pasted: ``https://name.api-us1.com``."""
    address = _API.sub("", given.strip().rstrip("/")).rstrip("/")
    if not address:
        return ""
    return address if "://" in address else f"https://{address}"


def _schemas(reader: Reader) -> finding.Rows:
    return finding.every(reader, client.schemas(), "schemas")


async def _contact_fields(reader: Reader) -> list[Field]:
    rows: list[Mapping[str, Any]] = []
    options: list[Mapping[str, Any]] = []
    call: Call | None = client.fields()
    while call is not None:
        answer = await reader.read(call)
        rows += client.rows(answer, "fields")
        options += client.rows(answer, "fieldOptions")
        call = client.following(call, answer, "fields")
    return [contact_field(row, options) for row in rows]


async def _named(reader: Reader, call: Call, key: str, label: str) -> list[Option]:
    rows = finding.every(reader, call, key)
    return [Option(str(row["id"]), str(row.get(label) or "")) async for row in rows]


async def _tags(reader: Reader, of: str) -> list[Option]:
    """Return the tags by name: that is how rules, and people, know them."""
    named = {one.label: Option(one.label, one.label) for one in await _tag_ids(reader, of) if one.label}
    return list(named.values())


async def _tag_ids(reader: Reader, of: str) -> list[Option]:
    rows = finding.every(reader, client.tags(), "tags")
    return [
        Option(str(row["id"]), str(row.get("tag") or ""))
        async for row in rows
        if row.get("tagType", "contact") == "contact"
    ]


async def _users(reader: Reader, of: str) -> list[Option]:
    """Return the users. It is the first list: whether the key still holds, its first call tells."""
    await reader.read(client.me())
    found = []
    async for row in finding.every(reader, client.users(), "users"):
        name = " ".join(str(part) for part in (row.get("firstName"), row.get("lastName")) if part)
        found.append(Option(str(row["id"]), name or str(row.get("username") or "")))
    return found


async def _task_types(reader: Reader, of: str) -> list[Option]:
    """Return the types of tasks but those that were switched off."""
    rows = finding.every(reader, sales_client.task_types(), "dealTasktypes")
    return [
        Option(str(row["id"]), str(row.get("title") or ""))
        async for row in rows
        if str(row.get("status") or "0") == "0"
    ]


async def _objects(reader: Reader, of: str) -> list[Option]:
    return [Option(str(row["id"]), label_of(row)) async for row in _schemas(reader)]


async def _document_objects(reader: Reader, of: str) -> list[Option]:
    return [Option(str(row["id"]), label_of(row)) async for row in _schemas(reader) if keeps_documents(row)]


async def _relations(reader: Reader, of: str) -> list[Option]:
    return [one async for row in _schemas(reader) for one in relations_of(row)]


async def _deal_fields(reader: Reader, of: str) -> list[Option]:
    key, call = sales_client.FIELDS["deal"], sales_client.own_fields("deal")
    own = [sales_field("deal", row) async for row in finding.every(reader, call, key)]
    return [Option(number_of(one), one.label or "") for one in own if one.type is FieldType.TEXT]


async def _perstags(reader: Reader, of: str) -> list[Option]:
    """Return each contact field's number by how webhooks may name it."""
    rows = finding.every(reader, client.fields(), "fields")
    return [Option(str(row["perstag"]).lower(), str(row["id"])) async for row in rows if row.get("perstag")]


_LISTS: Mapping[str, Any] = {
    "tags": _tags,
    "tag_ids": _tag_ids,
    "users": _users,
    "task_types": _task_types,
    "objects": _objects,
    "document_objects": _document_objects,
    "relations": _relations,
    "fields/deal": _deal_fields,
    "perstags": _perstags,
    "lists": lambda reader, of: _named(reader, client.lists(), "lists", "name"),
    "automations": lambda reader, of: _named(reader, client.automations(), "automations", "name"),
    "pipelines": lambda reader, of: _named(reader, sales_client.pipelines(), "dealGroups", "title"),
    "stages": lambda reader, of: _named(reader, sales_client.stages(of), "dealStages", "title"),
}

connector = ActiveCampaignConnector()
