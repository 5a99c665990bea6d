"""What a rule can read from this connector's triggers and steps, and an example of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from vaivem.connectors.activecampaign.objects import choice, field
from vaivem.connectors.activecampaign.records import STATUSES
from vaivem.connectors.sdk import Connection
from vaivem.core.fields import Field, FieldType

EVENT = (
    field("event.name"),
    field("event.at", FieldType.DATETIME),
    field("event.source"),
)
TAG = (field("tag.name"),)
LIST = (field("list.id", FieldType.RECORD), field("list.name"))

CONTACT = (
    field("contact.id", FieldType.RECORD),
    field("contact.email", FieldType.EMAIL),
    field("contact.name"),
    field("contact.first_name"),
    field("contact.last_name"),
    field("contact.phone"),
    field("contact.tags", many=True),
    field("contact.lists", many=True),
    field("contact.account", FieldType.RECORD),
    field("contact.created_at", FieldType.DATETIME),
    field("contact.url", FieldType.URL),
)

ACCOUNT = (
    field("account.id", FieldType.RECORD),
    field("account.name"),
    field("account.website"),
    field("account.owner_name"),
    field("account.url", FieldType.URL),
)

DEAL = (
    field("deal.id", FieldType.RECORD),
    field("deal.title"),
    choice("deal.status", *STATUSES),
    field("deal.pipeline", FieldType.RECORD),
    field("deal.pipeline_name"),
    field("deal.stage", FieldType.RECORD),
    field("deal.stage_name"),
    field("deal.owner", FieldType.RECORD),
    field("deal.owner_name"),
    field("deal.contact", FieldType.RECORD),
    field("deal.account", FieldType.RECORD),
    field("deal.value", FieldType.MONEY),
    field("deal.currency"),
    field("deal.percent", FieldType.INTEGER),
    field("deal.description", FieldType.LONG_TEXT),
    field("deal.created_at", FieldType.DATETIME),
    field("deal.url", FieldType.URL),
)

_OWN = {"contact": CONTACT, "account": ACCOUNT, "deal": DEAL}
# What stands beside the record of an event.
_BESIDE = {"contact": ("account",), "account": (), "deal": ("contact", "account")}
# What a step knows of its record: tags and lists of names are of triggers alone.
_READ_AGAIN = frozenset({"contact.tags", "contact.lists"})

SAMPLES: Mapping[str, Mapping[str, Any]] = {
    "contact": {
        "id": "3",
        "email": "ana@padaria.example",
        "name": "Ana Lima",
        "first_name": "Ana",
        "last_name": "Lima",
        "phone": "+5511912345678",
        "tags": ["cliente", "orçamento"],
        "lists": ["Novidades"],
        "account": "7",
        "custom": {},
        "created_at": "2026-11-20T13:04:34+00:00",
        "updated_at": "2026-11-23T17:40:02+00:00",
        "url": "https://padaria.activehosted.com/app/contacts/3",
    },
    "account": {
        "id": "7",
        "name": "Padaria Lima Ltda.",
        "website": "https://padaria.example",
        "owner": "1",
        "owner_name": "Bia Souza",
        "custom": {},
        "created_at": "2026-11-20T10:04:34-03:00",
        "updated_at": "2026-11-23T14:40:02-03:00",
        "url": "https://padaria.activehosted.com/app/accounts/7",
    },
    "deal": {
        "id": "9",
        "title": "Ana Lima: contrato",
        "status": "open",
        "pipeline": "1",
        "pipeline_name": "Funil de vendas",
        "stage": "4",
        "stage_name": "Proposta",
        "owner": "1",
        "owner_name": "Bia Souza",
        "contact": "3",
        "account": "7",
        "value": 1500.0,
        "currency": "BRL",
        "percent": 50,
        "description": "Plano anual",
        "custom": {},
        "created_at": "2026-11-20T10:04:34-03:00",
        "updated_at": "2026-11-23T14:40:02-03:00",
        "url": "https://padaria.activehosted.com/app/deals/9",
    },
}


def fields_of(object_key: str, connection: Connection, *more: Field) -> tuple[Field, ...]:
    """Return what a trigger on an object lets a rule read, the account's own fields included."""
    objects = (object_key, *_BESIDE[object_key])
    plain = tuple(own for name in objects for own in _OWN[name])
    own = tuple(own for name in objects for own in connection.custom_fields(name))
    return (*plain, *own, *more, *EVENT)


def beside(object_key: str) -> tuple[str, ...]:
    """Return the objects that stand beside the record of an event."""
    return _BESIDE[object_key]


def sample(object_key: str, kind: str, **changes: Any) -> dict[str, Any]:
    """Return an example of what a trigger gives; `changes` are the record's values that differ."""
    event = {"name": kind, "at": "2026-11-23T14:40:03-03:00", "source": "admin"}
    data: dict[str, Any] = {name: dict(SAMPLES[name]) for name in (object_key, *_BESIDE[object_key])}
    data[object_key] |= changes
    return {"event": event, **data}


def outputs_of(connection: Connection, object_key: str) -> tuple[Field, ...]:
    """Return what a step on an object gives to later ones, each with the example's value."""
    plain = (own for own in _OWN[object_key] if own.key not in _READ_AGAIN)
    return tuple(
        replace(own, sample=SAMPLES[object_key].get(own.key.partition(".")[2]))
        for own in (*plain, *connection.custom_fields(object_key))
    )
