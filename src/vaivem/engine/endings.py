"""How a run ends, and the row that says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from vaivem.core.errors import VaivemError
from vaivem.core.identity import search_terms, term_hash
from vaivem.engine.desk import RunState, as_json
from vaivem.engine.journal import Finish

MAX_NOTES = 50


class Status(IntEnum):
    """How a run ended."""

    DONE = 1
    FAILED = 2
    NOTHING = 3
    STOPPED = 4


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of a run: why, in a code and what fills its text."""

    status: Status
    code: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, error: VaivemError, code: str | None = None) -> Ending:
        """Return a failure with all of the error's problems."""
        problems = [problem.to_dict() for problem in error.problems[:MAX_NOTES]]
        params = {**error.params, "problems": problems}
        if code:
            params["cause"] = error.code
        return cls(Status.FAILED, code or error.code, params)

    def finish(self, run: RunState) -> Finish:
        """Return the row of the finished run."""
        item = run.item
        params = dict(self.params)
        if run.notes:
            params["notes"] = run.notes[:MAX_NOTES]
        if run.memory.doubt is not None:  # for who retries the run: the write may have been done
            params["doubt"] = {"n": run.memory.doubt_n, "at": run.memory.doubt.isoformat()}
        named = search_terms([part for row in run.records for part in (row["id"], row["name"])])
        found_by = named - run.found_by if named else named
        return Finish(
            event_id=item.event_id,
            rule=item.rule,
            version=item.version,
            status=int(self.status),
            code=self.code,
            params=as_json(params),
            records=as_json(run.records),
            calls=min(run.memory.calls, 32000),
            tries=run.memory.failures,
            lane=item.lane,
            seq=item.seq,
            terms=tuple(term_hash(item.ws, term) for term in found_by),
            replay_of=item.replay_of,
        )
