"""Clicksign: what this folder holds."""

from __future__ import annotations

from typing import ClassVar

from typing_extensions import override

from vaivem.connectors.clicksign import checks, client
from vaivem.connectors.clicksign.actions import ACTIONS
from vaivem.connectors.clicksign.errors import ERRORS, limit_state
from vaivem.connectors.clicksign.templates import read_templates, typed, variable_fields
from vaivem.connectors.clicksign.triggers import TRIGGERS
from vaivem.connectors.clicksign.webhooks import ClicksignWebhooks
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
from vaivem.core.errors import RuleError
from vaivem.core.fields import Field, Option

# What people paste around a token: their mail programs' quotes, the angle brackets of examples.
_AROUND_TOKENS = "\"'`<>“”‘’«»"


class ClicksignConnector(Connector):
    """Documents and signatures, and drafts from templates."""

    manifest = load_manifest("vaivem.connectors.clicksign")
    errors = ERRORS
    triggers = TRIGGERS
    actions = ACTIONS
    webhooks = ClicksignWebhooks()
    lists: ClassVar[tuple[str, ...]] = ("templates",)
    objects: ClassVar[tuple[str, ...]] = ("variable",)

    @override
    def authorise(self, connection: Connection) -> Authorisation:
        """Send the token bare, as the reference has it; two of the vendor's guides show other ways."""
        token = "".join(str(connection.credentials.get("token", "")).split()).strip(_AROUND_TOKENS)
        scheme = connection.settings.get("scheme") or "bare"
        if scheme == "query":
            return Authorisation(query=(("access_token", token),))
        return Authorisation(headers=(("Authorization", f"Bearer {token}" if scheme == "bearer" else token),))

    @override
    def limit_state(self, call: Call, answer: Answer) -> LimitState | None:
        """Read the vendor's limit headers, in both spellings."""
        return limit_state(answer)

    @override
    async def account(self, reader: Reader) -> Account:
        """Prove the token. The API does not say whose it is, so neither id nor name are known."""
        answer = await reader.read(client.try_token())
        return Account("", details={"envelopes": client.record_count(answer)})

    @override
    async def checks(self, reader: Reader) -> list[CheckResult]:
        """Check token, API user, envelopes, webhook permission and limit."""
        return await checks.run(reader)

    @override
    async def live_list(self, reader: Reader, source: str) -> list[Option]:
        """Return the templates; none where the plan has none."""
        try:
            return await read_templates(reader)
        except RuleError as error:
            if error.code != "plan_lacks_feature":
                raise
            return []

    @override
    async def custom_fields(self, reader: Reader, object_key: str) -> list[Field]:
        """Return the variables of the templates; where the plan has no templates, only those typed."""
        try:
            return await variable_fields(reader)
        except RuleError as error:
            if error.code != "plan_lacks_feature":
                raise
            return typed(reader.connection)


connector = ClicksignConnector()
