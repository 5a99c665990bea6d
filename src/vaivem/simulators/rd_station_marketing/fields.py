"""The fields of a contact: the vendor's own, the account's (`cf_…`), and what their values may be."""

import re
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid4, uuid5

from vaivem.simulators.rd_station_marketing.problems import Item, by_field, flat, item, not_found

if TYPE_CHECKING:
    from vaivem.simulators.rd_station_marketing.account import Account, Record

DATA_TYPES = ("STRING", "INTEGER", "BOOLEAN", "STRING[]")
PRESENTATIONS = (
    "TEXT_INPUT",
    "EMAIL_INPUT",
    "COMBO_BOX",
    "URL_INPUT",
    "TEXT_AREA",
    "RADIO_BUTTON",
    "PHONE_INPUT",
    "NUMBER_INPUT",
    "CHECK_BOX",
    "MULTIPLE_CHOICE",
)
# API identifier, label, presentation. All hold texts.
STANDARD = (
    ("name", "Nome", "TEXT_INPUT"),
    ("email", "Email", "EMAIL_INPUT"),
    ("job_title", "Cargo", "TEXT_INPUT"),
    ("birthdate", "Data de nascimento", "TEXT_INPUT"),
    ("bio", "Anotações", "TEXT_AREA"),
    ("website", "Website", "URL_INPUT"),
    ("personal_phone", "Telefone", "PHONE_INPUT"),
    ("mobile_phone", "Celular", "PHONE_INPUT"),
    ("city", "Cidade", "TEXT_INPUT"),
    ("state", "Estado", "COMBO_BOX"),
    ("country", "País", "COMBO_BOX"),
    ("twitter", "Twitter", "TEXT_INPUT"),
    ("facebook", "Facebook", "TEXT_INPUT"),
    ("linkedin", "Linkedin", "TEXT_INPUT"),
)
STANDARD_KEYS = tuple(key for key, _, _ in STANDARD)
SOCIAL = frozenset({"twitter", "facebook", "linkedin"})
# Of the vendor's list of reserved names, those that are certain: its own fields and its own words.
_RESERVED = frozenset(f"cf_{key}" for key in (*STANDARD_KEYS, "tags", "uuid", "legal_bases", "company"))
_IDENTIFIER = re.compile(r"cf_[a-z0-9_]+\Z")
_EMAIL = re.compile(r"[^\s@,;]+@[^\s@,;]+\.[^\s@,;.]{2,}\Z")
_SOCIAL = re.compile(r"[A-Za-z0-9._-]+\Z")
_DATE = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])\Z")


def is_email(value: object) -> bool:
    return isinstance(value, str) and len(value) <= 254 and _EMAIL.match(value) is not None


def standard_fields() -> list["Record"]:
    """The definitions of the vendor's own fields."""
    return [
        {
            "uuid": str(uuid5(NAMESPACE_URL, f"rd-station-marketing/{key}")),
            "api_identifier": key,
            "custom_field": False,
            "data_type": "STRING",
            "name": {"default": label.lower(), "pt-BR": label.lower()},
            "label": {"default": label, "pt-BR": label},
            "presentation_type": presentation,
            "validation_rules": {},
        }
        for key, label, presentation in STANDARD
    ]


def custom_field(
    key: str, label: str, data_type: str, presentation: str, options: tuple[str, ...] = ()
) -> "Record":
    """A definition of the account's own, as the seed and the page make it."""
    rules = {"valid_options": [{"value": value, "label": {"pt-BR": value}} for value in options]}
    return {
        "uuid": str(uuid4()),
        "api_identifier": key,
        "custom_field": True,
        "data_type": data_type,
        "name": {"default": label, "pt-BR": label},
        "label": {"default": label, "pt-BR": label},
        "presentation_type": presentation,
        "validation_rules": rules if options else {},
    }


def options_of(field: "Record") -> list[str]:
    return [option["value"] for option in field["validation_rules"].get("valid_options", [])]


def empty(value: object) -> bool:
    return value is None or value == "" or value == []


def problem_of(field: "Record", value: object, *, strict_social: bool) -> Item | None:
    """What is wrong with a value sent for a field; None when nothing is. null clears a field."""
    key, kind, options = field["api_identifier"], field["data_type"], options_of(field)
    if value is None:
        return item("CANNOT_BE_NULL", f"{key} cannot be null.") if key == "email" else None
    if kind == "STRING[]":
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            return item("MUST_BE_STRING_ARRAY", f"{key} must be an array of strings.")
        return _option_problem(key, value, options)
    if kind == "BOOLEAN":
        return None if isinstance(value, bool) else item("MUST_BE_BOOLEAN", f"{key} must be a boolean.")
    if kind == "INTEGER":
        good = isinstance(value, int) and not isinstance(value, bool)
        return None if good else item("INVALID", f"{key} must be an integer.")
    if not isinstance(value, str):
        return item("MUST_BE_STRING", f"{key} must be a string.")
    return _text_problem(key, value, options, strict_social=strict_social)


def _text_problem(key: str, value: str, options: list[str], *, strict_social: bool) -> Item | None:
    if key == "email" and not is_email(value):
        return item("INVALID_EMAIL_FORMAT", "email must be a valid e-mail address.")
    if value == "":
        return None
    if key in SOCIAL and strict_social and not _SOCIAL.match(value):
        return item("INVALID_FORMAT", f"{key} may only have letters, digits, '.', '-' and '_'.")
    if key == "birthdate" and not _DATE.match(value):
        return item("INVALID_FORMAT", "birthdate must be in the format YYYY-MM-DD.")
    return _option_problem(key, [value], options)


def _option_problem(key: str, values: list[Any], options: list[str]) -> Item | None:
    if options and any(value not in options for value in values):
        return item("MUST_BE_VALID_OPTION", f"{key} must be one of: {', '.join(options)}.")
    return None


class FieldCatalogue:
    """Custom fields made, changed and deleted as the fields API does it."""

    def __init__(self, account: "Account") -> None:
        self._account = account

    def create(self, data: "Record") -> "Record":
        """Make a field; ProblemError with what is wrong, by field."""
        key = data.get("api_identifier")
        problems = self._label_problems(data)
        if not isinstance(key, str) or not key:
            problems["api_identifier"] = [item("CANNOT_BE_BLANK", "api_identifier cannot be blank.")]
        elif key in _RESERVED:
            problems["api_identifier"] = [item("EXCLUSION", f"{key} is reserved.")]
        elif not _IDENTIFIER.match(key):
            problems["api_identifier"] = [
                item("INVALID", "api_identifier must begin with cf_ and have a-z, 0-9 and _.")
            ]
        elif self._account.field_by_key(key) is not None:
            problems["api_identifier"] = [item("TAKEN", f"{key} is taken.")]
        problems |= _type_problems(data.get("data_type"), data.get("presentation_type"))
        if problems:
            raise by_field(problems)
        field = custom_field(str(key), "", data["data_type"], data["presentation_type"])
        self._store(field, data)
        return field

    def change(self, field_id: str, data: "Record") -> "Record":
        """Change name, label, presentation or options; the identifier and the type never change."""
        field = self._custom(field_id)
        if data.get("api_identifier", field["api_identifier"]) != field["api_identifier"]:
            raise by_field({"api_identifier": [item("INVALID", "api_identifier cannot be changed.")]})
        kind = data.get("data_type", field["data_type"])
        problems = _type_problems(kind, data.get("presentation_type", field["presentation_type"]))
        if problems:
            raise by_field(problems)
        field["presentation_type"] = data.get("presentation_type", field["presentation_type"])
        self._store(field, data)
        return field

    def delete(self, field_id: str) -> None:
        """Take a field and every lead's value of it away."""
        field = self._custom(field_id)
        del self._account.fields[field["uuid"]]
        for lead in self._account.leads.values():
            lead["values"].pop(field["api_identifier"], None)

    def _custom(self, field_id: str) -> "Record":
        field = self._account.fields.get(field_id)
        if field is None:
            raise not_found("Field")
        if not field["custom_field"]:
            raise flat("BAD_REQUEST", "Only custom fields can be changed.")
        return field

    def _store(self, field: "Record", data: "Record") -> None:
        for part in ("name", "label"):
            texts = data.get(part)
            if isinstance(texts, dict) and texts.get("pt-BR"):
                field[part] = {"default": texts.get("default", texts["pt-BR"]), "pt-BR": texts["pt-BR"]}
        if isinstance(data.get("validation_rules"), dict):
            field["validation_rules"] = data["validation_rules"]
        self._account.fields[field["uuid"]] = field

    def _label_problems(self, data: "Record") -> dict[str, Any]:
        problems: dict[str, Any] = {}
        for part in ("name", "label"):
            texts = data.get(part)
            if not isinstance(texts, dict) or not texts.get("pt-BR"):
                problems[part] = {"pt-BR": [item("CANNOT_BE_BLANK", f"{part} cannot be blank.")]}
        return problems


def _type_problems(data_type: object, presentation: object) -> dict[str, Any]:
    if data_type not in DATA_TYPES:
        return {"data_type": [item("INCLUSION", f"data_type is one of {', '.join(DATA_TYPES)}.")]}
    if presentation not in PRESENTATIONS:
        known = ", ".join(PRESENTATIONS)
        return {"presentation_type": [item("INCLUSION", f"presentation_type is one of {known}.")]}
    if presentation == "MULTIPLE_CHOICE" and data_type != "STRING[]":
        return {"data_type": [item("INCLUSION", "MULTIPLE_CHOICE needs the data_type STRING[].")]}
    return {}
