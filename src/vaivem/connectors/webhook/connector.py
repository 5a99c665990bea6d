"""Webhook: what this folder holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from typing_extensions import override

from vaivem.connectors.sdk import (
    Account,
    Authorisation,
    Connection,
    Connector,
    ErrorTable,
    Reader,
    VendorMessage,
    load_manifest,
)
from vaivem.connectors.webhook.learning import learn_fields
from vaivem.connectors.webhook.triggers import Received
from vaivem.connectors.webhook.webhooks import AnyWebhooks
from vaivem.core.fields import Field

__all__ = ["WebhookConnector", "connector", "learn_fields"]


class WebhookConnector(Connector):
    """Any tool that can send a request. It only listens: nothing is ever called."""

    manifest = load_manifest("vaivem.connectors.webhook")
    errors = ErrorTable(read=lambda answer: VendorMessage(text=answer.text))
    triggers = (Received(),)
    webhooks = AnyWebhooks()

    @override
    def authorise(self, connection: Connection) -> Authorisation:
        """Return nothing: there is nobody to prove ourselves to."""
        return Authorisation()

    @override
    async def account(self, reader: Reader) -> Account:
        """Accept: there is nothing to test before the first delivery."""
        return Account("")

    @override
    def learn_fields(self, samples: Sequence[Mapping[str, Any]]) -> list[Field]:
        """Return the fields that the tool's deliveries had."""
        return learn_fields(samples)


connector = WebhookConnector()
