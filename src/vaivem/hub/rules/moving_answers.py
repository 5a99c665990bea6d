"""The answers that a move is asked with, read into what is to happen."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from django.http import QueryDict

from vaivem.hub.rules import files, moving
from vaivem.hub.rules.models import Rule, RuleState
from vaivem.hub.workspaces.guard import MemberRequest
from vaivem.hub.workspaces.models import Workspace

HERE, ELSEWHERE = "here", "elsewhere"


def switch_of(request: MemberRequest, given: QueryDict, text: str) -> moving.Switch:
    """Return the switch that the answers mean. Raises FileError and, without a moment, ValueError."""
    workspace = request.workspace
    elsewhere = given.get("where") == ELSEWHERE
    moment = None
    if elsewhere:
        moment = datetime.fromisoformat(given.get("moment", "")).replace(tzinfo=ZoneInfo(workspace.zone))
    return moving.Switch(
        workspace,
        () if elsewhere else _rules(workspace, given, "old", RuleState.ON),
        _rules(workspace, given, "draft", RuleState.DRAFT),
        files.plan(text, workspace) if text.strip() else None,
        moment,
        frozenset(pair_of(given)),
    )


def pair_of(given: QueryDict) -> list[int]:
    """Return the two accounts that were chosen."""
    return [int(given.get(key, "")) for key in ("one", "two") if given.get(key, "").isdecimal()]


def _rules(workspace: Workspace, given: QueryDict, name: str, state: RuleState) -> tuple[Rule, ...]:
    numbers = [int(one) for one in given.getlist(name) if one.isdecimal() and len(one) < 10]
    return tuple(Rule.objects.filter(workspace=workspace, state=state, pk__in=numbers).order_by("pk"))
