"""What vendors leave to whoever looks a record up: that two spellings are one address, number or moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from vaivem.core.fields import FieldType
from vaivem.core.folding import fold
from vaivem.core.identity import normalise_email, normalise_name, normalise_phone
from vaivem.core.numbers import parse_moment

Record = TypeVar("Record", bound=Mapping[str, Any])

# A record "made after the run began" carries a time of the vendor's clock, which may be behind ours.
CLOCK_SLACK = timedelta(minutes=15)

# Vendors know no type for these documents: people name a text field after them.
_DOCUMENTS = {
    "cpf": FieldType.CPF,
    "cnpj": FieldType.CNPJ,
    "cpf/cnpj": FieldType.CPF_CNPJ,
    "cpf ou cnpj": FieldType.CPF_CNPJ,
    "cnpj/cpf": FieldType.CPF_CNPJ,
}
DOCUMENT_TYPES = frozenset(_DOCUMENTS.values())


def document_type(label: str) -> FieldType | None:
    """Return the type of a text field that is named after a CPF or CNPJ, None for any other."""
    return _DOCUMENTS.get(fold(label))


def document_spellings(number: str) -> tuple[str, ...]:
    """Return a CPF or CNPJ without and with its mask."""
    if len(number) == 11:
        return number, f"{number[:3]}.{number[3:6]}.{number[6:9]}-{number[9:]}"
    if len(number) == 14:
        return number, f"{number[:2]}.{number[2:5]}.{number[5:8]}/{number[8:12]}-{number[12:]}"
    return (number,)


def bare_document(text: Any) -> str:
    """Return a document without its mask, "" for nothing."""
    return "".join(letter for letter in str(text or "") if letter.isalnum()).upper()


def has_address(held: Iterable[str], email: str) -> bool:
    """Say whether an e-mail address is among those held, whatever the case of its letters."""
    wanted = normalise_email(email) or email.lower()
    return any((normalise_email(one) or one.lower()) == wanted for one in held)


def has_number(held: Iterable[str], phone: str) -> bool:
    """Say whether a phone number is among those held, however it is written."""
    wanted = normalise_phone(phone) or phone
    return any((normalise_phone(one) or one) == wanted for one in held)


def moment_of(value: Any) -> datetime | None:
    """Return a vendor's time in UTC, None when there is none. One without a zone is taken as UTC."""
    found = parse_moment(value, "UTC")
    if not isinstance(found, datetime):
        return None
    return found.astimezone(UTC)


def made_since(made: Any, moment: datetime) -> bool:
    """Say whether a vendor's time of creation is not before `moment`, as far as two clocks can tell.

    Without a readable time it counts as new: then it is looked at, not made again.
    """
    found = moment_of(made)
    return found is None or found >= moment - CLOCK_SLACK


def same_name(one: Any, other: Any) -> bool:
    """Say whether two names are one, without regard to accents, case and blanks."""
    return normalise_name(str(one or "")) == normalise_name(str(other or ""))


def oldest(records: Iterable[Record]) -> Record | None:
    """Return the record created first, the same one however the vendor sorts; None for no records.

    A record has an ``id`` and, where the vendor tells it, ``created_at``.
    """
    return min(records, key=_age, default=None)


def _age(record: Mapping[str, Any]) -> tuple[str, int, str]:
    number = str(record["id"])
    return str(record.get("created_at") or ""), len(number), number
