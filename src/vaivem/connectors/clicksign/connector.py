"""Clicksign: what this folder holds."""

from __future__ import annotations

from typing_extensions import override

from vaivem.connectors.clicksign import checks, client
from vaivem.connectors.clicksign.errors import ERRORS, limit_state
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

# What people paste around a token: their mail programs' quotes, the angle brackets of examples.
_AROUND_TOKENS = "\"'`<>“”‘’«»"


class ClicksignConnector(Connector):
    """Documents and signatures. It starts rules; it does not send documents yet."""

    manifest = load_manifest("vaivem.connectors.clicksign")
    errors = ERRORS
    triggers = TRIGGERS
    webhooks = ClicksignWebhooks()

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


connector = ClicksignConnector()
