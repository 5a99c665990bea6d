"""What was told of in one moment: a list that is cut off has the same rows in the same order each time."""

from __future__ import annotations

import json

from tests.hub.furnished import Furnished, furnished
from tests.hub.workplace import systems, workplace

__all__ = ["furnished", "systems", "workplace"]

NUMBER = 40  # more than one page shows of deals


def test_deals_that_one_event_told_of_are_the_newest_noted_first(furnished: Furnished) -> None:
    from vaivem.hub.records.queries import MOST_RELATED, related

    past, person = furnished.past, int(furnished.numbers["person"])
    [(record,)] = past.sql(
        "select id from known_record where ws = %s and conn = %s", past.ws, furnished.workplace.crm.pk
    )
    event, deals = past.event(), []
    for number in range(NUMBER):
        [(deal,)] = past.sql(
            "insert into known_record (ws, conn, object, record, kind, fields, told, event_id)"
            " values (%s, %s, 'deal', %s, 'deal', %s, %s, %s) returning id",
            past.ws, furnished.workplace.crm.pk, f"d{number}", json.dumps({}), past.now, event,
        )  # fmt: skip
        deals.append(deal)
    for one in (record, *deals):
        past.sql("insert into heard (ws, record_id, event_id) values (%s, %s, %s)", past.ws, one, event)
    newest = deals[::-1][:MOST_RELATED]
    assert [row.id for row in related(past.ws, person)] == newest
    past.sql("update known_record set read_run_id = 1 where id = %s", deals[0])  # its row moves to the end
    assert [row.id for row in related(past.ws, person)] == newest


def test_documents_of_one_moment_keep_their_order(furnished: Furnished) -> None:
    from vaivem.hub.records.documents import documents_of

    past, conn = furnished.past, furnished.workplace.sign.pk
    [(record,)] = past.sql("select id from known_record where ws = %s and conn = %s", past.ws, conn)
    names = [f"e{number:02}" for number in range(NUMBER)]
    for name in reversed(names):
        past.insert(
            "document", ws=past.ws, conn=conn, document=name, name=name, state="sent", rank=1, told=past.now
        )
        past.insert(
            "document_recipient",
            ws=past.ws, conn=conn, document=name, recipient="r1", record_id=record,
            state="sent", rank=1, told=past.now,
        )  # fmt: skip
    assert [row.name for row in documents_of(past.ws, [record])] == names
