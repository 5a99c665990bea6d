"""What a rule can do with persons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from typing_extensions import override

from vaivem.connectors.pipedrive import finding, settling
from vaivem.connectors.pipedrive.custom_values import CUSTOM, key_of
from vaivem.connectors.pipedrive.objects import output, person_fields, ref
from vaivem.connectors.pipedrive.records import Record, has_document, has_email, has_phone
from vaivem.connectors.pipedrive.trigger_fields import outputs_of
from vaivem.connectors.sdk import Action, ActionContext, Connection, Outcome
from vaivem.core.errors import RecordError
from vaivem.core.fields import Field, FieldType, Option
from vaivem.core.identity import normalise_email, normalise_name, normalise_phone
from vaivem.core.likeness import DOCUMENT_TYPES, same_name
from vaivem.core.mapping import Values


def _option(key: str, *choices: str) -> Field:
    return Field(
        key=key,
        type=FieldType.OPTION,
        label_key=f"fields.{key}",
        help_key=f"fields.{key}.help",
        options=tuple(Option(choice) for choice in choices),
    )


WITHOUT_KEY = _option("without_key", "fail", "create")
OTHER_EMAIL = _option("other_email", "ask", "same", "new")
BY_PHONE = _option("by_phone", "without_email", "always")


@dataclass(frozen=True, slots=True)
class PersonKeys:
    """What a person is recognised by. `documents`: own fields with a CPF or CNPJ (code, digits)."""

    name: str
    email: str | None
    phone: str | None
    documents: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, values: Values, connection: Connection) -> PersonKeys:
        """Read the keys out of the group ``person``."""
        fields = [one for one in connection.custom_fields("person") if one.type in DOCUMENT_TYPES]
        documents = [(key_of(one), values.get(f"{CUSTOM}{key_of(one)}")) for one in fields]
        return cls(
            name=str(values.get("name", "")),
            email=values["email"],
            phone=values["phone"],
            documents=tuple((code, str(number)) for code, number in documents if number),
        )

    @property
    def any(self) -> bool:
        """Whether there is a key beside the name."""
        return bool(self.email or self.phone or self.documents)

    def claims(self, source: str) -> tuple[str, ...]:
        """Return the keys to claim, the surest first; without a key the name within the source record."""
        keys = [f"email:{normalise_email(self.email) or self.email}"] if self.email else []
        keys += [f"document:{number}" for _, number in self.documents]
        keys += [f"phone:{normalise_phone(self.phone) or self.phone}"] if self.phone else []
        return tuple(keys) or (f"source:{source}/{normalise_name(self.name)}",)

    def fit(self, person: Record) -> bool:
        """Say whether a person carries the surest of these keys that can be compared."""
        if self.email:
            return has_email(person, self.email)
        for code, number in self.documents:
            if person["custom"].get(code):
                return has_document(person, code, number)
        if self.phone:
            return has_phone(person, self.phone)
        return same_name(person.get("name"), self.name)

    def doubtful(self, person: Record, options: Mapping[str, Any]) -> bool:
        """Say whether a match may be somebody else: another address and another name."""
        if not self.email or not person["emails"] or has_email(person, self.email):
            return False
        return (
            options.get("other_email") != "same"
            and bool(self.name)
            and not same_name(person.get("name"), self.name)
        )


async def find_persons(context: ActionContext, keys: PersonKeys, options: Mapping[str, Any]) -> list[Record]:
    """Return the persons that match by the first key that finds any; each search costs 20 tokens."""
    if keys.email and (found := await finding.persons_by_email(context, keys.email)):
        return found
    for code, number in keys.documents:
        if found := await finding.by_document(context, "person", code, number):
            return found
    if keys.phone and (not keys.email or options.get("by_phone") == "always"):
        return await finding.persons_by_phone(context, keys.phone)
    return []


async def settle_person(context: ActionContext, values: Values) -> tuple[Record, str]:
    """Find, create or update one person; return it and what was done (``created``, ``updated``, ``kept``).

    The person that is linked with the event's record is the one, whatever the address has become. Raises
    RecordError ``person_has_no_key`` for a mere name, unless the option ``without_key`` is ``create``.
    """
    keys = PersonKeys.of(values, context.connection)
    if not keys.any and not (keys.name and context.options.get("without_key") == "create"):
        raise RecordError("person_has_no_key", params={"name": keys.name}, path="person.email")
    told = (keys.email,) if keys.email else ()
    linked = await finding.one(context, "person", await context.linked("person", *told))
    if linked and not keys.email and not keys.fit(linked):
        linked = None  # without an address the rule may speak of somebody else
    person, did = await _settled(context, values, keys, linked)
    context.link("person", person["id"], *told)
    return person, did


async def _settled(
    context: ActionContext, values: Values, keys: PersonKeys, linked: Record | None
) -> tuple[Record, str]:
    claims = keys.claims(context.source)
    async with context.claim("person", *claims) as claim:
        person = linked or await settling.known(context, "person", claim, claims, keys.fit)
        found = [] if person else await find_persons(context, keys, context.options)
        person = person or await _pick(context, found, keys, claims)
        if person is not None:
            return await settling.update(context, "person", person, settling.changes_of(values, person))
        declined = frozenset(one["id"] for one in found)
        changes = _new_person(context.connection, values, keys)
        return await settling.create(context, "person", changes, claims, keys.fit, declined), "created"


async def _pick(
    context: ActionContext, found: list[Record], keys: PersonKeys, claims: tuple[str, ...]
) -> Record | None:
    doubtful = len(found) == 1 and keys.doubtful(found[0], context.options)
    if doubtful and context.options.get("other_email") == "new":
        return None
    why = "other_email" if doubtful else "several"
    about = {"name": keys.name, "email": keys.email, "phone": keys.phone, "why": why}
    return await settling.pick(context, "person", found, claims, ask=doubtful, **about)


def _new_person(connection: Connection, values: Values, keys: PersonKeys) -> Record:
    changes = values.to_create()
    if not keys.name:  # the vendor wants one
        changes["name"] = keys.email or keys.phone or keys.documents[0][1]
    if owner := connection.settings.get("default_owner"):
        changes.setdefault("owner", owner)
    return changes


class FindPerson(Action):
    """Look for a person by e-mail, document or phone, else by exact name."""

    key = "find_person"
    object = "person"
    reads_only = True

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        keys = ("person.name", "person.email", "person.phone")
        offered = person_fields(connection)
        return tuple(one for one in offered if one.key in keys or one.type in DOCUMENT_TYPES)

    @override
    def outputs(self, connection: Connection) -> tuple[Field, ...]:
        return outputs_of(connection, "person")

    @override
    async def run(self, context: ActionContext) -> Outcome:
        keys, connection = (
            PersonKeys.of(context.values.group("person"), context.connection),
            context.connection,
        )
        if not keys.any and not keys.name:
            raise RecordError("nothing_to_find_by", path="person.email")
        if keys.any:
            found = await find_persons(context, keys, {"by_phone": "always"})
        else:
            found = await finding.by_name(context, "person", keys.name)
        person = await settling.pick(context, "person", found, (), name=keys.name, why="several")
        if person is None:
            return Outcome(())
        shown = {"person": output(connection, "person", person)}
        return Outcome((ref(connection, "person", person, "found"),), shown)


class CreateOrUpdatePerson(Action):
    """Make a person be there."""

    key = "create_or_update_person"
    object = "person"
    counts = ("person",)
    options: ClassVar[tuple[Field, ...]] = (BY_PHONE, OTHER_EMAIL, WITHOUT_KEY)

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return person_fields(connection)

    @override
    def outputs(self, connection: Connection) -> tuple[Field, ...]:
        return outputs_of(connection, "person")

    @override
    async def run(self, context: ActionContext) -> Outcome:
        connection = context.connection
        person, did = await settle_person(context, context.values.group("person"))
        shown = {"person": output(connection, "person", person) | {"did": did}}
        return Outcome((ref(connection, "person", person, did),), shown)
