"""What the account makes of a write beyond its single values: stages, statuses, totals, names taken."""

from typing import TYPE_CHECKING, Any

from vaivem.simulators.kit.tables import Record
from vaivem.simulators.rd_station_crm.custom_values import blank, definitions, new_slug
from vaivem.simulators.rd_station_crm.problems import Problem, RefusedError
from vaivem.simulators.rd_station_crm.validation import BLANK, NOT_IN_LIST

if TYPE_CHECKING:
    from vaivem.simulators.rd_station_crm.account import Account

ORGANIZATION_NAME_MIN_CHARS = 2
_DEFAULT_STAGES = (
    "Sem contato",
    "Contato feito",
    "Identificação do interesse",
    "Apresentação",
    "Proposta enviada",
)


def settle(account: "Account", table: str, record: Record, before: Record | None) -> Record:
    """Return the record as it will be stored; RefusedError when the account's rules forbid it.

    `before` is the stored record on a change and None for a new one.
    """
    rule = _RULES.get(table)
    return rule(account, record, before) if rule else record


def product_total(product: Record) -> float:
    """What one product in a deal costs after its discount, never below nought."""
    gross = product["price"] * product["quantity"]
    cut = (
        gross * product["discount"] / 100 if product["discount_type"] == "percentage" else product["discount"]
    )
    return max(0.0, float(round(gross - cut, 2)))


def _deal(account: "Account", deal: Record, before: Record | None) -> Record:
    if before is None and deal["status"] != "ongoing":
        raise RefusedError(Problem("status", "must be ongoing on creation."))
    _place(account, deal, before)
    _check_owner(account, deal, before)
    _close(account, deal, before)
    _price(account, deal)
    _check_required(account, deal)
    return deal


def _place(account: "Account", deal: Record, before: Record | None) -> None:
    """A stage decides the pipeline; a pipeline alone means its first stage; neither, the first of all."""
    pipeline_id = deal["pipeline_id"] or next(iter(account.tables["pipelines"]))["id"]
    moved_stage = before is None or deal["stage_id"] != before["stage_id"]
    moved_pipeline = before is not None and pipeline_id != before["pipeline_id"]
    if deal["stage_id"] is None or (moved_pipeline and not moved_stage):
        deal["stage_id"] = account.stages_of(pipeline_id)[0]["id"]
    deal["pipeline_id"] = account.get("stages", deal["stage_id"])["pipeline_id"]
    if before is None or deal["stage_id"] != before["stage_id"]:
        now = account.now_text()
        past = [{**step, "end_date": step["end_date"] or now} for step in deal.get("_stages", [])]
        deal["_stages"] = [*past, {"deal_stage_id": deal["stage_id"], "start_date": now, "end_date": None}]


def _check_owner(account: "Account", deal: Record, before: Record | None) -> None:
    owner_id = deal["owner_id"]
    if owner_id is None:
        if account.quirks.deal_owner_required:
            raise RefusedError(Problem("owner_id", f"owner_id {BLANK}", "REQUIRED", whole=True))
        return
    owner = account.tables["users"].get(owner_id)
    if owner and not owner["active"] and (before is None or before["owner_id"] != owner_id):
        raise RefusedError(Problem("owner_id", "owner_id inativo.", whole=True))


def _close(account: "Account", deal: Record, before: Record | None) -> None:
    status_before = before["status"] if before else "ongoing"
    if deal["status"] in ("won", "lost"):
        if status_before != deal["status"]:
            deal["closed_at"] = account.now_text()
    else:
        deal["closed_at"] = None
    if deal["status"] != "lost":
        deal["lost_reason_id"] = None
        deal["_lost_note"] = None


def _price(account: "Account", deal: Record) -> None:
    products = account.tables["deal_products"].find("deal_id", deal["id"])
    if products:
        sums = {"one-time": 0.0, "monthly": 0.0, "annually": 0.0}
        for product in products:
            sums[product["billing_frequency"]] += product["total_price"]
        deal["one_time_price"] = round(sums["one-time"], 2)
        deal["recurrence_price"] = round(sums["monthly"] + sums["annually"] / 12, 2)
    deal["_product_ids"] = list(dict.fromkeys(product["product_id"] for product in products))
    deal["total_price"] = round(deal["one_time_price"] + deal["recurrence_price"], 2)


def _check_required(account: "Account", record: Record, entity: str = "deal") -> None:
    """A custom field can be demanded always, or only while a deal stands at a certain stage."""
    for definition in definitions(account, entity):
        if blank(record["custom_fields"].get(definition["slug"])) and _is_required(definition, record):
            message = f"{definition['name']} {BLANK}"
            raise RefusedError(Problem("custom_fields", message, "REQUIRED", whole=True))


def _is_required(definition: Record, record: Record) -> bool:
    columns = {"deal_stage_id": "stage_id", "deal_pipeline_id": "pipeline_id"}
    for rule in definition["required_rules"]:
        column = columns.get(str(rule["property"]))
        if rule["always"] or (column and record.get(column) == rule["value"]):
            return True
    return False


def _contact(account: "Account", contact: Record, _before: Record | None) -> Record:
    _check_required(account, contact, "contact")
    return contact


def _organization(account: "Account", organization: Record, _before: Record | None) -> Record:
    name = organization["name"]
    if len(name) < ORGANIZATION_NAME_MIN_CHARS:
        raise RefusedError(
            Problem("name", f"é muito curto (mínimo: {ORGANIZATION_NAME_MIN_CHARS} caracteres).")
        )
    taken = account.tables["organizations"].ids("name", name)
    if any(other != organization["id"] for other in taken):
        raise RefusedError(Problem("name", "Nome Empresa já cadastrada.", "TAKEN", whole=True))
    _check_required(account, organization, "organization")
    return organization


def _task(account: "Account", task: Record, before: Record | None) -> Record:
    if before is None and task["status"] != "open":
        raise RefusedError(Problem("status", NOT_IN_LIST))
    if task["status"] == "completed":
        task["completed_at"] = task["completed_at"] or account.now_text()
        task["completed_by_id"] = task["completed_by_id"] or task["created_by_id"]
    else:
        task["completed_at"] = task["completed_by_id"] = None
    return task


def _note(account: "Account", note: Record, _before: Record | None) -> Record:
    note["registered_at"] = note["registered_at"] or account.now_text()
    return note


def _pipeline(account: "Account", pipeline: Record, before: Record | None) -> Record:
    if pipeline["order"] is None:
        pipeline["order"] = len(account.tables["pipelines"]) + 1
    if before is None and not pipeline["stage_ids"]:
        for name in _DEFAULT_STAGES:
            stage = account.create("stages", {"name": name}, pipeline_id=pipeline["id"])
            pipeline["stage_ids"] = [*pipeline["stage_ids"], stage["id"]]
    return pipeline


def _stage(account: "Account", stage: Record, before: Record | None) -> Record:
    if stage["order"] is None:
        stage["order"] = len(account.stages_of(stage["pipeline_id"])) + 1
    pipeline = account.tables["pipelines"].get(stage["pipeline_id"])
    if before is None and pipeline:
        account.tables["pipelines"].put({**pipeline, "stage_ids": [*pipeline["stage_ids"], stage["id"]]})
    return stage


def _custom_field(account: "Account", definition: Record, before: Record | None) -> Record:
    if before is None:
        definition["slug"] = new_slug(account, definition["entity"], definition["name"])
        definition["order"] = definition["order"] or len(definitions(account, definition["entity"])) + 1
    elif definition["entity"] != before["entity"] or definition["type"] != before["type"]:
        raise RefusedError(Problem("type", "não pode ser alterado."))
    if definition["type"] in ("option", "multiple_choice") and not definition["options"]:
        raise RefusedError(Problem("options", BLANK))
    return definition


def _deal_product(_account: "Account", product: Record, _before: Record | None) -> Record:
    product["total_price"] = product_total(product)
    return product


def _webhook(_account: "Account", webhook: Record, _before: Record | None) -> Record:
    if bool(webhook["auth_header"]) != bool(webhook["auth_key"]):
        raise RefusedError(Problem("auth_key", "auth_header and auth_key must be sent together.", whole=True))
    return webhook


_RULES: dict[str, Any] = {
    "deals": _deal,
    "contacts": _contact,
    "organizations": _organization,
    "tasks": _task,
    "notes": _note,
    "pipelines": _pipeline,
    "stages": _stage,
    "custom_fields": _custom_field,
    "deal_products": _deal_product,
    "webhooks": _webhook,
}
