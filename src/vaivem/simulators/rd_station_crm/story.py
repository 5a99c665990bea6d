"""Whether a story's people and their deal are in the account."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from vaivem.simulators.stories import Act, Asker, Held, Served


async def holds(account: Served, act: Act, asker: Asker) -> list[Held]:
    """Return the contacts of the act's people, and the deals that these contacts belong to."""
    contacts: dict[str, Mapping[str, object]] = {}
    for person in act.people:
        if person["email"]:
            found = await _list(account, asker, f"contacts?filter=email:{quote(person['email'])}")
            contacts |= {str(contact["id"]): contact for contact in found}
    deals: dict[str, Mapping[str, object]] = {}
    for contact in contacts:
        found = await _list(account, asker, f"deals?filter=contact_id:{contact}")
        deals |= {str(deal["id"]): deal for deal in found}
    held = [Held("contact", key, str(row["name"]), row) for key, row in contacts.items()]
    return held + [Held("deal", key, str(row["name"]), row) for key, row in deals.items()]


async def _list(account: Served, asker: Asker, path: str) -> list[Mapping[str, object]]:
    # As a user of the account would, with the personal token's rights; API v2 needs OAuth's access token.
    headers = {"Authorization": f"Bearer {account.credentials['access_token']}"}
    answer = await asker.call("GET", f"{account.base_url}/crm/v2/{path}", None, headers)
    rows: list[Mapping[str, object]] = answer["data"]
    return rows
