"""The vendor's way to write a time. Stored times are UTC text, so that text order is time order."""

from datetime import UTC, datetime, timedelta, timezone

BRASILIA = timezone(timedelta(hours=-3))


def utc_text(moment: datetime) -> str:
    """`2026-03-13T17:07:04.254Z`, the form of everything stored."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def brasilia_text(stored: str) -> str:
    """The same moment as the API and the webhooks write it: `2026-03-13T14:07:04.254-03:00`."""
    return datetime.fromisoformat(stored).astimezone(BRASILIA).isoformat(timespec="milliseconds")
