"""Ids: in order of time, never twice, never backwards."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaivem.engine.ids import COUNTER_BITS, NODE_BITS, IdMaker, id_at, time_of

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_an_id_tells_when_it_was_made() -> None:
    made = IdMaker(5, NOON.timestamp).next()
    assert time_of(made) == NOON
    assert id_at(NOON) <= made < id_at(NOON + timedelta(milliseconds=1))


@given(st.lists(st.integers(min_value=-100_000, max_value=100_000), min_size=2, max_size=200))
def test_ids_rise_however_the_clock_jumps(steps: list[int]) -> None:
    now = NOON.timestamp()
    maker = IdMaker(1, lambda: now)
    last = 0
    for step in steps:
        now += step / 1000
        made = maker.next()
        assert made > last
        last = made


def test_more_ids_than_fit_a_millisecond_borrow_from_the_next() -> None:
    maker = IdMaker(3, NOON.timestamp)
    many = (1 << COUNTER_BITS) * 3
    ids = [maker.next() for _ in range(many)]
    assert ids == sorted(set(ids))
    assert time_of(ids[-1]) - NOON == timedelta(milliseconds=2)


def test_processes_never_make_the_same_id() -> None:
    nodes = 1 << NODE_BITS
    makers = [IdMaker(node, NOON.timestamp) for node in range(nodes)]
    ids = [maker.next() for maker in makers for _ in range(5)]
    assert len(set(ids)) == 5 * nodes
    assert IdMaker(nodes + 7, NOON.timestamp).next() == IdMaker(7, NOON.timestamp).next()


def test_threads_of_one_process_share_a_maker() -> None:
    maker = IdMaker(1, NOON.timestamp)
    kept: list[list[int]] = [[] for _ in range(4)]

    def make(place: int) -> None:
        kept[place] = [maker.next() for _ in range(2000)]

    threads = [threading.Thread(target=make, args=(place,)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one for part in kept for one in part}) == 8000


@pytest.mark.parametrize("year", [2020, 2026, 2035])
def test_ids_fit_a_bigint_for_decades(year: int) -> None:
    assert 0 < id_at(datetime(year, 1, 1, tzinfo=UTC)) < 2**63
    assert id_at(datetime(2039, 1, 1, tzinfo=UTC)) < 2**63
