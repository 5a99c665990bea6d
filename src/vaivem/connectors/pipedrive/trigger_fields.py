"""What a rule can read from this connector's triggers, and an example of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from vaivem.connectors.pipedrive.objects import STATUSES, choice, field
from vaivem.connectors.sdk import Connection
from vaivem.core.fields import Field, FieldType

EVENT_FIELDS = (
    field("event.name"),
    field("event.at", FieldType.DATETIME),
    field("event.user", FieldType.RECORD),
)

PERSON = (
    field("person.id", FieldType.RECORD),
    field("person.name"),
    field("person.first_name"),
    field("person.last_name"),
    field("person.email", FieldType.EMAIL),
    field("person.phone", FieldType.PHONE),
    field("person.emails", FieldType.EMAIL, many=True),
    field("person.phones", FieldType.PHONE, many=True),
    field("person.job_title"),
    field("person.organization", FieldType.RECORD),
    field("person.owner_name"),
    field("person.url", FieldType.URL),
)

ORGANIZATION = (
    field("organization.id", FieldType.RECORD),
    field("organization.name"),
    field("organization.address"),
    field("organization.website", FieldType.URL),
    field("organization.owner_name"),
    field("organization.url", FieldType.URL),
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
    field("deal.value", FieldType.MONEY),
    field("deal.currency"),
    field("deal.expected_close_date", FieldType.DATE),
    field("deal.probability", FieldType.NUMBER),
    field("deal.lost_reason"),
    field("deal.won_at", FieldType.DATETIME),
    field("deal.lost_at", FieldType.DATETIME),
    field("deal.closed_at", FieldType.DATETIME),
    field("deal.created_at", FieldType.DATETIME),
    field("deal.url", FieldType.URL),
)

FIELDS: Mapping[str, tuple[Field, ...]] = {
    "person": PERSON + ORGANIZATION,
    "organization": ORGANIZATION,
    "deal": DEAL + PERSON + ORGANIZATION,
}
_OBJECTS = {"person": ("person", "organization"), "organization": ("organization",)}


def fields_of(object_key: str, connection: Connection) -> tuple[Field, ...]:
    """Return what a trigger on an object lets a rule read, the account's own fields included."""
    objects = _OBJECTS.get(object_key, ("deal", "person", "organization"))
    own = tuple(own for name in objects for own in connection.custom_fields(name))
    return FIELDS[object_key] + own + EVENT_FIELDS


def deleted_fields_of(object_key: str) -> tuple[Field, ...]:
    """Return what is left to read of a deleted record."""
    kept = {f"{object_key}.id", f"{object_key}.{'title' if object_key == 'deal' else 'name'}"}
    return tuple(own for own in FIELDS[object_key] if own.key in kept) + EVENT_FIELDS


_TIMES = {"created_at": "2026-11-20T13:04:34Z", "updated_at": "2026-11-23T17:40:02Z"}

SAMPLE_ORGANIZATION: Mapping[str, Any] = {
    "id": "3",
    "name": "Padaria Lima Ltda.",
    "address": "Rua das Flores, 100, São Paulo",
    "website": "https://padaria.example",
    "owner": "1001",
    "owner_name": "Bia Souza",
    "custom": {},
    "url": "https://padaria.pipedrive.com/organization/3",
    **_TIMES,
}

SAMPLE_PERSON: Mapping[str, Any] = {
    "id": "12",
    "name": "Ana Lima",
    "first_name": "Ana",
    "last_name": "Lima",
    "email": "ana@padaria.example",
    "phone": "+5511912345678",
    "emails": ["ana@padaria.example"],
    "phones": ["+5511912345678"],
    "job_title": "Diretora financeira",
    "organization": "3",
    "owner": "1001",
    "owner_name": "Bia Souza",
    "custom": {},
    "url": "https://padaria.pipedrive.com/person/12",
    **_TIMES,
}

SAMPLE_DEAL: Mapping[str, Any] = {
    "id": "9",
    "title": "Ana Lima: proposta",
    "status": "open",
    "pipeline": "1",
    "pipeline_name": "Funil de vendas",
    "stage": "4",
    "stage_name": "Proposta",
    "owner": "1001",
    "owner_name": "Bia Souza",
    "person": "12",
    "organization": "3",
    "value": 1500,
    "currency": "BRL",
    "probability": 50,
    "expected_close_date": "2026-12-31",
    "lost_reason": None,
    "won_at": None,
    "lost_at": None,
    "closed_at": None,
    "stage_changed_at": "2026-11-21T10:00:00Z",
    "archived": False,
    "custom": {},
    "url": "https://padaria.pipedrive.com/deal/9",
    **_TIMES,
}


def sample(object_key: str, kind: str, **changes: Any) -> dict[str, Any]:
    """Return an example of what a trigger gives; `changes` are the record's values that differ."""
    data: dict[str, Any] = {"event": {"name": kind, "at": "2026-11-23T17:40:03Z", "user": "1001"}}
    if object_key == "organization":
        return data | {"organization": dict(SAMPLE_ORGANIZATION) | changes}
    if object_key == "person":
        return data | {"person": dict(SAMPLE_PERSON) | changes, "organization": dict(SAMPLE_ORGANIZATION)}
    return data | {
        "deal": dict(SAMPLE_DEAL) | changes,
        "person": dict(SAMPLE_PERSON),
        "organization": dict(SAMPLE_ORGANIZATION),
    }


def deleted_sample(object_key: str, kind: str) -> dict[str, Any]:
    """Return an example of what is left of a deleted record."""
    whole = sample(object_key, kind)
    name = "title" if object_key == "deal" else "name"
    return {"event": whole["event"], object_key: {key: whole[object_key][key] for key in ("id", name)}}


def outputs_of(connection: Connection, object_key: str) -> tuple[Field, ...]:
    """Return what a step on an object gives to later ones, each with the example's value."""
    examples = {"person": SAMPLE_PERSON, "organization": SAMPLE_ORGANIZATION, "deal": SAMPLE_DEAL}
    kept = {"person": PERSON, "organization": ORGANIZATION, "deal": DEAL}
    return tuple(
        replace(own, sample=examples[object_key].get(own.key.partition(".")[2]))
        for own in (*kept[object_key], *connection.custom_fields(object_key))
    )
