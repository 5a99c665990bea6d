"""The account on its first day: the same solar installer's contacts, tags, lists, deals and automations."""

from dataclasses import dataclass
from secrets import token_hex
from typing import Any

from vaivem.simulators.activecampaign.account import Account
from vaivem.simulators.activecampaign.api_fields import field_values
from vaivem.simulators.activecampaign.automations import ACTIVE, INACTIVE, Automations
from vaivem.simulators.activecampaign.contacts import Contacts
from vaivem.simulators.activecampaign.sales import Sales

ACCOUNT_NAME = "raiarsolar"
_BY = "admin"
_USERS = (
    ("julia", "Júlia", "Prates", "julia@raiarsolar.example.com.br", True),
    ("rafael", "Rafael", "Moura", "rafael@raiarsolar.example.com.br", False),
)
# Title, type, options.
_FIELDS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("CPF", "text", ()),
    ("Empresa", "text", ()),
    ("Cargo", "text", ()),
    ("Tipo de imóvel", "dropdown", ("Casa", "Apartamento", "Comércio", "Sítio")),
    ("Interesses", "checkbox", ("Painéis", "Bateria", "Assinatura")),
    ("Conta de luz", "text", ()),
    ("Contrato assinado em", "date", ()),
    ("Última visita", "datetime", ()),
    ("Observações", "textarea", ()),
)
_LISTS = (
    ("Novidades da Raiar", "novidades-da-raiar"),
    ("Clientes", "clientes"),
)
_TAGS = ("cliente", "orçamento", "indicação", "síndico")
# First name, last name, e-mail, phone, company, tags, list, kind of house.
_PEOPLE: tuple[tuple[Any, ...], ...] = (
    (
        "Helena",
        "Duarte",
        "helena@duartearquitetura.example.com.br",
        "+5531998112233",
        "Duarte Arquitetura",
        ("cliente", "indicação"),
        "2",
        "Comércio",
    ),
    (
        "Paulo Sérgio",
        "Nunes",
        "paulo.nunes@bompreco.example.com.br",
        "+5571988223344",
        "Mercado Bom Preço",
        ("orçamento",),
        "1",
        "Comércio",
    ),
    (
        "Márcia",
        "Tanaka",
        "marcia.tanaka@vidaplena.example.com.br",
        "+5511977334455",
        "Clínica Vida Plena",
        ("orçamento",),
        "1",
        "Comércio",
    ),
    ("Lúcia", "Ferraz", "lucia.ferraz@example.com", "+5571988112244", None, ("cliente",), "2", "Casa"),
    ("José Carlos", "Antunes", "jc.antunes@example.com", "+5585996543210", None, (), "1", "Sítio"),
    ("Beatriz", "Salles Nogueira", "bia.salles@example.com", "", None, ("síndico",), "1", "Apartamento"),
)
_TASK_TYPES = ("Chamada", "E-mail", "Almoço", "Reunião")
_STAGES = ("Contato inicial", "Vistoria", "Proposta", "Contrato")
# Title, contact's place, company's place, cents, stage's place, status.
_DEALS: tuple[tuple[Any, ...], ...] = (
    ("Usina de telhado, Duarte Arquitetura", 0, 0, 3_190_000, 3, 1),
    ("Carport solar, Mercado Bom Preço", 1, 1, 11_850_000, 2, 0),
    ("Assinatura de energia, Clínica Vida Plena", 2, 2, 145_000, 1, 0),
    ("Kit residencial 5 kWp, Lúcia Ferraz", 3, None, 1_870_000, 0, 0),
)
_AUTOMATIONS = (
    ("Boas-vindas ao cliente", ACTIVE, "cliente"),
    ("Retomar orçamento parado", ACTIVE, None),
    ("Campanha de verão (encerrada)", INACTIVE, None),
)


@dataclass(frozen=True, slots=True)
class Secrets:
    """The keys of the two users. They stay the same when the account is put back to its first day."""

    api_token: str
    restricted_token: str

    @classmethod
    def new(cls) -> "Secrets":
        """Fresh random ones, in the vendor's length."""
        return cls(api_token=token_hex(36), restricted_token=token_hex(36))


def plant(account: Account, automations: Automations, secrets: Secrets) -> None:
    """Fill an empty account."""
    account.name = ACCOUNT_NAME
    for username, first, last, email, sees_all in _USERS:
        names = {"username": username, "firstName": first, "lastName": last, "email": email}
        account.add("users", {**names, "sees_all": sees_all})
    account.keys = {secrets.api_token: "1", secrets.restricted_token: "2"}
    _fields(account)
    for name, stringid in _LISTS:
        reminder = "Você deixou seu e-mail em nosso site."
        address = {"sender_url": "https://raiarsolar.example.com.br", "sender_reminder": reminder}
        account.add("lists", {"name": name, "stringid": stringid, **address})
    contacts = Contacts(account)
    tags = {name: contacts.make_tag({"tag": name, "description": ""})["id"] for name in _TAGS}
    for name, status, tag in _AUTOMATIONS:
        trigger = {"trigger_tag": tags[tag] if tag else None, "webhook_url": ""}
        account.add("automations", {"name": name, "status": status, **trigger})
    _people(account, contacts, tags)
    _sales(account)
    for row in list(account["contact_automations"])[:1]:
        automations.finish(row)


def _fields(account: Account) -> None:
    for place, (title, kind, options) in enumerate(_FIELDS, 1):
        perstag = title.upper().replace(" ", "_").replace("Ó", "O").replace("Ú", "U").replace("Ç", "C")
        field = account.add("fields", field_values(title, kind, perstag, {"ordernum": place}))
        account.add("field_rels", {"field": field["id"], "relid": "0"})
        for order, value in enumerate(options, 1):
            option = {"field": field["id"], "orderid": order, "value": value, "label": value}
            account.add("field_options", {**option, "isdefault": 0})


def _people(account: Account, contacts: Contacts, tags: dict[str, str]) -> None:
    sales = Sales(account)
    for first, last, email, phone, company, names, list_id, house in _PEOPLE:
        values = [{"field": "4", "value": house}]
        if company:
            values.append({"field": "2", "value": company})
        data = {"email": email, "firstName": first, "lastName": last, "phone": phone, "fieldValues": values}
        contact, _written = contacts.create(data, _BY)
        for name in names:
            contacts.add_tag(contact["id"], tags[name], _BY)
        contacts.set_list({"contact": contact["id"], "list": list_id, "status": "1"}, _BY)
        if company:
            firm = sales.create_account({"name": company}, _BY)
            sales.join_account({"contact": contact["id"], "account": firm["id"]}, _BY)


def _sales(account: Account) -> None:
    for label, kind in (("CNPJ", "text"), ("Porte", "dropdown")):
        options = ["MEI", "Pequena", "Média", "Grande"] if kind == "dropdown" else []
        meta = {"fieldLabel": label, "fieldType": kind, "fieldOptions": options}
        account.add("account_meta", {**meta, "fieldDefaultCurrency": None})
    for label, kind in (("Motivo da perda", "text"), ("Previsão de instalação", "date")):
        meta = {"fieldLabel": label, "fieldType": kind, "fieldOptions": []}
        account.add("deal_meta", {**meta, "fieldDefaultCurrency": None})
    for title in _TASK_TYPES:
        account.add("task_types", {"title": title, "status": "0"})
    group = account.add("deal_groups", {"title": "Vendas", "currency": "brl", "autoassign": "1"})
    stages = [
        account.add("deal_stages", {"title": title, "group": group["id"], "order": str(place)})
        for place, title in enumerate(_STAGES, 1)
    ]
    sales = Sales(account)
    people, firms = list(account["contacts"]), list(account["accounts"])
    for title, person, firm, cents, stage, status in _DEALS:
        deal = {"title": title, "value": cents, "currency": "brl", "stage": stages[stage]["id"]}
        linked = {"contact": people[person]["id"], "account": firms[firm]["id"] if firm is not None else None}
        sales.create_deal({**deal, **linked, "owner": "1", "status": status}, _BY)
    note = {"note": "Pediu proposta com e sem bateria.", "reltype": "Subscriber", "relid": people[1]["id"]}
    sales.create_note(note, _BY)
