"""A bounded look back: which contacts and deals were changed meanwhile, as deliveries in the webhook's form.

Nothing is sent twice, so this is the only second chance. Lists of what was changed exist for contacts and
deals alone. The zone of the time that they are asked with is not documented: a day more is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from vaivem.connectors.activecampaign import client, finding, sales_client
from vaivem.connectors.activecampaign.deliveries import CAUGHT_UP
from vaivem.connectors.sdk import Call, Delivery, Reader
from vaivem.core.errors import RecordError, RuleError
from vaivem.core.likeness import moment_of

ZONES = timedelta(days=1)
MOST_CONTACTS = 500  # two calls each
MAX_PAGES = 50
Row = Mapping[str, Any]


async def missed(reader: Reader, since: datetime, until: datetime) -> list[Delivery]:
    """Return what happened to contacts and deals between two moments, as far as their lists tell."""
    return await _contacts(reader, since, until) + await _deals(reader, since, until)


async def _contacts(reader: Reader, since: datetime, until: datetime) -> list[Delivery]:
    rows: list[Row] = []
    above, after = "0", _wire_time(since - ZONES)
    for _ in range(MAX_PAGES):
        page = client.rows(await reader.read(client.contacts_changed(after, above)), "contacts")
        rows += [row for row in page if _inside(_changed_at(row), since, until)]
        if len(page) < client.PAGE or len(rows) >= MOST_CONTACTS:
            break
        above = str(page[-1]["id"])
    found: list[Delivery] = []
    for row in rows[:MOST_CONTACTS]:
        found += await _of_contact(reader, str(row["id"]), since, until)
    return found


async def _of_contact(reader: Reader, contact_id: str, since: datetime, until: datetime) -> list[Delivery]:
    try:
        body = (await reader.read(client.contact(contact_id))).json or {}
        tags = client.contact_parts(contact_id, "contactTags")
        links = client.rows(await reader.read(tags), "contactTags")
    except RecordError as error:
        if error.code != "record_not_found":
            raise
        return []  # deleted since
    row = body.get("contact") or {}
    told = _contact_form(row, body.get("fieldValues") or ())
    found = [_delivery("update", str(row.get("udate")), told)]
    names = {str(one.value): one.label for one in reader.connection.options("tag_ids")}
    for link in links:
        name = names.get(str(link.get("tag")))
        if name and _inside(moment_of(link.get("cdate")), since, until):
            found.append(_delivery("contact_tag_added", str(link["cdate"]), {**told, "tag": name}))
    return found


async def _deals(reader: Reader, since: datetime, until: datetime) -> list[Delivery]:
    call: Call = sales_client.deals(("updated_after", _wire_time(since - ZONES)))
    found: list[Delivery] = []
    try:
        rows = [row async for row in finding.every(reader, call, "deals")]
    except RuleError:
        return []  # a plan without deals, or a user who may not see them: nothing is sent of them either
    for row in rows:
        if _inside(moment_of(row.get("mdate")), since, until):
            made = _inside(moment_of(row.get("cdate")), since, until)
            kind, at = ("deal_add", row.get("cdate")) if made else ("deal_update", row.get("mdate"))
            found.append(_delivery(kind, str(at), _deal_form(row)))
    return found


def _contact_form(row: Row, values: Any) -> dict[str, str]:
    form = {
        "contact[id]": row.get("id"),
        "contact[email]": row.get("email"),
        "contact[first_name]": row.get("firstName"),
        "contact[last_name]": row.get("lastName"),
        "contact[phone]": row.get("phone"),
    }
    form |= {f"contact[fields][{one['field']}]": one.get("value") for one in values}
    return _texts(form)


def _deal_form(row: Row) -> dict[str, str]:
    cents = str(row.get("value") or "0")
    return _texts(
        {
            "deal[id]": row.get("id"),
            "deal[title]": row.get("title"),
            "deal[status]": row.get("status"),
            "deal[stageid]": row.get("stage"),
            "deal[pipelineid]": row.get("group"),
            "deal[contactid]": row.get("contact"),
            "deal[orgid]": row.get("account"),
            "deal[currency]": row.get("currency"),
            "deal[value_raw]": int(cents) / 100 if cents.isdecimal() else None,
            "deal[owner]": row.get("owner"),
            "deal[cdate]": row.get("cdate"),
        }
    )


def _texts(form: Mapping[str, Any]) -> dict[str, str]:
    return {name: "" if value is None else str(value) for name, value in form.items()}


def _delivery(kind: str, at: str, told: Mapping[str, str]) -> Delivery:
    form = {"type": kind, "date_time": at, CAUGHT_UP: "1", **told}
    headers = {"content-type": "application/x-www-form-urlencoded"}
    return Delivery("POST", "", "", headers, urlencode(form).encode())


def _changed_at(row: Row) -> datetime | None:
    return moment_of(row.get("udate") or row.get("cdate"))


def _inside(moment: datetime | None, since: datetime, until: datetime) -> bool:
    return moment is not None and since <= moment <= until


def _wire_time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")
