"""New contacts of the past by the vendor's import: many a call, worked later, with no webhook or automation.

It tells the ids of those that it made and the addresses of those that it did not. Of somebody who is there by
then it tells nothing, so who is known to be there is changed by calls of their own, and whoever is not among
the told is written once more: the address is the key, so that makes nobody twice.
https://developers.activecampaign.com/reference/bulk-import-status-info
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any

from typing_extensions import override

from vaivem.connectors.activecampaign import client
from vaivem.connectors.activecampaign.custom_values import OwnFields, custom_of
from vaivem.connectors.activecampaign.records import Record, contact_from, contact_written
from vaivem.connectors.sdk import ActionContext, Answer, BulkWrite, Call, Connection, Reader
from vaivem.core.identity import normalise_email

NAMES = ("email", "first_name", "last_name", "phone")  # as we have them
TOLD = ("id", "email", "firstName", "lastName", "phone", "cdate", "udate", "created_utc_timestamp",
        "updated_utc_timestamp")  # fmt: skip
ENDED = ("completed", "failed", "interrupted")  # else it goes on; at first there is no status at all


class ContactImport(BulkWrite):
    """https://developers.activecampaign.com/reference/bulk-import-contacts"""

    key = "contacts.import"
    most = 250
    most_bytes = 360_000  # of 400,000 in all, and each contact says that automations are left out

    @override
    def call(self, records: Sequence[Mapping[str, Any]]) -> Call:
        return client.import_contacts(records)

    @override
    def name(self, answer: Answer) -> str:
        body = answer.json
        return str(body.get("batchId") or "") if isinstance(body, Mapping) else ""

    @override
    def refused(self, answer: Answer) -> Collection[int]:
        """Return the places that the reasons name, and those before: maybe they count from 1."""
        body = answer.json if answer.content and answer.is_json else None
        reasons = body.get("failureReasons") if isinstance(body, Mapping) else None
        named = [one.get("contact") for one in reasons or () if isinstance(one, Mapping)]
        places = {int(str(one)) for one in named if str(one).isdecimal()}
        return places | {place - 1 for place in places}

    @override
    async def look(
        self, reader: Reader, name: str, records: Sequence[Mapping[str, Any]]
    ) -> Sequence[Mapping[str, Any] | None] | None:
        body = (await reader.read(client.import_info(name))).json
        info = body if isinstance(body, Mapping) else {}
        status = str(info.get("status"))
        if status not in ENDED:
            return None
        if status != "completed":
            return [None] * len(records)
        left = {_plain(one) for one in info.get("failure") or ()}
        found = await _by_address(reader, [str(one) for one in info.get("success") or ()])
        addresses = [_plain(record["email"]) for record in records]
        return [found.get(one) if one not in left else None for one in addresses]


async def _by_address(reader: Reader, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """Return contacts by their address, as their list shows them: what is not in it is written once more."""
    found: dict[str, Mapping[str, Any]] = {}
    for start in range(0, len(ids), client.PAGE):
        answer = await reader.read(client.contacts_of(ids[start : start + client.PAGE]))
        for row in client.rows(answer, "contacts"):
            found[_plain(row.get("email"))] = {key: row[key] for key in TOLD if key in row}
    return found


async def import_contact(
    context: ActionContext, values: Mapping[str, Any], tags: Sequence[str]
) -> Record | None:
    """Have a new contact of the past imported; return it as it is then, None where the run makes it."""
    given = {key: value for key, value in values.items() if value not in (None, "", [], ())}
    record = _record(context.connection, given, tags)
    leaves = partial(contact_written, context.connection)
    take = partial(_taken, context.connection, given)
    return await context.write_in_bulk(ContactImport.key, record, take, leaves=leaves)


def _record(connection: Connection, values: Mapping[str, Any], tags: Sequence[str]) -> Record:
    written = OwnFields(connection, "contact").written(custom_of(values))
    record: Record = {name: str(values[name]) for name in NAMES if name in values}
    record["tags"] = list(tags)
    record["fields"] = [{"id": client.whole(one["field"]), "value": one["value"]} for one in written]
    return {key: value for key, value in record.items() if value}


def _taken(connection: Connection, values: Mapping[str, Any], row: Mapping[str, Any]) -> Record:
    """Return the contact as its list shows it, with the own values as they were sent."""
    own = OwnFields(connection, "contact")
    sent = {one["field"]: own.read(one["field"], one["value"]) for one in own.written(custom_of(values))}
    return {**contact_from(connection, {"contact": row}), "custom": sent}


def _plain(address: Any) -> str:
    return normalise_email(str(address)) or str(address).casefold()
