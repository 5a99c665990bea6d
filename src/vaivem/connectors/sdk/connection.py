"""What a connector sees of a connection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vaivem.core.fields import Field, Option


@dataclass(frozen=True, slots=True)
class Connection:
    """One authorised account.

    `method` is the way it was connected, a key of the manifest's `auth` (``token``, ``oauth``).
    `credentials` are secrets (never logged); `settings` what a person chose when connecting, the manifest's
    defaults filled in; `account` what the vendor said about itself (name, id, e-mail); `catalog` the last
    copy of the vendor's lists: ``{"lists": {source: [option...]}, "fields": {object: [field...]}}``.
    """

    id: int
    workspace: int
    connector: str
    name: str
    method: str
    credentials: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    account: Mapping[str, Any] = field(default_factory=dict)
    catalog: Mapping[str, Any] = field(default_factory=dict)

    def options(self, source: str) -> tuple[Option, ...]:
        """Return the last copy of a live list (``pipelines``; ``stages/<pipeline id>``)."""
        rows = self.catalog.get("lists", {}).get(source, ())
        return tuple(Option.from_dict(row) for row in rows)

    def custom_fields(self, object_key: str) -> tuple[Field, ...]:
        """Return the account's own fields of an object, as last read."""
        rows = self.catalog.get("fields", {}).get(object_key, ())
        return tuple(Field.from_dict(row) for row in rows)
