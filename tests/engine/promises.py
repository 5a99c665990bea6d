"""What was promised, looked at from the vendor's side: who delivered what, and what came of it there.

Every write carries the event's delivery, the rule's version and the step that it is of
(``d3/2/whole.put``), so that the vendor's log alone says what was done, how often and in which order.
"""

from __future__ import annotations

import itertools
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .vendor import Record, Vendor

PLANS: Mapping[str, Sequence[str]] = {  # the writes of each rule, in order; the last ones behind a wait
    "whole": ("put", "person", "deal", "note", "put_again"),
    "kept": ("keep", "link"),
    "waits": ("first", "later"),
}
IN_LANE = {"whole": PLANS["whole"], "kept": PLANS["kept"], "waits": PLANS["waits"][:1]}
UNSAFE = {("whole", "note"), ("waits", "later"), ("kept", "keep"), ("kept", "link")}
SHOWN_SECONDS = 15.0
CHANGES = {"put", "person", "put_again", "keep", "link", "first"}


def definitions(version: int) -> dict[str, list[dict[str, Any]]]:
    """Return the steps of each rule, as they are in a version."""

    def step(rule: str, key: str, action: str) -> dict[str, Any]:
        name = {"text": "{{ title }}/" + f"{version}/{rule}.{key}"}
        fields = {"thing.record": {"from": "record"}, "thing.email": {"from": "email"}, "thing.name": name}
        return {"id": key, "kind": "action", "connection": 1, "action": action, "fields": fields}

    return {
        "whole": [
            step("whole", "put", "put"),
            step("whole", "person", "person_and_deal"),
            step("whole", "note", "post_unsafe"),
            step("whole", "put_again", "put"),
        ],
        "kept": [step("kept", "keep", "keep_note"), step("kept", "link", "keep_linked")],
        "waits": [
            step("waits", "first", "put"),
            {"id": "wait", "kind": "wait", "for": {"minutes": 10}},
            step("waits", "later", "post_unsafe"),
        ],
    }


@dataclass(frozen=True, slots=True)
class Write:
    """A write that the vendor did. `place` is where in its rule's plan it is."""

    event: str
    version: int
    rule: str
    step: str
    method: str
    path: str

    @property
    def run(self) -> tuple[str, str]:
        """The event and the rule."""
        return (self.event, self.rule)

    @property
    def place(self) -> int:
        """Where in the rule's plan it is."""
        return PLANS[self.rule].index(self.step)


@dataclass
class Ledger(Vendor):
    """A vendor that keeps a log of its writes, and when it was called.

    `faults` are what happens to the next calls; `aimed` to the next one of that name (``POST people``). A
    person whose answer did not arrive is found only after `SHOWN_SECONDS`: vendors' searches lag behind.
    `at_lost` is called when an answer gets lost, after the work is done.
    """

    writes: list[Write] = field(default_factory=list)
    called: list[float] = field(default_factory=list)
    shift: float = 0.0
    faults: list[Any] = field(default_factory=list)
    aimed: dict[str, Any] = field(default_factory=dict)
    at_lost: Callable[[], None] = lambda: None
    lost: Counter[tuple[str, str]] = field(default_factory=Counter)  # runs whose answer did not arrive
    refusals: int = 0  # calls that were answered 422
    shown: dict[int, float] = field(default_factory=dict)  # people by id: from when on they are found

    def __post_init__(self) -> None:
        """Take faults from the list."""
        self.fault = self._fault

    def _fault(self, method: str, path: str, nth: int) -> Any:
        self.called.append(self.now())
        name = f"{method} {path.split('/')[1]}"
        if name in self.aimed:
            self._next = self.aimed.pop(name)
        else:
            self._next = self.faults.pop(0) if self.faults else None
        self.refusals += self._next == 422
        return self._next

    def now(self) -> float:
        """Return the vendor's time in seconds."""
        return time.monotonic() + self.shift

    def _do(self, method: str, path: str, query: dict[str, list[str]], body: Record) -> Any:
        if method != "GET":
            event, version, rest = str(body["name"]).split("/")
            rule, _, step = rest.partition(".")
            step = "deal" if path == "/keyed" else step
            write = Write(event, int(version), rule, step, method, path)
            self.writes.append(write)
            self.lost[write.run] += self._next == "lost"
        answer = super()._do(method, path, query, body)
        if self._next == "lost":
            self.at_lost()
        if path == "/people" and method == "POST" and self._next == "lost":
            self.shown[answer["id"]] = self.now() + SHOWN_SECONDS
        if path == "/people" and method == "GET":
            return [one for one in answer if self.shown.get(one["id"], 0.0) <= self.now()]
        return answer

    def of_run(self, event: str, rule: str) -> list[Write]:
        """Return the writes for one event by one rule, as they were done."""
        return [one for one in self.writes if one.run == (event, rule)]


@dataclass(frozen=True, slots=True)
class Past:
    """A run as the history has it. `repeats` another one, or was `repeated` itself."""

    event: str
    rule: str
    version: int
    status: int
    code: str
    repeats: bool
    repeated: bool


@dataclass
class Promises:
    """What was acknowledged, and what a person did meanwhile.

    `made` is the version that each event was taken with; `failed` are runs that ended once as failed, whose
    events may come late, and `failures` why, by run; `crashed` counts deaths with a write of that run under
    way (None where nobody counted them).
    """

    vendor: Ledger
    events: dict[str, Mapping[str, str]] = field(default_factory=dict)
    made: dict[str, int] = field(default_factory=dict)
    failed: set[tuple[str, str]] = field(default_factory=set)
    failures: dict[int, str] = field(default_factory=dict)
    crashed: Counter[tuple[str, str]] | None = None

    def check(self, history: Iterable[Past]) -> None:
        """Look at everything, when nothing is left to do."""
        history = list(history)
        self._every_event_is_done_once(history)
        self._only_what_was_refused_failed()
        for record in {one["record"] for one in self.events.values()}:
            for rule in PLANS:
                self._in_order(rule, [name for name, one in self.events.items() if one["record"] == record])
        replays = Counter((one.event, one.rule) for one in history if one.repeats)
        done = Counter((one.event, one.rule) for one in history if one.status == 1)
        newest: dict[tuple[str, str], int] = {}
        for one in history:  # in the order in which they were made
            newest[one.event, one.rule] = one.version
        versions: dict[tuple[str, str], set[int]] = defaultdict(set)
        for one in history:
            versions[one.event, one.rule].add(one.version)
        for event in self.events:
            for rule in PLANS:
                self._each_run_did_as_its_version_says(event, rule, versions[event, rule])
                self._a_run_never_goes_back(event, rule, replays[event, rule])
                self._nothing_is_left_out_or_doubled(event, rule, done[event, rule], replays[event, rule])
        self._records_are_made_once()
        self._what_was_made_is_brought_up_to_date(newest)

    def _every_event_is_done_once(self, history: Sequence[Past]) -> None:
        first = Counter((one.event, one.rule) for one in history if not one.repeats)
        assert first == Counter((event, rule) for event in self.events for rule in PLANS)  # 1, 2
        assert {(one.status, one.code) for one in history if not one.repeated} <= {(1, "")}, history  # 6
        for one in history:
            if not one.repeats:
                assert one.version == self.made[one.event], "not the version of when its event came"  # 4

    def _only_what_was_refused_failed(self) -> None:
        """What passes by itself fails no run: cuts, 5xx, limits, credentials (6, 7)."""
        assert set(self.failures.values()) <= {"record_refused"}, self.failures
        assert len(self.failures) <= self.vendor.refusals, self.failures

    def _each_run_did_as_its_version_says(self, event: str, rule: str, versions: set[int]) -> None:
        """A run goes on with the version that it began with, a replay has that of today (4)."""
        said = [one.version for one in self.vendor.of_run(event, rule)]
        assert set(said) <= versions, f"{event}, {rule}: did {said}, but there were runs of {versions}"
        assert said == sorted(said), f"{event}, {rule}: the versions of its writes are mixed: {said}"

    def _a_run_never_goes_back(self, event: str, rule: str, replays: int) -> None:
        """What comes after a write proves that its outcome was durable (4)."""
        places = [one.place for one in self.vendor.of_run(event, rule)]
        back = sum(after < before for before, after in itertools.pairwise(places))
        assert back <= replays, f"{event}, {rule}: went back to what was done: {places}"

    def _nothing_is_left_out_or_doubled(self, event: str, rule: str, done: int, replays: int) -> None:
        """Each write once, but for replays, and for what was in doubt and may be repeated (5).

        What a rule changes is changed by each replay, too: it may say something else today.
        """
        count = Counter(one.step for one in self.vendor.of_run(event, rule))
        assert set(PLANS[rule]) == count.keys(), f"{event}, {rule}: not done: {count}"
        for step in set(PLANS[rule]) & CHANGES:
            assert count[step] >= done, f"{event}, {rule}: {step} was not brought up to date"
        if self.crashed is not None:
            more = sum(max(0, times - 1 - replays) for times in count.values())
            excused = self.crashed[event, rule] + self.vendor.lost[event, rule]
            assert more <= excused, f"{event}, {rule}: {count}, of which {excused} were in doubt"

    def _records_are_made_once(self) -> None:
        people = Counter(one["email"] for one in self.vendor.people)
        assert people == Counter({one["email"] for one in self.events.values()})  # 5
        made = Counter(
            (one.rule, one.step, self.events[one.event]["record"] if one.step == "link" else one.event)
            for one in self.vendor.writes
            if one.method == "POST" and (one.rule, one.step) in UNSAFE
        )
        twice = {what: times for what, times in made.items() if times > 1}
        assert not twice, f"made more than once: {twice}"  # 5

    def _what_was_made_is_brought_up_to_date(self, newest: Mapping[tuple[str, str], int]) -> None:
        """A replay updates the note that its event's first run made."""
        for note in self.vendor.notes:
            event, version, rest = note["name"].split("/")
            if rest != "kept.keep":
                continue
            for path, body in self.vendor.puts:
                if path == f"/notes/{note['id']}":
                    assert body["name"].startswith(f"{event}/"), (note, body)
                    version = body["name"].split("/")[1]
            assert int(version) == newest[event, "kept"], note

    def _in_order(self, rule: str, events: Sequence[str]) -> None:
        """The first time that each event was worked came after all of the one before it (3)."""
        at: dict[str, dict[str, int]] = defaultdict(dict)
        for number, one in enumerate(self.vendor.writes):
            if one.rule == rule and one.step in IN_LANE[rule]:
                at[one.event].setdefault(one.step, number)
        kept = [event for event in events if at[event] and (event, rule) not in self.failed]
        for before, after in itertools.pairwise(kept):
            assert max(at[before].values()) < min(at[after].values()), f"{rule}: {before} after {after}"

    def check_limit(self, calls: int, seconds: float) -> None:
        """Look at the calls in every rolling window (7)."""
        called = sorted(self.vendor.called)
        for at in range(calls, len(called)):
            assert called[at] - called[at - calls] > seconds - 0.5, "more calls in a window than allowed"
