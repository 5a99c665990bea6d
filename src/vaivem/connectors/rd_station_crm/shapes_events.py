"""The shapes of webhook documents, to our records. Pure.

A deal's document is neither API's: v1's embedding, other names, no contacts, no organization, own fields by
id. So it says what happened, and the deal itself is read again. A deleted record's document has id and name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vaivem.connectors.rd_station_crm.records import Record
from vaivem.connectors.rd_station_crm.shapes_v1 import id_of
from vaivem.connectors.rd_station_crm.shapes_v2 import contact_from, organization_from

RELATIONS = {
    "pipeline": "deal_pipeline",
    "stage": "deal_stage",
    "owner": "user",
    "source": "deal_source",
    "campaign": "campaign",
    "lost_reason": "deal_lost_reason",
}


def record_from(object_key: str, document: Mapping[str, Any]) -> Record:
    """Read a document; of the objects that no trigger offers, as much as they hold."""
    if object_key == "deal":
        return deal_from_event(document)
    if object_key == "contact" and "emails" in document:
        return contact_from(document)
    if object_key == "organization" and "custom_fields" in document:
        return organization_from(document)
    return {key: value for key, value in document.items() if not isinstance(value, Mapping | list)}


def deal_from_event(document: Mapping[str, Any]) -> Record:
    """Read a deal's document: its relations' ids and their names; unset ones are empty objects."""
    related = {ours: document.get(theirs) or {} for ours, theirs in RELATIONS.items()}
    return {
        "id": id_of(document),
        "name": document.get("name"),
        "status": document.get("status"),
        **{ours: id_of(relation) or None for ours, relation in related.items()},
        "one_time_price": document.get("amount_unique"),
        "recurrence_price": document.get("amount_monthly"),
        "total_price": document.get("amount_total"),
        "expected_close_date": document.get("prediction_date"),
        "rating": document.get("rating"),
        "closed_at": document.get("closed_at"),
        "created_at": document.get("created_at"),
        "updated_at": document.get("updated_at"),
        "names": {ours: relation["name"] for ours, relation in related.items() if relation.get("name")},
    }


def deal_to_event(deal: Record) -> dict[str, Any]:
    """Write a deal's document as the vendor would have sent it, for what was missed."""
    related = {theirs: {"id": deal[ours]} if deal[ours] else {} for ours, theirs in RELATIONS.items()}
    plain = ("id", "name", "status", "rating", "closed_at", "created_at", "updated_at")
    amounts = {
        "amount_unique": deal["one_time_price"],
        "amount_monthly": deal["recurrence_price"],
        "amount_total": deal["total_price"],
        "prediction_date": deal["expected_close_date"],
    }
    return {key: deal[key] for key in plain} | amounts | related
