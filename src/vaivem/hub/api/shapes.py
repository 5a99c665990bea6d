"""The JSON that the REST API takes and gives. Ids of events, runs, decisions are texts: they exceed 2^53."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from ninja import Schema
from pydantic import ConfigDict, Field

T = TypeVar("T")


class Given(Schema):
    """What a request brings: unknown names are refused, not ignored."""

    model_config = ConfigDict(extra="forbid")


class ProblemOut(Schema):
    """One thing that is wrong."""

    code: str
    message: str
    params: dict[str, Any]
    path: str


class ErrorBody(ProblemOut):
    """The first problem, and all of them when there are several."""

    problems: list[ProblemOut] | None = None


class ErrorOut(Schema):
    """Every refusal."""

    error: ErrorBody


class PageOut(Schema, Generic[T]):
    """One page, newest first; `next` is the value of `before` for the page after it, null on the last."""

    items: list[T]
    next: str | None = None


class AccountOut(Schema):
    """The account at the vendor."""

    id: str = ""
    name: str = ""


class ConnectionOut(Schema):
    """A connection, without its secrets."""

    id: int
    connector: str
    name: str
    slug: str
    method: str
    state: str
    account: AccountOut
    settings: dict[str, Any]
    test_account: bool
    hook: str = Field(description="Where its events arrive; empty when Vaivém has no public address.")
    created: datetime
    expires: datetime | None = None


class ConnectionIn(Given):
    """A connection to make by pasted credentials."""

    connector: str
    method: str = Field("", description="The connector's first way by pasted credentials when left out.")
    name: str = Field("", max_length=80, description="Proposed from the account when left out.")
    credentials: dict[str, str] = Field(default_factory=dict)
    settings: dict[str, Any] = Field(default_factory=dict)


class FindingOut(Schema):
    """One line of a connection's checks; `state` is ok, warn or bad."""

    state: str
    text: str
    note: str


class TestedOut(Schema):
    """What testing a connection found."""

    ok: bool
    checks: list[FindingOut]


class ConnectorOut(Schema):
    """A system that can be connected."""

    key: str
    name: str
    methods: list[str]
    triggers: list[str]
    actions: list[str]


class RuleOut(Schema):
    """A rule. `draft` is what publishing would make the next version; `held` says why the breaker holds it.

    `record_changes` and `busy_runs` are its own limits of the breaker; null for the workspace's.
    """

    id: int
    title: str
    state: str
    version: int | None
    on_since: datetime | None
    recipe: str
    draft: dict[str, Any]
    revision: int
    marks: list[dict[str, Any]]
    updated: datetime
    held: dict[str, Any] | None
    held_since: datetime | None
    record_changes: int | None
    busy_runs: int | None


class LimitsIn(Given):
    """A rule's own limits of the breaker: changes of one record an hour, and runs an hour never too many."""

    record_changes: int | None = Field(None, ge=1, le=1_000_000)
    busy_runs: int | None = Field(None, ge=1, le=100_000_000)


class RuleIn(Given):
    """A rule's definition; `publish` switches it on at once."""

    definition: dict[str, Any]
    publish: bool = False


class DraftIn(Given):
    """A rule's definition. With the `revision` that it was made from, nobody else's change is overwritten."""

    definition: dict[str, Any]
    revision: int | None = None


class CombinationOut(Schema):
    """A field combination: what fills an object of the `target` account from events of the `source`."""

    id: int
    title: str
    source: int
    target: int
    object: str
    fields: dict[str, Any]
    revision: int

    @staticmethod
    def resolve_source(row: Any) -> int:
        """Return the connection's id."""
        return int(row.source_id)

    @staticmethod
    def resolve_target(row: Any) -> int:
        """Return the connection's id."""
        return int(row.target_id)


class CombinationIn(Given):
    """A new field combination: two connections by id, an object (``person``), fields as a step has them."""

    title: str
    source: int
    target: int
    object: str
    fields: dict[str, Any]


class CombinationChangeIn(Given):
    """Other fields for a combination. With the `revision`, nobody else's change is overwritten."""

    fields: dict[str, Any]
    title: str | None = None
    revision: int | None = None


class TouchedChangeOut(Schema):
    """One thing that would change in a rule, in words."""

    field: str
    before: str
    after: str


class TouchedOut(Schema):
    """What a change of a combination would make of a rule."""

    rule: int
    title: str
    changes: list[TouchedChangeOut]
    problems: list[dict[str, Any]]


class TestOut(Schema):
    """The latest test with a real event; `state` is none, waiting, over, running, or how the run ended."""

    __test__ = False  # not a test of pytest's

    state: str
    since: datetime | None = None
    until: datetime | None = None
    run: str | None = None
    code: str = ""
    records: list[dict[str, Any]] = []


class RehearsalOut(Schema):
    """The latest dry run; `state` is none, waiting, running, done, stopped, failed or silent.

    `events` hold each event's result, why, and what would be written, field by field.
    """

    state: str
    done: int = 0
    total: int | None = None
    counts: dict[str, int] = {}
    events: list[dict[str, Any]] = []


class CheckedOut(Schema):
    """What keeps a definition from being published."""

    ok: bool
    problems: list[ProblemOut]


class VersionOut(Schema):
    """A published version."""

    number: int
    created: datetime
    author: str
    current: bool
    definition: dict[str, Any]


class OptionOut(Schema):
    """One of the things to choose from."""

    value: str
    label: str


class ChoiceOut(Schema):
    """A recipe's choice under the accounts and choices given so far."""

    key: str
    type: str
    label: str
    help: str
    required: bool
    asked: bool
    value: str
    options: list[OptionOut]
    waits_for: str


class RecipeAccountOut(Schema):
    """An account that a recipe needs, and the connections that fit."""

    key: str
    connector: str
    connections: list[int]


class RecipeOut(Schema):
    """A ready-made rule."""

    key: str
    name: str
    help: str
    minutes: int
    accounts: list[RecipeAccountOut]
    choices: list[ChoiceOut]


class RecipeIn(Given):
    """Accounts by key (a connection's id or short name) and choices by key."""

    accounts: dict[str, int | str]
    choices: dict[str, str] = Field(default_factory=dict)
    title: str = Field("", max_length=120)


class EventOut(Schema):
    """An event as it is listed."""

    id: str
    connection: int
    kind: str
    object: str
    record: str
    title: str
    at: datetime
    occurred: datetime | None
    bulk: bool
    deliveries: int = Field(1, description="How often it was delivered; it was taken once.")
    last_delivery: datetime | None = Field(None, description="When it came once more, the last time.")


class RunOut(Schema):
    """A run. `status`: done, waiting, needs_you, failed, nothing, stopped; `state`: how it waits."""

    id: str
    event: EventOut
    rule: int
    version: int
    status: str
    state: str
    code: str
    message: str
    params: dict[str, Any]
    records: list[dict[str, Any]]
    calls: int
    tries: int
    at: datetime
    finished: datetime | None
    since: datetime | None
    due: datetime | None
    ahead: int
    replay_of: str | None = Field(None, description="The run that it repeats.")
    replayed_by: str | None = Field(None, description="The run that repeats it, and counts since.")


class CallOut(Schema):
    """One exchange with a vendor. Bodies are text; what proves who we are was never kept."""

    n: int
    attempt: int
    step: str
    name: str
    connection: int
    write: bool
    done: bool
    method: str
    url: str
    status: int
    request: str | None
    response: str | None
    code: str
    milliseconds: int
    at: datetime


class DecisionOut(Schema):
    """What waits for a person. `kind` is doubt (was this write done?) or choice (which of these records?)."""

    id: str
    run: str
    rule: int
    connection: int
    kind: str
    question: dict[str, Any]
    choices: list[str]
    asked: datetime
    answer: dict[str, Any] | None
    answered: datetime | None
    behind: int | None = Field(None, description="How many runs wait for it; in the list only.")


class RunDetailOut(RunOut):
    """A run with all that is kept of it."""

    steps: list[CallOut]
    decisions: list[DecisionOut]
    behind: int


class EventDetailOut(EventOut):
    """An event as it came, with its runs."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: str
    runs: list[str]


class AnswerIn(Given):
    """An answer: `choice` is one of the decision's choices; `record` an id at the vendor."""

    choice: str
    record: str = Field("", max_length=200)
    remember: bool = False


class RejectedOut(Schema):
    """A delivery that could not be taken."""

    id: str
    connection: int
    at: datetime
    code: str
    message: str
    status: int
    method: str
    headers: dict[str, str]
    body: str


class CountOut(Schema):
    """How many there were."""

    number: int


class InsideOut(Schema):
    """A person in an automation. `number` and `step` say where: of the version that the run goes by."""

    key: str = Field(description="The kind of number or address that the person is known by, and it")
    person: str
    run: str
    since: datetime
    version: int
    state: str = Field(description="As a run's `state`")
    code: str
    due: datetime | None
    number: int
    step: str
    can_move: bool = Field(description="Whether they can go on in the version of today")


class PublishIn(Given):
    """What becomes of those inside: ``finish`` their version, or ``move`` to the new one where they can."""

    inside: Literal["finish", "move"] = "finish"


class MoveGroupOut(Schema):
    """Those who wait at one step of one version. `code` says why they would stay in it."""

    version: int
    step: str
    count: int
    code: str = Field(description='"", step_gone, step_changed, start_changed or needs_more')


class MovingOut(Schema):
    """Who would go on in which version. `busy` are at work on a step, or stuck at one, and stay."""

    groups: list[MoveGroupOut]
    busy: int
    going: int
    staying: int


class MovedOut(Schema):
    """How many went on in the version of today, and how many still finish an earlier one."""

    moved: int
    staying: int


class DoneOut(Schema):
    """It was done."""

    ok: bool = True


class HealthOut(Schema):
    """How the workspace is doing."""

    version: str
    time: datetime
    workers: int
    waiting: int
    decisions: int
    connections: dict[str, int] = Field(description="How many connections are in which state.")
