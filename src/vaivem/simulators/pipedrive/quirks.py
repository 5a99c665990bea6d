"""Where the vendor's documents are silent or disagree: what this account does, as switches."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(slots=True)
class Quirks:
    """Each default is the documented behaviour, or else the one that is harder on a client."""

    search_lag_seconds: float = 3.0  # how long a written record is not found by search
    conversion_seconds: float = 1.0  # how long a lead takes to become a deal
    refuse_unknown_keys: bool = True  # API v2 refuses a body key it does not know
    deleted_by_id: bool = True  # API v2 still gives a deleted record by its id, for 30 days
    contact_sync: bool = False  # persons show postal address, notes, birthday and job title
    activity_person_ignored: bool = True  # an activity's person_id is read only; participants count
    v1_gone: bool = False  # API v1 of deals, persons, organizations, activities, stages answers 410
    retry_after: bool = False  # a 429 carries Retry-After
    probe_address: bool = False  # a new webhook's address must take a connection
    ban_after: int = 10  # failed first tries before a webhook is banned
    ban_counter_resets: bool = False  # a delivery that arrives sets the count back to nought
    edge_block_after: int = 60  # refused calls of one API token in a minute before the edge blocks it
    edge_block_seconds: float = 60.0  # for how long
    rotate_refresh_token: bool = False  # a refresh gives another refresh token and ends the old one
    open_deals_limit: int = 0  # open deals the plan allows; 0: no limit
    unpaid: bool = False  # everything is answered with 402
    budget_reset_hour: int = 0  # hour (UTC) at which the day of the token budget begins

    def change(self, values: dict[str, Any]) -> None:
        """Set some switches, all or none; ValueError at an unknown one or a value of the wrong type."""
        known = asdict(self)
        checked: dict[str, Any] = {}
        for name, value in values.items():
            now = known.get(name)
            number = isinstance(now, float) and isinstance(value, int) and not isinstance(value, bool)
            if (
                now is None
                or (type(value) is not type(now) and not number)
                or (not isinstance(value, bool) and value < 0)
            ):
                raise ValueError(f"{name}: known switches and their types are {known}")
            checked[name] = float(value) if number else value
        if checked.get("budget_reset_hour", 0) > 23:
            raise ValueError("budget_reset_hour is an hour from 0 to 23")
        for name, value in checked.items():
            setattr(self, name, value)
