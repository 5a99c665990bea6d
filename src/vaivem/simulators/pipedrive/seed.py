"""The account as it is on its first day: a small company that sells solar panels in Brazil."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from secrets import randbelow, token_hex
from typing import Any

from vaivem.simulators.pipedrive.access import Access, App, new_access_token
from vaivem.simulators.pipedrive.account import Account, Actor
from vaivem.simulators.pipedrive.schema import Record
from vaivem.simulators.pipedrive.times import stored

PIPELINES: dict[str, tuple[tuple[str, int], ...]] = {
    "Vendas": (
        ("Qualificado", 10),
        ("Contato feito", 20),
        ("Visita técnica", 40),
        ("Proposta enviada", 60),
        ("Em negociação", 80),
    ),
    "Pós-venda": (("Boas-vindas", 100), ("Instalação", 100), ("Entregue", 100)),
}
LOST_REASONS = ("Preço", "Sem retorno", "Escolheu concorrente", "Telhado inadequado", "Sem orçamento agora")
USERS = (
    ("Júlia Prates", "julia@raiarsolar.example.com.br", True, True),
    ("Rafael Moura", "rafael@raiarsolar.example.com.br", False, True),
    ("Camila Teles", "camila@raiarsolar.example.com.br", False, True),
    ("Sônia Batista", "sonia@raiarsolar.example.com.br", False, False),
)
# Entity, name, type, options.
FIELDS: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("person", "CPF", "varchar", ()),
    ("person", "Canal preferido", "enum", ("E-mail", "Telefone", "WhatsApp")),
    ("person", "Interesses", "set", ("Residencial", "Comercial", "Rural")),
    ("person", "Data de nascimento", "date", ()),
    ("person", "Celular alternativo", "phone", ()),
    ("organization", "CNPJ", "varchar", ()),
    ("organization", "Porte", "enum", ("MEI", "Pequena", "Média", "Grande")),
    ("organization", "Código externo", "varchar_auto", ()),
    ("organization", "Responsável técnico", "people", ()),
    ("deal", "Referência externa", "varchar", ()),
    ("deal", "Forma de pagamento", "enum", ("Boleto", "Pix", "Cartão de crédito", "Financiamento")),
    ("deal", "Itens da instalação", "set", ("Painéis", "Inversor", "Bateria", "Carport")),
    ("deal", "Potência (kWp)", "double", ()),
    ("deal", "Entrada", "monetary", ()),
    ("deal", "Data da visita", "date", ()),
    ("deal", "Horário da visita", "time", ()),
    ("deal", "Janela de instalação", "timerange", ()),
    ("deal", "Período da obra", "daterange", ()),
    ("deal", "Endereço da obra", "address", ()),
    ("deal", "Instalador", "user", ()),
    ("deal", "Empresa parceira", "org", ()),
    ("deal", "Observações do projeto", "text", ()),
    ("product", "SKU", "varchar", ()),
)
ORGANIZATIONS = (
    ("Duarte Arquitetura Ltda.", "12.345.678/0001-95", "Rua Augusta, 1200, São Paulo, SP", "Pequena"),
    ("Mercado Bom Preço", "45.997.418/0001-53", "Av. Brasil, 455, Juiz de Fora, MG", "Média"),
    ("Clínica Vida Plena", "11.222.333/0001-81", "Rua XV de Novembro, 88, Curitiba, PR", "Média"),
    ("Pousada Maré Alta", "60.746.948/0001-12", "Rua do Sol, 17, Paraty, RJ", "MEI"),
)
# Name, e-mail, phone, CPF, place of the organization above (None for a private person).
PERSONS: tuple[tuple[str, str, str, str, int | None], ...] = (
    ("Marina Duarte", "marina@duarte-arquitetura.example.com.br", "+55 11 98765-4321", "111.444.777-35", 0),
    ("Paulo Henrique Reis", "paulo.reis@bompreco.example.com.br", "(32) 99111-2233", "529.982.247-25", 1),
    ("Beatriz Nogueira", "beatriz@vidaplena.example.com.br", "+55 41 98877-6655", "153.509.460-56", 2),
    ("Tiago Albuquerque", "tiago@marealta.example.com.br", "24 99988-7766", "935.411.347-80", 3),
    ("Lúcia Ferraz", "lucia.ferraz@example.com", "+55 71 98811-2244", "390.533.447-05", None),
    ("José Carlos Antunes", "jc.antunes@example.com", "+55 85 99654-3210", "746.824.890-70", None),
)
# Title, stage, person, organization, value, days ago, status.
DEALS: tuple[tuple[str, int, int, int | None, float, int, str], ...] = (
    ("Usina de telhado, Duarte Arquitetura", 4, 0, 0, 31_900.0, 21, "open"),
    ("Carport solar, Mercado Bom Preço", 3, 1, 1, 118_500.0, 14, "open"),
    ("Energia por assinatura, Clínica Vida Plena", 2, 2, 2, 17_400.0, 9, "open"),
    ("Aquecimento de piscina, Pousada Maré Alta", 1, 3, 3, 22_400.0, 5, "open"),
    ("Kit residencial 5 kWp, Lúcia Ferraz", 0, 4, None, 18_700.0, 2, "open"),
    ("Kit residencial 3 kWp, José Carlos Antunes", 4, 5, None, 13_200.0, 30, "won"),
    ("Ampliação, Mercado Bom Preço", 2, 1, 1, 45_000.0, 40, "lost"),
)
_ACTIVITY_TYPES = (
    ("call", "Chamada"),
    ("meeting", "Reunião"),
    ("task", "Tarefa"),
    ("deadline", "Prazo"),
    ("email", "E-mail"),
    ("lunch", "Almoço"),
)
_PRODUCTS = (
    ("Painel 550 W", 890.0, "PNL-550"),
    ("Inversor 5 kW", 5_400.0, "INV-5K"),
    ("Monitoramento", 49.9, "MON-01"),
)
_LABELS = (("Quente", "red"), ("Morno", "yellow"), ("Frio", "blue"))


@dataclass(frozen=True, slots=True)
class Secrets:
    """The demo's tokens and numbers. They stay when the account is put back to its first day."""

    api_token: str
    client_id: str
    client_secret: str
    access_token: str
    refresh_token: str
    salesperson_token: str
    company_id: str

    @classmethod
    def new(cls) -> Secrets:
        """Fresh random ones, in the vendor's lengths."""
        return cls(
            api_token=token_hex(20),
            client_id=token_hex(8),
            client_secret=token_hex(20),
            access_token=new_access_token(),
            refresh_token=token_hex(20),
            salesperson_token=token_hex(20),
            company_id=str(10_000_000 + randbelow(80_000_000)),
        )

    def code(self, entity: str, name: str) -> str:
        """The 40 hexadecimal digits of a custom field: another in every account, the same after a reset."""
        return hashlib.sha1(f"{self.client_id}/{entity}/{name}".encode(), usedforsecurity=False).hexdigest()


def plant(account: Account, access: Access, secrets: Secrets) -> None:
    """Fill an empty account."""
    now = account.now_text()
    labels = [{"id": place, "label": name, "color": color} for place, (name, color) in enumerate(_LABELS, 1)]
    account.company = {
        "id": int(secrets.company_id),
        "name": "Raiar Solar",
        "domain": "raiarsolar",
        "industry": "Energia solar",
        "created": stored(account.now() - timedelta(days=400)),
        "labels": {"deal": labels, "person": labels, "organization": labels},
    }
    account.lost_reasons = list(LOST_REASONS)
    actor = Actor(_users(account, secrets), "app")
    for place, (key, name) in enumerate(_ACTIVITY_TYPES, 1):
        account.put(
            "activity_types",
            {
                "id": place,
                "name": name,
                "icon_key": key,
                "color": "FFFFFF",
                "order_nr": place,
                "key_string": key,
                "active_flag": True,
                "is_custom_flag": False,
                "add_time": now,
                "update_time": now,
            },
        )
    for name, color in _LABELS:
        account.put("lead_labels", {"name": name, "color": color, "add_time": now, "update_time": now})
    for name, stages in PIPELINES.items():
        pipeline = account.create("pipelines", {"name": name, "is_deal_probability_enabled": True}, actor)
        for stage, probability in stages:
            sent = {"name": stage, "pipeline_id": pipeline["id"], "deal_probability": probability}
            account.create("stages", sent, actor)
    _fields(account, secrets)
    _filters(account)
    for name, price, sku in _PRODUCTS:
        prices = [{"price": price, "currency": "BRL"}]
        custom = {secrets.code("product", "SKU"): sku}
        account.create(
            "products", {"name": name, "code": sku, "prices": prices, "custom_fields": custom}, actor
        )
    _records(account, secrets, actor)
    app = access.register(App("Vaivém", secrets.client_id, secrets.client_secret))
    access.issue(app, actor.user_id, secrets.access_token, secrets.refresh_token)


def _users(account: Account, secrets: Secrets) -> int:
    tokens = (secrets.api_token, secrets.salesperson_token, token_hex(20), token_hex(20))
    first = int(secrets.company_id) + 1001
    for place, (name, email, admin, active) in enumerate(USERS):
        apps = ("sales", "global", "account_settings") if admin else ("sales", "global")
        account.put(
            "users",
            {
                "id": first + place,
                "name": name,
                "default_currency": "BRL",
                "locale": "pt_BR",
                "lang": 6,
                "email": email,
                "phone": None,
                "activated": True,
                "last_login": "2026-11-18 12:03:11",
                "created": "2025-10-13 09:16:26",
                "modified": "2026-11-18 12:03:11",
                "has_created_company": place == 0,
                "access": [
                    {
                        "app": app,
                        "admin": admin,
                        "permission_set_id": f"62cc4d7f-4038-4352-abf3-a8c1c822b63{n}",
                    }
                    for n, app in enumerate(apps)
                ],
                "active_flag": active,
                "timezone_name": "America/Sao_Paulo",
                "timezone_offset": "-03:00",
                "role_id": 1,
                "icon_url": None,
                "is_deleted": False,
                "token": tokens[place],
                "add_time": account.now_text(),
                "update_time": account.now_text(),
            },
        )
    return first


def _fields(account: Account, secrets: Secrets) -> None:
    now = account.now_text()
    for entity, name, kind, labels in FIELDS:
        options = [
            {
                "id": account.new_id("options"),
                "label": label,
                "color": "green",
                "add_time": now,
                "update_time": now,
            }
            for label in labels
        ]
        account.put(
            "fields",
            {
                "entity": entity,
                "field_code": secrets.code(entity, name),
                "field_name": name,
                "field_type": kind,
                "description": None,
                "options": options if labels else None,
                "is_custom_field": True,
                "is_deleted": False,
                "created_by_user_id": int(secrets.company_id) + 1001,
                "add_time": now,
                "update_time": now,
                "extras": {},
            },
        )


def _filters(account: Account) -> None:
    for name, kind, equals in (
        ("Todos os negócios em aberto", "deals", {"status": "open"}),
        ("Todas as pessoas", "people", {}),
    ):
        account.put(
            "filters",
            {
                "name": name,
                "filter_code": None,
                "is_editable": True,
                "active_flag": True,
                "type": kind,
                "temporary_flag": None,
                "user_id": 1,
                "add_time": account.company["created"][:10] + " 12:00:00",
                "update_time": None,
                "visible_to": "7",
                "last_used_time": None,
                "custom_view_id": None,
                "_equals": equals,
            },
        )


def _records(account: Account, secrets: Secrets, actor: Actor) -> None:
    def custom(entity: str, name: str, value: Any) -> Record:
        return {secrets.code(entity, name): value}

    sizes = {option["label"]: option["id"] for option in _options(account, secrets, "organization", "Porte")}
    owners = [user["id"] for user in account.tables["users"].values() if user["active_flag"]]
    organizations = [
        account.create(
            "organizations",
            {
                "name": name,
                "address": {"value": address},
                "owner_id": owners[place % 2],
                "custom_fields": {
                    **custom("organization", "CNPJ", cnpj),
                    **custom("organization", "Porte", sizes[size]),
                },
            },
            actor,
        )
        for place, (name, cnpj, address, size) in enumerate(ORGANIZATIONS)
    ]
    persons = [
        account.create(
            "persons",
            {
                "name": name,
                "emails": [{"value": email, "primary": True, "label": "work"}],
                "phones": [{"value": phone, "primary": True, "label": "mobile"}],
                "owner_id": owners[number % 2],
                "org_id": organizations[place]["id"] if place is not None else None,
                "custom_fields": custom("person", "CPF", cpf),
            },
            actor,
        )
        for number, (name, email, phone, cpf, place) in enumerate(PERSONS)
    ]
    pipeline = next(iter(account.tables["pipelines"].values()))
    stages = account.stages_of(pipeline["id"])
    for number, (title, stage, person, place, value, days, status) in enumerate(DEALS):
        deal = account.create(
            "deals",
            {
                "title": title,
                "stage_id": stages[stage]["id"],
                "person_id": persons[person]["id"],
                "value": value,
                "org_id": organizations[place]["id"] if place is not None else None,
                "owner_id": owners[number % 2],
                "add_time": stored(account.now() - timedelta(days=days)),
                "custom_fields": custom("deal", "Referência externa", f"RS-{2026_001 + number}"),
            },
            actor,
            origin="ManuallyCreated",
        )
        content = "<p>Primeira conversa por telefone; pediu proposta.</p>"
        account.create("notes", {"content": content, "deal_id": deal["id"]}, actor)
        if status != "open":
            reason = {"lost_reason": LOST_REASONS[0]} if status == "lost" else {}
            account.update("deals", deal["id"], {"status": status, **reason}, actor)
    account.create(
        "activities",
        {
            "subject": "Ligar para confirmar a visita",
            "type": "call",
            "deal_id": 1,
            "participants": [{"person_id": persons[0]["id"], "primary": True}],
            "due_date": (account.now() + timedelta(days=1)).date().isoformat(),
            "due_time": "14:00",
        },
        actor,
    )


def _options(account: Account, secrets: Secrets, entity: str, name: str) -> list[Record]:
    code = secrets.code(entity, name)
    field = next(item for item in account.tables["fields"].values() if item["field_code"] == code)
    options: list[Record] = field["options"]
    return options
