"""What holds the queue up, in words, from measured facts: for `vaivem doctor`."""

from __future__ import annotations

import socket
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import psutil

Rows = Callable[[str], Sequence[tuple[Any, ...]] | None]

LATE_SECONDS = 10.0
SLOW_COMMIT_MS = 20.0
BUSY_PERCENT = 85.0
SLOW_CALL_MS = 1000.0
OLD_TRANSACTION_SECONDS = 300.0
LOOK_SECONDS = 0.5
COMMITS = 5
PAUSED, HELD, LIMITED, SPENT = 1, 2, 3, 4

_WAITING = """
select coalesce(c.name, ''), count(*), extract(epoch from vv_now() - min(l.due))::float8,
       coalesce(g.state, 0), greatest(0, extract(epoch from g.closed_until - vv_now()))::float8,
       (select min(b.tokens + b.rate * greatest(0, extract(epoch from vv_now() - b.at))) from bucket b
        where b.conn = l.gate)::float8
from lane l left join gate g on g.conn = l.gate left join connection c on c.id = l.gate
where l.state = 1 and l.due <= vv_now()
group by l.gate, c.name, g.state, g.closed_until order by 2 desc
"""
_WORKERS = "select host, pid from worker where until > clock_timestamp()"
_CALLS = """
select coalesce(c.name, ''), avg(s.ms)::float8 from step s left join connection c on c.id = s.conn
where s.run_id > ((extract(epoch from vv_now()) * 1000)::bigint - 600000) << 22 and s.method <> ''
  and s.at > vv_now() - interval '2 minutes'
group by c.name order by 2 desc limit 1
"""
_OLD = """
select pid, extract(epoch from clock_timestamp() - min(xact_start))::float8 from pg_stat_activity
where backend_type = 'client backend' and pid <> pg_backend_pid() and xact_start is not null
group by pid order by 2 desc limit 1
"""
# A commit that is flushed like ours, and changes nothing.
_COMMIT = "select pg_logical_emit_message(true, 'vaivem', 'doctor')"


@dataclass(frozen=True, slots=True)
class Cause:
    """What was found: whether something is held up, a sentence, and what to do."""

    late: bool
    sentence: str
    advice: str = ""


def find_cause(rows: Rows) -> Cause | None:
    """Return what the queue waits for most, or that it does not; None without a database."""
    waiting = rows(_WAITING)
    if waiting is None:
        return None
    many = sum(row[1] for row in waiting)
    oldest = max((row[2] for row in waiting), default=0.0)
    if oldest < LATE_SECONDS:
        return Cause(False, "No run waits that could go on.")
    about = f"{many:,} lanes wait, the first for {oldest:,.0f} s"
    living = rows(_WORKERS) or []
    if not living:
        return Cause(True, f"{about}: no worker is at work.", "Start `vaivem worker`.")
    return (
        _connection(about, many, waiting)
        or _transaction(about, rows)
        or _commits(about, rows)
        or _processor(about, living)
        or _vendor(about, rows)
        or Cause(
            True,
            f"{about}, and neither a vendor, the database nor the processor holds them up.",
            "They may have come just now: look again in a minute.",
        )
    )


def _connection(about: str, many: int, waiting: Sequence[tuple[Any, ...]]) -> Cause | None:
    """Blame a connection that most of the lanes wait for, when it takes no calls."""
    name, count, _, state, seconds, tokens = waiting[0]
    if count * 2 < many:
        return None
    whom = f"{about}, {count:,} of them for {name!r}"
    if state == HELD:
        return Cause(True, f"{whom}, which must be connected again.", "Connections, Reconnect.")
    if state == PAUSED:
        return Cause(
            True,
            f"{whom}, whose vendor is down; it is tried again in {seconds:.0f} s.",
            "It goes on by itself.",
        )
    if state == SPENT and seconds:
        return Cause(
            True,
            f"{whom}, whose budget of the day is spent; it is counted anew in {seconds / 3600:.1f} h.",
            "Live events are tried every few minutes. A larger plan at the vendor raises the budget.",
        )
    if state == LIMITED or (tokens is not None and tokens < 1):
        return Cause(
            True,
            f"{whom}, whose vendor's limit of calls is used up.",
            "It goes on as fast as the limit allows; other programs with this account use it too.",
        )
    return None


def _transaction(about: str, rows: Rows) -> Cause | None:
    found = rows(_OLD)
    if not found or found[0][1] < OLD_TRANSACTION_SECONDS:
        return None
    pid, seconds = found[0]
    return Cause(
        True,
        f"{about}; a transaction of process {pid} is open for {seconds:,.0f} s, and nothing is tidied up.",
        f"End it: select pg_terminate_backend({pid}).",
    )


def _commits(about: str, rows: Rows) -> Cause | None:
    """Blame the database when a durable commit takes long."""
    taken = []
    for _ in range(COMMITS):
        begun = time.perf_counter()
        if rows(_COMMIT) is None:
            return None
        taken.append((time.perf_counter() - begun) * 1000)
    middle = statistics.median(taken)
    if middle < SLOW_COMMIT_MS:
        return None
    return Cause(
        True,
        f"{about}: a commit of the database takes {middle:.0f} ms.",
        "A faster disk for the database helps, or less other work on it.",
    )


def _processor(about: str, living: Sequence[tuple[Any, ...]]) -> Cause | None:
    """Blame the workers of this machine when each uses up a core."""
    processes = []
    for host, pid in living:
        if host == socket.gethostname() and psutil.pid_exists(pid):
            processes.append(psutil.Process(pid))
    if not processes or len(processes) < len(living):
        return None  # of another machine's we see nothing
    before = [sum(process.cpu_times()[:2]) for process in processes]
    time.sleep(LOOK_SECONDS)
    after = [sum(process.cpu_times()[:2]) for process in processes]
    used = [100 * (now - then) / LOOK_SECONDS for now, then in zip(after, before, strict=True)]
    if min(used) < BUSY_PERCENT:
        return None
    return Cause(
        True,
        f"{about}: every worker uses a whole core ({min(used):.0f} %).",
        "Start another worker, if the machine has cores to spare, or one on another machine.",
    )


def _vendor(about: str, rows: Rows) -> Cause | None:
    found = rows(_CALLS)
    if not found or found[0][1] < SLOW_CALL_MS:
        return None
    name, milliseconds = found[0]
    return Cause(
        True,
        f"{about}; {name!r} takes {milliseconds:,.0f} ms a call.",
        "The vendor is slow: it goes on by itself.",
    )
