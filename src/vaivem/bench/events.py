"""The event of the benchmark: 1.5 KB from an e-signature tool, signed over its raw body."""

from __future__ import annotations

import hmac
import json

SIGNATURE_HEADER = "x-bench-signature"  # the connector's
BODY_BYTES = 1536
RETURNING = 4  # every fourth event is about a person of an earlier one
PEOPLE_BACK = 3000

_DATA = {
    "event": {"id": "evt-@N@-@K@", "name": "document_signed", "occurred_at": "2026-11-28T12:00:00-03:00"},
    "document": {
        "id": "@N@",
        "template": "@TEMPLATE@",
        "title": "Contrato de prestação de serviços @N@",
        "folder": "Contratos/2026/Novembro",
        "filename": "contrato-de-prestacao-de-servicos-@N@.pdf",
        "status": "closed",
        "value": "12500.00",
        "currency": "BRL",
        "signed_on": "2026-11-28",
        "deadline_at": "2026-12-28T23:59:59-03:00",
        "locale": "pt-BR",
        "sequence_enabled": False,
        "auto_close": True,
        "links": {
            "self": "https://assinatura.example/api/v1/documents/@N@",
            "signed": "https://assinatura.example/files/@N@/signed.pdf",
            "original": "https://assinatura.example/files/@N@/original.pdf",
        },
    },
    "signer": {
        "id": "s-@N@",
        "name": "Ágata Conceição de Souza",
        "email": "pessoa.@PERSON@@exemplo.com.br",
        "phone": "+55 11 98888-7766",
        "cpf": "529.982.247-25",
        "birthday": "1984-05-17",
        "auth": "email",
        "ip_address": "203.0.113.27",
        "signed_at": "2026-11-28T11:59:58-03:00",
    },
    "account": {"id": 7711, "name": "Raiar Solar Ltda", "plan": "automação"},
    "trail": [
        {"name": "upload", "at": "2026-11-27T09:11:12-03:00", "by": "julia@raiar.example"},
        {"name": "sent", "at": "2026-11-27T09:15:40-03:00", "by": "julia@raiar.example"},
    ],
    "padding": "",
}


def _template() -> bytes:
    """Return the event's text with places for its number, its template and its person."""
    text = json.dumps(_DATA, ensure_ascii=False)
    bare = len(text.encode()) - 8 * len("@N@") + 8 * 10
    text = text.replace('"padding": ""', f'"padding": "{"x" * max(0, BODY_BYTES - bare)}"')
    for mark, key in (
        ("@N@", "%(n)b"),
        ("@K@", "%(k)b"),
        ("@TEMPLATE@", "%(template)b"),
        ("@PERSON@", "%(person)b"),
    ):
        text = text.replace(mark, key)
    return text.encode()


_TEXT = _template()


def person_of(number: int) -> int:
    """Return the person of an event: mostly a new one."""
    back = number - PEOPLE_BACK
    return back if number % RETURNING == 0 and back > 0 else number


def event_body(prefix: str, number: int, template: str, *, one_record: bool = False) -> bytes:
    """Return the body of event `number`; ``<prefix>-<number>`` is its document (of all, for `one_record`)."""
    record = 0 if one_record else number
    name = f"{prefix}-{record:06d}".encode()
    person = f"{prefix}.{person_of(record)}".encode()
    return _TEXT % {b"n": name, b"k": b"%d" % number, b"template": template.encode(), b"person": person}


def update_name(prefix: str, number: int, record: int = 0) -> str:
    """Return what an update (of the one record, unless another is named) is known by: its event's id."""
    return f"evt-{prefix}-{record:06d}-{number}"


def signature(secret: bytes, body: bytes) -> bytes:
    """Return the signature that the hook checks."""
    return hmac.digest(secret, body, "sha256").hex().encode()
