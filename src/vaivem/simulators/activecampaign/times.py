"""The vendor's ways to write a time. Stored times are UTC text, so that text order is time order."""

from datetime import UTC, datetime, timedelta, timezone

# The account's own zone, as its settings page says.
ZONE = timezone(timedelta(hours=-3))


def utc_text(moment: datetime) -> str:
    """`2026-03-13T17:07:04.254123Z`, the form of everything stored."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def local_text(stored: str | None) -> str | None:
    """`2026-03-13T14:07:04-03:00`: whole seconds with the account's offset."""
    if stored is None:
        return None
    return datetime.fromisoformat(stored).astimezone(ZONE).isoformat(timespec="seconds")


def plain_text(stored: str) -> str:
    """`2026-03-13 17:07:04`, in UTC without saying so."""
    return datetime.fromisoformat(stored).strftime("%Y-%m-%d %H:%M:%S")


def nano_text(stored: str) -> str:
    """`2026-03-13T17:07:04.254123000Z`, as custom objects have it."""
    return stored.replace("Z", "000Z")


def read_time(text: str) -> str | None:
    """A day or an ISO 8601 time (the account's zone when it names none) as stored text; None for neither."""
    try:
        moment = datetime.fromisoformat(text.strip().replace(" ", "T", 1))
    except ValueError:
        return None
    return utc_text(moment if moment.tzinfo else moment.replace(tzinfo=ZONE))
