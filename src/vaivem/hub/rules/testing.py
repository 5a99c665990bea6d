"""Trying a draft with the next real event: it is done for real, once, and nothing else is taken meanwhile.

The event's run goes by the draft instead of by the published version, so that nothing is done twice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection as database
from django.db import transaction

from vaivem.core.compiler import compile_rule
from vaivem.core.errors import RuleError
from vaivem.core.rules import rule_to_dict
from vaivem.hub.rules import publishing
from vaivem.hub.rules.catalog import WorkspaceCatalog
from vaivem.hub.rules.models import Rule, RuleState, RuleTrial, RuleVersion, TrialKind, TrialState
from vaivem.hub.shell.clock import now
from vaivem.hub.workspaces import audit
from vaivem.hub.workspaces.models import Member

PATIENCE = timedelta(hours=1)
STATUSES = {1: "done", 2: "failed", 3: "nothing", 4: "stopped"}
RUN = """
select r.status::int, r.code, r.params::text, r.records::text, r.finished, e.title
from run r left join event e on e.ws = r.ws and e.id = r.event_id where r.ws = %(ws)s and r.id = %(run)s"""
PENDING = "select state, code, params::text from pending where ws = %(ws)s and run_id = %(run)s"


@dataclass(frozen=True, slots=True)
class Tested:
    """How a test stands. `state` is waiting, over (nothing came), running, done, failed, nothing or stopped.

    `records` are what the run made or changed: object, name, url, did.
    """

    trial: RuleTrial
    state: str
    code: str = ""
    params: Mapping[str, Any] | None = None
    records: tuple[Mapping[str, Any], ...] = ()
    title: str = ""
    finished: datetime | None = None

    @property
    def ended(self) -> bool:
        """Whether it will not change any more."""
        return self.state not in ("waiting", "running")


@transaction.atomic
def start(rule: Rule, member: Member | None = None) -> RuleTrial:
    """Let the draft wait for the next event. A test that waits already goes on with today's draft.

    Raises RuleError with every problem of the draft, and when the rule is paused or removed.
    """
    locked = Rule.objects.select_for_update().select_related("workspace").get(pk=rule.pk)
    if locked.state in (RuleState.PAUSED, RuleState.REMOVED):
        raise publishing.RuleStateError("rule_test_needs_running", params={"state": locked.state})
    catalog = WorkspaceCatalog(locked.workspace)
    checked = publishing.check(locked.draft, catalog, zone=locked.workspace.zone)
    if checked.rule is None or checked.problems:
        raise RuleError(problems=checked.problems)
    compiled = compile_rule(checked.rule, catalog)
    stop(locked, member)
    last = locked.versions.filter(number__lt=0).order_by("number").first()
    version = RuleVersion.objects.create(
        rule=locked,
        number=(last.number if last else 0) - 1,
        definition=rule_to_dict(checked.rule),
        compiled=json.loads(json.dumps(compiled.to_dict())),
        author=member,
    )
    moment = now()
    trial = RuleTrial.objects.create(
        rule=locked,
        member=member,
        kind=TrialKind.TEST,
        state=TrialState.WAITING,
        version=version.number,
        since=moment.replace(microsecond=0),  # vendors tell times to the second
        until=moment + PATIENCE,
    )
    for connection in {compiled.connection_id, *compiled.awaited}:
        publishing.listen(connection)
    audit.note(locked.workspace, member, "rule.test_started", locked.title, after={"rule": locked.pk})
    _tell()
    return trial


@transaction.atomic
def stop(rule: Rule, member: Member | None = None) -> bool:
    """Give a test up that waits. False when none does: an event may just have come."""
    waiting = rule.trials.filter(kind=TrialKind.TEST, state=TrialState.WAITING)
    if not waiting.update(state=TrialState.STOPPED):
        return False
    audit.note(rule.workspace, member, "rule.test_stopped", rule.title, after={"rule": rule.pk})
    _tell()
    return True


def last_test(rule: Rule) -> Tested | None:
    """Return how the latest test stands, None when there was none, or it was given up."""
    trial = rule.trials.filter(kind=TrialKind.TEST).order_by("-pk").first()
    if trial is None or trial.state == TrialState.STOPPED:
        return None
    if trial.run is None:
        over = trial.until is not None and trial.until <= now()
        return Tested(trial, "over" if over else "waiting")
    with database.cursor() as cursor:
        cursor.execute(RUN, {"ws": rule.workspace_id, "run": trial.run})
        ended = cursor.fetchone()
        if ended is None:
            cursor.execute(PENDING, {"ws": rule.workspace_id, "run": trial.run})
            waits = cursor.fetchone()
            return (
                Tested(trial, "running", waits[1], json.loads(waits[2]))
                if waits
                else Tested(trial, "running")
            )
    status, code, params, records, finished, title = ended
    return Tested(
        trial,
        STATUSES[status],
        code,
        json.loads(params or "{}"),
        tuple(json.loads(records or "[]")),
        title or "",
        finished,
    )


def _tell() -> None:
    """Let the engine look again at what waits."""
    with database.cursor() as cursor:
        cursor.execute("select pg_notify('vv_config', 'rule_trial')")
