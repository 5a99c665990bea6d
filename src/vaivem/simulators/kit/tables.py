"""Records in memory, found by id or through declared indexes without walking over all of them."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import Any

Record = dict[str, Any]
Keys = Callable[[Record], Iterable[Hashable]]


class Table:
    """Records of one kind by id, in the order in which they were made.

    A stored record is never changed in place: a change replaces it, so that its old index keys are known.
    """

    def __init__(self, name: str, indexes: Mapping[str, Keys] | None = None) -> None:
        self.name = name
        self._indexes = dict(indexes or {})
        self._rows: dict[str, Record] = {}
        self._keys: dict[str, dict[Hashable, dict[str, None]]] = {index: {} for index in self._indexes}

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Record]:
        return iter(self._rows.values())

    def __contains__(self, record_id: object) -> bool:
        return record_id in self._rows

    def get(self, record_id: object) -> Record | None:
        """Return the record of this id, or None."""
        return self._rows.get(record_id) if isinstance(record_id, str) else None

    def has_index(self, index: str) -> bool:
        """Tell whether an index of this name is kept."""
        return index in self._indexes

    def ids(self, index: str, key: Hashable) -> Iterable[str]:
        """Return the ids whose record has this key in the index, oldest first."""
        return self._keys[index].get(key, {}).keys()

    def find(self, index: str, key: Hashable) -> list[Record]:
        """Return the records that have this key in the index, oldest first."""
        return [self._rows[record_id] for record_id in self.ids(index, key)]

    def shared_keys(self, index: str) -> Iterator[tuple[Hashable, list[str]]]:
        """Yield each key that more than one record has, with the ids of those records."""
        for key, members in self._keys[index].items():
            if len(members) > 1:
                yield key, list(members)

    def put(self, record: Record) -> Record:
        """Store a record under its `id`, in place of the one that was there."""
        record_id = record["id"]
        before = self._rows.get(record_id)
        self._rows[record_id] = record
        for index, keys in self._indexes.items():
            self._move(index, record_id, set(keys(before)) if before else set(), set(keys(record)))
        return record

    def remove(self, record_id: str) -> Record:
        """Take a record out and return it; KeyError when there is none."""
        record = self._rows.pop(record_id)
        for index, keys in self._indexes.items():
            self._move(index, record_id, set(keys(record)), set())
        return record

    def dump(self) -> list[Record]:
        """Return all records for a snapshot."""
        return list(self._rows.values())

    def load(self, records: Iterable[Record]) -> None:
        """Replace all records by these."""
        self._rows = {}
        self._keys = {index: {} for index in self._indexes}
        for record in records:
            self.put(record)

    def _move(self, index: str, record_id: str, before: set[Hashable], after: set[Hashable]) -> None:
        kept = self._keys[index]
        for key in before - after:
            members = kept[key]
            members.pop(record_id, None)
            if not members:
                del kept[key]
        for key in after - before:
            kept.setdefault(key, {})[record_id] = None
