"""A person's page: what each system says, what rules wrote there, and which tags that leaves."""

from __future__ import annotations

import json
import re
from itertools import permutations
from typing import Any

import asyncpg
import pytest
from tests.hub.furnished import Furnished, furnished
from tests.hub.workplace import systems, workplace

__all__ = ["furnished", "systems", "workplace"]

WORD = re.compile(r"<[^>]+>|\s+")


def lines_of(made: Furnished, who: str = "owner") -> dict[str, str]:
    """Return the text of each line of the table by its name."""
    site, person = made.workplace.site, made.numbers["person"]
    page = site.browser(made.people[who]).get(f"/w/{site.workspace.slug}/records/{person}/").content.decode()
    rows = re.findall(r"<tr role=\"row\"[^>]*><th[^>]*>(.*?)</th>(.*?)</tr>", page, re.DOTALL)
    return {" ".join(WORD.sub(" ", name).split()): cells for name, cells in rows}


def wrote(made: Furnished, run: int, event: int = 0) -> None:
    """Have a rule have written to the person's record at the CRM; `event`: it told of it as well."""
    made.past.sql(
        "update known_record set wrote = now(), run_id = %s, event_id = %s where conn = %s",
        run, event, made.workplace.crm.pk,
    )  # fmt: skip


@pytest.mark.parametrize("who", ["owner", "viewer"])
def test_what_a_rule_wrote_is_told_from_what_the_system_said(furnished: Furnished, who: str) -> None:
    rule = furnished.workplace.rule()
    run, event = furnished.past.run(rule.pk), furnished.past.event()
    assert "Last written by a rule" not in lines_of(furnished, who), "nothing was written"
    wrote(furnished, run)
    lines = lines_of(furnished, who)
    assert f"/history/{run}/" in lines["Last written by a rule"]
    assert rule.title in lines["Last written by a rule"]
    crm, signer = lines["Last heard"].split("</td>")[:2]
    assert "<time" not in crm, "the system itself has told nothing yet"
    assert "<time" in signer
    wrote(furnished, run, event)
    crm = lines_of(furnished, who)["Last heard"].split("</td>")[0]
    assert "<time" in crm
    assert f"/events/{event}/" in crm


def test_a_run_that_is_not_kept_any_more_is_not_led_to(furnished: Furnished) -> None:
    wrote(furnished, 5 << 22)
    line = lines_of(furnished)["Last written by a rule"]
    assert "<time" in line
    assert "<a " not in line


def test_a_run_of_another_workspace_is_not_named(furnished: Furnished) -> None:
    run = furnished.past.run(furnished.workplace.rule().pk)
    furnished.past.sql("update run set ws = ws + 1000 where id = %s", run)
    wrote(furnished, run)
    assert "<a " not in lines_of(furnished)["Last written by a rule"]


@pytest.mark.parametrize("order", list(permutations(range(4))))
async def test_the_tags_are_those_of_the_last_list_and_what_came_since(
    database: str, order: tuple[int, ...]
) -> None:
    from datetime import UTC, datetime, timedelta

    from vaivem.engine import people
    from vaivem.engine.people import Sight
    from vaivem.hub.records.queries import known

    at = datetime(2026, 11, 20, 12, tzinfo=UTC)
    told: list[dict[str, Any]] = [
        {"tags_on": ["Old", "Proposta"]},
        {"tags": ["proposta", "vip"]},
        {"tags_on": ["Cliente", "novo"], "tags_off": ["VIP"]},
        {"tags_off": ["novo"]},
    ]
    db = await asyncpg.connect(database)
    for place in order:
        moment = at + timedelta(minutes=place)
        await people.note_record(db, 1, Sight(1, "thing", "r1", "person", told[place], moment, 0))
    [row] = await db.fetch("select fields::text as fields from known_record")
    one = known(1, 1, "person", 1, "thing", "r1", row["fields"], at, 0, None, 0)
    assert sorted(one.tags) == ["Cliente", "proposta"]
    assert not one.fields, "tags are no fields"
    assert "Cliente" in json.dumps(row["fields"])
    await db.close()
