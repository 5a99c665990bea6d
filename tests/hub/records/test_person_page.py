"""A person's page: what each system says, what rules wrote there, and which tags that leaves."""

from __future__ import annotations

import json
import re
from datetime import timedelta
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


@pytest.mark.parametrize("who", ["owner", "viewer"])
def test_what_a_rule_read_is_told_from_what_it_wrote(furnished: Furnished, who: str) -> None:
    rule, past = furnished.workplace.rule(), furnished.past
    run = past.run(rule.pk)
    assert "Last news read by a rule" not in lines_of(furnished, who), "nothing was read"
    past.sql(
        "update known_record set read = now(), read_run_id = %s where conn = %s",
        run, furnished.workplace.crm.pk,
    )  # fmt: skip
    lines = lines_of(furnished, who)
    assert "Last written by a rule" not in lines
    crm, signer = lines["Last news read by a rule"].split("</td>")[:2]
    assert f"/history/{run}/" in crm
    assert rule.title in crm
    assert "<time" not in signer
    assert "<time" not in lines["Last heard"].split("</td>")[0], "the system itself has told nothing yet"
    past.sql("update run set ws = ws + 1000 where id = %s", run)
    assert "<a " not in lines_of(furnished, who)["Last news read by a rule"], "of another workspace"


def test_a_deal_that_a_rule_only_read_says_so(furnished: Furnished) -> None:
    past, crm, rule = furnished.past, furnished.workplace.crm.pk, furnished.workplace.rule()
    [(record,)] = past.sql("select id from known_record where ws = %s and conn = %s", past.ws, crm)
    run, event = past.run(rule.pk), past.event()
    fields = json.dumps({"title": ["Contrato Solar", 1800000000.0]})
    [(deal,)] = past.sql(
        "insert into known_record (ws, conn, object, record, kind, fields, told, event_id, read, read_run_id)"
        " values (%s, %s, 'deal', 'd9', 'deal', %s, now(), 0, now(), %s) returning id",
        past.ws, crm, fields, run,
    )  # fmt: skip
    for number in (record, deal):
        past.sql("insert into heard (ws, record_id, event_id) values (%s, %s, %s)", past.ws, number, event)

    def deals() -> str:
        site, person = furnished.workplace.site, furnished.numbers["person"]
        page = site.browser(site.owner).get(f"/w/{site.workspace.slug}/records/{person}/").content.decode()
        found = re.search(r'<section aria-labelledby="deals">.*?</section>', page, re.DOTALL)
        assert found
        return found[0]

    assert re.search(rf'Read by <a href="[^"]*/history/{run}/">', deals())
    past.sql("update known_record set wrote = now(), run_id = %s where id = %s", run, deal)
    assert f"/history/{run}/" in deals()
    assert "Read by" not in deals()


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


def test_what_a_rule_keeps_for_them_is_shown_with_its_state(furnished: Furnished) -> None:
    past, crm = furnished.past, furnished.workplace.crm.pk
    run = past.run(furnished.workplace.rule().pk)
    own = "select id from known_record where ws = %s and conn = %s and object = 'person'"
    [(whose,)] = past.sql(own, past.ws, crm)
    past.sql(  # somebody of the same number elsewhere
        "insert into known_record (ws, id, conn, object, record, kind, told, event_id)"
        " overriding system value values (%s, %s, %s, 'person', 'r1', 'person', now(), 0)",
        past.ws + 1000, whose, crm,
    )  # fmt: skip
    for ws, name in ((past.ws, "Contrato Solar"), (past.ws + 1000, "Contrato alheio")):
        fields = json.dumps({"name": [name, 1800000000.0], "status": ["completed", 1800000000.0]})
        past.sql(
            "insert into known_record (ws, conn, object, record, kind, fields, told, event_id, wrote, run_id,"
            " of_record) values (%s, %s, 'document', 'k1', 'kept', %s, now(), 0, now(), %s, %s)",
            ws, crm, fields, run, whose,
        )  # fmt: skip
    site, person = furnished.workplace.site, furnished.numbers["person"]
    page = site.browser(site.owner).get(f"/w/{site.workspace.slug}/records/{person}/").content.decode()
    found = re.search(r'<section aria-labelledby="kept">.*?</section>', page, re.DOTALL)
    assert found
    assert "Contrato Solar" in found[0]
    assert "Signed" in found[0]
    assert f"/history/{run}/" in found[0]
    assert "alheio" not in found[0]


def test_several_addresses_are_one_line_and_differ_where_none_is_shared(furnished: Furnished) -> None:
    past, place = furnished.past, furnished.workplace

    def says(conn: int, **said: Any) -> None:
        fields = {"name": ["Marina Duarte", 1800000000.0], **{k: [v, 1800000000.0] for k, v in said.items()}}
        past.sql("update known_record set fields = %s where conn = %s", json.dumps(fields), conn)

    past.sql("update known_record set object = 'signer' where conn = %s", place.sign.pk)
    says(place.sign.pk, email="marina@duarte.example", owner_id="3")
    both = ["x@y.example", "Marina@duarte.example"]
    says(place.crm.pk, email="x@y.example", emails=both, born="2026-11-29T12:43:02+00:00")
    lines = lines_of(furnished)
    assert "E-mails" not in lines
    assert "x@y.example, Marina@duarte.example" in lines["E-mail"]
    assert not any("Different" in name for name in lines), "one of them is the same"
    assert "<time" in lines["born"], "a moment is written as one"
    assert "2026-11-29T12:43:02+00:00</div>" not in lines["born"]
    assert "owner_id" not in lines, "its system has no name for it"
    says(place.crm.pk, email="x@y.example", emails=["x@y.example"])
    assert "<mark>" in lines_of(furnished)["E-mail Different"]


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
    one = known(1, 1, "person", 1, "thing", "r1", row["fields"], at, 0, None, 0, None, 0)
    assert sorted(one.tags) == ["Cliente", "proposta"]
    assert not one.fields, "tags are no fields"
    assert "Cliente" in json.dumps(row["fields"])
    await db.close()


def test_what_came_late_stands_where_it_happened(furnished: Furnished) -> None:
    past, person = furnished.past, furnished.numbers["person"]
    early = past.event("Contrato novo")
    late = past.event("Contrato antigo", occurred=past.now - timedelta(days=2))
    [(record,)] = past.sql("select id from known_record where person = %s order by id limit 1", person)
    for event in (early, late):
        past.sql("insert into heard (ws, record_id, event_id) values (%s, %s, %s)", past.ws, record, event)
    site = furnished.workplace.site
    page = site.browser(site.owner).get(f"/w/{site.workspace.slug}/records/{person}/").content.decode()
    assert late > early
    assert page.index("Contrato novo") < page.index("Contrato antigo")


def test_a_number_that_the_system_gave_is_not_shown(furnished: Furnished, monkeypatch: Any) -> None:
    from vaivem.connectors.sdk.registry import get_connector
    from vaivem.core.fields import Field, FieldType

    past, sign = furnished.past, furnished.workplace.sign.pk
    fields = (
        Field("recipient.owner", FieldType.RECORD, label="Owner's number"),
        Field("recipient.custom.partner", FieldType.RECORD, label="Partner"),
        Field("recipient.city", label="City"),
    )
    for trigger in get_connector("acme_sign").triggers:
        monkeypatch.setattr(type(trigger), "fields", lambda self, connection: fields)
    told = {
        "owner": ["u77", 1800000000.0],
        "partner": ["p88", 1800000000.0],
        "city": ["Olinda", 1800000000.0],
    }
    past.sql("update known_record set fields = fields || %s where conn = %s", json.dumps(told), sign)
    lines = lines_of(furnished)
    assert "Olinda" in lines["City"]
    assert "p88" in lines["Partner"], "a field that the account made for itself"
    assert not any("u77" in line for line in lines.values())
