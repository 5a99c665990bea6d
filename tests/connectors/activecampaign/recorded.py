"""What the tests of this folder share: a connection, the vendor's answers, the recorded deliveries."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.connectors.fake_context import FakeContext, Reply, Vendor, answer

from vaivem.connectors.activecampaign.custom_values import contact_field, sales_field
from vaivem.connectors.sdk import Answer, Connection, Delivery
from vaivem.connectors.sdk.registry import get_connector

FIXTURES = Path(__file__).with_name("fixtures")
SECRET = "Jx2nq7Zt0aNq3kq7mH5tB2c9dR4sT6u1"
ADDRESS = "https://hub.example.com/hook/abc"

connector = get_connector("activecampaign")

CONTACT_FIELDS: list[dict[str, Any]] = [
    {"id": "1", "title": "CPF", "type": "text", "perstag": "CPF"},
    {"id": "4", "title": "Tipo de imóvel", "type": "dropdown", "perstag": "TIPO_DE_IMOVEL"},
    {"id": "5", "title": "Interesses", "type": "checkbox", "perstag": "INTERESSES"},
    {"id": "6", "title": "Assinado em", "type": "date", "perstag": "ASSINADO_EM"},
]
OPTIONS = [
    {"id": "1", "field": "4", "orderid": "2", "value": "Casa", "label": "Casa"},
    {"id": "2", "field": "4", "orderid": "1", "value": "Sítio", "label": "Sítio"},
    {"id": "3", "field": "5", "orderid": "1", "value": "Painéis", "label": "Painéis"},
    {"id": "4", "field": "5", "orderid": "2", "value": "Bateria", "label": "Bateria"},
]
DEAL_FIELDS: list[dict[str, Any]] = [
    {"id": 1, "fieldLabel": "Taxa", "fieldType": "currency", "fieldOptions": None},
    {"id": 2, "fieldLabel": "Marcas", "fieldType": "multiselect", "fieldOptions": ["Novo", "Quente"]},
    {"id": 3, "fieldLabel": "Pontos", "fieldType": "number", "fieldOptions": None},
    {"id": 9, "fieldLabel": "Vaivém", "fieldType": "text", "fieldOptions": None},
]


def options(**pairs: str) -> list[dict[str, Any]]:
    return [{"value": value, "label": label} for value, label in pairs.items()]


def connection(**settings: Any) -> Connection:
    """Return a connection whose lists and fields were read."""
    fields = {
        "contact": [contact_field(row, OPTIONS).to_dict() for row in CONTACT_FIELDS],
        "deal": [sales_field("deal", row).to_dict() for row in DEAL_FIELDS],
        "account": [],
        "record": [],
    }
    lists = {
        "tags": options(cliente="cliente"),
        "tag_ids": [{"value": "20", "label": "cliente"}, {"value": "21", "label": "orçamento"}],
        "lists": [{"value": "1", "label": "Novidades"}],
        "pipelines": [{"value": "1", "label": "Vendas"}],
        "stages/1": [{"value": "4", "label": "Proposta"}, {"value": "5", "label": "Negociação"}],
        "users": [{"value": "1", "label": "Bia Souza"}],
        "automations": [{"value": "42", "label": "Boas-vindas"}],
        "perstags": [{"value": str(row["perstag"]).lower(), "label": row["id"]} for row in CONTACT_FIELDS],
    }
    return Connection(
        id=5,
        workspace=1,
        connector="activecampaign",
        name="Marketing",
        method="token",
        credentials={
            "url": " https://padaria.api-us1.com/api/3/ ",
            "token": "k-1",
            "webhook": {"secret": SECRET},
        },
        settings={**connector.manifest.defaults(), **settings},
        account={"id": "padaria", "details": {"user_id": "1", "web": "https://padaria.activehosted.com"}},
        catalog={"fields": fields, "lists": lists},
    )


def contact(number: str = "3", **changes: Any) -> dict[str, Any]:
    """Return the answer about a contact, with what stands beside it."""
    row = {
        "id": number,
        "email": "ana@padaria.example",
        "firstName": "Ana",
        "lastName": "Lima",
        "phone": "+5511912345678",
        "cdate": "2026-11-20T10:04:34-03:00",
        "udate": "2026-11-24T09:00:01-03:00",
        "created_utc_timestamp": "2026-11-20 13:04:34",
        "updated_utc_timestamp": "2026-11-24 12:00:01",
        **changes.pop("row", {}),
    }
    values = changes.pop("values", {"1": "529.982.247-25", "4": "Casa", "5": "||Bateria||Painéis||"})
    return {
        "contact": row,
        "fieldValues": [{"contact": number, "field": key, "value": value} for key, value in values.items()],
        "contactLists": [
            {"contact": number, "list": "1", "status": "1"},
            {"contact": number, "list": "2", "status": "2"},
        ],
        "accountContacts": [{"contact": number, "account": "7"}],
        **changes,
    }


def deal(number: str = "9", **changes: Any) -> dict[str, Any]:
    """Return a deal as the API answers."""
    row = {
        "id": number,
        "title": "Ana Lima: contrato",
        "description": "",
        "group": "1",
        "stage": "4",
        "owner": "1",
        "contact": "3",
        "account": "7",
        "customerAccount": "7",
        "organization": "7",
        "value": "150050",
        "currency": "brl",
        "percent": "0",
        "status": "0",
        "cdate": "2026-11-24T09:00:01-03:00",
        "mdate": "2026-11-24T09:00:01-03:00",
        **changes,
    }
    return {"deal": row}


def listed(key: str, *rows: dict[str, Any]) -> Answer:
    """Return an answer with a list."""
    return answer(200, {key: list(rows), "meta": {"total": str(len(rows))}})


def webhook(name: str, path: str = f"/{SECRET}") -> Delivery:
    """Return a recorded delivery, as the vendor sends it."""
    pairs = json.loads((FIXTURES / "webhooks" / f"{name}.json").read_text("utf-8"))
    headers = json.loads((FIXTURES / "webhooks" / f"{name}.headers.json").read_text("utf-8"))
    lower = {key.lower(): value for key, value in headers.items()}
    return Delivery("POST", path, "", lower, urlencode([tuple(pair) for pair in pairs]).encode())


def step(action: str, routes: dict[str, Reply], values: dict[str, Any], **more: Any) -> FakeContext:
    """Return one step of one run."""
    by = more.pop("connection", None) or connection()
    return FakeContext(connector, by, Vendor(routes), action=action, values=values, **more)
