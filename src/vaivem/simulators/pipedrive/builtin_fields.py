"""The fields that every account has: code, name, type, and whether they must be filled in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vaivem.simulators.pipedrive.schema import Record

if TYPE_CHECKING:
    from vaivem.simulators.pipedrive.account import Account

_TIMES = (("add_time", "Criado em", "date", False), ("update_time", "Atualizado em", "date", False))
BUILTIN: dict[str, tuple[tuple[str, str, str, bool], ...]] = {
    "deal": (
        ("id", "ID", "int", False),
        ("title", "Título", "varchar", True),
        ("creator_user_id", "Criador", "user", False),
        ("owner_id", "Proprietário", "user", True),
        ("value", "Valor", "monetary", False),
        ("person_id", "Pessoa de contato", "people", False),
        ("org_id", "Organização", "org", False),
        ("pipeline_id", "Funil", "double", True),
        ("stage_id", "Etapa", "stage", True),
        ("status", "Status", "status", False),
        ("probability", "Probabilidade", "int", False),
        ("expected_close_date", "Data de fechamento esperada", "date", False),
        ("won_time", "Ganho em", "date", False),
        ("lost_time", "Data de perda", "date", False),
        ("close_time", "Fechado em", "date", False),
        ("lost_reason", "Motivo da perda", "varchar_options", False),
        ("label_ids", "Etiquetas", "set", False),
        ("visible_to", "Visível para", "visible_to", True),
        ("channel", "Canal de origem", "enum", False),
        *_TIMES,
    ),
    "person": (
        ("id", "ID", "int", False),
        ("name", "Nome", "varchar", True),
        ("first_name", "Primeiro nome", "varchar", False),
        ("last_name", "Sobrenome", "varchar", False),
        ("owner_id", "Proprietário", "user", True),
        ("org_id", "Organização", "org", False),
        ("emails", "E-mail", "varchar", False),
        ("phones", "Telefone", "phone", False),
        ("label_ids", "Etiquetas", "set", False),
        ("visible_to", "Visível para", "visible_to", True),
        ("marketing_status", "Status de marketing", "varchar", False),
        *_TIMES,
    ),
    "organization": (
        ("id", "ID", "int", False),
        ("name", "Nome", "varchar", True),
        ("owner_id", "Proprietário", "user", True),
        ("address", "Endereço", "address", False),
        ("website", "Site", "varchar", False),
        ("linkedin", "LinkedIn", "varchar", False),
        ("industry", "Setor", "enum", False),
        ("annual_revenue", "Receita anual", "double", False),
        ("employee_count", "Número de funcionários", "double", False),
        ("label_ids", "Etiquetas", "set", False),
        ("visible_to", "Visível para", "visible_to", True),
        *_TIMES,
    ),
    "activity": (
        ("id", "ID", "int", False),
        ("subject", "Assunto", "varchar", True),
        ("type", "Tipo", "enum", False),
        ("owner_id", "Atribuído a", "user", True),
        ("due_date", "Data de vencimento", "date", False),
        ("due_time", "Hora", "time", False),
        ("duration", "Duração", "time", False),
        ("done", "Concluída", "boolean", False),
        ("deal_id", "Negócio", "deal", False),
        ("person_id", "Pessoa de contato", "people", False),
        ("org_id", "Organização", "org", False),
        ("note", "Anotação", "text", False),
        *_TIMES,
    ),
    "product": (
        ("id", "ID", "int", False),
        ("name", "Nome", "varchar", True),
        ("code", "Código", "varchar", False),
        ("description", "Descrição", "text", False),
        ("unit", "Unidade", "varchar", False),
        ("tax", "Imposto", "double", False),
        ("category", "Categoria", "enum", False),
        ("owner_id", "Proprietário", "user", True),
        *_TIMES,
    ),
}
# API v1 has its own names for some.
V1_KEYS: dict[str, dict[str, str]] = {
    "deal": {"owner_id": "user_id", "pipeline_id": "pipeline", "label_ids": "label"},
    "person": {"emails": "email", "phones": "phone", "label_ids": "label"},
    "organization": {"label_ids": "label"},
    "activity": {"owner_id": "user_id"},
    "product": {},
}


def builtin(account: Account, entity: str) -> list[Record]:
    """These fields in the form in which custom ones are kept."""
    return [
        {
            "id": 12_000 + place,
            "entity": entity,
            "field_code": code,
            "field_name": name,
            "field_type": kind,
            "description": None,
            "options": _options(account, entity, code),
            "is_custom_field": False,
            "mandatory": mandatory,
            "created_by_user_id": next(iter(account.tables["users"])),
            "add_time": account.company["created"],
            "update_time": account.company["created"],
        }
        for place, (code, name, kind, mandatory) in enumerate(BUILTIN[entity])
    ]


def _options(account: Account, entity: str, code: str) -> list[Any] | None:
    if code == "label_ids":
        return list(account.company["labels"].get(entity, ()))
    if code == "status":
        return [
            {"id": key, "label": name}
            for key, name in (("open", "Aberto"), ("won", "Ganho"), ("lost", "Perdido"))
        ]
    if code == "lost_reason":
        return [{"id": reason, "label": reason} for reason in account.lost_reasons]
    if code == "visible_to":
        names = {1: "Proprietário", 3: "Toda a empresa", 5: "Grupo", 7: "Grupo e subgrupos"}
        return [{"id": key, "label": name} for key, name in names.items()]
    if code == "type":
        return [{"id": item["key_string"], "label": item["name"]} for item in account.rows("activity_types")]
    if code == "stage_id":
        return [{"id": stage["id"], "label": stage["name"]} for stage in account.rows("stages")]
    return None
