"""A draft from a template: its variables, who signs and how they prove who they are. Pure.

The vendor refuses a wrong signer only when the envelope is half made, so what it asks for is checked first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vaivem.connectors.clicksign.objects import document_data, field, signer_data
from vaivem.connectors.clicksign.steps import recipient_of
from vaivem.connectors.clicksign.templates import VARIABLE, name_of, of_template
from vaivem.connectors.sdk import Connection
from vaivem.connectors.sdk.documents import DRAFT, HALF, LACKING, SENT, Step
from vaivem.core.errors import RecordError
from vaivem.core.fields import Field, FieldType, Option
from vaivem.core.values import Values

GROUPS = ("signer", "signer2", "signer3", "signer4")
# Of the vendor's some sixty, those of contracts; any other may be typed as the vendor writes it.
ROLES = (
    "sign", "party", "contractor", "contractee", "buyer", "seller", "lessor", "lessee", "guarantor",
    "legal_representative", "attorney", "approve", "witness",
)  # fmt: skip
PROOFS = ("email", "sms", "whatsapp", "pix", "icp_brasil", "handwritten", "selfie")
LONGEST_SUBJECT = 100
_BY_PHONE = ("sms", "whatsapp")
_ENDING = ".docx"

Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who signs. `place` is the group of fields that named them."""

    place: str
    name: str
    email: str
    phone: str
    cpf: str
    birthday: str
    role: str
    proof: str

    def attributes(self, group: int) -> dict[str, Any]:
        """Return the vendor's signer: national phone numbers, CPF with its dots."""
        told = {"signature_request": "email", "signature_reminder": "email", "document_signed": "email"}
        if not self.email:
            by = self.proof if self.proof in _BY_PHONE else "sms"
            told = {"signature_request": by, "signature_reminder": "none", "document_signed": "whatsapp"}
        given = {
            "name": self.name,
            "email": self.email,
            "phone_number": national(self.phone),
            "documentation": dotted(self.cpf),
            "birthday": self.birthday,
        }
        kept = {key: value for key, value in given.items() if value}
        return {**kept, "group": group, "communicate_events": told}

    def is_signer(self, attributes: Raw) -> bool:
        """Say whether the vendor's signer is this person."""
        same = (
            (self.name, "name"),
            (self.email, "email"),
            (national(self.phone), "phone_number"),
        )
        return all(mine.casefold() == str(attributes.get(key) or "").casefold() for mine, key in same)


def person_fields(group: str) -> tuple[Field, ...]:
    """Return the fields of one signer."""
    return (
        Field(f"{group}.name", label_key=f"fields.{group}.name", help_key="fields.person.help", group=group),
        Field(f"{group}.email", FieldType.EMAIL, label_key=f"fields.{group}.email", group=group),
        Field(f"{group}.phone", FieldType.PHONE, label_key=f"fields.{group}.phone", group=group),
        Field(f"{group}.cpf", FieldType.CPF, label_key=f"fields.{group}.cpf", group=group),
        Field(f"{group}.birthday", FieldType.DATE, label_key=f"fields.{group}.birthday", group=group),
        Field(
            f"{group}.role", FieldType.OPTION, label_key=f"fields.{group}.role", group=group,
            options=tuple(map(Option, ROLES)), allow_new_option=True,
        ),
        Field(
            f"{group}.proof", FieldType.OPTION, label_key=f"fields.{group}.proof", group=group,
            options=tuple(map(Option, PROOFS)), help_key="fields.proof.help",
        ),
    )  # fmt: skip


def people_of(values: Values) -> list[Person]:
    """Return who signs, in the rule's order. Raises RecordError for one the vendor would refuse."""
    found = [
        _person(group, element)
        for group in GROUPS
        for element in values.each(group)
        if any(element.has(part) for part in ("name", "email", "phone"))
    ]
    for person in found:
        _require(person)
    return found


def _person(group: str, element: Values) -> Person:
    parts = {key: str(element.get(key, "")) for key in ("name", "email", "phone", "cpf", "birthday")}
    role = str(element.get("role", "sign"))
    proof = str(element.get("proof", "email" if parts["email"] else "whatsapp"))
    return Person(group, **parts, role=role, proof=proof)


def _require(person: Person) -> None:
    """Check what the vendor's rules ask of a signer, by how they prove who they are."""
    needed = {"pix": "cpf", "email": "email"} | dict.fromkeys(_BY_PHONE, "phone")
    for part in filter(None, ("name", needed.get(person.proof))):
        if not getattr(person, part):
            params = {"part": part, "proof": person.proof}
            raise RecordError("signer_incomplete", params=params, path=f"{person.place}.{part}")
    if len(person.name.split()) < 2 or re.search(r"\d", person.name):
        raise RecordError("signer_name_refused", params={"name": person.name}, path=f"{person.place}.name")
    if person.phone and not re.fullmatch(r"\d{10,11}", national(person.phone)):
        raise RecordError("phone_not_brazilian", params={"phone": person.phone}, path=f"{person.place}.phone")


def variables(values: Values, connection: Connection, template: str, *, blanks: bool) -> dict[str, str]:
    """Return the template's variables with their values.

    One that is known and stays blank would be a hole in a contract: RecordError, unless `blanks` allows it.
    """
    wanted = [key for key in values if key.startswith(VARIABLE)]
    filled: dict[str, str] = {}
    for key in wanted:
        value = values.get(key)
        if value is not None and str(value).strip():
            filled[name_of(connection, key)] = str(value)
    known = [
        *of_template(connection, template),
        *(key for key in wanted if key.startswith(f"{VARIABLE}typed_")),
    ]
    blank = next((key for key in known if name_of(connection, key) not in filled), None)
    if blank is not None and not blanks:
        raise RecordError("variable_blank", params={"variable": name_of(connection, blank)}, path=blank)
    return filled


def filename_of(given: str) -> str:
    """Return a file's name as the vendor takes it of a template."""
    plain = given.strip()
    return plain if plain.casefold().endswith(_ENDING) else f"{plain}{_ENDING}"


def envelope_of(values: Values) -> dict[str, Any]:
    """Return the vendor's envelope."""
    texts = {"name": "envelope.name", "default_subject": "envelope.subject",
             "default_message": "envelope.message", "deadline_at": "envelope.deadline_at"}  # fmt: skip
    return {key: values[place] for key, place in texts.items() if values.has(place)}


def half_made(document: str, filename: str, people: Sequence[Person], keys: Sequence[str]) -> Step:
    """Return what is there while a draft is made: the first people have their keys, the others lack."""
    known = [*keys, *(None for _ in people[len(keys) :])]
    told = [
        recipient if recipient["id"] else {**recipient, LACKING: True}
        for recipient in _told([*zip(known, people, strict=True)])
    ]
    return Step(HALF, told, {**_about(document, filename), "sent_at": None})


def steps_of(
    document: str, filename: str, people: Sequence[tuple[str, Person]], sent_at: str | None
) -> tuple[Step, ...]:
    """Return what the vendor tells nobody: that a draft is there for these, and that we activated it.

    `people` have their keys at the vendor. Sent is it to the first of them.
    """
    about, told = _about(document, filename), _told(people)
    draft = Step(DRAFT, told, {**about, "sent_at": None})
    if sent_at is None:
        return (draft,)
    return (draft, Step(SENT, told[:1], {**about, "sent_at": sent_at}, sent_at))


def _about(document: str, filename: str) -> dict[str, Any]:
    name = document_data({"key": document, "filename": filename})["name"]
    return {"id": document, "name": name, "url": None, "sender": None, "completed_at": None}


def _told(people: Sequence[tuple[str | None, Person]]) -> list[dict[str, Any]]:
    return [
        recipient_of(signer_data({"key": key, **person.attributes(number)}))
        for number, (key, person) in enumerate(people, start=1)
    ]


def national(phone: str) -> str:
    """Return a phone number as the vendor takes it: digits, without the country's code."""
    digits = re.sub(r"\D", "", phone)
    return digits.removeprefix("55") if len(digits) > 11 else digits


def dotted(cpf: str) -> str:
    """Return a CPF as the vendor takes it."""
    return f"{cpf[:3]}.{cpf[3:6]}.{cpf[6:9]}-{cpf[9:]}" if len(cpf) == 11 else cpf


MADE = (
    field("envelope.id", FieldType.RECORD, "6f0c1c0e-2f64-4b73-8f5d-9a4b7a1f2c33"),
    field("envelope.status", FieldType.TEXT, "draft"),
    field("document.key", FieldType.RECORD, "db4a2cf7-0e51-4c7c-9d0e-5a2c7f3b1e94"),
)
