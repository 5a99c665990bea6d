"""What a user may see: everything, their team's records, or only their own."""

from typing import TYPE_CHECKING

from vaivem.simulators.kit.tables import Record
from vaivem.simulators.rd_station_crm.problems import MissingError
from vaivem.simulators.rd_station_crm.schema import ENTITIES

if TYPE_CHECKING:
    from vaivem.simulators.rd_station_crm.account import Account

_OWNERS = {
    "deals": lambda record: {record["owner_id"]},
    "organizations": lambda record: {record["owner_id"]},
    "tasks": lambda record: {*record["owner_ids"], record["created_by_id"]},
}


def visible(account: "Account", user: Record, table: str, record: Record) -> bool:
    """Tell whether the user may see a record; levels are `general`, `team` and `restricted`."""
    if user["visibility"] == "general" or table not in _OWNERS:
        return True
    return not _OWNERS[table](record).isdisjoint(_circle(account, user))


def visible_only(account: "Account", user: Record, table: str) -> list[Record] | None:
    """The records of a table that the user may see, or None when that is all of them."""
    if user["visibility"] == "general" or table not in _OWNERS:
        return None
    circle = _circle(account, user)
    return [record for record in account.tables[table] if not _OWNERS[table](record).isdisjoint(circle)]


def get_visible(account: "Account", user: Record, table: str, record_id: object) -> Record:
    """Return a record; MissingError when there is none or the user may not see it."""
    record = account.get(table, record_id)
    if not visible(account, user, table, record):
        raise MissingError(ENTITIES[table].label)
    return record


def _circle(account: "Account", user: Record) -> set[str]:
    if user["visibility"] == "restricted":
        return {user["id"]}
    teams = [team for team in account.tables["teams"] if user["id"] in team["user_ids"]]
    return {user["id"], *(member for team in teams for member in team["user_ids"])}
