"""The rolling window, on a clock that the test turns."""

from __future__ import annotations

import pytest

from vaivem.simulators.kit.limits import Limit, Limits, parse_limit


def test_places_come_free_one_by_one():
    now = [100.0]
    limits = Limits(Limit(2, 10), lambda: now[0])
    assert limits.take().remaining == 1
    now[0] = 104.0
    assert limits.take().allowed
    refused = limits.take()
    assert (refused.allowed, refused.remaining) == (False, 0)
    assert refused.reset_in == pytest.approx(6.0)
    now[0] = 110.0
    assert limits.take().allowed, "the first one has left the window"
    assert not limits.take().allowed, "the second one has not"
    assert limits.max_in_window == 4


def test_off_still_measures():
    limits = Limits(Limit(1, 10), lambda: 0.0)
    limits.set_mode("off")
    assert all(limits.take().allowed for _ in range(5))
    assert limits.as_dict()["max_in_window"] == 5
    assert limits.as_dict()["limit"] is None


@pytest.mark.parametrize("mode", ["", "5", "0/10", "5/0", "a/b", "5/-1"])
def test_wrong_modes(mode):
    with pytest.raises(ValueError, match="limits"):
        parse_limit(mode, Limit(1, 1))
