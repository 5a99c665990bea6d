"""`vaivem doctor` names what holds the queue up."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from vaivem.cli import bottleneck
from vaivem.cli.bottleneck import find_cause


class Database:
    """A database that a test fills, asked as the doctor asks."""

    def __init__(self, dsn: str) -> None:
        self.db = psycopg.connect(dsn, autocommit=True)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.db.execute(query.encode()).fetchall()

    def waits(self, *, gate: int = 1, lanes: int = 3) -> None:
        self.db.execute(
            "insert into lane (ws, key, rule, gate, tail, state, prio, due)"
            " select 1, %s * 1000 + n, 1, %s, 1, 1, 5, vv_now() - interval '90 seconds'"
            " from generate_series(1, %s) n",
            (gate, gate, lanes),
        )

    def gate(self, state: int) -> None:
        self.db.execute(
            "insert into gate (conn, ws, state, closed_until)"
            " values (1, 1, %s, vv_now() + interval '30 seconds')",
            (state,),
        )

    def worker(self) -> None:
        self.db.execute(
            "insert into worker (id, until, host, pid) values (1, now() + interval '1 hour', %s, %s)",
            (socket.gethostname(), os.getpid()),
        )


@pytest.fixture
def asked(database: str) -> Iterator[Database]:
    """A database without anything in it."""
    made = Database(database)
    yield made
    made.db.close()


def sentence(asked: Database) -> str:
    cause = find_cause(asked.rows)
    assert cause is not None
    return cause.sentence


def test_nothing_waits(asked: Database) -> None:
    cause = find_cause(asked.rows)
    assert cause is not None
    assert not cause.late


def test_no_worker(asked: Database) -> None:
    asked.waits()
    assert "no worker is at work" in sentence(asked)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (1, "vendor is down"),
        (2, "connected again"),
        (3, "limit of calls is used up"),
        (4, "budget of the day is spent"),
    ],
)
def test_a_closed_gate_that_most_wait_for(asked: Database, state: int, words: str) -> None:
    asked.worker()
    asked.gate(state)
    asked.waits()
    asked.waits(gate=2, lanes=1)
    assert words in sentence(asked)


def test_an_empty_budget(asked: Database) -> None:
    asked.worker()
    asked.gate(0)
    asked.waits()
    asked.db.execute(
        "insert into bucket (conn, name, rate, cap, tokens, at) values (1, '10/60', 0.001, 2, 0, vv_now())"
    )
    assert "limit of calls is used up" in sentence(asked)


def test_slow_commits(asked: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    asked.worker()
    asked.waits()
    monkeypatch.setattr(bottleneck, "SLOW_COMMIT_MS", 0.0)
    assert "a commit of the database takes" in sentence(asked)


def test_a_worker_that_uses_a_core(asked: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    asked.worker()
    asked.waits()
    monkeypatch.setattr(bottleneck, "SLOW_COMMIT_MS", 1e9)
    monkeypatch.setattr(bottleneck, "BUSY_PERCENT", -1.0)
    assert "whole core" in sentence(asked)


def test_none_of_them(asked: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    asked.worker()
    asked.waits()
    monkeypatch.setattr(bottleneck, "SLOW_COMMIT_MS", 1e9)
    monkeypatch.setattr(bottleneck, "BUSY_PERCENT", 1e9)
    assert "neither" in sentence(asked)
