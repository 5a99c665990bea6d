"""The fixtures of this folder, as answers and deliveries, and the two kinds of connection."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
from tests.connectors.fake_context import FakeContext, Reply, Vendor

from vaivem.connectors.rd_station_crm.objects import own_field
from vaivem.connectors.sdk import Answer, Connection, Delivery
from vaivem.connectors.sdk.registry import get_connector

FIXTURES = Path(__file__).with_name("fixtures")
HOOK_KEY = "8zqvVx1kY0aNq3kq7mH5tB2c9dR4sT6u"
ADDRESS = "https://hub.example.com/hook/abc"
ANA, BRUNO = "67eac31f6282af00162eae80", "67eac31f6282af00162eae81"
ORGANIZATION = "6717ec11a22fcd0001ebf60b"
DEAL = "650878567482d9c0c7002050"
PIPELINE = "622e4cee111e87000d2f52a5"
STAGE, NEXT_STAGE = "622e4cee412e87000d2f52a6", "622e4cee412e87000d2f52a7"
OWNER = "5c954731d8fb6100335a00b6"
SOURCE = "67e699e577ca600014198b59"
PRODUCT = "66bb00000000000000000001"
REFERENCE = "vv-8f3a21"

connector = get_connector("rd_station_crm")


def unlabelled(object_key: str, candidate: dict[str, Any]) -> set[str]:
    """Return what a person who chooses would see by its raw key."""
    told = {key for key in candidate if key not in ("id", "name", "url")}
    return {
        f"{language} {key}"
        for language in ("en", "pt_BR", "fr", "es")
        for key in told
        if not connector.text(language, f"fields.{object_key}.{key}")
    }


DEFINITIONS: dict[str, list[tuple[str, str, str, list[str]]]] = {
    "deal": [
        ("vaivem", "Vaivém", "text", []),
        ("numero-contrato", "Número do contrato", "text", []),
        ("inicio", "Início", "date", []),
        ("plano", "Plano", "option", ["Básico", "Pró"]),
    ],
    "contact": [("cpf", "CPF", "text", [])],
    "organization": [("cnpj", "CNPJ", "text", [])],
}
V1_KEYS = {
    "vaivem": "611e89b0f269d0000b3bb2c1",
    "numero-contrato": "611e89b0f269d0000b3bb2c2",
    "inicio": "611e89b0f269d0000b3bb2c3",
    "plano": "611e89b0f269d0000b3bb2c4",
    "cpf": "611e89b0f269d0000b3bb2d1",
    "cnpj": "611e89b0f269d0000b3bb2e1",
}


def catalog(*, v1: bool = False) -> dict[str, Any]:
    """Return the account's lists and own fields, as last read."""
    fields = {
        object_key: [
            own_field(
                object_key,
                {
                    "key": V1_KEYS[key] if v1 else key,
                    "label": label,
                    "type": kind,
                    "options": options,
                    "new_options": False,
                    "required": False,
                },
            ).to_dict()
            for key, label, kind, options in rows
        ]
        for object_key, rows in DEFINITIONS.items()
    }
    lists = {
        "pipelines": [{"value": PIPELINE, "label": "Funil padrão"}],
        f"stages/{PIPELINE}": [
            {"value": STAGE, "label": "Sem contato"},
            {"value": NEXT_STAGE, "label": "Proposta"},
        ],
        "users": [{"value": OWNER, "label": "Bia Souza"}],
    }
    return {"fields": fields, "lists": lists}


def oauth(*, keys: tuple[str, ...] = (HOOK_KEY,), **settings: Any) -> Connection:
    """Return a connection over API v2."""
    chosen = {"reference_field": "vaivem", **settings}
    return Connection(
        id=5,
        workspace=1,
        connector="rd_station_crm",
        name="CRM",
        method="oauth",
        credentials={"access_token": "at-1", **({"webhook": {"keys": list(keys)}} if keys else {})},
        settings={**connector.manifest.defaults(), **chosen},
        catalog=catalog(),
    )


def token(**settings: Any) -> Connection:
    """Return a connection over API v1."""
    return Connection(
        id=6,
        workspace=1,
        connector="rd_station_crm",
        name="CRM",
        method="token",
        credentials={"token": "tk-1"},
        settings={**connector.manifest.defaults(), **settings},
        catalog=catalog(v1=True),
    )


def body(name: str) -> Any:
    """Return a recorded body."""
    return json.loads((FIXTURES / "api" / f"{name}.json").read_text("utf-8"))


def said(name: str, status: int = 200, /, **changes: Any) -> Answer:
    """Return a recorded answer; `changes` are made to the record in it."""
    content = body(name)
    if changes:
        record = content.get("data", content)
        record.update(changes)
    return Answer(status, {"content-type": "application/json"}, orjson.dumps(content))


def webhook(name: str) -> Delivery:
    """Return a recorded delivery, with the headers that the vendor sends."""
    raw = (FIXTURES / "webhooks" / f"{name}.json").read_bytes()
    headers = json.loads((FIXTURES / "webhooks" / f"{name}.headers.json").read_text("utf-8"))
    return Delivery("POST", "", "", {key.lower(): value for key, value in headers.items()}, raw)


def webhook_names() -> list[str]:
    """Return the names of all recorded deliveries."""
    found = (FIXTURES / "webhooks").glob("*.json")
    return sorted(path.stem for path in found if not path.stem.endswith(".headers"))


def step(
    action: str,
    routes: dict[str, Reply],
    values: dict[str, Any],
    connection: Connection | None = None,
    **more: Any,
) -> FakeContext:
    """Return one step of one run, over API v2 unless said otherwise."""
    return FakeContext(connector, connection or oauth(), Vendor(routes), action=action, values=values, **more)
