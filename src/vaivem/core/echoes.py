"""Our own change that comes back: known by content and version, whatever the vendor did to its spelling."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Any

from vaivem.core.folding import fold
from vaivem.core.identity import normalise_email, normalise_phone
from vaivem.core.numbers import parse_moment

_PHONE = re.compile(r"[+(]?\d[\d\s().\-]{8,20}")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?")


def prints(values: Mapping[str, Any]) -> dict[str, str]:
    """Return a short hash of each field's value, the same for all spellings of one value."""
    return {key: _digest(value) for key, value in values.items()}


def _digest(value: Any) -> str:
    text = json.dumps(_plain(value), sort_keys=True, ensure_ascii=False)
    return blake2b(text.encode(), digest_size=8).hexdigest()


def _plain(value: Any) -> Any:
    """Return a value without what a vendor may change in it: case, accents, blanks, phone and number formats.

    Empty is empty, whether null, "" or a list of nothing; a list's order does not count.
    """
    if isinstance(value, Mapping):
        parts = {str(key): _plain(part) for key, part in value.items()}
        return {key: part for key, part in parts.items() if part != ""} or ""
    if isinstance(value, list | tuple | set | frozenset):
        found = [part for part in map(_plain, value) if part != ""]
        return sorted(found, key=lambda part: json.dumps(part, sort_keys=True)) or ""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return _spelled(str(value).strip())


def _spelled(text: str) -> str:
    if not text:
        return ""
    if "T" in text and isinstance(moment := parse_moment(text), datetime):
        return str(int(moment.timestamp()))
    if email := normalise_email(text):
        return email
    if _PHONE.fullmatch(text) and (phone := normalise_phone(text)):
        return phone
    if _NUMBER.fullmatch(text):
        return format(Decimal(text).normalize(), "f")
    return fold(text)


def kept(values: Mapping[str, Any], version: datetime | None) -> dict[str, list[Any]]:
    """Return what to keep of a write: each field's hash, and when the record was changed by it (seconds)."""
    at = version.timestamp() if version else None
    return {key: [one, at] for key, one in prints(values).items()}


def is_echo(
    changed: Mapping[str, Any], version: datetime | None, written: Mapping[str, list[Any]], *, whole: bool
) -> bool:
    """Say whether an event only tells of what we last wrote to its record.

    `changed` are the event's fields, `version` is when the record was changed, `written` what was kept of
    our writes. All of the event's fields must carry what we wrote, and none be newer than our write, to the
    second: a person may have set the same value again. With `whole` the event does not say which of its
    fields were changed: it is ours when it is the very version that one of our writes left.
    """
    at = version.timestamp() if version else None
    told = prints(changed)
    if whole:
        left = {key: one for key, (one, since) in written.items() if at is not None and since == at}
        shown = {key: one for key, one in left.items() if key in told}
        return bool(shown) and all(told[key] == one for key, one in shown.items())
    return bool(told) and all(_is_ours(one, at, written.get(key)) for key, one in told.items())


def _is_ours(told: str, at: float | None, written: list[Any] | None) -> bool:
    if written is None or told != written[0]:
        return False
    since = written[1]
    return at is None or since is None or int(at) <= int(since)
