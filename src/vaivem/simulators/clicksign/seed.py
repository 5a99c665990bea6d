"""What a new test account holds: an account, two people, a token, a folder and a template."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from vaivem.simulators.clicksign.people import Person
from vaivem.simulators.clicksign.records import Account, Record
from vaivem.simulators.clicksign.values import stamp

if TYPE_CHECKING:
    from vaivem.simulators.clicksign.app import ClicksignSimulator

ACCESS_TOKEN = "4f1b6c0e-8d7a-4a63-9c1e-5b2f7d90a3e6"
ACCOUNT_KEY = "18ccd207-5a0e-4d3f-8c39-0c7b4a1d92e4"
TEMPLATE_ID = "0b7e4f6c-3f1d-4c58-9b5e-7c1a2d3e4f50"
_USER_ID = "5d2c1e7a-94b8-4f0d-a6c3-1e8b7f2a9d44"
_TEMPLATE_TEXT = """CONTRATO DE PRESTAÇÃO DE SERVIÇOS

Contratante: {{nome}}
Empresa: {{empresa}}
Valor mensal: {{valor}}

As partes acima concordam com as condições descritas neste contrato,
que passa a valer na data da última assinatura."""


def fill(simulator: ClicksignSimulator) -> None:
    """Put the seed data into an empty account."""
    account, now = simulator.account, stamp(simulator.clock.now())
    account.settings.update(name="Raiar Solar", key=ACCOUNT_KEY, api_user=_USER_ID)
    account.tokens[ACCESS_TOKEN] = {"description": "Vaivém", "created": now}
    _people_and_places(account, now)
    _template(account, now)


def vars_of(signer: Person) -> Record:
    """A person as a signer's attributes."""
    return {
        "name": signer.name,
        "email": signer.email,
        "phone_number": signer.phone_number,
        "documentation": signer.documentation,
        "birthday": signer.birthday,
    }


def _people_and_places(account: Account, now: str) -> None:
    users = [(_USER_ID, "Júlia Prado", "julia@raiarsolar.example", "11987650001")]
    users.append(
        ("9a4e2b60-7c15-4e8e-8f3a-2d6c5b1f0e77", "Otávio Reis", "otavio@raiarsolar.example", "11987650002")
    )
    for number, (user_id, name, email, phone) in enumerate(users):
        stamps = {"created": now, "modified": now}
        account.add("users", {"id": user_id, **stamps, "name": name, "email": email, "phone_number": phone})
        member = {
            "id": f"e1d1f7ad-f59a-4018-b190-3ee9d2778bc{number}",
            **stamps,
            "user": user_id,
            "role": "admin" if number == 0 else "observer",
            "consumption_accessible": False,
            "tracking_accessible": False,
            "folder_management_accessible": True,
        }
        account.add("memberships", member)
    folder = {"id": "da1bd331-93f2-4943-b239-3f3fe486852b", "created": now, "modified": now}
    account.add("folders", {**folder, "name": "Contratos", "path": "", "in_root": True})


def _template(account: Account, now: str) -> None:
    template = {
        "id": TEMPLATE_ID,
        "created": now,
        "modified": now,
        "name": "Contrato de prestação de serviços",
        "color": "#1474f5",
        "file": account.keep_file(docx(_TEMPLATE_TEXT)),
        "text": _TEMPLATE_TEXT,
        "variables": ["nome", "empresa", "valor"],
    }
    account.add("templates", template)


def docx(text: str) -> bytes:
    """The smallest word-processing file that holds ``text``, one paragraph a line."""
    space = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    paragraphs = "".join(f"<w:p><w:r><w:t>{escape(line)}</w:t></w:r></w:p>" for line in text.split("\n"))
    document = (
        f'<?xml version="1.0"?><w:document xmlns:w="{space}"><w:body>{paragraphs}</w:body></w:document>'
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        # A fixed date keeps the bytes, and so the file's key, the same at every start.
        archive.writestr(zipfile.ZipInfo("word/document.xml", (2024, 1, 1, 0, 0, 0)), document)
    return out.getvalue()
