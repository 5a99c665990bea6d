"""What API v1 is sent, as the account's own values; and its way to say what is wrong with them."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from vaivem.simulators.kit.tables import Record
from vaivem.simulators.rd_station_crm.account import Account
from vaivem.simulators.rd_station_crm.custom_values import blank
from vaivem.simulators.rd_station_crm.problems import Problem, RefusedError
from vaivem.simulators.rd_station_crm.schema import TASK_TYPES
from vaivem.simulators.rd_station_crm.times import BRASILIA, read_brazilian_date, utc_text
from vaivem.simulators.rd_station_crm.validation import INVALID, NOT_IN_LIST

TEXT_MIN_CHARS = 2
SUBJECT_MIN_CHARS = 3
LOST_REASON_MAX_CHARS = 40
_TASK_HORIZON = timedelta(days=4 * 366)
_PHONE_TYPES = {"cellphone": "mobile"}
_DISCOUNTS = {"value": "amount", "percent": "percentage"}
_RECURRENCES = {"spare": "one-time", "monthly": "monthly", "annually": "annually"}

_CONTACT = {
    "name": "name",
    "title": "job_title",
    "emails": "emails",
    "organization_id": "organization_id",
    "legal_bases": "legal_bases",
}
_ORGANIZATION = {"name": "name", "resume": "description", "url": "url", "user_id": "owner_id"}
_DEAL = {
    "name": "name",
    "rating": "rating",
    "prediction_date": "expected_close_date",
    "user_id": "owner_id",
    "amount_montly": "recurrence_price",
    "amount_unique": "one_time_price",
    "deal_lost_reason_id": "lost_reason_id",
}
_FIELD = {
    "label": "name",
    "type": "type",
    "for": "entity",
    "opts": "options",
    "unique": "unique",
    "allow_new": "allow_new_option",
    "order": "order",
    "required_rules": "required_rules",
}
_PRODUCT = {"product_id": "product_id", "price": "price", "amount": "quantity", "discount": "discount"}
_WEBHOOK = {
    "event_type": "event_name",
    "url": "url",
    "http_method": "http_method",
    "status": "status",
    "name": "name",
}
# Names of refused values on the way back, where they differ.
V1_NAMES = {
    "job_title": "title",
    "owner_id": "user_id",
    "expected_close_date": "prediction_date",
    "stage_id": "deal_stage_id",
    "source_id": "deal_source_id",
    "lost_reason_id": "deal_lost_reason_id",
    "event_name": "event_type",
    "entity": "for",
    "options": "opts",
}


class UnknownCustomFieldError(LookupError):
    """A value was sent for a custom field that does not exist."""


class UnreadableBodyError(ValueError):
    """The body is not what API v1 reads; the vendor breaks with a 500 at it."""


def part(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the object under a name, empty when absent; UnreadableBodyError when it is something else."""
    value = body.get(name, {})
    if not isinstance(value, dict):
        raise UnreadableBodyError(name)
    return value


def sequence(sent: Mapping[str, Any], name: str) -> list[Any]:
    """Return the list under a name, empty when absent; UnreadableBodyError when it is something else."""
    value = sent.get(name) or []
    if not isinstance(value, list):
        raise UnreadableBodyError(name)
    return value


def contact_values(account: Account, sent: Mapping[str, Any]) -> dict[str, Any]:
    """A contact's values, `deal_ids` not among them."""
    _check_lengths(sent, {"name": "Nome", "title": "Cargo"})
    values = _renamed(sent, _CONTACT)
    if "phones" in sent:
        values["phones"] = [_phone(item) for item in sequence(sent, "phones")]
    if isinstance(sent.get("birthday"), dict):
        values["birthday"] = _birthday(sent["birthday"])
    networks = [name for name in ("facebook", "linkedin", "skype") if sent.get(name)]
    if networks:
        values["social_profiles"] = [{"type": name, "username": sent[name]} for name in networks]
    return _with_custom(account, values, sent, "contact_custom_fields", "contact")


def organization_values(account: Account, sent: Mapping[str, Any]) -> dict[str, Any]:
    """An organization's values; segments that are new are made."""
    _check_lengths(sent, {"name": "Nome", "resume": "Resumo"})
    values = _renamed(sent, _ORGANIZATION)
    if "address" in sent:
        values["address"] = {"line": sent["address"]} if sent["address"] else None
    if "organization_segments" in sent:
        values["segment_ids"] = [
            _segment(account, str(name)) for name in sequence(sent, "organization_segments")
        ]
    return _with_custom(account, values, sent, "organization_custom_fields", "organization")


def deal_values(account: Account, sent: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """A deal's values from `deal` and its siblings; the stage is read by the caller."""
    _check_lengths(sent, {"name": "Nome"})
    values = _renamed(sent, _DEAL)
    for name, column in (
        ("deal_source", "source_id"),
        ("campaign", "campaign_id"),
        ("organization", "organization_id"),
    ):
        if name in body:
            values[column] = part(body, name).get("_id")
    return _with_custom(account, values, sent, "deal_custom_fields", "deal")


def status_of(sent: Mapping[str, Any], now: str) -> str | None:
    """The status that `win` and `hold` ask for, None when neither was sent."""
    if sent.get("win") is True:
        return "won"
    if sent.get("win") is False:
        return "lost"
    if sent.get("hold") is True:
        return "paused"
    if "win" in sent:
        return "ongoing"
    if "hold" in sent:
        return "ongoing" if now == "paused" else now
    return None


def task_values(sent: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """A task's values; day and hour are Brasília's."""
    problems = []
    if "subject" in sent and len(str(sent["subject"] or "")) < SUBJECT_MIN_CHARS:
        problems.append(_short("subject", "Assunto", SUBJECT_MIN_CHARS))
    if "type" in sent and sent["type"] not in TASK_TYPES:
        problems.append(Problem("type", NOT_IN_LIST, whole=True))
    if problems:
        raise RefusedError(*problems)
    values = _renamed(
        sent, {"subject": "name", "type": "type", "notes": "description", "user_ids": "owner_ids"}
    )
    if "date" in sent:
        values["due_date"] = _moment(sent, now)
    if "done" in sent:
        values["status"] = "completed" if sent["done"] else "open"
    return values


def custom_field_values(sent: Mapping[str, Any]) -> dict[str, Any]:
    """A custom field definition's values."""
    values = _renamed(sent, _FIELD)
    if "required" in sent and "required_rules" not in sent:
        values["required_rules"] = (
            [{"property": None, "value": None, "always": True}] if sent["required"] else []
        )
    return values


def deal_product_values(sent: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a product in a deal."""
    values = _renamed(sent, _PRODUCT)
    if "discount_type" in sent:
        values["discount_type"] = _DISCOUNTS.get(str(sent["discount_type"]), sent["discount_type"])
    if "recurrence" in sent:
        values["billing_frequency"] = _RECURRENCES.get(str(sent["recurrence"]), sent["recurrence"])
    return values


def webhook_values(sent: Mapping[str, Any]) -> dict[str, Any]:
    """A webhook's values."""
    return _renamed(sent, _WEBHOOK)


def name_values(sent: Mapping[str, Any], *, max_chars: int = 0) -> dict[str, Any]:
    """The name of a source, campaign, lost reason, pipeline or stage."""
    _check_lengths(sent, {"name": "Nome"})
    if max_chars and len(str(sent.get("name", ""))) > max_chars:
        raise RefusedError(
            Problem("name", f"Nome está muito longo, use no máximo {max_chars} caracteres.", whole=True)
        )
    return {key: sent[key] for key in ("name", "order", "objective", "description") if key in sent}


def _renamed(sent: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {ours: sent[theirs] for theirs, ours in names.items() if theirs in sent}


def _check_lengths(sent: Mapping[str, Any], labels: Mapping[str, str]) -> None:
    short = [
        _short(name, label, TEXT_MIN_CHARS)
        for name, label in labels.items()
        if isinstance(sent.get(name), str) and 0 < len(sent[name]) < TEXT_MIN_CHARS
    ]
    if short:
        raise RefusedError(*short)


def _short(name: str, label: str, least: int) -> Problem:
    return Problem(name, f"{label} está muito curto, use no mínimo {least} caracteres.", "SHORT", whole=True)


def _birthday(sent: Mapping[str, Any]) -> str:
    year, month, day = (sent.get(name) or 0 for name in ("year", "month", "day"))
    if not all(isinstance(number, int) for number in (year, month, day)):
        raise UnreadableBodyError("birthday")
    return f"{year:04d}-{month:02d}-{day:02d}"


def _phone(item: Any) -> Any:
    if not isinstance(item, dict):
        return item
    kind = item.get("type", "work")
    return {**item, "type": _PHONE_TYPES.get(str(kind), kind)}


def _segment(account: Account, name: str) -> str:
    for segment in account.tables["segments"]:
        if segment["name"] == name:
            return str(segment["id"])
    return str(account.create("segments", {"name": name})["id"])


def _with_custom(
    account: Account, values: dict[str, Any], sent: Mapping[str, Any], key: str, entity: str
) -> dict[str, Any]:
    items = sent.get(key)
    if items is None:
        return values
    if not isinstance(items, list):
        raise UnreadableBodyError(key)
    values["custom_fields"] = dict(_custom(account, items, entity))
    return values


def _custom(account: Account, items: list[Any], entity: str) -> Iterable[tuple[str, Any]]:
    for item in items:
        field_id = item.get("custom_field_id") if isinstance(item, dict) else None
        field: Record | None = account.tables["custom_fields"].get(field_id)
        if field is None or field["entity"] != entity:
            raise UnknownCustomFieldError(
                f'Could not find a custom field that matches: {{:custom_field_id=>"{field_id}"}}'
            )
        value = item.get("value")
        if field["type"] == "date" and not blank(value):
            try:
                value = read_brazilian_date(value)
            except (ValueError, AttributeError) as error:
                raise RefusedError(Problem("custom_fields", INVALID)) from error
        yield field[account.quirks.custom_field_key], value


def _moment(sent: Mapping[str, Any], now: datetime) -> str:
    try:
        moment = datetime.fromisoformat(f"{sent['date']}T{sent.get('hour') or '00:00'}").replace(
            tzinfo=BRASILIA
        )
    except ValueError as error:
        raise RefusedError(Problem("date", f"Data {INVALID}", whole=True)) from error
    if moment > now + _TASK_HORIZON:
        raise RefusedError(Problem("date", f"Data {INVALID}", whole=True))
    return utc_text(moment)
