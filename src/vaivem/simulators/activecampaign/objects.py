"""Custom objects: schemas, and records that are made or changed by their external id."""

import re
from typing import Any
from uuid import uuid4

from vaivem.simulators.activecampaign.account import Account
from vaivem.simulators.activecampaign.contacts import text_of
from vaivem.simulators.activecampaign.problems import bad_object, forbidden, message, wrong_object
from vaivem.simulators.activecampaign.times import read_time
from vaivem.simulators.kit.tables import Record

FIELD_TYPES = (
    "text",
    "textarea",
    "number",
    "decimal",
    "currency",
    "dropdown",
    "multiselect",
    "date",
    "datetime",
)
# A relationship's namespace, and the table whose ids it takes.
NAMESPACES = {"contacts": "contacts", "accounts": "accounts", "deals": "deals"}
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]*\Z")


class Objects:
    """The only place where schemas and records are written. Private ones need the plan for them."""

    def __init__(self, account: Account) -> None:
        self._account = account

    @property
    def allowed(self) -> bool:
        """Whether the plan has private custom objects."""
        return self._account.quirks.plan == "enterprise"

    def schemas(self) -> list[Record]:
        """Those that the plan lets this key see."""
        return [one for one in self._account["schemas"] if self.allowed or one["visibility"] == "public"]

    def schema(self, schema_id: str) -> Record:
        """A schema, or 404; 403 for a private one without the plan."""
        schema = self._account["schemas"].get(schema_id)
        if schema is None:
            raise message(404, "Not Found")
        if schema["visibility"] == "private" and not self.allowed:
            raise forbidden()
        return schema

    def create_schema(self, data: Record) -> Record:
        """A new private schema; its slug is its own."""
        if not self.allowed:
            raise forbidden()
        values = self._schema_values(data)
        if list(self._account["schemas"].ids("slug", values["slug"])):
            raise wrong_object("schema.slug", "Schema slug must be unique")
        return self._account.add("schemas", {**values, "visibility": "private"}, str(uuid4()))

    def change_schema(self, schema: Record, data: Record, *, dry: bool = False) -> Record:
        """Replace a schema; fields that are left out are gone. `dry` only checks."""
        values = self._schema_values(data)
        taken = self._account["schemas"].ids("slug", values["slug"])
        if any(key != schema["id"] for key in taken):
            raise wrong_object("schema.slug", "Schema slug must be unique")
        return {**schema, **values} if dry else self._account.change("schemas", schema, values)

    def delete_schema(self, schema: Record) -> None:
        """Delete a schema with its records."""
        for record in self._account["records"].find("schema", schema["id"]):
            self._account["records"].remove(record["id"])
        self._account["schemas"].remove(schema["id"])

    def drop_field(self, schema: Record, field_id: str) -> Record:
        """Mark a field for deletion; it shows no more but with showFields=all."""
        if field_id not in {field["id"] for field in schema["fields"]}:
            raise message(404, "Not Found")
        fields = [
            {**field, "status": "marked_for_deletion"} if field["id"] == field_id else field
            for field in schema["fields"]
        ]
        return self._account.change("schemas", schema, {"fields": fields})

    def write_record(self, schema: Record, data: Record) -> Record:
        """Make a record, or change the one of this external id or id. There is no webhook for it."""
        external, own = text_of(data.get("externalId")), text_of(data.get("id"))
        if not external and not own:
            external = str(uuid4())
        old = self.by_external(schema, external) if external else self._account["records"].get(own)
        values = self._values(schema, data.get("fields"))
        relations = self._relations(schema, data.get("relationships"))
        if old is not None:
            if self._account.quirks.record_update_merges:
                values = {**old["values"], **values}
                relations = {**old["relationships"], **relations}
            return self._account.change("records", old, {"values": values, "relationships": relations})
        missing = [
            field["id"]
            for field in schema["fields"]
            if (field.get("required") or field.get("isRequired")) and values.get(field["id"]) in (None, "")
        ]
        if missing:
            raise wrong_object(missing[0], f"{missing[0]} is required")
        record = {"schema": schema["id"], "external": external or own, "values": values}
        return self._account.add("records", {**record, "relationships": relations}, own or str(uuid4()))

    def by_external(self, schema: Record, external: str) -> Record | None:
        found = self._account["records"].find("external", (schema["id"], external))
        return found[0] if found else None

    def record(self, schema: Record, record_id: str) -> Record:
        """A record of a schema, or 400 as the vendor has it."""
        record = self._account["records"].get(record_id)
        if record is None or record["schema"] != schema["id"]:
            raise bad_object()
        return record

    def _schema_values(self, data: Record) -> Record:
        slug, labels = text_of(data.get("slug")), data.get("labels")
        if not _SLUG.match(slug):
            raise wrong_object("schema.slug", "Schema slug must be lower case letters, digits and dashes")
        if not _labelled(labels):
            raise wrong_object("schema.labels", "Schema must provide labels")
        fields, relations = data.get("fields") or [], data.get("relationships") or []
        for name, parts in (("fields", fields), ("relationships", relations)):
            if not isinstance(parts, list):
                raise wrong_object(f"schema.{name}", f"Schema {name} must be a list")
        for field in fields:
            if not isinstance(field, dict) or not _labelled(field.get("labels")):
                raise wrong_object("schema.fields.labels", "Schema fields must provide labels")
            if not _SLUG.match(text_of(field.get("id"))):
                raise wrong_object("schema.fields.id", "Schema fields must provide an id")
            if text_of(field.get("type")) not in FIELD_TYPES:
                raise wrong_object(
                    "schema.fields.type", f"Field type must be one of {', '.join(FIELD_TYPES)}"
                )
            options = field.get("options") or []
            if not isinstance(options, list) or not all(isinstance(one, dict) for one in options):
                raise wrong_object("schema.fields.options", "Field options must be a list of objects")
        for relation in relations:
            if not isinstance(relation, dict) or text_of(relation.get("namespace")) not in NAMESPACES:
                raise wrong_object("schema.relationships.namespace", "Relationship namespace is invalid")
            if not _SLUG.match(text_of(relation.get("id"))):
                raise wrong_object("schema.relationships.id", "Relationships must provide an id")
        described = text_of(data.get("description"))
        return {
            "slug": slug,
            "labels": labels,
            "description": described,
            "fields": fields,
            "relationships": relations,
        }

    def _values(self, schema: Record, sent: Any) -> dict[str, Any]:
        fields = {field["id"]: field for field in schema["fields"] if field.get("status") is None}
        values: dict[str, Any] = {}
        if not isinstance(sent or [], list):
            raise bad_object()
        for one in sent or []:
            key = text_of(one.get("id")) if isinstance(one, dict) else ""
            if key not in fields:
                raise wrong_object(key or "fields", f"{key} does not exist in the schema")
            problem = _problem(fields[key], one.get("value"))
            if problem:
                raise wrong_object(key, f"{key} {problem}")
            values[key] = one.get("value")
        return values

    def _relations(self, schema: Record, sent: Any) -> dict[str, list[str]]:
        known = {one["id"]: one for one in schema["relationships"]}
        relations: dict[str, list[str]] = {}
        if not isinstance(sent or {}, dict):
            raise bad_object()
        for name, ids in (sent or {}).items():
            if name not in known or not isinstance(ids, list):
                raise wrong_object(f"relationships.{name}", f"{name} does not exist in the schema")
            if len(ids) > 1 and not known[name].get("hasMany"):
                raise wrong_object(f"relationships.{name}", f"{name} cannot have more than one value")
            table = NAMESPACES[known[name]["namespace"]]
            texts = [text_of(one) for one in ids]
            if any(one not in self._account[table] for one in texts):
                raise wrong_object(f"relationships.{name}", f"{name} does not exist")
            relations[name] = texts
        return relations


def _labelled(labels: Any) -> bool:
    return isinstance(labels, dict) and bool(labels.get("singular")) and bool(labels.get("plural"))


def _problem(field: Record, value: Any) -> str:
    """What is wrong with a value, to go after the field's name; "" when nothing is."""
    kind = field["type"]
    if value is None or value == "":
        return ""
    if kind in ("number", "decimal", "currency"):
        good = isinstance(value, int | float) and not isinstance(value, bool)
        return "" if good else "cannot accept a value that is not a number"
    if kind == "multiselect":
        texts = value if isinstance(value, list) else [None]
        options = _options(field)
        good = all(isinstance(one, str) and (not options or one in options) for one in texts)
        return "" if good else "cannot accept a value that is not one of its options"
    if not isinstance(value, str):
        return "cannot accept a value that is not a string"
    if kind == "dropdown" and _options(field) and value not in _options(field):
        return "cannot accept a value that is not one of its options"
    if kind in ("date", "datetime") and read_time(value.replace("Z", "+00:00")) is None:
        return f"cannot accept a value that is not a {kind}"
    return ""


def _options(field: Record) -> set[str]:
    return {text_of(option.get("value")) for option in field.get("options") or []}
