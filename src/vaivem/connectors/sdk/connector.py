"""A connector: the table of contents of one vendor's folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

import orjson

from vaivem.connectors.sdk import texts
from vaivem.connectors.sdk.actions import Action, Reader, Writer
from vaivem.connectors.sdk.apps import App, Removal
from vaivem.connectors.sdk.bulk import BulkWrite
from vaivem.connectors.sdk.calls import Answer, Authorisation, Call, LimitState
from vaivem.connectors.sdk.connection import Connection
from vaivem.connectors.sdk.errors import ErrorTable
from vaivem.connectors.sdk.events import Delivery
from vaivem.connectors.sdk.manifest import Limit, Manifest
from vaivem.connectors.sdk.quota import Quota
from vaivem.connectors.sdk.triggers import Trigger
from vaivem.connectors.sdk.webhooks import Webhooks
from vaivem.core.fields import Field, Option

Entry = TypeVar("Entry", Trigger, Action, BulkWrite)


@dataclass(frozen=True, slots=True)
class Account:
    """Who the credentials belong to. `id` is what a reconnect must match; "" when the vendor tells none."""

    id: str
    name: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One line of the connect page: text key ``checks.<key>.<state>`` with `params`."""

    key: str
    state: str  # ok | warn | bad
    params: Mapping[str, Any] = field(default_factory=dict)


class Connector:
    """Declares what a vendor can do; the engine does it."""

    manifest: ClassVar[Manifest]
    errors: ClassVar[ErrorTable]
    triggers: ClassVar[tuple[Trigger, ...]] = ()
    actions: ClassVar[tuple[Action, ...]] = ()
    bulk: ClassVar[tuple[BulkWrite, ...]] = ()
    webhooks: ClassVar[Webhooks | None] = None
    lists: ClassVar[tuple[str, ...]] = ()  # live lists that `live_list` can read without arguments
    objects: ClassVar[tuple[str, ...]] = ()  # objects that have custom fields
    kinds: ClassVar[Mapping[str, str]] = {}  # which objects are a ``person``, a ``company`` or a ``deal``

    @property
    def key(self) -> str:
        """The connector's stable name, as in its folder."""
        return self.manifest.key

    def trigger(self, key: str) -> Trigger:
        """Return a trigger; raises KeyError."""
        return next_by_key(self.triggers, key)

    def action(self, key: str) -> Action:
        """Return an action; raises KeyError."""
        return next_by_key(self.actions, key)

    def bulk_write(self, key: str) -> BulkWrite:
        """Return a call that takes many runs' writes; raises KeyError."""
        return next_by_key(self.bulk, key)

    def text(self, language: str, key: str, /, **params: Any) -> str | None:
        """Return one of the connector's own texts, or None."""
        return texts.text(type(self).__module__.rsplit(".", 1)[0], language, key, **params)

    def authorise(self, connection: Connection) -> Authorisation:
        """Return the headers and query parameters that prove who we are. Pure."""
        raise NotImplementedError

    def address(self, base: str, connection: Connection) -> str:
        """Return the base address of calls, without a slash at the end; "" where none is known.

        For a vendor that tells it for each account (`Account.details`); a person's setting goes first.
        """
        return self.manifest.address(base, connection.settings)

    def limits(self, connection: Connection) -> tuple[Limit, ...]:
        """Return the limits in force; a connector whose limits follow a plan reckons them here."""
        return self.manifest.limit(connection.settings)

    def quota(self, connection: Connection) -> Quota | None:
        """Return the account's budget of a day, for a vendor that has one; calls state their `cost`."""
        return None

    def limit_state(self, call: Call, answer: Answer) -> LimitState | None:
        """Read the vendor's own limit headers, if it sends any."""
        return None

    async def account(self, reader: Reader) -> Account:
        """Test the credentials and say whose they are; raises ReconnectError and others."""
        raise NotImplementedError

    async def checks(self, reader: Reader) -> list[CheckResult]:
        """Check what the vendor must have first: plan, permission, custom field, API user."""
        return []

    async def live_list(self, reader: Reader, source: str) -> list[Option]:
        """Read a list for a form (``pipelines``, ``stages/<pipeline>``)."""
        raise NotImplementedError

    async def custom_fields(self, reader: Reader, object_key: str) -> list[Field]:
        """Read the account's own fields of an object."""
        return []

    def learn_fields(self, samples: Sequence[Mapping[str, Any]]) -> list[Field]:
        """Return the fields that events' `data` had, for a system without a fixed shape; else nothing."""
        return []

    async def prepare(self, writer: Writer, choice: str, **values: Any) -> Mapping[str, Any]:
        """Make something at the vendor that connecting offers (a reference field); return settings."""
        raise NotImplementedError

    def echo(self, call: Call) -> Answer:
        """Return what the vendor may answer to a write, for a dry run that sends none.

        The fields that were sent, with the id of the record: out of its address, or a new one. Override it
        where the vendor's answers are of another shape.
        """
        inner: Any = call.json if call.json is not None else {}
        while isinstance(inner, Mapping) and len(inner) == 1:
            (wrapped,) = inner.values()
            if not isinstance(wrapped, Mapping):
                break
            inner = wrapped
        last = call.path.rstrip("/").rpartition("/")[2]
        number = last if call.method in ("PUT", "PATCH") else "0"
        record = {**(inner if isinstance(inner, Mapping) else {}), "id": number, "_id": number}
        return Answer(200, {"content-type": "application/json"}, orjson.dumps({**record, "data": record}))

    def record_url(self, connection: Connection, object_key: str, record_id: str) -> str:
        """Return the address of a record for people, or ""."""
        return ""

    def removal(self, delivery: Delivery, app: App) -> Removal | None:
        """Say which account this app was removed from, if a request to the return address tells that.

        None for anything else and for what is not proved with the app's secret: compared in constant time,
        before anything is parsed.
        """
        return None

    def suggested_name(self, account: Account) -> str:
        """Return the name proposed for a new connection."""
        return account.name or self.manifest.name


def next_by_key(items: Sequence[Entry], key: str) -> Entry:
    """Return the item called `key`; raises KeyError."""
    for item in items:
        if item.key == key:
            return item
    raise KeyError(key)
