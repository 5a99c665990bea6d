"""What the tests of this folder share: a connection, the vendor's answers, the recorded messages."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import orjson
from tests.connectors.fake_context import FakeContext, Reply, Vendor

from vaivem.connectors.docusign.templates import Role, custom_field_list, fields_of, roles_of
from vaivem.connectors.sdk import Connection, Delivery
from vaivem.connectors.sdk.registry import get_connector

FIXTURES = Path(__file__).with_name("fixtures")
KEY = "docusign-test-key"
ACCOUNT = "6d1f0a52-3c74-4f0e-9b1d-2a7c5e8f9a10"
ENVELOPE = "a70a5ef2-0b1c-4e0d-9f57-5a2c7f3b1e94"
TEMPLATE = "0d9f57a7-1e94-4b1c-8a70-5ef25a2c7f3b"
ADDRESS = "https://hub.example.com/hook/abc"

connector = get_connector("docusign")

CUSTOM_FIELDS = {
    "textCustomFields": [{"fieldId": "1", "name": "Centro de custo", "required": "false", "show": "true"}],
    "listCustomFields": [{"fieldId": "2", "name": "Região", "listItems": ["Sul", "Norte"]}],
}
ROLES = {
    "signers": [
        {
            "roleName": "Fornecedor", "recipientId": "2", "routingOrder": "2", "name": "", "email": "",
            "tabs": {"textTabs": [{"tabLabel": "Valor", "tabId": "t5"}]},
        },
        {
            "roleName": "Cliente", "recipientId": "1", "routingOrder": "1", "name": "", "email": "",
            "tabs": {
                "textTabs": [{"tabLabel": "Empresa", "tabId": "t1"}, {"tabLabel": "Valor", "tabId": "t2"}],
                "checkboxTabs": [{"tabLabel": "Aceita contato", "tabId": "t3", "selected": "false"}],
                "listTabs": [{"tabLabel": "Forma", "listItems": [{"text": "À vista", "value": "1x"}]}],
                "radioGroupTabs": [{"groupName": "Plano", "radios": [{"value": "Básico"}, {"value": "Pró"}]}],
                "signHereTabs": [{"tabLabel": "Assinatura", "tabId": "t4"}],
            },
        },
    ],
    "carbonCopies": [],
    "recipientCount": "2",
    "currentRoutingOrder": "1",
}  # fmt: skip


def connection(
    method: str = "oauth", *, read: bool = True, keys: Any = (KEY,), **settings: Any
) -> Connection:
    """Return a connection whose lists and fields were read."""
    catalog: dict[str, Any] = {}
    if read:
        tabs = [one.to_dict() for one in fields_of({"Contrato": roles()})]
        own = [one.to_dict() for one in custom_field_list(CUSTOM_FIELDS)]
        named = [{"value": role.name, "label": role.name} for role in roles()]
        lists = {"templates": [{"value": TEMPLATE, "label": "Contrato"}], f"roles/{TEMPLATE}": named}
        catalog = {"fields": {"envelope": own, "tab": tabs}, "lists": lists}
    return Connection(
        id=7,
        workspace=1,
        connector="docusign",
        name="DocuSign",
        method=method,
        credentials={"access_token": "at-1", "hmac_keys": keys if isinstance(keys, str) else list(keys)},
        settings={**connector.manifest.defaults(), **settings},
        account={"id": ACCOUNT, "name": "Raiar", "details": {"base_uri": "https://na3.docusign.net"}},
        catalog=catalog,
    )


def roles() -> list[Role]:
    """Return the template's roles."""
    return roles_of(ROLES)


def signature(body: bytes, key: str = KEY) -> str:
    """Return a signature as the vendor documents it."""
    return base64.b64encode(hmac.new(key.encode(), body, hashlib.sha256).digest()).decode()


def delivery(content: Any, *keys: str, **headers: str) -> Delivery:
    """Return a message signed with each of `keys`."""
    body = content if isinstance(content, bytes) else orjson.dumps(content)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    signed = {f"x-docusign-signature-{n}": signature(body, key) for n, key in enumerate(keys or (KEY,), 1)}
    return Delivery("POST", "", "", {"content-type": "application/json", **signed, **named}, body)


def webhook(name: str) -> Delivery:
    """Return a recorded message."""
    kind = "xml" if name.startswith("legacy") else "json"
    folder = FIXTURES / "webhooks"
    headers = json.loads((folder / f"{name}.headers.json").read_text("utf-8"))
    return Delivery("POST", "", "", headers, (folder / f"{name}.{kind}").read_bytes())


def content(name: str) -> dict[str, Any]:
    """Return a recorded message's content, to be changed."""
    read: dict[str, Any] = json.loads(webhook(name).body)
    return read


def names() -> list[str]:
    """Return the names of all recorded messages."""
    found = (FIXTURES / "webhooks").glob("*.headers.json")
    return sorted(path.name.removesuffix(".headers.json") for path in found)


def step(action: str, values: dict[str, Any], routes: dict[str, Reply] | Vendor, **more: Any) -> FakeContext:
    """Return an action's step."""
    chosen = more.pop("connection", None) or connection()
    return FakeContext(connector, chosen, routes, action=action, values=values, **more)
