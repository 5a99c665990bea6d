"""One account's records and the only place where they are made, changed, merged and deleted."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from vaivem.simulators.pipedrive.custom_fields import check_values
from vaivem.simulators.pipedrive.problems import MissingError, RefusedError
from vaivem.simulators.pipedrive.quirks import Quirks
from vaivem.simulators.pipedrive.rules import settle
from vaivem.simulators.pipedrive.schema import ENTITIES, PLAIN_TABLES, Entity, Record
from vaivem.simulators.pipedrive.times import stored
from vaivem.simulators.pipedrive.values import check

KEPT_AFTER_DELETION = timedelta(days=30)
_UUID_TABLES = frozenset({"leads", "lead_labels", "conversions"})
_BOOKKEEPING = frozenset({"update_time"})
# Which field of which table points at a record of the first.
_LINKS = {
    "persons": tuple((table, "person_id") for table in ("deals", "leads", "notes", "activities")),
    "organizations": (
        ("persons", "org_id"), ("deals", "org_id"), ("leads", "organization_id"), ("notes", "org_id"),
        ("activities", "org_id"),
    ),
    "deals": tuple((table, "deal_id") for table in ("notes", "activities", "deal_products", "files")),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Actor:
    """Who writes, and through what: `api` or `app` (the vendor's own pages)."""

    user_id: int
    source: str = "api"


@dataclass(frozen=True, slots=True)
class Change:
    """One write: what became of a record. `merged` is the other record of a merge."""

    table: str
    verb: str
    record: Record
    before: Record | None
    actor: Actor
    merged: int = 0


Listener = Callable[[Change], None]


class Account:
    """All records of one account. Times come from `now` (aware, UTC)."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.company: Record = {}
        self.lost_reasons: list[str] = []
        self.quirks = Quirks()
        self.tables: dict[str, dict[Any, Record]] = {name: {} for name in (*ENTITIES, *PLAIN_TABLES)}
        self.changelog: dict[str, list[Record]] = {}
        self._serials: dict[str, int] = {}
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> None:
        """Call `listener(change)` after each write."""
        self._listeners.append(listener)

    def now(self) -> datetime:
        """The account's time, aware, UTC."""
        return self._now()

    def now_text(self) -> str:
        """The account's time as stored text."""
        return stored(self._now())

    def new_id(self, table: str) -> Any:
        """An id that no record of the table had before."""
        if table in _UUID_TABLES:
            return str(uuid4())
        self._serials[table] = self._serials.get(table, 0) + 1
        return self._serials[table]

    def exists(self, table: str, record_id: object) -> bool:
        """Whether there is such a record and it is not deleted."""
        record = self.tables[table].get(record_id)
        return record is not None and not record.get("is_deleted", False)

    def get(self, table: str, record_id: object, *, deleted: bool = False) -> Record:
        """Return a record; MissingError when there is none, or a deleted one that was not asked for."""
        record = self.tables[table].get(record_id)
        if record is None or (record.get("is_deleted", False) and not deleted):
            raise MissingError
        return record

    def rows(self, table: str) -> list[Record]:
        """The records of a table that are not deleted, oldest first."""
        return [record for record in self.tables[table].values() if not record.get("is_deleted", False)]

    def stages_of(self, pipeline_id: object) -> list[Record]:
        """The stages of a pipeline in their order."""
        found = [stage for stage in self.rows("stages") if stage["pipeline_id"] == pipeline_id]
        return sorted(found, key=lambda stage: stage["order_nr"])

    def create(self, table: str, sent: Mapping[str, Any], actor: Actor, **internal: Any) -> Record:
        """Make a record from sent values and `internal` ones that no client can send."""
        entity = ENTITIES[table]
        values = self._clean(entity, sent, "create")
        for name in entity.required:
            if values.get(name) is None:
                raise RefusedError(name, "is required")
        record: Record = {"id": self.new_id(table)}
        for name, spec in entity.fields.items():
            record[name] = [] if isinstance(spec.default, tuple) else spec.default
        now = self.now_text()
        record.update({**values, **internal})
        record["add_time"], record["update_time"] = record.get("add_time") or now, now
        if entity.custom:
            record["custom_fields"] = values.get("custom_fields", {})
        settle(self, table, record, None, set(values), actor.user_id)
        self._store(Change(table, "create", record, None, actor))
        return record

    def update(
        self, table: str, record_id: object, sent: Mapping[str, Any], actor: Actor, **internal: Any
    ) -> Record:
        """Change the sent values and no others; a write that changes nothing leaves the record untouched."""
        before = self.get(table, record_id, deleted=table == "deals" and sent.get("is_deleted") is False)
        values = self._clean(ENTITIES[table], sent, "change")
        record = {**before, **values, **internal}
        if "custom_fields" in before:
            record["custom_fields"] = {**before["custom_fields"], **values.get("custom_fields", {})}
        settle(self, table, record, before, set(values), actor.user_id)
        if record == before:
            return before
        record["update_time"] = self.now_text()
        verb = "delete" if record.get("is_deleted") and not before.get("is_deleted") else "change"
        self._store(Change(table, verb, record, before, actor))
        return record

    def delete(self, table: str, record_id: object, actor: Actor) -> None:
        """Mark a record as deleted; it is purged after 30 days."""
        before = self.get(table, record_id)
        record = {**before, "is_deleted": True, "update_time": self.now_text()}
        self._store(Change(table, "delete", record, before, actor))

    def merge(self, table: str, record_id: object, into: object, actor: Actor) -> Record:
        """Let the second record take over what the first has and hangs on it; the first is deleted."""
        if record_id == into:
            raise RefusedError("merge_with_id", "must be another record")
        lost, kept = self.get(table, record_id), self.get(table, into)
        for other, name in _LINKS[table]:
            for record in [row for row in self.tables[other].values() if row.get(name) == record_id]:
                self.tables[other][record["id"]] = {**record, name: into}
        record = {key: _either(value, lost.get(key)) for key, value in kept.items()}
        record["custom_fields"] = {**lost["custom_fields"], **_filled(kept["custom_fields"])}
        for name in ("emails", "phones"):
            if name in kept:
                record[name] = _union(kept[name], lost[name])
        record["update_time"] = self.now_text()
        gone = {**lost, "is_deleted": True, "update_time": self.now_text()}
        self._store(Change(table, "delete", gone, lost, actor, merged=int(kept["id"])))
        self._store(Change(table, "change", record, kept, actor, merged=int(lost["id"])))
        return record

    def put(self, table: str, record: Record) -> Record:
        """Store a whole record of a table without rules of its own (users, fields), without event."""
        whole = {"id": self.new_id(table), **record} if "id" not in record else record
        self.tables[table][whole["id"]] = whole
        return whole

    def tell_user(self, verb: str, user: Record, before: Record | None, actor: Actor) -> None:
        """Store a user and say so: users have events but are not written through the API's records."""
        self.tables["users"][user["id"]] = user
        self._tell(Change("users", verb, user, before, actor))

    def purge(self) -> None:
        """Forget what was deleted more than 30 days ago."""
        until = stored(self._now() - KEPT_AFTER_DELETION)
        for name in ENTITIES:
            rows = self.tables[name]
            past = [key for key, row in rows.items() if row.get("is_deleted") and row["update_time"] < until]
            for key in past:
                del rows[key]

    def snapshot(self) -> dict[str, Any]:
        """Everything as JSON-able data."""
        return {
            "company": self.company,
            "lost_reasons": self.lost_reasons,
            "quirks": asdict(self.quirks),
            "serials": self._serials,
            "tables": {name: list(rows.values()) for name, rows in self.tables.items()},
            "changelog": self.changelog,
        }

    def restore(self, data: Mapping[str, Any]) -> None:
        """Become what a snapshot says."""
        self.company, self.lost_reasons = dict(data["company"]), list(data["lost_reasons"])
        self.quirks, self._serials = Quirks(**data["quirks"]), dict(data["serials"])
        self.changelog = {key: list(lines) for key, lines in data["changelog"].items()}
        for name, rows in self.tables.items():
            rows.clear()
            rows.update({row["id"]: row for row in data["tables"].get(name, ())})

    def clear(self) -> None:
        """Forget all records and switches; the listeners stay."""
        self.quirks = Quirks()
        self._serials, self.changelog = {}, {}
        for rows in self.tables.values():
            rows.clear()

    def _clean(self, entity: Entity, sent: Mapping[str, Any], moment: str) -> Record:
        values: Record = {}
        for name, value in sent.items():
            if name == "custom_fields" and entity.custom:
                values[name] = check_values(self, entity.custom, value)
                continue
            spec = entity.fields.get(name)
            if spec is None or spec.writes not in ("both", moment):
                if spec is None and self.quirks.refuse_unknown_keys:
                    raise RefusedError(name, "is not allowed")
                continue
            values[name] = check(self, name, spec, value)
        return values

    def _store(self, change: Change) -> None:
        self.tables[change.table][change.record["id"]] = change.record
        if change.before is not None:
            self._log(change)
        self._tell(change)

    def _log(self, change: Change) -> None:
        before = change.before or {}
        lines = self.changelog.setdefault(f"{change.table}/{change.record['id']}", [])
        for name, old, new in _differences(before, change.record):
            lines.append(
                {
                    "field_key": name,
                    "old_value": _written(old),
                    "new_value": _written(new),
                    "actor_user_id": change.actor.user_id,
                    "time": change.record["update_time"],
                    "change_source": change.actor.source,
                    "change_source_user_agent": None,
                    "is_bulk_update_flag": False,
                }
            )

    def _tell(self, change: Change) -> None:
        for listener in self._listeners:
            listener(change)


def new_code() -> str:
    """The name of a custom field: 40 hexadecimal digits, another in every account."""
    return secrets.token_hex(20)


def _differences(before: Record, record: Record) -> list[tuple[str, Any, Any]]:
    found = []
    for name, new in record.items():
        if name == "custom_fields":
            old = before.get(name, {})
            found += [(key, old.get(key), value) for key, value in new.items() if old.get(key) != value]
        elif name not in _BOOKKEEPING and before.get(name) != new:
            found.append((name, before.get(name), new))
    return found


def _written(value: Any) -> str | None:
    if value is None or value == []:
        return None
    if isinstance(value, list):
        return ", ".join(
            str(item.get("value", item)) if isinstance(item, dict) else str(item) for item in value
        )
    return str(value["value"]) if isinstance(value, dict) and "value" in value else str(value)


def _filled(values: Record) -> Record:
    return {key: value for key, value in values.items() if value is not None}


def _either(value: Any, other: Any) -> Any:
    return other if value is None or value == [] else value


def _union(kept: list[Record], lost: list[Record]) -> list[Record]:
    have = {item["value"].lower() for item in kept}
    more = [
        {**item, "primary": not kept and item["primary"]}
        for item in lost
        if item["value"].lower() not in have
    ]
    return [*kept, *more]
