"""A rule, a catalog and a scope that several tests of the core share."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from vaivem.core.catalog import ActionShape, TriggerShape
from vaivem.core.fields import Field, FieldType, Option, WritePolicy
from vaivem.core.rules import ConnectionRef

TRIGGER_FIELDS = (
    Field("document.filename"),
    Field("document.key"),
    Field("document.closed_at", FieldType.DATETIME),
    Field("document.amount", FieldType.MONEY),
    Field("document.metadata", FieldType.OBJECT),
    Field("signer.name"),
    Field("signer.email", FieldType.EMAIL),
    Field("signer.phone", FieldType.PHONE),
    Field("signers[].name"),
    Field("signers[].email", FieldType.EMAIL),
)

DEAL_FIELDS = (
    Field("deal.name", max_length=60, required=True),
    Field(
        "deal.stage",
        FieldType.OPTION,
        options=(Option("s1", "Novo"), Option("s2", "Contrato assinado")),
        write=WritePolicy.CREATED,
    ),
    Field("deal.amount", FieldType.MONEY, label="Valor único"),
    Field("deal.expected", FieldType.DATE, write=WritePolicy.EMPTY),
    Field("deal.tags", FieldType.LIST),
    Field("contact.name", required=True),
    Field("contact.email", FieldType.EMAIL),
    Field("contact.phone", FieldType.PHONE),
)


class FakeCatalog:
    """One signature tool, one CRM, one field set each."""

    def __init__(self) -> None:
        self.trigger_shape: TriggerShape | None = TriggerShape(
            frozenset({"document_closed"}), TRIGGER_FIELDS, (Field("folder", required=False),)
        )
        self.actions: dict[str, ActionShape] = {
            "create_or_update_deal": ActionShape(
                DEAL_FIELDS,
                required=frozenset({"deal.name"}),
                groups=("contact",),
                keys=("source", "name", "field"),
                options=(Field("pipeline", required=False),),
            ),
            "find_contact": ActionShape((Field("email", FieldType.EMAIL),), reads_only=True),
        }

    def connection_id(self, ref: ConnectionRef) -> int | None:
        return {"Clicksign": 1, "CRM": 2}.get(ref) if isinstance(ref, str) else ref

    def trigger(self, ref: ConnectionRef, key: str) -> TriggerShape | None:
        return self.trigger_shape if key == "document_completed" else None

    def action(self, ref: ConnectionRef, key: str) -> ActionShape | None:
        return self.actions.get(key)

    def has_member(self, address: str) -> bool:
        return address == "ana@example.com"


@pytest.fixture
def catalog() -> FakeCatalog:
    return FakeCatalog()


DEFINITION: dict[str, Any] = {
    "title": "Contrato assinado vira negócio",
    "when": {"connection": "Clicksign", "trigger": "document_completed", "options": {"folder": "Vendas"}},
    "if": {
        "all": [
            {"field": "document.filename", "is": "contains", "value": "contrato"},
            {"any": [{"field": "document.amount", "is": "greater", "value": 100}]},
            {"not": [{"field": "signer.email", "is": "is_empty"}]},
        ]
    },
    "then": [
        {
            "id": "who",
            "kind": "find",
            "connection": "CRM",
            "action": "find_contact",
            "fields": {"email": {"from": "signer.email"}},
            "missing": "stop",
        },
        {
            "id": "deal",
            "kind": "action",
            "connection": "CRM",
            "action": "create_or_update_deal",
            "key": {"by": "field", "field": "deal.name"},
            "repeat": {"contact": {"over": "signers", "as": "one"}},
            "fields": {
                "deal.name": {"text": "Contrato {{ document.filename }} de {{ signer.name }}", "max": "cut"},
                "deal.stage": {"value": "s2", "write": "created"},
                "deal.amount": {"from": "document.amount", "on_bad": "use", "instead": 0},
                "deal.expected": {"from": "document.closed_at", "on_bad": "skip", "clear": True},
                "contact.name": {"from": "one.name"},
                "contact.email": {"from": "one.email"},
            },
            "options": {"pipeline": "p1"},
        },
        {"id": "pause", "kind": "wait", "for": {"days": 2, "hours": 1}},
        {
            "id": "later",
            "kind": "wait",
            "until": {"from": "document.closed_at", "shift": {"days": -1, "minutes": -30}},
        },
        {
            "id": "big",
            "kind": "branch",
            "if": {"all": [{"field": "document.amount", "is": "between", "value": [1000, 5000]}]},
            "then": [
                {
                    "id": "mail",
                    "kind": "email",
                    "to": {"text": "chefe@raiar.example"},
                    "subject": {"text": "{{ document.filename }}"},
                    "body": {"text": "Valor: {{ document.amount | money_br }}"},
                }
            ],
            "else": [{"id": "nap", "kind": "wait", "for": {"seconds": 90.5}}],
        },
    ],
}


@pytest.fixture
def definition() -> dict[str, Any]:
    return copy.deepcopy(DEFINITION)


@pytest.fixture
def scope() -> dict[str, Any]:
    return {
        "today": "2026-11-19",
        "rule": {"id": 7, "title": "Contrato assinado vira negócio"},
        "document": {
            "filename": "Contrato – Padaria.pdf",
            "key": "db4a2cf7",
            "closed_at": "2026-11-19T23:31:06.000-03:00",
            "amount": "R$ 1.234,56",
            "metadata": {"empresa": "Padaria", "valor total": "10"},
        },
        "signer": {"name": "ana da silva", "email": "ana@Raiar.Example", "phone": "(11) 95555-0142"},
        "signers": [
            {"name": "Ana", "email": "ana@raiar.example"},
            {"name": "Beto", "email": "beto@raiar.example"},
        ],
    }
