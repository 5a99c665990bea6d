"""What a rule can read from this connector's triggers, and an example of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from vaivem.connectors.rd_station_marketing.leads import choice, field
from vaivem.connectors.sdk import Connection
from vaivem.core.fields import Field, FieldType

STAGES = ("Lead", "Qualified Lead", "Client")

READ = (
    field("event.identifier"),
    field("event.at", FieldType.DATETIME),
    field("lead.uuid", FieldType.RECORD),
    field("lead.email", FieldType.EMAIL),
    field("lead.emails", FieldType.EMAIL, many=True),
    field("lead.name"),
    field("lead.first_name"),
    field("lead.last_name"),
    field("lead.job_title"),
    field("lead.birthdate", FieldType.DATE),
    field("lead.bio", FieldType.LONG_TEXT),
    field("lead.website"),
    field("lead.phone"),
    field("lead.personal_phone"),
    field("lead.mobile_phone"),
    field("lead.city"),
    field("lead.state"),
    field("lead.country"),
    field("lead.tags", many=True),
    choice("lead.consent", "granted", "declined"),
    field("lead.url", FieldType.URL),
    field("company.name"),
    field("funnel.lifecycle_stage"),
    field("funnel.opportunity", FieldType.BOOLEAN),
    field("funnel.owner_email", FieldType.EMAIL),
    field("funnel.fit", FieldType.INTEGER),
    field("funnel.interest", FieldType.INTEGER),
    field("funnel.origin"),
)


def fields_of(connection: Connection) -> tuple[Field, ...]:
    """Return what a rule can read, the account's own fields included."""
    return READ + connection.custom_fields("lead")


def sample(identifier: str, *, opportunity: bool) -> Mapping[str, Any]:
    """Return an example of what a trigger gives."""
    return {
        "event": {"identifier": identifier, "at": "2026-11-23T14:07:04.254-03:00"},
        "lead": {
            "id": "c2f3d2b3-7250-4d27-97f4-eef38be32f7f",
            "uuid": "c2f3d2b3-7250-4d27-97f4-eef38be32f7f",
            "email": "ana@padaria.example",
            "emails": ["ana@padaria.example"],
            "name": "Ana Lima",
            "first_name": "Ana",
            "last_name": "Lima",
            "job_title": "Diretora financeira",
            "birthdate": None,
            "bio": None,
            "website": "https://padaria.example",
            "phone": "(11) 91234-5678",
            "personal_phone": None,
            "mobile_phone": "(11) 91234-5678",
            "city": "São Paulo",
            "state": "SP",
            "country": "Brasil",
            "twitter": None,
            "facebook": None,
            "linkedin": None,
            "tags": ["newsletter"],
            "legal_basis": "consent",
            "consent": "granted",
            "custom": {},
            "url": "https://app.rdstation.com.br/leads/public/c2f3d2b3-7250-4d27-97f4-eef38be32f7f",
        },
        "company": {"name": "Padaria Lima Ltda."},
        "funnel": {
            "lifecycle_stage": "Qualified Lead" if opportunity else "Lead",
            "opportunity": opportunity,
            "owner_email": "bia@vendas.example",
            "fit": 0,
            "interest": 20,
            "origin": "Busca Paga | Google",
        },
    }


def outputs_of(connection: Connection) -> tuple[Field, ...]:
    """Return what a step on a lead gives to later ones, each with the example's value."""
    lead = sample("newsletter", opportunity=False)["lead"]
    return tuple(
        replace(own, sample=lead.get(own.key.partition(".")[2]))
        for own in fields_of(connection)
        if own.key.startswith("lead.")
    )


def event_outputs_of(connection: Connection, *more: Field) -> tuple[Field, ...]:
    """Return what a step gives that puts an event on a lead's timeline: the lead, and the event."""
    event = field("event.id", FieldType.RECORD, sample="5408c5a3-4711-4f2e-8d0b-13407a3e30f3")
    return (*outputs_of(connection), event, *more)
