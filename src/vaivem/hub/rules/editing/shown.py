"""Values of a definition as the form shows them, all of them texts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def shown_value(value: Any) -> str:
    """Return a fixed value as a text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def liquid_of(source: Mapping[str, Any]) -> str:
    """Return what a field is filled from as one text, a field of the event as ``{{ its.path }}``."""
    if "from" in source:
        return f"{{{{ {source['from']} }}}}" if source["from"] else ""
    return shown_value(source.get("text", source.get("value")))
