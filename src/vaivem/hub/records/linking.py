"""Links between a person's records that a member makes and unmakes; each change can be undone.

What a member says holds against what events tell later: records that were parted are kept apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext_lazy

from vaivem.hub.history.rows import fetch
from vaivem.hub.records import queries
from vaivem.hub.workspaces import audit
from vaivem.hub.workspaces.models import Member, Workspace


class NoChangeError(Exception):
    """There is no such change in this workspace."""


class LinkError(Exception):
    """A link that cannot be made or unmade. `text` says why, and what to do."""

    def __init__(self, text: Any) -> None:
        super().__init__(text)
        self.text = text


GONE = gettext_lazy("These records have changed since. Look at the page again.")
OTHER_KIND = gettext_lazy("A person and a company cannot be joined.")
ALL = gettext_lazy("Choose some of the records, not all: at least one must stay.")


def join(workspace: Workspace, keep: int, other: int, member: Member) -> int:
    """Say that two are the same person or company; return the change. Raises LinkError."""
    ws = workspace.pk
    with transaction.atomic():
        _lock(ws)
        one, two = queries.one(ws, keep), queries.one(ws, other)
        if one is None or two is None or one.merged or two.merged or keep == other:
            raise LinkError(GONE)
        if one.kind != two.kind:
            raise LinkError(OTHER_KIND)
        kept, moved = ([row.id for row in queries.records_of(ws, [number])] for number in (keep, other))
        if not kept or not moved:
            raise LinkError(GONE)
        change = _change(ws, "joined", keep, other, moved, member)
        values = {"ws": ws, "kept": kept, "moved": moved, "change": change}
        _do(
            "update kept_apart set lifted = %(change)s where ws = %(ws)s and lifted is null"
            " and (a = any(%(kept)s) and b = any(%(moved)s) or a = any(%(moved)s) and b = any(%(kept)s))",
            values,
        )
        _do(
            "insert into bond (ws, a, b, why, value, at, change) values (%(ws)s, least(%(x)s, %(y)s),"
            " greatest(%(x)s, %(y)s), 'member', %(value)s, vv_now(), %(change)s) on conflict do nothing",
            values | {"x": kept[0], "y": moved[0], "value": str(member)[:160]},
        )
        _move(ws, moved, other, keep)
        _merge(ws, other, keep)
        audit.note(workspace, member, "people.joined", one.name, after={"other": two.name})
    return change


def part(workspace: Workspace, person: int, records: Sequence[int], member: Member) -> tuple[int, int]:
    """Take records out of a person, to be one of their own; return the change and the new person.

    Raises LinkError.
    """
    ws = workspace.pk
    with transaction.atomic():
        _lock(ws)
        one = queries.one(ws, person)
        theirs = [row.id for row in queries.records_of(ws, [person])]
        moved = [number for number in theirs if number in set(records)]
        kept = [number for number in theirs if number not in moved]
        if one is None or one.merged or not moved:
            raise LinkError(GONE)
        if not kept:
            raise LinkError(ALL)
        [[other]] = fetch(
            "insert into person (ws, kind, at) values (%(ws)s, %(kind)s, %(at)s) returning id",
            {"ws": ws, "kind": one.kind, "at": one.at},
            tuple,
        )
        change = _change(ws, "parted", person, other, moved, member)
        _do(
            "insert into kept_apart (ws, a, b, change) select %(ws)s, least(x, y), greatest(x, y), %(change)s"
            " from unnest(%(kept)s::bigint[]) x cross join unnest(%(moved)s::bigint[]) y"
            " on conflict (ws, a, b) do update set change = excluded.change, lifted = null",
            {"ws": ws, "kept": kept, "moved": moved, "change": change},
        )
        _move(ws, moved, person, other)
        audit.note(workspace, member, "people.parted", one.name)
    return change, int(other)


def undo(workspace: Workspace, change: int, member: Member) -> int:
    """Take back a change; return the person to look at.

    Raises NoChangeError, and LinkError when it cannot be taken back any more.
    """
    ws = workspace.pk
    with transaction.atomic():
        _lock(ws)
        rows = fetch(
            "select what, person, other, records, undone from identity_change"
            " where ws = %(ws)s and id = %(id)s",
            {"ws": ws, "id": change},
            tuple,
        )
        if not rows:
            raise NoChangeError
        what, keep, other, records, undone = rows[0]
        values = {"ws": ws, "id": change}
        here, there = (keep, other) if what == "joined" else (other, keep)
        before, after = queries.one(ws, here), queries.one(ws, there)
        if undone or before is None or after is None or before.merged or (what == "parted" and after.merged):
            raise LinkError(GONE)
        if what == "joined":
            _do("update kept_apart set lifted = null where ws = %(ws)s and lifted = %(id)s", values)
            _do("delete from bond where ws = %(ws)s and change = %(id)s", values)
            _do("update person set merged = null where ws = %(ws)s and id = %(to)s", values | {"to": there})
        else:
            _do("delete from kept_apart where ws = %(ws)s and change = %(id)s", values)
        _move(ws, records, here, there)
        if what == "parted":
            # What joined them since goes along, else the one that is left would have nothing.
            rest = [row.id for row in queries.records_of(ws, [here])]
            _move(ws, rest, here, there)
            _merge(ws, here, there)
        _do("update identity_change set undone = vv_now() where ws = %(ws)s and id = %(id)s", values)
        audit.note(workspace, member, "people.undone", (queries.one(ws, keep) or before).name)
    return int(keep)


def _lock(ws: int) -> None:
    """Wait until nobody else changes who is who here (the statement `lock` of the engine's `people`)."""
    fetch("select pg_advisory_xact_lock(8223, %(ws)s)::text", {"ws": ws}, tuple)


def _change(ws: int, what: str, person: int, other: int, records: list[int], member: Member) -> int:
    [[number]] = fetch(
        "insert into identity_change (ws, at, member, what, person, other, records) values"
        " (%(ws)s, vv_now(), %(member)s, %(what)s, %(person)s, %(other)s, %(records)s) returning id",
        {
            "ws": ws, "member": member.pk, "what": what, "person": person, "other": other, "records": records,
        },
        tuple,
    )  # fmt: skip
    return int(number)


def _move(ws: int, records: Sequence[int], of: int, to: int) -> None:
    """Move records from one person to another; both then have the name that is theirs."""
    values = {"ws": ws, "records": list(records), "of": of, "to": to}
    _do(
        "update known_record set person = %(to)s"
        " where ws = %(ws)s and person = %(of)s and id = any(%(records)s)",
        values,
    )
    _do(
        "update person set name = vv_person_name(ws, id), at = coalesce((select max(told) from known_record r"
        " where r.ws = person.ws and r.person = person.id), at) where ws = %(ws)s and id in (%(of)s, %(to)s)",
        values,
    )


def _merge(ws: int, gone: int, keep: int) -> None:
    _do(
        "update person set merged = %(keep)s where ws = %(ws)s and (id = %(gone)s or merged = %(gone)s)",
        {"ws": ws, "gone": gone, "keep": keep},
    )


def _do(query: str, values: Mapping[str, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
