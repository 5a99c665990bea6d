"""What bringing in the past would do at most: how many records each step writes, and how many get each tag.

Nothing is read for it: what is there already, as it should be, counts too, and where a condition asks what an
earlier step gives, both ways do. An event whose rule would first read at a vendor is counted as one of which
nothing is foreseen, unless the trigger makes do with what the event holds: what is missing decides nothing.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from vaivem.connectors.sdk import Action, Answer, Call, Connection, Event, NotReadError
from vaivem.core.compiled_steps import CompiledAction, CompiledBranch, CompiledStep, CompiledStop
from vaivem.core.conditions import Group, each_test
from vaivem.core.errors import VaivemError
from vaivem.core.fields import FieldType, group_of
from vaivem.core.folding import fold
from vaivem.core.kinship import PERSON
from vaivem.core.paths import Scope, reader
from vaivem.core.steps import ActionStep, Origin, Source
from vaivem.core.values import Values, is_empty
from vaivem.engine.topology import Line, RuleUse, Topology

UNFORESEEN, STEPS, TAGS, MORE_TAGS = "unforeseen", "by_step", "by_tag", "more_tags"
MOST_TAGS = 100
MOST_SEEN = 100_000  # remembered to count once; whatever comes later counts each time: still "at most"

log = logging.getLogger(__name__)


class _NoReader:
    """Reads nothing, and knows whether it was asked to."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.asked = False

    async def read(self, call: Call) -> Answer:
        """Refuse."""
        self.asked = True
        raise NotReadError


class Tally:
    """Counts what a rule would do with events of the past. `moment` is when it would."""

    def __init__(self, topology: Topology, use: RuleUse, counts: dict[str, Any], moment: datetime) -> None:
        self._topology = topology
        self._use = use
        self._zone = topology.zones.get(use.workspace, "America/Sao_Paulo")
        self._counts = counts
        self._partly = False  # the event at hand tells less than its run would read
        self._today = moment.astimezone(ZoneInfo(self._zone)).date().isoformat()

    async def add(self, line: Line, event: Event) -> None:
        """Count one event."""
        try:
            await self._add(line, event)
        except (VaivemError, NotReadError):
            self._counts[UNFORESEEN] = self._counts.get(UNFORESEEN, 0) + 1
        except Exception:  # the run itself will say so; the look goes on
            log.exception("Rule %s: an event of its past could not be counted", self._use.id)
            self._counts[UNFORESEEN] = self._counts.get(UNFORESEEN, 0) + 1

    async def _add(self, line: Line, event: Event) -> None:
        nobody = _NoReader(line.connection)
        data = await self._use.trigger.scope(nobody, event, self._use.options)
        self._partly = nobody.asked
        if data is None:
            return
        title = self._use.compiled.rule.title
        scope = {**data, "steps": {}, "rule": {"title": title}, "today": self._today}
        condition = self._use.compiled.rule.condition
        unknown = condition is not None and self._unknown(condition, scope)
        if unknown or self._use.compiled.passes(scope, zone=self._zone).passed:
            self._steps(self._use.compiled.steps, scope, event)

    def _steps(self, steps: Sequence[CompiledStep], scope: Scope, event: Event) -> bool:
        """Count steps; return whether the run goes on behind them."""
        for step in steps:
            if isinstance(step, CompiledAction):
                self._act(step, scope, event)
            elif isinstance(step, CompiledBranch):
                ways = [step.then, step.otherwise]
                if not self._unknown(step.step.condition, scope):
                    ways = [step.choose(scope, zone=self._zone)[1]]
                further = [self._steps(way, scope, event) for way in ways]  # each way is counted
                if not any(further):
                    return False
            elif isinstance(step, CompiledStop):
                known = not self._unknown(step.step.condition, scope)
                if known and step.look(scope, zone=self._zone).passed:
                    return False
        return True

    def _unknown(self, condition: Group, scope: Scope) -> bool:
        """Say whether a condition asks what an earlier step gives, or what would have to be read."""
        asked = [test.field for test in each_test(condition)]
        missing = self._partly and any(is_empty(reader(field)(scope)) for field in asked)
        return missing or any(field.startswith("steps.") for field in asked)

    def _act(self, compiled: CompiledAction, scope: Scope, event: Event) -> None:
        line = self._topology.lines.get(compiled.connection_id)
        if line is None or not isinstance(compiled.step, ActionStep):
            return
        try:
            action = line.connector.action(compiled.step.action)
        except KeyError:
            return
        values, problems = compiled.attempt(scope, zone=self._zone)
        if (
            problems
            and not self._partly
            and not any(_names_steps(one.source) for one in compiled.step.mappings)
        ):
            return  # the run would say so and end; what earlier steps give is only not known here
        person = line.connector.kinds.get(action.object) == PERSON
        for number, element in enumerate(self._elements(action, compiled, values)):
            address = self._address(compiled, element)
            record = address if person and address else f"{event.object}/{event.record}/{address or number}"
            self._know(STEPS, compiled.id, record)
            for tag in self._tags(action, element):
                self._know(TAGS, tag, f"{compiled.connection_id}/{record}")

    @staticmethod
    def _elements(action: Action, compiled: CompiledAction, values: Values) -> list[tuple[str, Values]]:
        """Return the records that a step is about, each with its group of fields."""
        groups = [group_of(key) for key in compiled.fields if group_of(key)]
        main = action.object if action.object in groups else next(iter(groups), "")
        if main in getattr(compiled.step, "repeat", {}):
            return [(main, one) for one in values.each(main)]
        return [(main, values.group(main) if main else values)]

    @staticmethod
    def _address(compiled: CompiledAction, element: tuple[str, Values]) -> str:
        group, values = element
        for key in values:
            field = compiled.fields.get(f"{group}.{key}" if group else key)
            if field is not None and field.type is FieldType.EMAIL and values.has(key):
                told = values[key]
                return str(told[0] if isinstance(told, list) else told).casefold()
        return ""

    @staticmethod
    def _tags(action: Action, element: tuple[str, Values]) -> Iterator[str]:
        group, values = element
        for key in values:
            if f"{group}.{key}" in action.tags and values.has(key):
                told = values[key]
                yield from (str(one) for one in (told if isinstance(told, list) else [told]))

    def _know(self, what: str, name: str, record: str) -> None:
        """Count a record once for a step or a tag: what was seen is kept with the counts, in short."""
        counted: dict[str, int] = self._counts.setdefault(what, {})
        seen: dict[str, int] = self._counts.setdefault(f"{what}_seen", {})
        told = next((one for one in counted if fold(one) == fold(name)), name) if what == TAGS else name
        if told not in counted and len(counted) >= MOST_TAGS:
            self._counts[MORE_TAGS] = 1
            return
        short = hashlib.blake2b(
            f"{fold(told)}\x1f{record}".encode("utf-8", "replace"), digest_size=6
        ).hexdigest()
        if short not in seen:
            if len(seen) < MOST_SEEN:
                seen[short] = 1
            counted[told] = counted.get(told, 0) + 1


def _names_steps(source: Source) -> bool:
    told = str(source.content)
    return told.startswith("steps.") if source.origin is Origin.FROM else "steps." in told
