"""One account's records and the only place where they are made, changed and deleted."""

import secrets
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import uuid4

from vaivem.simulators.kit.tables import Keys, Record, Table
from vaivem.simulators.rd_station_crm.custom_values import check_values
from vaivem.simulators.rd_station_crm.problems import MissingError
from vaivem.simulators.rd_station_crm.quirks import Quirks
from vaivem.simulators.rd_station_crm.rules import settle
from vaivem.simulators.rd_station_crm.schema import ENTITIES
from vaivem.simulators.rd_station_crm.times import utc_text
from vaivem.simulators.rd_station_crm.validation import clean, defaults

Listener = Callable[[str, str, Record, Record | None], None]

_BOOKKEEPING = frozenset({"updated_at", "_last_activity_at"})
_LINKS = frozenset({"contact_ids", "organization_id"})


def _column(name: str) -> Keys:
    return lambda record: (record.get(name),)


def _elements(name: str) -> Keys:
    return lambda record: record.get(name) or ()


def _custom_keys(record: Record) -> Iterable[Hashable]:
    for slug, value in record["custom_fields"].items():
        if isinstance(value, list):
            yield from ((slug, item) for item in value)
        elif value not in (None, ""):
            yield (slug, value)


_INDEXES: dict[str, dict[str, Keys]] = {
    "contacts": {
        "name": _column("name"),
        "email": lambda record: (item["email"].lower() for item in record["emails"]),
        "phone": lambda record: (item["phone"] for item in record["phones"]),
        "organization_id": _column("organization_id"),
        "custom": _custom_keys,
    },
    "organizations": {"name": _column("name"), "owner_id": _column("owner_id"), "custom": _custom_keys},
    "deals": {
        "name": _column("name"),
        "status": _column("status"),
        "stage_id": _column("stage_id"),
        "pipeline_id": _column("pipeline_id"),
        "owner_id": _column("owner_id"),
        "organization_id": _column("organization_id"),
        "contact_id": _elements("contact_ids"),
        "product_ids": _elements("_product_ids"),
        "custom": _custom_keys,
    },
    "deal_products": {"deal_id": _column("deal_id")},
    "notes": {"deal_id": _column("deal_id")},
    "tasks": {"deal_id": _column("deal_id")},
    "files": {"deal_id": _column("deal_id")},
    "stages": {"pipeline_id": _column("pipeline_id")},
    "products": {"custom": _custom_keys},
    "custom_fields": {
        "entity": _column("entity"),
        "entity_slug": lambda record: ((record["entity"], record["slug"]),),
    },
    "users": {"token": _column("token")},
    "webhooks": {"event_name": _column("event_name")},
}


class Account:
    """All records of one account. Times come from `now` (aware, UTC)."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.name = ""
        self.quirks = Quirks()
        self.tables = {name: Table(name, _INDEXES.get(name)) for name in ENTITIES}
        self._listeners: list[Listener] = []
        self._serial = 0
        self._machine = secrets.token_hex(5)

    def listen(self, listener: Listener) -> None:
        """Call `listener(table, verb, record, before)` after each write (created, updated, deleted)."""
        self._listeners.append(listener)

    def now(self) -> datetime:
        """The account's time, aware, UTC."""
        return self._now()

    def now_text(self) -> str:
        """The account's time as stored text."""
        return utc_text(self._now())

    def new_id(self) -> str:
        """A new record id: 24 hexadecimal digits that begin with the time."""
        self._serial += 1
        return f"{int(self._now().timestamp()):08x}{self._machine}{self._serial % 0x1000000:06x}"

    def get(self, table: str, record_id: object) -> Record:
        """Return a record; MissingError when there is none."""
        record = self.tables[table].get(record_id)
        if record is None:
            raise MissingError(ENTITIES[table].label)
        return record

    def stages_of(self, pipeline_id: str) -> list[Record]:
        """The stages of a pipeline in their order."""
        return sorted(
            self.tables["stages"].find("pipeline_id", pipeline_id), key=lambda stage: stage["order"]
        )

    def create(self, table: str, data: Mapping[str, Any], **internal: Any) -> Record:
        """Make a record from sent values and `internal` ones that no client can send; or RefusedError."""
        entity = ENTITIES[table]
        values = clean(self, entity.fields, data, creating=True)
        record_id = str(uuid4()) if table == "webhooks" else self.new_id()
        now = self.now_text()
        record: Record = {"id": record_id, **defaults(entity.fields), **internal}
        record.update(values)
        record["created_at"] = record["updated_at"] = now
        if entity.custom:
            record["custom_fields"] = check_values(
                self, entity.custom, {"id": record_id}, values.get("custom_fields", {})
            )
        record = settle(self, table, record, None)
        self._store(table, "created", record, None)
        return record

    def update(self, table: str, record_id: object, data: Mapping[str, Any], **internal: Any) -> Record:
        """Change the sent values of a record and no others; a write that changes nothing leaves it untouched.

        MissingError or RefusedError when it cannot be done.
        """
        entity, before = ENTITIES[table], self.get(table, record_id)
        values = clean(self, entity.fields, data, creating=False)
        record = {**before, **values, **internal}
        if entity.custom:
            record["custom_fields"] = check_values(
                self, entity.custom, before, values.get("custom_fields", {})
            )
        record = settle(self, table, record, before)
        if record == before:
            return before
        record["updated_at"] = self.now_text()
        self._store(table, "updated", record, before)
        return record

    def touch_deal(self, deal_id: str) -> None:
        """Settle a deal again after something that hangs on it (a product, a note, a task) has changed."""
        self.update("deals", deal_id, {}, _last_activity_at=self.now_text())

    def delete(self, table: str, record_id: object) -> None:
        """Take a record out; MissingError when there is none."""
        record = self.get(table, record_id)
        self.tables[table].remove(record["id"])
        if table == "custom_fields":
            self._drop_values(record)
        self._tell(table, "deleted", record, record)

    def import_record(self, table: str, record: Record) -> Record:
        """Store a whole record that no API can make (users, teams), without an event."""
        now = self.now_text()
        whole = {"id": self.new_id(), "created_at": now, "updated_at": now, **record}
        return self.tables[table].put(whole)

    def snapshot(self) -> dict[str, Any]:
        """Everything as JSON-able data."""
        return {
            "name": self.name,
            "serial": self._serial,
            "machine": self._machine,
            "quirks": asdict(self.quirks),
            "tables": {name: table.dump() for name, table in self.tables.items()},
        }

    def restore(self, data: Mapping[str, Any]) -> None:
        """Become what a snapshot says."""
        self.name, self._serial, self._machine = data["name"], data["serial"], data["machine"]
        self.quirks = Quirks(**data["quirks"])
        for name, table in self.tables.items():
            table.load(data["tables"].get(name, ()))

    def clear(self) -> None:
        """Forget all records and switches; the listeners stay."""
        self.quirks = Quirks()
        for table in self.tables.values():
            table.load(())

    def _drop_values(self, definition: Record) -> None:
        table = self.tables[f"{definition['entity']}s"]
        for record in table.dump():
            if definition["slug"] in record["custom_fields"]:
                kept = {
                    key: value for key, value in record["custom_fields"].items() if key != definition["slug"]
                }
                table.put({**record, "custom_fields": kept})

    def _store(self, table: str, verb: str, record: Record, before: Record | None) -> None:
        self.tables[table].put(record)
        changed = {key for key in record if before is None or record[key] != before.get(key)} - _BOOKKEEPING
        if before is not None and not changed:
            return
        if table == "deals" and before is not None and self.quirks.silent_links and changed <= _LINKS:
            return
        self._tell(table, verb, record, before)

    def _tell(self, table: str, verb: str, record: Record, before: Record | None) -> None:
        for listener in self._listeners:
            listener(table, verb, record, before)
