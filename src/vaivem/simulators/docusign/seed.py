"""What a new test account holds: two accounts, three people, an app, templates with roles and tabs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from secrets import token_urlsafe
from typing import Any
from uuid import NAMESPACE_URL, uuid4, uuid5

from vaivem.simulators.docusign import people
from vaivem.simulators.docusign import tabs as tab_lists
from vaivem.simulators.docusign.access import Access, App
from vaivem.simulators.docusign.account import Account, Record
from vaivem.simulators.docusign.assertions import new_pair

JULIA, OTAVIO, LIVIA = (
    ("Júlia Prado", "julia@raiarsolar.example"),
    ("Otávio Reis", "otavio@raiarsolar.example"),
    ("Lívia Campos", "livia@raiarsolar.example"),
)
_CONTRACT = (
    "CONTRATO DE PRESTAÇÃO DE SERVIÇOS",
    "",
    "As partes concordam com a instalação e a manutenção do sistema",
    "fotovoltaico nas condições abaixo, que passam a valer na data da",
    "última assinatura.",
)


@dataclass(frozen=True, slots=True)
class Secrets:
    """What a person copies out of the vendor's pages."""

    integration_key: str
    secret_key: str
    access_token: str
    refresh_token: str
    connect_key: str
    private_key: str
    public_key: str

    @classmethod
    def new(cls) -> Secrets:
        """Fresh ones."""
        tokens = (token_urlsafe(64), token_urlsafe(64), token_urlsafe(32))
        return cls(str(uuid4()), str(uuid4()), *tokens, *new_pair())


def fixed_id(name: str) -> str:
    """An id that is the same in every test account."""
    return str(uuid5(NAMESPACE_URL, f"docusign-test-account/{name}"))


def plant(main: Account, second: Account, access: Access, secrets: Secrets) -> None:
    """Fill both accounts and register the app.

    Nobody has agreed to it, but one pair of tokens is known beforehand, and so is a Connect key.
    """
    main.id, main.number = fixed_id("raiar"), "30145561"
    main.name, main.plan = "Raiar Solar", "Business Pro"
    second.id, second.number = fixed_id("raiar-norte"), "30145562"
    second.name, second.plan, second.connect_enabled = "Raiar Solar Norte", "Standard", False
    main.users = [_user(*JULIA, admin=True), _user(*OTAVIO, admin=False), _user(*LIVIA, admin=False)]
    second.users = [_user(*JULIA, admin=True)]
    main.field_definitions["textCustomFields"] = [
        {"fieldId": "10000000", "name": "Centro de custo", "value": "", "show": "true", "required": "false"}
    ]
    for template in _templates(main):
        main.templates[template["id"]] = template
    small = _templates(second)[1]
    second.templates[small["id"]] = small
    app = App("Vaivém", secrets.integration_key, secrets.secret_key, (), (secrets.public_key,))
    access.register(app)
    access.seed_pair(app, main.users[0]["userId"], secrets.access_token, secrets.refresh_token)
    main.hmac_keys.append(
        {
            "keyId": fixed_id("connect-key"),
            "key": secrets.connect_key,
            "created": main.stamp(),
            "active": True,
        }
    )


def _user(name: str, email: str, *, admin: bool) -> Record:
    return {
        "userId": fixed_id(email),
        "userName": name,
        "email": email,
        "isAdmin": admin,
        "created": "2024-02-01T12:00:00.00",
    }


def _templates(account: Account) -> list[Record]:
    owner = account.users[0]
    contract = make_template(
        account,
        "Contrato de prestação de serviços",
        owner["userId"],
        [
            _role("1", "Cliente", "1", _client_tabs()),
            _role("2", "Representante", "2", _signature_tabs("2"), name=JULIA[0], email=JULIA[1]),
            _role("3", "Arquivo", "3", {}, kind="carbonCopies", name=LIVIA[0], email=LIVIA[1]),
        ],
        template_id=fixed_id(f"{account.key}/contrato"),
        prefill={"textTabs": [{"tabLabel": "numero_do_contrato", "value": "", "documentId": "1"}]},
    )
    agreement = make_template(
        account,
        "Acordo de confidencialidade",
        owner["userId"],
        [_role("1", "Signer", "1", _signature_tabs("1"))],
        template_id=fixed_id(f"{account.key}/acordo"),
    )
    proposal = make_template(
        account,
        "Proposta comercial",
        owner["userId"],
        [_role("1", "Cliente", "1", _client_tabs()), _role("2", "Testemunha", "1", _signature_tabs("2"))],
        template_id=fixed_id(f"{account.key}/proposta"),
    )
    return [contract, agreement, proposal]


def make_template(
    account: Account,
    name: str,
    owner_id: str,
    roles: Sequence[Record],
    *,
    template_id: str = "",
    prefill: dict[str, Any] | None = None,
    lines: Sequence[str] = _CONTRACT,
) -> Record:
    """A template with one document; its tabs get their ids here. It is not stored."""
    now = account.stamp()
    document = {"documentId": "1", "documentIdGuid": str(uuid4()), "name": f"{name}.pdf", "order": "1"}
    lists = {
        kind: [tab_lists.made(kind, {**_place("1", 0), **tab}) for tab in rows]
        for kind, rows in (prefill or {}).items()
    }
    return {
        "id": template_id or str(uuid4()),
        "name": name,
        "description": "",
        "subject": f"Assine: {name}"[:100],
        "blurb": "",
        "shared": "true",
        "owner": owner_id,
        "created": now,
        "lastModified": now,
        "lastUsed": "",
        "folderId": fixed_id(f"{account.key}/folder"),
        "folderName": "Templates",
        "recipients": people.numbered(list(roles)),
        "documents": [{**document, "content": "", "lines": list(lines)}],
        "custom_fields": {"textCustomFields": [], "listCustomFields": []},
        "prefill": {"1": lists} if lists else {},
    }


def _role(
    number: str,
    role: str,
    order: str,
    lists: dict[str, list[Record]],
    *,
    kind: str = "signers",
    name: str = "",
    email: str = "",
) -> Record:
    recipient = people.made(
        kind,
        {"recipientId": number, "roleName": role, "routingOrder": order, "name": name, "email": email},
    )
    for key, rows in lists.items():
        recipient["tabs"][key] = [
            tab_lists.made(key, {**_place(number, position), **tab}) for position, tab in enumerate(rows)
        ]
    return recipient


def _place(recipient_id: str, position: int) -> Record:
    return {
        "documentId": "1",
        "recipientId": recipient_id,
        "pageNumber": "1",
        "xPosition": "80",
        "yPosition": str(200 + 30 * position),
    }


def _signature_tabs(recipient_id: str) -> dict[str, list[Record]]:
    return {
        "signHereTabs": [{"tabLabel": f"assinatura_{recipient_id}", "name": "SignHere"}],
        "dateSignedTabs": [{"tabLabel": f"data_{recipient_id}"}],
        "fullNameTabs": [{"tabLabel": f"nome_{recipient_id}"}],
    }


def _client_tabs() -> dict[str, list[Record]]:
    plans = [{"text": text, "value": text, "selected": "false"} for text in ("Bronze", "Prata", "Ouro")]
    spot = {"pageNumber": "1", "xPosition": "80", "yPosition": "520"}
    radios = [{"value": value, "selected": "false", **spot} for value in ("Telhado", "Solo")]
    return {
        **_signature_tabs("1"),
        "textTabs": [
            {"tabLabel": "empresa", "required": "true"},
            {"tabLabel": "cnpj", "required": "false"},
            {"tabLabel": "valor", "required": "true"},
        ],
        "dateTabs": [{"tabLabel": "inicio"}],
        "emailTabs": [{"tabLabel": "email_financeiro"}],
        "numberTabs": [{"tabLabel": "parcelas"}],
        "checkboxTabs": [{"tabLabel": "aceita_lgpd", "selected": "false"}],
        "listTabs": [{"tabLabel": "plano", "listItems": plans, "value": ""}],
        "radioGroupTabs": [{"groupName": "local", "documentId": "1", "recipientId": "1", "radios": radios}],
        "emailAddressTabs": [{"tabLabel": "email"}],
    }
