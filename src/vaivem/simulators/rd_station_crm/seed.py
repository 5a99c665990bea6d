"""The account as it is on its first day: a small company that sells solar panels in Brazil."""

from dataclasses import dataclass
from secrets import token_hex
from typing import Any

from vaivem.simulators.kit.tables import Record
from vaivem.simulators.rd_station_crm.access import Access, App
from vaivem.simulators.rd_station_crm.account import Account

ACCOUNT_NAME = "Raiar Solar"
STAGES = (
    "Sem contato",
    "Contato feito",
    "Identificação do interesse",
    "Apresentação",
    "Proposta enviada",
    "Contrato assinado",
)
AFTER_SALES_STAGES = ("Boas-vindas", "Vistoria", "Instalação", "Vistoria da concessionária", "Entregue")

_ORGANIZATIONS = (
    (
        "Duarte Arquitetura Ltda.",
        "https://duarte-arquitetura.example.com.br",
        "Rua Augusta, 1200, São Paulo, SP",
    ),
    ("Mercado Bom Preço", "https://bompreco.example.com.br", "Av. Brasil, 455, Juiz de Fora, MG"),
    ("Clínica Vida Plena", "https://vidaplena.example.com.br", "Rua XV de Novembro, 88, Curitiba, PR"),
    ("Pousada Maré Alta", "https://marealta.example.com.br", "Rua do Sol, 17, Paraty, RJ"),
)
# Name, job, e-mail, phone, CPF, place of the organization in the list above (None for a private person).
_CONTACTS: tuple[tuple[str, str, str, str, str, int | None], ...] = (
    (
        "Marina Duarte",
        "Sócia",
        "marina@duarte-arquitetura.example.com.br",
        "+5511987654321",
        "111.444.777-35",
        0,
    ),
    (
        "Paulo Henrique Reis",
        "Gerente",
        "paulo.reis@bompreco.example.com.br",
        "+5532991112233",
        "529.982.247-25",
        1,
    ),
    (
        "Beatriz Nogueira",
        "Diretora",
        "beatriz@vidaplena.example.com.br",
        "+5541988776655",
        "153.509.460-56",
        2,
    ),
    (
        "Tiago Albuquerque",
        "Proprietário",
        "tiago@marealta.example.com.br",
        "+5524999887766",
        "935.411.347-80",
        3,
    ),
    ("Lúcia Ferraz", "", "lucia.ferraz@example.com", "+5571988112244", "390.533.447-05", None),
    ("José Carlos Antunes", "", "jc.antunes@example.com", "+5585996543210", "746.824.890-70", None),
)
# Name, stage, contacts, organization, one-time price, monthly price, rating.
_DEALS = (
    ("Usina de telhado, Duarte Arquitetura", 4, (0,), 0, 31_900.0, 0.0, 4),
    ("Carport solar, Mercado Bom Preço", 3, (1,), 1, 118_500.0, 890.0, 5),
    ("Energia por assinatura, Clínica Vida Plena", 2, (2,), 2, 0.0, 1_450.0, 3),
    ("Aquecimento de piscina, Pousada Maré Alta", 1, (3,), 3, 22_400.0, 0.0, 2),
    ("Kit residencial 5 kWp, Lúcia Ferraz", 0, (4,), None, 18_700.0, 0.0, 1),
    ("Kit residencial 3 kWp, José Carlos Antunes", 4, (5,), None, 13_200.0, 0.0, 3),
)
_FIELDS: tuple[dict[str, Any], ...] = (
    {"name": "Referência externa", "type": "text", "entity": "deal"},
    {"name": "Chave do documento", "type": "text", "entity": "deal", "unique": True},
    {"name": "Documento assinado", "type": "text", "entity": "deal"},
    {"name": "Data da assinatura", "type": "date", "entity": "deal"},
    {
        "name": "Forma de pagamento",
        "type": "option",
        "entity": "deal",
        "options": ["Boleto", "Pix", "Cartão de crédito"],
    },
    {
        "name": "Itens da instalação",
        "type": "multiple_choice",
        "entity": "deal",
        "options": ["Painéis", "Inversor", "Bateria", "Carport"],
        "allow_new_option": True,
    },
    {"name": "Número do orçamento", "type": "text", "entity": "deal"},
    {"name": "CPF", "type": "text", "entity": "contact"},
    {
        "name": "Canal preferido",
        "type": "option",
        "entity": "contact",
        "options": ["E-mail", "Telefone", "WhatsApp"],
    },
    {
        "name": "Interesses",
        "type": "multiple_choice",
        "entity": "contact",
        "options": ["Residencial", "Comercial", "Rural"],
    },
    {"name": "Cliente desde", "type": "date", "entity": "contact"},
    {"name": "CNPJ", "type": "text", "entity": "organization"},
    {
        "name": "Porte",
        "type": "option",
        "entity": "organization",
        "options": ["MEI", "Pequena", "Média", "Grande"],
    },
    {"name": "SKU", "type": "text", "entity": "product"},
)
_NAMES = {
    "sources": ("Indicação", "Site", "Instagram", "Feira Intersolar", "Clicksign"),
    "campaigns": ("Verão 2026", "Condomínios"),
    "lost_reasons": ("Preço", "Sem retorno", "Escolheu concorrente", "Telhado inadequado"),
    "segments": ("Comércio", "Serviços", "Hotelaria", "Saúde"),
}
_PRODUCTS = (
    ("Painel 550 W", 890.0, "PNL-550"),
    ("Inversor 5 kW", 5_400.0, "INV-5K"),
    ("Monitoramento", 49.9, "MON-01"),
)


@dataclass(frozen=True, slots=True)
class Secrets:
    """The demo's tokens. They stay the same when the account is put back to its first day."""

    token: str
    client_id: str
    client_secret: str
    access_token: str
    refresh_token: str
    restricted_token: str

    @classmethod
    def new(cls) -> "Secrets":
        """Fresh random ones, in the vendor's lengths."""
        return cls(
            token=token_hex(12),
            client_id=f"{token_hex(4)}-{token_hex(6)}",
            client_secret=token_hex(16),
            access_token=token_hex(24),
            refresh_token=token_hex(24),
            restricted_token=token_hex(12),
        )


def plant(account: Account, access: Access, secrets: Secrets) -> None:
    """Fill an empty account."""
    account.name = ACCOUNT_NAME
    users = _users(account, secrets)
    _pipeline(account, "Funil de Vendas", STAGES)
    _pipeline(account, "Pós-venda", AFTER_SALES_STAGES)
    for table, names in _NAMES.items():
        for name in names:
            account.create(table, {"name": name})
    for field in _FIELDS:
        account.create("custom_fields", field)
    for name, price, sku in _PRODUCTS:
        account.create(
            "products", {"name": name, "price": price, "visible": True, "custom_fields": {"sku": sku}}
        )
    contacts, organizations = _people(account, users)
    _deals(account, users, contacts, organizations)
    access.register(App("Vaivém", secrets.client_id, secrets.client_secret))
    access.issue_pair(secrets.client_id, users[0]["id"], secrets.access_token, secrets.refresh_token)


def _users(account: Account, secrets: Secrets) -> list[Record]:
    people = (
        ("Júlia Prates", "julia@raiarsolar.example.com.br", "+5531988001122", True, "general", secrets.token),
        (
            "Rafael Moura",
            "rafael@raiarsolar.example.com.br",
            "+5531988003344",
            True,
            "restricted",
            secrets.restricted_token,
        ),
        (
            "Sônia Batista",
            "sonia@raiarsolar.example.com.br",
            "+5531988005566",
            False,
            "general",
            token_hex(12),
        ),
    )
    keys = ("name", "email", "phone", "active", "visibility", "token")
    users = [account.import_record("users", dict(zip(keys, person, strict=True))) for person in people]
    account.import_record("teams", {"name": "Comercial", "user_ids": [user["id"] for user in users[:2]]})
    return users


def _pipeline(account: Account, name: str, stages: tuple[str, ...]) -> None:
    """The API would give a new pipeline its default stages; this account has its own."""
    pipeline = account.import_record(
        "pipelines", {"name": name, "order": len(account.tables["pipelines"]) + 1, "stage_ids": []}
    )
    for stage in stages:
        account.create("stages", {"name": stage}, pipeline_id=pipeline["id"])


def _people(account: Account, users: list[Record]) -> tuple[list[Record], list[Record]]:
    organizations = [
        account.create(
            "organizations",
            {"name": name, "url": url, "address": {"line": address}, "owner_id": users[place % 2]["id"]},
        )
        for place, (name, url, address) in enumerate(_ORGANIZATIONS)
    ]
    contacts = []
    for name, job, email, phone, cpf, place in _CONTACTS:
        values: Record = {"name": name, "job_title": job or None, "emails": [{"email": email}]}
        values["phones"] = [{"phone": phone, "type": "mobile"}]
        values["custom_fields"] = {"cpf": cpf}
        values["organization_id"] = organizations[place]["id"] if place is not None else None
        contacts.append(account.create("contacts", values))
    return contacts, organizations


def _deals(
    account: Account, users: list[Record], contacts: list[Record], organizations: list[Record]
) -> None:
    pipeline = next(iter(account.tables["pipelines"]))
    stages, source = account.stages_of(pipeline["id"]), next(iter(account.tables["sources"]))
    for number, (name, stage, people, place, once, monthly, rating) in enumerate(_DEALS):
        deal = account.create(
            "deals",
            {
                "name": name,
                "stage_id": stages[stage]["id"],
                "owner_id": users[number % 2]["id"],
                "contact_ids": [contacts[person]["id"] for person in people],
                "organization_id": organizations[place]["id"] if place is not None else None,
                "source_id": source["id"],
                "one_time_price": once,
                "recurrence_price": monthly,
                "rating": rating,
                "custom_fields": {"referencia-externa": f"RS-{2026_001 + number}"},
            },
        )
        note = {"description": "Primeira conversa por telefone; pediu proposta.", "user_id": users[0]["id"]}
        account.create("notes", note, deal_id=deal["id"])
    first = next(iter(account.tables["deals"]))
    call = {"name": "Ligar para confirmar a vistoria", "type": "call", "owner_ids": [users[0]["id"]]}
    account.create("tasks", {**call, "deal_id": first["id"], "created_by_id": users[0]["id"]})
