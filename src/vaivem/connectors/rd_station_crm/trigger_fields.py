"""What a rule can read from this connector's triggers, and an example of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from vaivem.connectors.rd_station_crm.objects import STATUSES, choice, field
from vaivem.connectors.sdk import Connection
from vaivem.core.fields import Field, FieldType

EVENT_FIELDS = (field("event.name"), field("event.at", FieldType.DATETIME))

CONTACT = (
    field("contact.id", FieldType.RECORD),
    field("contact.name"),
    field("contact.first_name"),
    field("contact.last_name"),
    field("contact.email", FieldType.EMAIL),
    field("contact.phone", FieldType.PHONE),
    field("contact.emails", FieldType.EMAIL, many=True),
    field("contact.phones", FieldType.PHONE, many=True),
    field("contact.job_title"),
    field("contact.birthday", FieldType.DATE),
    field("contact.organization", FieldType.RECORD),
    field("contact.url", FieldType.URL),
)

ORGANIZATION = (
    field("organization.id", FieldType.RECORD),
    field("organization.name"),
    field("organization.description", FieldType.LONG_TEXT),
    field("organization.website", FieldType.URL),
    field("organization.address"),
    field("organization.owner", FieldType.RECORD),
    field("organization.url", FieldType.URL),
)

DEAL = (
    field("deal.id", FieldType.RECORD),
    field("deal.name"),
    choice("deal.status", *STATUSES),
    field("deal.pipeline", FieldType.RECORD),
    field("deal.pipeline_name"),
    field("deal.stage", FieldType.RECORD),
    field("deal.stage_name"),
    field("deal.owner", FieldType.RECORD),
    field("deal.owner_name"),
    field("deal.source", FieldType.RECORD),
    field("deal.source_name"),
    field("deal.campaign", FieldType.RECORD),
    field("deal.campaign_name"),
    field("deal.lost_reason", FieldType.RECORD),
    field("deal.lost_reason_name"),
    field("deal.one_time_price", FieldType.MONEY),
    field("deal.recurrence_price", FieldType.MONEY),
    field("deal.total_price", FieldType.MONEY),
    field("deal.expected_close_date", FieldType.DATE),
    field("deal.rating", FieldType.INTEGER),
    field("deal.closed_at", FieldType.DATETIME),
    field("deal.created_at", FieldType.DATETIME),
    field("deal.url", FieldType.URL),
    field("contacts", FieldType.LIST),
)

FIELDS: Mapping[str, tuple[Field, ...]] = {
    "contact": CONTACT,
    "organization": ORGANIZATION,
    "deal": DEAL + CONTACT + ORGANIZATION,
}


def fields_of(object_key: str, connection: Connection) -> tuple[Field, ...]:
    """Return what a trigger on an object lets a rule read, the account's own fields included."""
    objects = ("deal", "contact", "organization") if object_key == "deal" else (object_key,)
    own = tuple(own for name in objects for own in connection.custom_fields(name))
    return FIELDS[object_key] + own + EVENT_FIELDS


def deleted_fields_of(object_key: str) -> tuple[Field, ...]:
    """Return what is left to read of a deleted record."""
    kept = {f"{object_key}.id", f"{object_key}.name"}
    return tuple(own for own in FIELDS[object_key] if own.key in kept) + EVENT_FIELDS


_TIMES = {"created_at": "2026-11-20T13:04:34.515Z", "updated_at": "2026-11-23T17:40:02.120Z"}

SAMPLE_CONTACT: Mapping[str, Any] = {
    "id": "67eac31f6282af00162eae80",
    "name": "Ana Lima",
    "first_name": "Ana",
    "last_name": "Lima",
    "email": "ana@example.com",
    "phone": "+5511912345678",
    "emails": ["ana@example.com"],
    "phones": ["+5511912345678"],
    "job_title": "Diretora financeira",
    "birthday": "1988-04-12",
    "organization": "6717ec11a22fcd0001ebf60b",
    "custom": {},
    "url": "https://crm.rdstation.com/app/contacts/67eac31f6282af00162eae80",
    **_TIMES,
}

SAMPLE_ORGANIZATION: Mapping[str, Any] = {
    "id": "6717ec11a22fcd0001ebf60b",
    "name": "Padaria Lima Ltda.",
    "description": "Três lojas em São Paulo",
    "website": "https://padaria.example.com",
    "address": "Rua das Flores, 100, São Paulo",
    "owner": "5c954731d8fb6100335a00b6",
    "segments": [],
    "custom": {},
    "url": "https://crm.rdstation.com/app/organizations/6717ec11a22fcd0001ebf60b",
    **_TIMES,
}

SAMPLE_DEAL: Mapping[str, Any] = {
    "id": "650878567482d9c0c7002050",
    "name": "Contrato – Ana Lima",
    "status": "ongoing",
    "pipeline": "622e4cee111e87000d2f52a5",
    "pipeline_name": "Funil padrão",
    "stage": "622e4cee412e87000d2f52a6",
    "stage_name": "Proposta",
    "owner": "5c954731d8fb6100335a00b6",
    "owner_name": "Bia Souza",
    "source": "67e699e577ca600014198b59",
    "source_name": "Indicação",
    "campaign": None,
    "campaign_name": "",
    "lost_reason": None,
    "lost_reason_name": "",
    "organization": "6717ec11a22fcd0001ebf60b",
    "contacts": ["67eac31f6282af00162eae80"],
    "one_time_price": 1500.0,
    "recurrence_price": 199.9,
    "total_price": 1699.9,
    "expected_close_date": "2026-12-31",
    "rating": 3,
    "closed_at": None,
    "custom": {},
    "url": "https://crm.rdstation.com/app/deals/650878567482d9c0c7002050",
    **_TIMES,
}


def sample(object_key: str, kind: str, **changes: Any) -> dict[str, Any]:
    """Return an example of what a trigger gives; `changes` are the record's values that differ."""
    event = {"name": kind, "at": "2026-11-23T17:40:03.000Z"}
    if object_key == "contact":
        return {"event": event, "contact": dict(SAMPLE_CONTACT) | changes}
    if object_key == "organization":
        return {"event": event, "organization": dict(SAMPLE_ORGANIZATION) | changes}
    return {
        "event": event,
        "deal": dict(SAMPLE_DEAL) | changes,
        "contact": dict(SAMPLE_CONTACT),
        "contacts": [dict(SAMPLE_CONTACT)],
        "organization": dict(SAMPLE_ORGANIZATION),
    }


def deleted_sample(object_key: str, kind: str) -> dict[str, Any]:
    """Return an example of what is left of a deleted record."""
    whole = sample(object_key, kind)
    return {"event": whole["event"], object_key: {key: whole[object_key][key] for key in ("id", "name")}}


def outputs_of(connection: Connection, *objects: str) -> tuple[Field, ...]:
    """Return what steps on these objects give to later ones, each with the example's value."""
    examples = {"deal": SAMPLE_DEAL, "contact": SAMPLE_CONTACT, "organization": SAMPLE_ORGANIZATION}
    kept = {"deal": DEAL, "contact": CONTACT, "organization": ORGANIZATION}
    return tuple(
        replace(own, sample=examples[name].get(own.key.partition(".")[2]))
        for name in objects
        for own in (*kept[name], *connection.custom_fields(name))
        if own.key != "contacts"
    )
