"""From the vendor's shapes to what mappings read."""

from __future__ import annotations

from typing import Any

import pytest
from tests.connectors.clicksign.recorded import ENVELOPE, SECRET, api, connection, connector, webhook

from vaivem.connectors.clicksign.objects import (
    document_data,
    listed_document,
    listed_signer,
    signer_data,
)
from vaivem.core.convert import convert
from vaivem.core.fields import FieldType
from vaivem.core.paths import read


def data(name: str) -> Any:
    assert connector.webhooks is not None
    return connector.webhooks.parse(webhook(name), connection(SECRET))[0].data


def test_a_completed_document() -> None:
    read_ = data("document_closed__two_signers")
    assert read_["event"] == {"name": "document_closed", "occurred_at": "2026-11-19T11:31:42.000-03:00"}
    assert read_["document"]["name"] == "Contrato Duarte"
    assert read_["document"]["filename"] == "Contrato Duarte.pdf"
    assert read_["document"]["folder"] == "Vendas residenciais"
    assert read_["document"]["metadata"] == {"empresa": "Padaria Três Irmãos", "valor": "31.900,00"}
    assert read_["document"]["status"] == "closed"
    assert [signer["name"] for signer in read_["signers"]] == ["Ana Souza Lima", "Bruno Prates"]
    assert read_["envelope"] == {"id": None}
    assert read_["account"] == {"key": "f9d9b699-1d0c-4a53-8a3c-0d1f5b6e7a21"}


def test_the_signer_is_the_first_unless_the_event_names_one() -> None:
    assert data("document_closed__two_signers")["signer"]["email"] == "ana@example.com"
    assert data("sign__second_signer")["signer"]["email"] == "bruno@example.com"
    assert data("document_closed__no_signers")["signer"] == {}


def test_a_signer_who_acted_is_completed_from_the_documents_list() -> None:
    signer = data("sign__by_whatsapp")["signer"]
    assert signer["email"] is None
    assert signer["phone"] == "2133334444"
    assert signer["cpf"] == "111.444.777-35"


def test_a_refusal() -> None:
    read_ = data("refusal__roles_in_list")
    assert read_["refusal"] == {
        "reasons": "Valores incorretos, Dados incorretos",
        "comment": "O desconto não está no contrato.",
    }
    assert read_["signer"]["sign_as"] == "administrator, witness"


def test_the_envelope_is_known_from_our_own_metadata() -> None:
    assert data("document_closed__made_by_vaivem")["envelope"] == {"id": ENVELOPE}


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("Ana Souza  Lima", "Ana", "Souza Lima"),
        ("Madonna", "Madonna", ""),
        ("  ", "", ""),
        (None, "", ""),
    ],
)
def test_names_are_split(name: Any, first: str, last: str) -> None:
    signer = signer_data({"name": name})
    assert (signer["first_name"], signer["last_name"]) == (first, last)


@pytest.mark.parametrize(
    ("filename", "name"),
    [
        ("Contrato.pdf", "Contrato"),
        ("Contrato.v1.2.PDF", "Contrato.v1.2"),
        ("Contrato v1.2", "Contrato v1.2"),
        ("Contrato João P. Filho", "Contrato João P. Filho"),
        ("foto.jpeg", "foto"),
        (None, ""),
    ],
)
def test_only_a_files_own_ending_is_cut(filename: Any, name: str) -> None:
    assert document_data({"filename": filename})["name"] == name


@pytest.mark.parametrize(
    ("path", "folder"),
    [("/Contrato.pdf", ""), ("/Vendas/2026/Contrato.pdf", "Vendas/2026"), ("", ""), (None, "")],
)
def test_the_folder_is_the_path_without_the_file(path: Any, folder: str) -> None:
    assert document_data({"path": path})["folder"] == folder


def test_the_apis_documents_read_as_the_webhooks() -> None:
    closed, cancelled = (listed_document(row) for row in api("documents__all_closed")["data"])
    assert (closed["filename"], closed["status"]) == ("Contrato Duarte.pdf", "closed")
    assert closed["finished_at"] == "2026-11-19T11:31:42.000-03:00"
    assert cancelled["finished_at"] is None


def test_the_apis_signers_read_as_the_webhooks() -> None:
    listed = [signer_data(listed_signer(row)) for row in api("signers__two")["data"]]
    told = data("document_closed__two_signers")["signers"]
    assert [{**signer, "sign_as": None} for signer in told] == listed


@pytest.mark.parametrize("trigger", connector.triggers, ids=lambda trigger: trigger.key)
def test_samples_convert_to_their_fields(trigger: Any) -> None:
    for field in trigger.fields(connection()):
        converted = convert(read(trigger.sample, field.key), field, zone="America/Sao_Paulo")
        assert converted.problem is None, (field.key, converted.problem)
        if field.key not in ("document.url", "document.finished_at", "step.url", "step.sent_at"):
            assert converted.value is not None, field.key


@pytest.mark.parametrize(
    "name",
    ["document_closed__two_signers", "sign__by_whatsapp", "refusal__without_time", "deadline__without_time"],
)
def test_real_events_convert_to_the_declared_fields(name: str) -> None:
    trigger = next(t for t in connector.triggers if name.split("__")[0] in t.kinds)
    for field in trigger.fields(connection()):
        if field.type is not FieldType.OBJECT:
            converted = convert(read(data(name), field.key), field, zone="America/Sao_Paulo")
            assert converted.problem is None, (field.key, converted.problem)
