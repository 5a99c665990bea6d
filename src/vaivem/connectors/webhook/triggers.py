"""The one thing that happens here: something arrived."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from vaivem.connectors.sdk import Connection, Event, Trigger
from vaivem.connectors.webhook.webhooks import KIND
from vaivem.core.fields import Field, FieldType

NAME = Field("name", FieldType.TEXT, label_key="fields.name", help_key="fields.name.help", max_length=200)


class Received(Trigger):
    """A delivery arrived; with the option ``name``, only those of that name."""

    key = "received"
    object = "delivery"
    kinds = frozenset({KIND})
    options = (NAME,)
    sample = {
        "event": {"name": "", "method": "POST"},
        "body": {"nome": "Ana Souza", "email": "ana@example.com", "valor": "1.284,50"},
        "query": {},
    }

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        """Return what the tool's deliveries have taught us, then the whole of what it sends."""
        return (
            *connection.custom_fields("event"),
            Field("event.name", FieldType.TEXT, label_key="fields.event.name", sample=""),
            Field("event.method", FieldType.TEXT, label_key="fields.event.method", sample="POST"),
            Field("body", FieldType.OBJECT, label_key="fields.body", sample=self.sample["body"]),
            Field("query", FieldType.OBJECT, label_key="fields.query", sample={}),
        )

    @override
    def accepts(self, event: Event, options: Mapping[str, Any]) -> bool:
        """Let through what has the wanted name, whatever its capitals."""
        wanted = str(options.get("name") or "").strip().casefold()
        return not wanted or str(event.data["event"]["name"]).casefold() == wanted
