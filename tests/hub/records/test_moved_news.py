"""What the demo's rules wrote is moved into the past with its runs, so that each leads to the other."""

from __future__ import annotations

import json
from datetime import timedelta

from tests.hub.furnished import Furnished, furnished
from tests.hub.workplace import systems, workplace

from vaivem.engine.ids import SHIFT

__all__ = ["furnished", "systems", "workplace"]


def test_news_goes_with_its_run(furnished: Furnished) -> None:
    from vaivem.hub.demo.trail import move_back

    past = furnished.past
    before, event, run = past.event(), past.event(), past.id()
    past.run(furnished.workplace.rule().pk, event=event, id=run)
    records = json.dumps([{"at": 1800000000.5, "id": "1"}, {"at": 1800000001.0, "id": "2"}])
    for of in (before, event):
        past.insert("news", ws=past.ws, run_id=run, event_id=of, records=records)
    move_back(event, timedelta(hours=2))
    [(kept_run, kept), (moved_run, moved)] = past.sql(
        "select run_id, records from news order by event_id desc"
    )
    assert (kept_run, json.loads(kept)) == (run, json.loads(records)), "of another event"
    assert [one["at"] for one in json.loads(moved)] == [1799992800.5, 1799992801.0]
    assert moved_run == run - (7_200_000 << SHIFT)
    assert past.sql("select count(*) from run where id = %s", moved_run) == [(1,)]
