"""A wait for an event: whose it is can be asked of fields only that may ever hold the same."""

from __future__ import annotations

import pytest

from vaivem.core.fields import Field, FieldType
from vaivem.hub.rules.editing.awaits import may_match
from vaivem.hub.rules.editing.pickable import Pickable


def pick(path: str, type_: FieldType, connector: str = "acme_sign", *, own: bool = False) -> Pickable:
    field = Field(path, type_, label=path) if own else Field(path, type_, label_key=f"fields.{path}")
    return Pickable(path, path, field, connector=connector)


KNOWN = (
    pick("signer.email", FieldType.EMAIL),
    pick("signer.phone", FieldType.PHONE),
    pick("signer.cpf", FieldType.CPF),
    pick("company.document", FieldType.CPF_CNPJ),
    pick("signer.name", FieldType.TEXT),
    pick("document.key", FieldType.RECORD),
    pick("deal.id", FieldType.RECORD, "acme_crm"),
    pick("document.finished_at", FieldType.DATETIME),
    pick("deal.amount", FieldType.MONEY),
    pick("signers", FieldType.LIST),
    pick("steps.deal.happened", FieldType.BOOLEAN),
    pick("document.metadata.pedido", FieldType.TEXT, own=True),
)
OWN = "document.metadata.pedido"


@pytest.mark.parametrize(
    ("asked", "offered"),
    [
        (FieldType.EMAIL, ["signer.email", OWN]),
        (FieldType.PHONE, ["signer.phone", OWN]),
        (FieldType.CNPJ, ["signer.cpf", "company.document", OWN]),
        (FieldType.TEXT, ["signer.name", OWN]),
        (FieldType.RECORD, ["deal.id", OWN]),
        (FieldType.INTEGER, ["deal.amount", OWN]),
        (FieldType.DATE, ["document.finished_at", OWN]),
    ],
)
def test_only_fields_of_the_same_kind_are_offered(asked: FieldType, offered: list[str]) -> None:
    told = pick("asked", asked, "acme_crm")
    assert [one.path for one in KNOWN if may_match(told, one)] == offered


def test_a_text_of_somebody_s_own_may_hold_anything() -> None:
    told = pick("asked", FieldType.TEXT, own=True)
    assert [one.path for one in KNOWN if not may_match(told, one)] == ["signers", "steps.deal.happened"]
