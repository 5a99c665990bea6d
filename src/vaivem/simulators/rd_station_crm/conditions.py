"""RDQL trees against one kind of record: which fields may be asked, what a condition means, where to look."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from vaivem.simulators.kit.tables import Record
from vaivem.simulators.rd_station_crm import rdql
from vaivem.simulators.rd_station_crm.custom_values import definitions
from vaivem.simulators.rd_station_crm.rdql import Node, RdqlError, Term
from vaivem.simulators.rd_station_crm.schema import ENTITIES, Entity
from vaivem.simulators.rd_station_crm.times import read_date, read_rdql_time

if TYPE_CHECKING:
    from vaivem.simulators.rd_station_crm.account import Account

Test = Callable[[Record], bool]

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda held, asked: bool(held == asked),
    ">": lambda held, asked: bool(held > asked),
    "<": lambda held, asked: bool(held < asked),
    ">=": lambda held, asked: bool(held >= asked),
    "<=": lambda held, asked: bool(held <= asked),
}
_DAY_LENGTH = len("2023-01-01")
_FLAGS: dict[str, Test] = {
    "is:active": lambda record: bool(record.get("active")),
    "is:visible": lambda record: bool(record.get("visible", True)),
    "is:pinned": lambda record: record["pinned_at"] is not None,
    "is:required": lambda record: bool(record["required_rules"]),
    "has:product": lambda record: bool(record["_product_ids"]),
}


class Conditions:
    """A filter made ready for one table: `matches` for each record, `candidates` when an index can tell."""

    def __init__(self, account: "Account", table: str, text: str) -> None:
        """RdqlError when the text is not RDQL or asks for what this list cannot filter by."""
        self._account = account
        self._table = account.tables[table]
        self._entity: Entity = ENTITIES[table]
        self._fold_email = not account.quirks.email_case_sensitive
        self._slugs = self._custom_slugs()
        self._tree = rdql.parse(text)
        self.matches: Test = self._compile(self._tree) if self._tree else lambda _record: True

    def candidates(self) -> Iterable[str] | None:
        """Ids among which every match is, or None when only a walk over all records finds them."""
        nodes = self._tree.nodes if isinstance(self._tree, rdql.All) else (self._tree,)
        best: list[str] | None = None
        for node in nodes:
            if isinstance(node, Term) and node.operator in ("=", "in"):
                found = self._indexed(node)
                if found is not None and (best is None or len(found) < len(best)):
                    best = found
        return best

    def _indexed(self, term: Term) -> list[str] | None:
        if term.custom:
            if not self._table.has_index("custom"):
                return None
            keys: list[Any] = [(term.name, value) for value in term.values]
            return [found for key in keys for found in self._table.ids("custom", key)]
        if term.name == "id":
            return [value for value in term.values if value in self._table]
        if not self._table.has_index(term.name) or self._entity.filters.get(term.name) not in ("text", "id"):
            return None
        values = [value.lower() for value in term.values] if term.name == "email" else term.values
        return list(dict.fromkeys(found for value in values for found in self._table.ids(term.name, value)))

    def _custom_slugs(self) -> frozenset[str]:
        if not self._entity.custom:
            return frozenset()
        return frozenset(field["slug"] for field in definitions(self._account, self._entity.custom))

    def _compile(self, node: Node) -> Test:
        if isinstance(node, Term):
            return self._term(node)
        if isinstance(node, rdql.Not):
            inner = self._compile(node.node)
            return lambda record: not inner(record)
        tests = [self._compile(child) for child in node.nodes]
        if isinstance(node, rdql.All):
            return lambda record: all(test(record) for test in tests)
        return lambda record: any(test(record) for test in tests)

    def _term(self, term: Term) -> Test:
        if term.custom:
            return self._custom(term)
        if term.name in ("is", "has"):
            return self._flag(term)
        kind = self._entity.filters.get(term.name)
        if kind is None:
            known = ", ".join([*self._entity.filters, *sorted(self._entity.flags)])
            raise RdqlError(f"{term.name} is not a filter of this list ({known})")
        if term.operator == "~":
            return self._contains(term)
        return self._compare(term, kind)

    def _flag(self, term: Term) -> Test:
        # The vendor's own node writes has:product:true, so a second value after the flag is taken.
        flag, _, wanted = term.values[0].partition(":")
        test = _FLAGS.get(f"{term.name}:{flag}")
        if (
            test is None
            or f"{term.name}:{flag}" not in self._entity.flags
            or wanted not in ("", "true", "false")
        ):
            raise RdqlError(f"{term.name}:{term.values[0]} is not a flag of this list")
        if wanted == "false":
            return lambda record: not test(record)
        return test

    def _contains(self, term: Term) -> Test:
        if term.name not in self._entity.contains:
            raise RdqlError(f"{term.name} cannot be searched with ~")
        part, name = term.values[0].lower(), term.name
        return lambda record: part in (record.get(name) or "").lower()

    def _compare(self, term: Term, kind: str) -> Test:
        held = _reader(term.name)
        if term.name == "email" and self._fold_email:
            asked_emails = {value.lower() for value in term.values}
            return lambda record: any(value.lower() in asked_emails for value in held(record))
        asked = [_read(kind, value, term.name) for value in term.values]
        if term.operator == "in":
            return lambda record: any(value in asked for value in held(record))
        if kind == "text" and term.operator != "=":
            raise RdqlError(f"{term.name} is a text and cannot be compared with {term.operator}")
        compare, wanted = _COMPARISONS[term.operator], asked[0]
        if kind == "time" and term.operator == "=" and len(term.values[0]) == _DAY_LENGTH:
            day = term.values[0]
            return lambda record: any(value[:_DAY_LENGTH] == day for value in held(record))
        return lambda record: any(compare(value, wanted) for value in held(record))

    def _custom(self, term: Term) -> Test:
        slug = term.name
        if slug not in self._slugs:
            raise RdqlError(f"@{slug} is not a custom field of this list")
        if term.operator == "~":
            part = term.values[0].lower()
            return lambda record: any(part in value.lower() for value in _custom_held(record, slug))
        if term.operator in ("=", "in"):
            return lambda record: any(value in term.values for value in _custom_held(record, slug))
        compare, wanted = _COMPARISONS[term.operator], term.values[0]
        return lambda record: any(compare(value, wanted) for value in _custom_held(record, slug))


def _reader(name: str) -> Callable[[Record], list[Any]]:
    """How a filter's field is read from a record: always a list, empty when nothing is held."""
    if name == "email":
        return lambda record: [item["email"] for item in record["emails"]]
    if name == "phone":
        return lambda record: [item["phone"] for item in record["phones"]]
    if name in ("segment_ids", "owner_ids"):
        return lambda record: record[name]
    if name == "contact_id":
        return lambda record: record["contact_ids"]
    if name == "product_ids":
        return lambda record: record["_product_ids"]
    return lambda record: [] if record.get(name) is None else [record[name]]


def _custom_held(record: Record, slug: str) -> list[str]:
    value = record["custom_fields"].get(slug)
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def _read(kind: str, text: str, name: str) -> Any:
    try:
        if kind == "number":
            return float(text)
        if kind == "time":
            return read_rdql_time(text)
        if kind == "date":
            return read_date(text)
    except ValueError as error:
        raise RdqlError(f"{text} is not a value for {name}") from error
    return text
