"""The vendor's times: seven digits after the second and Z in JSON, no zone at all in the older XML."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

# What a time without an offset means, and the zone of the older XML: the vendor's own.
SERVER_ZONE = ZoneInfo("America/Los_Angeles")
# Lists do not go further back.
LONGEST_BACK = timedelta(days=183)


def stamp(moment: datetime) -> str:
    """`2025-05-30T18:03:50.4233752Z`; as text these sort as the moments do."""
    utc = moment.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond:06d}{utc.microsecond % 9 + 1}Z"


def moment(text: str) -> datetime:
    """The moment of a `stamp`, to the microsecond."""
    return datetime.fromisoformat(text[:26] + "+00:00")


def asked(text: str) -> datetime:
    """A time in a query; without an offset it is in the server's zone. Raises ValueError."""
    found = datetime.fromisoformat(text.strip().replace(" ", "+") if "T" in text else text.strip())
    return found if found.tzinfo else found.replace(tzinfo=SERVER_ZONE)


def bare(text: str) -> str:
    """A `stamp` as the older XML has it: the account's wall clock, with no zone."""
    return moment(text).astimezone(SERVER_ZONE).replace(tzinfo=None).isoformat()


def zone_offset(text: str) -> str:
    """The hours between UTC and the wall clock of `bare` at a stamp, such as `-8`."""
    offset = moment(text).astimezone(SERVER_ZONE).utcoffset() or timedelta(0)
    return str(int(offset.total_seconds() // 3600))
