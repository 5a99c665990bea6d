"""The steps of a rule, as data. `rules` reads and writes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

from vaivem.core.conditions import Group
from vaivem.core.fields import WritePolicy

ConnectionRef = str | int
"""A connection: its name in files, its id in the database."""


class Origin(StrEnum):
    """Where a mapped value comes from."""

    FROM = "from"  # a path into the scope
    TEXT = "text"  # a template
    VALUE = "value"  # fixed


class OnBad(StrEnum):
    """What happens when a value does not fit its field."""

    FAIL = "fail"  # the run fails, with the reason
    SKIP = "skip"  # the field is left alone, with a note
    AS_IS = "as_is"  # the value is sent as it came, with a note
    USE = "use"  # `FieldMapping.instead` is sent, with a note


class KeyKind(StrEnum):
    """How "create or update" recognises the record."""

    SOURCE = "source"  # the source record, through the link table
    CONTACT = "contact"
    NAME = "name"
    FIELD = "field"


class Missing(StrEnum):
    """What a lookup that finds nothing does to the run."""

    CONTINUE = "continue"
    STOP = "stop"  # the run ends here, as done
    FAIL = "fail"


class Empty(StrEnum):
    """What an action does whose required fields have nothing in them."""

    FAIL = "fail"
    SKIP = "skip"  # the step is left out, with a note; later steps read nothing of it


@dataclass(frozen=True, slots=True)
class Source:
    """A value's origin and its content: a path, a template or the fixed value itself."""

    origin: Origin
    content: Any


@dataclass(frozen=True, slots=True)
class FieldMapping:
    """How one target field is filled.

    `write` None means the field's own policy. `clear`: an empty source empties the target, else the
    target is left alone. `cut`: a text that is too long is cut rather than bad. `instead` is what
    ``on_bad: use`` sends. `shared`: it is the step's combination that says so, not the step itself.
    """

    field: str
    source: Source
    write: WritePolicy | None = None
    on_bad: OnBad = OnBad.FAIL
    instead: Any = None
    clear: bool = False
    cut: bool = False
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Repeat:
    """A group of fields filled once for each element of the list at `over`, which mappings read as `name`."""

    over: str
    name: str


@dataclass(frozen=True, slots=True)
class KeyChoice:
    """How the record is recognised; `field` is the key of the field for KeyKind.FIELD."""

    by: KeyKind
    field: str | None = None


@dataclass(frozen=True, slots=True)
class ActionStep:
    """Do something at a connection. `repeat` is by group of fields.

    `combination` (a title or an id) is whose fields the step shares; they are among `mappings` already.
    """

    id: str
    connection: ConnectionRef
    action: str
    mappings: tuple[FieldMapping, ...] = ()
    repeat: Mapping[str, Repeat] = field(default_factory=dict)
    key: KeyChoice | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    empty: Empty = Empty.FAIL
    combination: str | int | None = None


@dataclass(frozen=True, slots=True)
class FindStep:
    """Look for a record; later steps read it as ``steps.<id>``."""

    id: str
    connection: ConnectionRef
    action: str
    mappings: tuple[FieldMapping, ...] = ()
    missing: Missing = Missing.CONTINUE
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WaitStep:
    """Wait for a duration from now, or until the date at a path, shifted: one of `duration` and `until`."""

    id: str
    duration: timedelta | None = None
    until: str | None = None
    shift: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class AwaitStep:
    """Wait until something happens about the same person or record, or until `limit` is over.

    `about` is a path into what the awaited trigger tells; it has to be the same as what is at `equals` in the
    run (None: the automation's person). Without `about` it has to be about the rule's own source record.
    `condition` reads what the awaited trigger tells. Later steps read ``steps.<id>.happened`` and all of it.
    """

    id: str
    connection: ConnectionRef
    trigger: str
    limit: timedelta
    options: Mapping[str, Any] = field(default_factory=dict)
    about: str | None = None
    equals: str | None = None
    condition: Group | None = None


@dataclass(frozen=True, slots=True)
class BranchStep:
    """Go one of two ways."""

    id: str
    condition: Group
    then: tuple[Step, ...] = ()
    otherwise: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class EmailStep:
    """Send an e-mail by the workspace's mail settings. `to` may hold several, separated by commas.

    `html` is the same text for mail programs that show more; without a `body` that is made of it.
    `transactional`: it goes to those too who opted out of the workspace's e-mails, and offers no way to.
    """

    id: str
    to: Source
    subject: Source
    body: Source
    transactional: bool = False
    html: Source | None = None

    @property
    def sources(self) -> Mapping[str, Source]:
        """Return its texts by name."""
        texts = {"to": self.to, "subject": self.subject, "body": self.body}
        return texts | ({"html": self.html} if self.html is not None else {})


@dataclass(frozen=True, slots=True)
class StopStep:
    """End the run here when a condition holds, with the reason."""

    id: str
    condition: Group


@dataclass(frozen=True, slots=True)
class NotifyStep:
    """Tell a member of the workspace, named by e-mail address, with a link to the run."""

    id: str
    member: str
    text: Source


Step = ActionStep | FindStep | WaitStep | AwaitStep | BranchStep | EmailStep | StopStep | NotifyStep


def each_step(steps: tuple[Step, ...], path: str) -> Iterator[tuple[str, Step]]:
    """Return every step with its place, in order; what is inside a branch comes right after it."""
    for number, step in enumerate(steps):
        place = f"{path}[{number}]"
        yield place, step
        if isinstance(step, BranchStep):
            yield from each_step(step.then, f"{place}.then")
            yield from each_step(step.otherwise, f"{place}.else")
