"""What the tests of this folder share: a connection, the vendor's answers, the recorded deliveries."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.connectors.fake_context import FakeContext, Reply, Vendor, answer

from vaivem.connectors.pipedrive.custom_values import own_field
from vaivem.connectors.sdk import Answer, Connection, Delivery
from vaivem.connectors.sdk.registry import get_connector

FIXTURES = Path(__file__).with_name("fixtures")
PASSWORD = "8zqvVx1kY0aNq3kq7mH5tB2c9dR4sT6u"
ADDRESS = "https://hub.example.com/hook/abc"
PLAN, SIGNED, FEE, TAGS = (
    "d4de1c0000000000000000000000000000000001",
    "53c2f10000000000000000000000000000000002",
    "53c2f10000000000000000000000000000000003",
    "53c2f10000000000000000000000000000000004",
)
REFERENCE = "53c2f10000000000000000000000000000000009"
CPF = "a1b2c30000000000000000000000000000000001"
STREET = "a1b2c30000000000000000000000000000000002"
CNPJ = "b1b2c30000000000000000000000000000000001"

connector = get_connector("pipedrive")

DEFINITIONS: dict[str, list[dict[str, Any]]] = {
    "deal": [
        {
            "field_code": PLAN,
            "field_name": "Plano",
            "field_type": "enum",
            "options": [{"id": 38, "label": "Básico"}, {"id": 39, "label": "Pró"}],
        },
        {"field_code": SIGNED, "field_name": "Assinado em", "field_type": "date"},
        {"field_code": FEE, "field_name": "Taxa", "field_type": "monetary"},
        {
            "field_code": TAGS,
            "field_name": "Marcas",
            "field_type": "set",
            "options": [{"id": 1, "label": "Novo"}, {"id": 2, "label": "Quente"}],
        },
        {"field_code": REFERENCE, "field_name": "Vaivém", "field_type": "varchar"},
        {"field_code": "c" * 40, "field_name": "Vigência", "field_type": "daterange"},
    ],
    "person": [
        {"field_code": CPF, "field_name": "CPF", "field_type": "varchar"},
        {"field_code": STREET, "field_name": "Rua", "field_type": "address"},
    ],
    "organization": [{"field_code": CNPJ, "field_name": "CNPJ", "field_type": "varchar"}],
}


def definitions(object_key: str) -> list[dict[str, Any]]:
    """Return an object's fields as the vendor lists them, one built-in among them."""
    own = [{"is_custom_field": True, "options": None, **row} for row in DEFINITIONS[object_key]]
    return [
        {"field_code": "title", "field_name": "Title", "field_type": "varchar", "is_custom_field": False},
        *own,
    ]


def connection(method: str = "oauth", **settings: Any) -> Connection:
    """Return a connection whose lists and fields were read."""
    fields = {
        key: [found.to_dict() for row in definitions(key) if (found := own_field(key, row))]
        for key in DEFINITIONS
    }
    lists = {
        "pipelines": [{"value": "1", "label": "Funil de vendas"}],
        "stages/1": [{"value": "4", "label": "Proposta"}, {"value": "5", "label": "Negociação"}],
        "users": [{"value": "1001", "label": "Bia Souza"}],
        "activity_types": [{"value": "call", "label": "Ligação"}],
    }
    return Connection(
        id=5,
        workspace=1,
        connector="pipedrive",
        name="Vendas",
        method=method,
        credentials={
            "access_token": "at-1",
            "token": " 'tk-1'\n",
            "webhook": {"user": "vaivem", "password": PASSWORD},
        },
        settings={**connector.manifest.defaults(), "reference_field": REFERENCE, **settings},
        account={"id": "77:1001", "details": {"domain": "padaria", "currency": "BRL"}},
        catalog={"fields": fields, "lists": lists},
    )


def said(data: Any, status: int = 200, **more: Any) -> Answer:
    """Return an answer of the vendor around `data`."""
    return answer(status, {"success": True, "data": data, "additional_data": more or None})


def found(*rows: dict[str, Any]) -> Answer:
    """Return an answer of the search."""
    items = [{"result_score": 0.5, "item": row} for row in rows]
    return said({"items": items}, next_cursor=None)


def person(record_id: int = 12, **changes: Any) -> dict[str, Any]:
    """Return a person as v2 answers."""
    return {
        "id": record_id,
        "name": "Ana Lima",
        "first_name": "Ana",
        "last_name": "Lima",
        "owner_id": 1001,
        "org_id": 3,
        "emails": [{"value": "ana@padaria.example", "primary": True, "label": "work"}],
        "phones": [{"value": "(11) 91234-5678", "primary": True, "label": "mobile"}],
        "add_time": "2026-11-20T13:04:34Z",
        "update_time": "2026-11-23T17:40:02Z",
        "is_deleted": False,
        "custom_fields": {CPF: None, STREET: None},
        **changes,
    }


def organization(record_id: int = 3, **changes: Any) -> dict[str, Any]:
    """Return an organization as v2 answers."""
    return {
        "id": record_id,
        "name": "Padaria Lima Ltda.",
        "owner_id": 1001,
        "address": {"value": "Rua das Flores, 100"},
        "website": None,
        "add_time": "2026-11-20T13:04:34Z",
        "update_time": "2026-11-23T17:40:02Z",
        "custom_fields": {CNPJ: None},
        **changes,
    }


def deal(record_id: int = 9, **changes: Any) -> dict[str, Any]:
    """Return a deal as v2 answers."""
    return {
        "id": record_id,
        "title": "Ana Lima: proposta",
        "status": "open",
        "pipeline_id": 1,
        "stage_id": 4,
        "owner_id": 1001,
        "person_id": 12,
        "org_id": 3,
        "value": 1500,
        "currency": "BRL",
        "probability": None,
        "expected_close_date": None,
        "lost_reason": None,
        "won_time": None,
        "lost_time": None,
        "close_time": None,
        "stage_change_time": None,
        "is_archived": False,
        "add_time": "2026-11-20T13:04:34Z",
        "update_time": "2026-11-23T17:40:02Z",
        "custom_fields": {PLAN: 38, SIGNED: None, FEE: None, TAGS: None, REFERENCE: None},
        **changes,
    }


NEW = {"add_time": "2026-11-24T12:00:01Z", "update_time": "2026-11-24T12:00:01Z"}


def webhook(name: str) -> Delivery:
    """Return a recorded delivery, with the headers that the vendor sends."""
    raw = (FIXTURES / "webhooks" / f"{name}.json").read_bytes()
    headers = json.loads((FIXTURES / "webhooks" / f"{name}.headers.json").read_text("utf-8"))
    return Delivery("POST", "", "", {key.lower(): value for key, value in headers.items()}, raw)


def step(action: str, routes: dict[str, Reply], values: dict[str, Any], **more: Any) -> FakeContext:
    """Return one step of one run."""
    by = more.pop("connection", None) or connection()
    return FakeContext(connector, by, Vendor(routes), action=action, values=values, **more)
