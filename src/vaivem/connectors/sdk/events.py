"""What arrives: a delivery, and the events in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vaivem.connectors.sdk.documents import Step


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request to a connection's hook, as received: nothing is decoded before `verify` has passed.

    Header names are lower case. `path` is what follows the hook's own address. `body` are the raw bytes
    that `verify` sees; `parse` sees them unpacked when the sender compressed them.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened at a vendor.

    `kind` is the vendor's own word (``document_closed``). `object` and `record` name the source record: with
    the rule they make the lane, so events of one record are worked in order. `same` are the parts that do not
    change between two tries of the same delivery (guarantee 2); empty means that a digest of the whole
    request has to do. `data` is what mappings read; `title` what people see; `terms` what history search
    finds it by (e-mails, documents, phone numbers, names, record ids; as they are, the engine normalises).
    `within` (minutes) limits how long `same` is remembered; None: as long as history is kept.

    An event that reports an update says in `changed` what the record's changed fields are now (`whole`: the
    vendor does not tell which were changed, so it is all of them), and in `version` when it was changed. So
    the engine knows our own change when it comes back (guarantee 8), for triggers that say `stops_echoes`.

    `near` (seconds) is for what a look back found at a vendor whose webhooks and lists have no mark in
    common: an event of the same kind, record and title that `occurred` so close to this one is this one.
    `late` is set by the engine, for triggers that say `snapshot`: a later event of the record came first.

    `implied` is what a delivery of something later says besides: it is worked before the delivery's own
    events, and when it was known already, nobody is told that it came again.
    """

    kind: str
    object: str
    record: str
    same: tuple[str, ...]
    data: Mapping[str, Any]
    title: str = ""
    occurred: datetime | None = None
    terms: tuple[str, ...] = ()
    within: float | None = None
    changed: Mapping[str, Any] | None = None
    version: datetime | None = None
    whole: bool = False
    near: float = 0.0
    late: bool = False
    implied: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """What a write left in a record: the fields that we wrote, as the vendor keeps them, by the same keys as
    `Event.changed`; `version` is the record's time of change in the vendor's answer.
    """

    object: str
    record: str
    values: Mapping[str, Any]
    version: datetime | None = None


@dataclass(frozen=True, slots=True)
class RecordRef:
    """A record at a vendor, as history shows it: `did` is ``created``, ``updated``, ``found`` or ``kept``."""

    object: str
    id: str
    did: str
    name: str = ""
    url: str = ""

    def to_dict(self) -> dict[str, str]:
        """Return the JSON form."""
        return {"object": self.object, "id": self.id, "did": self.did, "name": self.name, "url": self.url}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an action did. `output` is what later steps read as ``steps.<id>``; it must be JSON.

    A record of `records` that is a person, a company or a deal (`Connector.kinds`) is shown in `output` under
    its object, several of them in a list under its plural (``contact``, ``contacts``): each with its ``id``
    and the names that events use. The Records pages know it by that. Of tags, say all that it has
    (``tags``), else those that are there now (``tags_on``) or are not any more (``tags_off``). A record of
    another kind that is kept for one of these says whose it is (``of``: its object and id).

    `documents` are steps of documents for signature that the vendor tells nobody of: a draft that was made,
    and that we sent it. They name document and recipients as the connector's `DocumentMoved.step` does.
    """

    records: tuple[RecordRef, ...]
    output: Mapping[str, Any] = field(default_factory=dict)
    documents: tuple[Step, ...] = ()
