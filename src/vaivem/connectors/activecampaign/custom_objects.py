"""Custom objects: their schemas as fields of ours, and their records. Not in every plan.

A record is made or changed by its external id. Whether a change keeps what it does not name is not
documented, so everything that is known of a record is sent each time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from vaivem.connectors.activecampaign import client
from vaivem.connectors.activecampaign.client import whole
from vaivem.connectors.sdk import ActionContext, Answer, Connection, Idempotent
from vaivem.core.errors import RecordError
from vaivem.core.fields import Field, FieldType, Option

Record = dict[str, Any]

_TYPES = {
    "textarea": FieldType.LONG_TEXT,
    "number": FieldType.NUMBER,
    "decimal": FieldType.NUMBER,
    "currency": FieldType.MONEY,
    "dropdown": FieldType.OPTION,
    "multiselect": FieldType.OPTIONS,
    "date": FieldType.DATE,
    "datetime": FieldType.DATETIME,
}
_CHOICES = frozenset({FieldType.OPTION, FieldType.OPTIONS})
NAMESPACES = {"contact": "contacts", "account": "accounts", "deal": "deals"}

# The object for documents that Vaivém makes: one record for each document and contact.
DOCUMENT_SLUG = "vaivem-document"
STATES = ("sent", "opened", "completed", "declined", "voided")
STATE_NAMES = {
    "sent": "Sent",
    "opened": "Delivered",
    "completed": "Completed",
    "declined": "Declined",
    "voided": "Voided",
}
DOCUMENT_FIELDS = {
    "document": ("Document", "text"),
    "status": ("Status", "dropdown"),
    "sender": ("Sender user name", "text"),
    "link": ("Link to the sent document", "text"),
    "sent-at": ("Sent date and time", "datetime"),
    "completed-at": ("Completed date and time", "datetime"),
}
CONTACT_RELATION = "primary-contact"


def document_schema() -> Record:
    """Return the schema of the object for documents, as it is made."""
    fields = []
    for number, (label, kind) in DOCUMENT_FIELDS.items():
        labels = {"singular": label, "plural": label}
        field: Record = {"id": number, "labels": labels, "type": kind, "required": False}
        if kind == "dropdown":
            field["options"] = [{"id": state, "value": name} for state, name in STATE_NAMES.items()]
        fields.append(field)
    return {
        "slug": DOCUMENT_SLUG,
        "labels": {"singular": "Signed document", "plural": "Signed documents"},
        "description": "Documents for signature, kept by Vaivém. One record for each document and contact.",
        "fields": fields,
        "relationships": [
            {
                "id": CONTACT_RELATION,
                "labels": {"singular": "Primary contact", "plural": "Primary contacts"},
                "description": "The recipient of the document",
                "namespace": "contacts",
                "hasMany": False,
            }
        ],
    }


def keeps_documents(schema: Mapping[str, Any]) -> bool:
    """Say whether an object has all that a document needs."""
    fields = {str(field.get("id")) for field in schema.get("fields") or ()}
    relations = {str(one.get("id")) for one in schema.get("relationships") or ()}
    return DOCUMENT_FIELDS.keys() <= fields and CONTACT_RELATION in relations


def label_of(schema: Mapping[str, Any]) -> str:
    """Return what people call a schema."""
    labels = schema.get("labels")
    named = labels.get("singular") if isinstance(labels, Mapping) else ""
    return str(named or schema.get("slug") or schema.get("id"))


def fields_of(schema: Mapping[str, Any]) -> list[Field]:
    """Return a schema's fields as fields of ours."""
    found = []
    for row in schema.get("fields") or ():
        if str(row.get("status")) == "marked_for_deletion":
            continue
        kind = _TYPES.get(str(row.get("type")), FieldType.TEXT)
        options = tuple(Option(str(one["value"]), str(one["value"])) for one in row.get("options") or ())
        if kind in _CHOICES and not options:
            kind = FieldType.TEXT
        found.append(
            Field(
                key=f"record.{schema['id']}.{row['id']}",
                type=kind,
                label=f"{label_of(schema)}: {label_of(row)}",
                group="record",
                options=options if kind in _CHOICES else (),
            )
        )
    return found


def relations_of(schema: Mapping[str, Any]) -> list[Option]:
    """Return what a schema's records can belong to: ``<schema>/<object>`` and the relation's id."""
    objects = {namespace: name for name, namespace in NAMESPACES.items()}
    return [
        Option(f"{schema['id']}/{objects[str(one.get('namespace'))]}", str(one["id"]))
        for one in schema.get("relationships") or ()
        if str(one.get("namespace")) in objects
    ]


def relation(connection: Connection, schema: str, object_key: str) -> str | None:
    """Return the id of the relation between a schema's records and an object, None without one."""
    wanted = f"{schema}/{object_key}"
    return next((one.label for one in connection.options("relations") if str(one.value) == wanted), None)


async def record(context: ActionContext, schema: str, external: str) -> Record | None:
    """Return a record as ``{"values": {field: value}, "belongs": {relation: [ids]}}``, None without one."""
    try:
        answer = await context.read(client.object_record(schema, external))
    except RecordError as error:
        if error.code not in ("record_not_found", "record_refused"):  # the vendor answers 400 as well
            raise
        return None
    return record_from(client.one(answer, "record"))


def record_from(row: Mapping[str, Any]) -> Record:
    """Return a record out of an answer."""
    fields: Iterable[Mapping[str, Any]] = row.get("fields") or ()
    belongs = row.get("relationships")
    return {
        "id": str(row.get("id") or ""),
        "external_id": str(row.get("externalId") or ""),
        "values": {str(field["id"]): field.get("value") for field in fields},
        "belongs": {
            str(name): [str(one) for one in ids or ()]
            for name, ids in (belongs.items() if isinstance(belongs, Mapping) else ())
        },
    }


async def save(
    context: ActionContext,
    schema: str,
    external: str,
    values: Record,
    belongs: Mapping[str, list[str]],
    remember: Mapping[str, Callable[[Record], str]] | None = None,
) -> Record:
    """Make or change a record: an upsert by its external id."""
    body = {
        "externalId": external,
        "fields": [{"id": number, "value": value} for number, value in values.items()],
        "relationships": {name: [whole(one) for one in ids] for name, ids in belongs.items()},
    }

    def take(answer: Answer) -> Record:
        return record_from(client.one(answer, "record"))

    call = client.save_object_record(schema, body)
    return await context.write(call, Idempotent(), take, remember=remember)
