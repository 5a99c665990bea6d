"""Pauses between tries."""

from __future__ import annotations

from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaivem.core.retry import may_retry, next_pause


@pytest.mark.parametrize(("tries", "ceiling"), [(1, 2), (2, 4), (5, 32), (10, 900), (10_000, 900)])
def test_pauses_spread_evenly_up_to_a_ceiling_that_grows(tries: int, ceiling: float) -> None:
    pauses = [next_pause(tries, seed=run) for run in range(2000)]
    assert 0 < min(pauses) < ceiling * 0.05
    assert ceiling * 0.95 < max(pauses) <= ceiling
    assert mean(pauses) == pytest.approx(ceiling / 2, rel=0.05)


@given(st.integers(-5, 10**6), st.floats(0.001, 1e6), st.text())
def test_a_vendor_is_never_asked_sooner_than_it_said(tries: int, retry_after: float, seed: str) -> None:
    pause = next_pause(tries, retry_after=retry_after, seed=seed)
    assert retry_after <= pause <= retry_after * 1.1 + 2


def test_the_same_run_and_try_always_pause_alike() -> None:
    assert next_pause(3, seed="run-7") == next_pause(3, seed="run-7")
    assert next_pause(3, seed="run-7") != next_pause(3, seed="run-8")


def test_a_retry_after_of_zero_is_none() -> None:
    assert next_pause(1, retry_after=0, seed=1) == next_pause(1, seed=1)


@pytest.mark.parametrize(("hours", "goes_on"), [(0, True), (23.99, True), (24, False), (100, False)])
def test_gives_up_after_a_day_of_a_working_connection(hours: float, goes_on: bool) -> None:
    assert may_retry(hours * 3600) is goes_on
