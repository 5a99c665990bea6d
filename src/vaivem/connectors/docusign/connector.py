"""DocuSign: the table of contents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import orjson
from typing_extensions import override

from vaivem.connectors.docusign import checks, client
from vaivem.connectors.docusign.actions import ACTIONS
from vaivem.connectors.docusign.errors import ERRORS, limit_state
from vaivem.connectors.docusign.links import envelope_address
from vaivem.connectors.docusign.templates import (
    custom_field_list,
    read_roles,
    read_templates,
    tab_fields,
)
from vaivem.connectors.docusign.triggers import TRIGGERS
from vaivem.connectors.docusign.webhooks import DocusignWebhooks
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
    load_manifest,
)
from vaivem.connectors.sdk.manifest import Limit
from vaivem.core.errors import ReconnectError
from vaivem.core.fields import Field, Option

# An envelope is read at most once in a quarter of an hour, whatever else a person may have set.
ENVELOPE_READS = Limit(calls=1, seconds=900.0, scope=client.ENVELOPE, each=True)
NO_ENVELOPE = "00000000-0000-0000-0000-000000000000"


class DocusignConnector(Connector):
    """Envelopes, their recipients, and drafts from templates."""

    manifest = load_manifest(__package__)
    errors = ERRORS
    triggers = TRIGGERS
    actions = ACTIONS
    webhooks = DocusignWebhooks()
    lists: ClassVar[tuple[str, ...]] = ("templates", "roles/<templates>")
    objects: ClassVar[tuple[str, ...]] = ("envelope", "tab")

    @override
    def authorise(self, connection: Connection) -> Authorisation:
        token = connection.credentials.get("access_token") or ""
        return Authorisation(headers=(("Authorization", f"Bearer {token}"),))

    @override
    def address(self, base: str, connection: Connection) -> str:
        """Return where calls go: for the account's own, what userinfo told when it was connected."""
        known = super().address(base, connection)
        details = connection.account.get("details") or {}
        return known or (str(details.get("base_uri") or "").rstrip("/") if base == "api" else "")

    @override
    def limits(self, connection: Connection) -> tuple[Limit, ...]:
        return (*super().limits(connection), ENVELOPE_READS)

    @override
    def limit_state(self, call: Call, answer: Answer) -> LimitState | None:
        return limit_state(call, answer)

    @override
    async def account(self, reader: Reader) -> Account:
        """Say whose the access is, and choose the account: that of the settings, else the default."""
        told = client.one(await reader.read(client.user_info()))
        accounts = [one for one in client.rows_of(told, "accounts") if one.get("account_id")]
        chosen = _chosen(accounts, str(reader.connection.settings.get("account") or "").strip())
        if chosen is None:
            listed = ", ".join(map(_named, accounts))
            raise ReconnectError("account_not_there", params={"accounts": listed})
        return Account(
            id=str(chosen["account_id"]),
            name=str(chosen.get("account_name") or ""),
            details={
                "base_uri": str(chosen.get("base_uri") or ""),
                "user": told.get("name"),
                "user_id": told.get("sub"),
                "email": told.get("email"),
                "others": [_named(one) for one in accounts if one is not chosen],
            },
        )

    @override
    async def checks(self, reader: Reader) -> list[CheckResult]:
        return await checks.run(reader)

    @override
    async def live_list(self, reader: Reader, source: str) -> list[Option]:
        name, _, template = source.partition("/")
        if name == "roles":
            return [Option(role.name, role.name) for role in await read_roles(reader, template)]
        return await read_templates(reader)

    @override
    async def custom_fields(self, reader: Reader, object_key: str) -> list[Field]:
        if object_key == "tab":
            return await tab_fields(reader, await read_templates(reader))
        return custom_field_list(client.one(await reader.read(client.custom_fields(reader.connection))))

    @override
    def echo(self, call: Call) -> Answer:
        """Return what the vendor may answer to a write, for a dry run."""
        last = call.path.rpartition("/")[2]
        envelope = NO_ENVELOPE if call.name == "envelopes.create" else last
        status = (call.json or {}).get("status") or "created"
        content = {"envelopeId": envelope, "status": status}
        return Answer(200, {"content-type": "application/json"}, orjson.dumps(content))

    @override
    def record_url(self, connection: Connection, object_key: str, record_id: str) -> str:
        return envelope_address(connection).format(envelope=record_id) if record_id else ""


def _chosen(accounts: list[client.Raw], wanted: str) -> Mapping[str, Any] | None:
    if wanted:
        return next((one for one in accounts if wanted.lower() == str(one["account_id"]).lower()), None)
    default = next((one for one in accounts if str(one.get("is_default")).lower() == "true"), None)
    return default or next(iter(accounts), None)


def _named(account: Mapping[str, Any]) -> str:
    return f"{account.get('account_name') or '?'} ({account['account_id']})"


connector = DocusignConnector()
