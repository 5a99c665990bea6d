"""One account's records by kind, with the indexes that its searches need, and who is told of a change."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from vaivem.simulators.activecampaign.quirks import Quirks
from vaivem.simulators.activecampaign.times import utc_text
from vaivem.simulators.kit.tables import Keys, Record, Table

# Who causes a change beside api, admin, public and system, which webhooks can choose among.
IMPORT, QUIET_IMPORT = "import", "import without automations"

# Called with the event's name, the records it is about, and who caused it.
Listener = Callable[[str, dict[str, Any], str], None]


def _column(name: str) -> Keys:
    return lambda record: (record.get(name),)


def _small(name: str) -> Keys:
    return lambda record: ((record.get(name) or "").lower(),)


def _related(record: Record) -> tuple[str, ...]:
    return tuple(one for ids in record["relationships"].values() for one in ids)


_INDEXES: dict[str, dict[str, Keys]] = {
    "users": {},
    "contacts": {"email": _small("email")},
    "fields": {"perstag": _small("perstag"), "title": _small("title")},
    "field_options": {"field": _column("field")},
    "field_rels": {"field": _column("field")},
    "field_values": {"contact": _column("contact"), "field": _column("field")},
    "tags": {"name": _small("tag")},
    "contact_tags": {"contact": _column("contact"), "tag": _column("tag")},
    "lists": {"name": _small("name")},
    "contact_lists": {"contact": _column("contact"), "list": _column("list")},
    "accounts": {"name": _small("name")},
    "account_contacts": {"contact": _column("contact"), "account": _column("account")},
    "account_meta": {},
    "account_data": {"owner": _column("owner")},
    "deal_groups": {},
    "deal_stages": {"group": _column("group")},
    "deals": {
        "contact": _column("contact"),
        "account": _column("account"),
        "stage": _column("stage"),
    },
    "deal_meta": {},
    "deal_data": {"owner": _column("owner")},
    "notes": {"about": lambda record: ((record["reltype"], record["relid"]),)},
    "task_types": {},
    "tasks": {"about": lambda record: ((record["reltype"], record["relid"]),)},
    "automations": {},
    "contact_automations": {"contact": _column("contact"), "automation": _column("automation")},
    "schemas": {"slug": _column("slug")},
    "records": {
        "schema": _column("schema"),
        "external": lambda record: ((record["schema"], record["external"]),),
        "related": _related,
    },
    "webhooks": {},
    "imports": {},
}


class Account:
    """All records. Ids are small numbers as texts, but for custom objects. Times come from `now` (aware)."""

    def __init__(self, now: Callable[[], datetime], quirks: Quirks) -> None:
        self.quirks = quirks
        self._now = now
        self.name = ""
        self.keys: dict[str, str] = {}
        self._listeners: list[Listener] = []
        self.clear()

    def clear(self) -> None:
        """Forget all records; the listeners stay."""
        self.tables = {name: Table(name, indexes) for name, indexes in _INDEXES.items()}
        self._serials: dict[str, int] = {}

    def __getitem__(self, table: str) -> Table:
        return self.tables[table]

    def listen(self, listener: Listener) -> None:
        """Call `listener(event, records, source)` for whatever the vendor has a webhook for."""
        self._listeners.append(listener)

    def tell(self, event: str, source: str, **about: Any) -> None:
        """Tell the listeners."""
        for listener in self._listeners:
            listener(event, about, source)

    def now(self) -> datetime:
        """The account's time, aware."""
        return self._now()

    def now_text(self) -> str:
        """The account's time as stored text."""
        return utc_text(self._now())

    def add(self, table: str, values: Record, record_id: str = "") -> Record:
        """Store a new record; the id is the next number unless given."""
        if not record_id:
            self._serials[table] = self._serials.get(table, 0) + 1
            record_id = str(self._serials[table])
        now = self.now_text()
        return self.tables[table].put({"id": record_id, "cdate": now, "udate": now, **values})

    def change(self, table: str, record: Record, values: Record) -> Record:
        """Replace a record by one with these values, and return it."""
        return self.tables[table].put({**record, **values, "udate": self.now_text()})

    def snapshot(self) -> Record:
        """Everything as JSON-able data."""
        tables = {name: table.dump() for name, table in self.tables.items()}
        return {"name": self.name, "keys": self.keys, "serials": self._serials, "tables": tables}

    def restore(self, data: Record) -> None:
        """Become what a snapshot says."""
        self.clear()
        self.name, self.keys = data["name"], dict(data["keys"])
        self._serials = dict(data["serials"])
        for name, table in self.tables.items():
            table.load(data["tables"].get(name, ()))
