"""The look for what exists already, before a move: asked for, stopped, and what it found so far."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection as database
from django.db import transaction
from django.utils.translation import gettext as _

from vaivem.core.compiler import compile_rule
from vaivem.core.errors import RuleError
from vaivem.engine import control
from vaivem.hub.history.rows import fetch
from vaivem.hub.messages import explain_run
from vaivem.hub.rules import publishing, words
from vaivem.hub.rules.catalog import WorkspaceCatalog
from vaivem.hub.rules.models import Move, MoveFound, MoveRead, MoveState
from vaivem.hub.rules.moving import Switch
from vaivem.hub.shell.clock import now
from vaivem.hub.workspaces.models import Member

DAYS = (30, 90, 365)
MOST_SHOWN = 20
UNDER_WAY = (MoveState.WAITING, MoveState.RUNNING)


@dataclass(frozen=True, slots=True)
class Counted:
    """What one step of a new rule would find. `by` are the keys that found it, with how often."""

    rule: str
    step: str
    found: int
    several: int
    new: int
    failed: int
    by: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """One record of the source of which not all is clear, and why."""

    title: str
    why: str


@dataclass(frozen=True, slots=True)
class Look:
    """A look as it stands."""

    row: Move
    done: int
    steps: tuple[Counted, ...]
    left_out: int
    unclear: tuple[Shown, ...]
    more_unclear: int
    problem: tuple[str, ...]

    @property
    def under_way(self) -> bool:
        """Whether more is to come."""
        return self.row.state in UNDER_WAY


def begin(switch: Switch, form: Mapping[str, Sequence[str]], days: int, member: Member) -> Move:
    """Ask for a look, a number of days back. Raises RuleError when a rule cannot be compiled."""
    row = note(switch, form, member)
    catalog = WorkspaceCatalog(switch.workspace)
    rules = []
    for new in switch.new:
        checked = publishing.check(new.definition, catalog, zone=switch.workspace.zone)
        if checked.rule is None or checked.problems:
            raise RuleError("rule_refuses", params={"title": new.title}, problems=checked.problems)
        rules.append(json.loads(json.dumps(compile_rule(checked.rule, catalog).to_dict())))
    moment = now()
    row.rules, row.state, row.beat = rules, MoveState.WAITING, moment
    row.since, row.until = moment - timedelta(days=days), moment
    row.save()
    _wake(row)
    return row


def note(switch: Switch, form: Mapping[str, Sequence[str]], member: Member) -> Move:
    """Keep a move as it was asked for, without a look."""
    given = {key: list(values) for key, values in form.items() if key not in ("csrfmiddlewaretoken", "seen")}
    return Move.objects.create(
        workspace=switch.workspace, member=member, form=given, seen=switch.seen, state=MoveState.SKIPPED
    )


def stop(row: Move) -> bool:
    """Stop a look that is under way; what it found stays. False when none is."""
    MoveRead.objects.filter(move=row).delete()
    return bool(Move.objects.filter(pk=row.pk, state__in=UNDER_WAY).update(state=MoveState.STOPPED))


@transaction.atomic
def go_on(row: Move) -> bool:
    """Let a look that stopped or failed go on where it was. False when it does not stand still."""
    still = Move.objects.filter(pk=row.pk, state__in=(MoveState.STOPPED, MoveState.FAILED), moved=None)
    if not still.update(state=MoveState.WAITING, code="", params={}, beat=now()):
        return False
    _wake(row)
    return True


def _wake(row: Move) -> None:
    with database.cursor() as cursor:
        control.wake_chore(cursor, "look", {"move": row.pk})


def stands(row: Move, catalog: WorkspaceCatalog) -> Look:
    """Return how a look stands."""
    counts = fetch(
        "select f.rule, s->>'step', s->>'how', s->>'by', count(*) from move_found f"
        " cross join jsonb_array_elements(f.steps) s where f.move_id = %(move)s group by 1, 2, 3, 4",
        {"move": row.pk},
        tuple,
    )
    found = MoveFound.objects.filter(move=row)
    unclear = found.filter(result__in=("asks", "fails")).order_by("n")
    return Look(
        row,
        found.count(),
        tuple(_counted(row, counts, catalog)),
        found.filter(result="left_out").count(),
        tuple(Shown(one.title, _why(one)) for one in unclear[:MOST_SHOWN]),
        max(0, unclear.count() - MOST_SHOWN),
        tuple(str(one) for one in explain_run(row.code, row.params)) if row.code else (),
    )


def _counted(row: Move, counts: list[tuple[Any, ...]], catalog: WorkspaceCatalog) -> list[Counted]:
    shown = []
    for place, compiled in enumerate(row.rules):
        rule = compiled.get("rule", {})
        for step in _writing(rule.get("then"), {(one[0], one[1]) for one in counts}, place):
            own = [one for one in counts if (one[0], one[1]) == (place, step["id"])]
            how = {key: sum(one[4] for one in own if one[2] == key) for key in ("found", "several", "new")}
            keys = {one[3]: one[4] for one in own if one[2] == "found" and one[3]}
            target = catalog.connection(step.get("connection", ""))
            name = words.action_name(target.connector if target else "", str(step.get("action")))
            failed = sum(one[4] for one in own if one[2] == "failed")
            by = tuple((_key_name(key), number) for key, number in sorted(keys.items(), key=lambda x: -x[1]))
            shown.append(
                Counted(str(rule.get("title", "")), name[:1].upper() + name[1:], **how, failed=failed, by=by)
            )
    return shown


def _writing(steps: Any, counted: set[tuple[int, str]], place: int) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for step in steps if isinstance(steps, list) else ():
        if (place, step.get("id")) in counted:
            found.append(step)
        found += _writing(step.get("then"), counted, place) + _writing(step.get("else"), counted, place)
    return found


def _key_name(key: str) -> str:
    names = {
        "email": _("by e-mail"),
        "document": _("by CPF or CNPJ"),
        "phone": _("by phone"),
        "name": _("by name"),
        "title": _("by name"),
        "person": _("by its person"),
        "field": _("by a field of its own"),
    }
    return names.get(key, _("by what Vaivém remembers"))


def _why(one: MoveFound) -> str:
    if one.result == "asks":
        return _("Several records fit: you would be asked.")
    return " ".join(str(text) for text in explain_run(one.code, one.params))
