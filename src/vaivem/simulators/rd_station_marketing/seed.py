"""The account on its first day: a solar installer's leads, forms, fields and segmentations."""

from dataclasses import dataclass
from datetime import timedelta
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from vaivem.simulators.rd_station_marketing.access import A, Access, App, B, Grant
from vaivem.simulators.rd_station_marketing.account import Account, Record
from vaivem.simulators.rd_station_marketing.fields import custom_field
from vaivem.simulators.rd_station_marketing.times import utc_text

if TYPE_CHECKING:
    from vaivem.simulators.rd_station_marketing.happenings import Happenings

ACCOUNT_NAME = "Raiar Energia Solar"
SECOND_NAME = "Raiar Serviços de Manutenção"
ALL_LEADS = "Todos os contatos da base de Leads"
_USERS = (
    ("Júlia Prates", "julia@raiarsolar.example.com.br"),
    ("Rafael Moura", "rafael@raiarsolar.example.com.br"),
)
_FIELDS: tuple[tuple[Any, ...], ...] = (
    ("cf_cpf", "CPF", "STRING", "TEXT_INPUT"),
    ("cf_conta_de_luz", "Conta de luz (R$)", "INTEGER", "NUMBER_INPUT"),
    (
        "cf_tipo_de_imovel",
        "Tipo de imóvel",
        "STRING",
        "COMBO_BOX",
        ("Casa", "Apartamento", "Comércio", "Sítio"),
    ),
    (
        "cf_interesses",
        "Interesses",
        "STRING[]",
        "MULTIPLE_CHOICE",
        ("Painéis", "Bateria", "Carregador de carro", "Assinatura"),
    ),
    ("cf_aceita_visita", "Aceita visita técnica", "BOOLEAN", "CHECK_BOX"),
    ("cf_data_da_venda", "Data da venda", "STRING", "TEXT_INPUT"),
    ("cf_motivo_da_perda", "Motivo da perda", "STRING", "TEXT_INPUT"),
    ("cf_negocio_no_crm", "Negócio no CRM", "STRING", "URL_INPUT"),
)
_LANDING = "landing_page"
_FORMS: tuple[Record, ...] = (
    {
        "slug": "orcamento-energia-solar",
        "kind": _LANDING,
        "identifier": "Orçamento de energia solar",
        "headline": "Quanto você pode economizar na conta de luz?",
        "text": "Conte um pouco do seu imóvel e receba um orçamento em um dia útil.",
        "button": "Quero meu orçamento",
        "fields": [
            "name",
            "email",
            "mobile_phone",
            "company_name",
            "cf_tipo_de_imovel",
            "cf_conta_de_luz",
        ],
        "tags": ["orçamento"],
    },
    {
        "slug": "guia-do-telhado",
        "kind": _LANDING,
        "identifier": "E-book: guia do telhado solar",
        "headline": "Seu telhado está pronto para o sol?",
        "text": "O guia de 24 páginas para quem quer instalar sem surpresas.",
        "button": "Baixar o guia",
        "fields": ["name", "email", "city"],
        "tags": ["e-book"],
    },
    {
        "slug": "newsletter",
        "kind": "form",
        "identifier": "newsletter",
        "headline": "Novidades da Raiar",
        "text": "Uma mensagem por mês, sem propaganda dos outros.",
        "button": "Assinar",
        "fields": ["name", "email"],
        "tags": [],
    },
)
# Name, e-mail, phone, job, company, city, state, house, light bill, form, days ago, medium, source.
_LEADS: tuple[tuple[Any, ...], ...] = (
    (
        "Helena Duarte",
        "helena@duartearquitetura.example.com.br",
        "+55 31 99811-2233",
        "Sócia",
        "Duarte Arquitetura",
        "Belo Horizonte",
        "MG",
        "Comércio",
        1850,
        0,
        21,
        "Busca Orgânica",
        "Google",
    ),
    (
        "Paulo Sérgio Nunes",
        "paulo.nunes@bompreco.example.com.br",
        "+55 71 98822-3344",
        "Gerente",
        "Mercado Bom Preço",
        "Salvador",
        "BA",
        "Comércio",
        9200,
        0,
        17,
        "Busca Paga",
        "Google",
    ),
    (
        "Márcia Tanaka",
        "marcia.tanaka@vidaplena.example.com.br",
        "+55 11 97733-4455",
        "Administradora",
        "Clínica Vida Plena",
        "São Paulo",
        "SP",
        "Comércio",
        3100,
        1,
        12,
        "Social",
        "Instagram",
    ),
    (
        "Tiago Fontes",
        "tiago@marealta.example.com.br",
        "+55 24 99988-7766",
        "Proprietário",
        "Pousada Maré Alta",
        "Paraty",
        "RJ",
        "Comércio",
        4700,
        0,
        9,
        "Referência",
        "pousadas.example",
    ),
    (
        "Lúcia Ferraz",
        "lucia.ferraz@example.com",
        "+55 71 98811-2244",
        None,
        None,
        "Feira de Santana",
        "BA",
        "Casa",
        420,
        1,
        6,
        "Social",
        "Facebook",
    ),
    (
        "José Carlos Antunes",
        "jc.antunes@example.com",
        "+55 85 99654-3210",
        None,
        None,
        "Fortaleza",
        "CE",
        "Sítio",
        680,
        0,
        3,
        "Busca Orgânica",
        "Google",
    ),
    (
        "Beatriz Salles Nogueira",
        "bia.salles@example.com",
        None,
        None,
        None,
        "Curitiba",
        "PR",
        "Apartamento",
        None,
        2,
        1,
        "E-mail",
        "newsletter",
    ),
)


@dataclass(frozen=True, slots=True)
class Secrets:
    """The demo's app, tokens and keys. They stay the same when the account is put back to its first day."""

    client_id: str
    client_secret: str
    access_token: str
    refresh_token: str
    access_token_b: str
    refresh_token_b: str
    api_key: str
    crm_api_key: str

    @classmethod
    def new(cls) -> "Secrets":
        """Fresh random ones."""
        return cls(
            client_id=f"{token_hex(4)}-{token_hex(2)}-{token_hex(2)}-{token_hex(6)}",
            client_secret=token_hex(16),
            access_token=token_hex(24),
            refresh_token=token_hex(24),
            access_token_b=token_hex(24),
            refresh_token_b=token_hex(24),
            api_key=token_hex(16),
            crm_api_key=token_hex(16),
        )


def plant(main: Account, second: Account, access: Access, secrets: Secrets, happenings: "Happenings") -> None:
    """Fill two empty accounts; the second exists so that somebody can connect the wrong one."""
    main.name, second.name = ACCOUNT_NAME, SECOND_NAME
    for account in (main, second):
        account.users = [{"name": name, "email": email} for name, email in _USERS]
        for key, label, data_type, presentation, *options in _FIELDS:
            field = custom_field(key, label, data_type, presentation, *options)
            account.fields[field["uuid"]] = field
        _lists(account)
    main.forms = [dict(form) for form in _FORMS]
    main.api_keys = [
        {"key": secrets.api_key, "name": "Site", "active": True, "product": "marketing"},
        {"key": secrets.crm_api_key, "name": "RD Station CRM", "active": True, "product": "crm"},
    ]
    _leads(main, happenings)
    access.register(App("Vaivém", secrets.client_id, secrets.client_secret))
    pairs = (
        (A, secrets.access_token, secrets.refresh_token),
        (B, secrets.access_token_b, secrets.refresh_token_b),
    )
    for scheme, access_token, refresh_token in pairs:
        grant = Grant(token_hex(8), secrets.client_id, main.key, scheme, "")
        access.issue_pair(grant, access_token, refresh_token)


def _lists(account: Account) -> None:
    at = utc_text(account.now() - timedelta(days=400))
    rules: tuple[tuple[str, bool, Record], ...] = (
        (ALL_LEADS, True, {}),
        ("Oportunidades em aberto", False, {"opportunity": True}),
        ("Clientes", False, {"stage": "Client"}),
        ("Pediram orçamento", False, {"tag": "orçamento"}),
    )
    account.segmentations = [
        {"id": place, "name": name, "standard": standard, "rule": rule, "created_at": at}
        for place, (name, standard, rule) in enumerate(rules, 1)
    ]
    flows: tuple[tuple[str, str, bool, list[str]], ...] = (
        ("Quem pediu orçamento vira oportunidade", "on", True, ["fluxo-orçamento"]),
        ("Nutrição do guia do telhado", "on", False, ["nutrição"]),
        ("Campanha de verão (encerrada)", "off", False, []),
    )
    account.workflows = [
        {
            "id": f"7f3c2a10-0000-4000-8000-00000000000{place}",
            "name": name,
            "status": status,
            "marks_opportunity": marks,
            "tags": tags,
            "created_at": at,
        }
        for place, (name, status, marks, tags) in enumerate(flows)
    ]


def _leads(account: Account, happenings: "Happenings") -> None:
    for name, email, phone, job, company, city, state, house, bill, form, days, medium, source in _LEADS:
        chosen = account.forms[form]
        payload = {
            "email": email,
            "name": name,
            "mobile_phone": phone,
            "job_title": job,
            "company_name": company,
            "city": city,
            "state": state,
            "country": "Brasil",
            "cf_tipo_de_imovel": house,
            "cf_conta_de_luz": bill,
            "traffic_medium": medium,
            "traffic_source": source,
            "tags": chosen["tags"],
            "legal_bases": [{"category": "communications", "type": "consent", "status": "granted"}],
        }
        lead = happenings.convert(chosen["identifier"], payload)
        _make_older(account, lead, days)
    helena, paulo, _marcia, tiago, *_ = account.leads.values()
    happenings.qualify(helena, "OPPORTUNITY")
    happenings.qualify(helena, "SALE", value=31900)
    happenings.qualify(paulo, "OPPORTUNITY", value=118500)
    happenings.qualify(tiago, "OPPORTUNITY")
    happenings.qualify(tiago, "OPPORTUNITY_LOST", reason="Vai reformar o telhado primeiro")
    helena["funnel"]["contact_owner_email"] = _USERS[0][1]
    paulo["funnel"] |= {"contact_owner_email": _USERS[1][1], "lifecycle_stage": "Qualified Lead"}


def _make_older(account: Account, lead: Record, days: int) -> None:
    """The lead came `days` ago, with its conversion."""
    at = utc_text(account.now() - timedelta(days=days))
    lead["created_at"] = lead["updated_at"] = lead["last_conversion"] = at
    lead["events"][-1]["event_timestamp"] = at
