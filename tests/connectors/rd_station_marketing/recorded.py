"""What the tests of this folder share: a connection, the vendor's answers, the recorded deliveries."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.connectors.fake_context import FakeContext, Reply, Vendor, answer

from vaivem.connectors.rd_station_marketing.leads import own_field
from vaivem.connectors.sdk import Answer, Connection, Delivery
from vaivem.connectors.sdk.registry import get_connector

FIXTURES = Path(__file__).with_name("fixtures")
ADDRESS = "https://hub.example.com/hook/abc"
ANA = "c2f3d2b3-7250-4d27-97f4-eef38be32f7f"

connector = get_connector("rd_station_marketing")

FIELDS: list[dict[str, Any]] = [
    {"api_identifier": "name", "custom_field": False, "data_type": "STRING", "label": {"pt-BR": "Nome"}},
    {
        "api_identifier": "cf_cpf",
        "custom_field": True,
        "data_type": "STRING",
        "presentation_type": "TEXT_INPUT",
        "label": {"pt-BR": "CPF"},
    },
    {
        "api_identifier": "cf_interesses",
        "custom_field": True,
        "data_type": "STRING[]",
        "presentation_type": "MULTIPLE_CHOICE",
        "label": {"pt-BR": "Interesses"},
        "validation_rules": {
            "valid_options": [{"value": "Pães", "label": {"pt-BR": "Pães"}}, {"value": "Doces"}]
        },
    },
    {
        "api_identifier": "cf_data_da_venda",
        "custom_field": True,
        "data_type": "STRING",
        "presentation_type": "TEXT_INPUT",
        "label": {"default": "Data da venda"},
    },
    {
        "api_identifier": "cf_motivo",
        "custom_field": True,
        "data_type": "STRING",
        "presentation_type": "TEXT_AREA",
        "name": {"pt-BR": "Motivo"},
    },
    {
        "api_identifier": "cf_vip",
        "custom_field": True,
        "data_type": "BOOLEAN",
        "presentation_type": "CHECK_BOX",
        "label": {"pt-BR": "VIP"},
    },
    {
        "api_identifier": "cf_porte",
        "custom_field": True,
        "data_type": "STRING",
        "presentation_type": "COMBO_BOX",
        "label": {"pt-BR": "Porte"},
    },
]


def connection(**settings: Any) -> Connection:
    """Return a connection whose fields were read."""
    fields = [found.to_dict() for row in FIELDS if (found := own_field(row))]
    return Connection(
        id=6,
        workspace=1,
        connector="rd_station_marketing",
        name="Marketing",
        method="oauth",
        credentials={"access_token": "at-1"},
        settings={**connector.manifest.defaults(), **settings},
        catalog={"fields": {"lead": fields}, "lists": {}},
    )


def lead(uuid: str = ANA, **changes: Any) -> dict[str, Any]:
    """Return a lead as the API answers."""
    return {
        "uuid": uuid,
        "email": "ana@padaria.example",
        "name": "Ana Lima",
        "mobile_phone": "(11) 91234-5678",
        "tags": ["newsletter"],
        "extra_emails": [],
        "legal_bases": [{"category": "communications", "type": "consent", "status": "granted"}],
        "links": [],
        **changes,
    }


def refused(status: int, kind: str, text: str = "x") -> Answer:
    """Return an error in the vendor's flat shape."""
    return answer(status, {"errors": {"error_type": kind, "error_message": text}})


NOBODY = refused(404, "RESOURCE_NOT_FOUND", "Lead not found.")


def webhook(name: str) -> Delivery:
    """Return a recorded delivery, with the headers that the vendor sends."""
    raw = (FIXTURES / "webhooks" / f"{name}.json").read_bytes()
    headers = json.loads((FIXTURES / "webhooks" / f"{name}.headers.json").read_text("utf-8"))
    return Delivery("POST", "", "", {key.lower(): value for key, value in headers.items()}, raw)


def step(action: str, routes: dict[str, Reply], values: dict[str, Any], **more: Any) -> FakeContext:
    """Return one step of one run."""
    by = more.pop("connection", None) or connection()
    return FakeContext(connector, by, Vendor(routes), action=action, values=values, **more)
