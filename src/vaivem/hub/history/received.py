"""What arrived and what was exchanged, as people may read it: pretty, shortened, without secrets."""

from __future__ import annotations

import json
import re
from typing import Any

from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe

from vaivem.hub.shell.templatetags.shell import num

MASK = "•••"
MAX_SHOWN = 30_000
MAX_DEPTH = 30

_SECRET = re.compile(
    r"(?i)(token|secret|passw|senha|authorization|api_?key|credential|private_?key|access_?key|cookie)"
)
_IN_TEXT = re.compile(
    r"(?i)\b((?:access_|refresh_)?token|client_secret|secret|password|senha|api_?key)=[^&\s\"<]+"
)
_KEY = re.compile(r'^(\s*)("(?:[^"\\]|\\.)*")(: )', re.MULTILINE)


def shown_body(body: bytes | None) -> SafeString:
    """Return a body as markup for `pre`: JSON indented with its names marked, anything else as text."""
    if not body:
        return mark_safe("")
    text, is_json = plain_body(body)
    more = len(text) - MAX_SHOWN
    cut = text[:MAX_SHOWN]
    marked = _marked(cut) if is_json else escape(cut)
    return format_html('{}\n<span class="c">… +{}</span>', marked, more) if more > 0 else marked


def plain_body(body: bytes) -> tuple[str, bool]:
    """Return a body as text without secrets, and whether it is JSON."""
    text = body.decode("utf-8", "replace").replace("\x00", "�")
    try:
        data = json.loads(text)
    except ValueError:
        return _IN_TEXT.sub(rf"\1={MASK}", text), False
    except RecursionError:
        return text[:MAX_SHOWN], False
    return json.dumps(masked(data), indent=2, ensure_ascii=False), True


def masked(value: Any, depth: int = 0) -> Any:
    """Return JSON in which whatever is called like a secret is hidden."""
    if depth > MAX_DEPTH:
        return value
    if isinstance(value, dict):
        return {
            key: MASK if _is_secret(key, inner) else masked(inner, depth + 1) for key, inner in value.items()
        }
    if isinstance(value, list):
        return [masked(inner, depth + 1) for inner in value]
    return value


def _is_secret(key: str, value: Any) -> bool:
    plain = isinstance(value, str | int) and not isinstance(value, bool)
    return plain and bool(value) and bool(_SECRET.search(key))


def size_text(body: bytes | None) -> str:
    """Return how large a body is, for the line that unfolds it."""
    size = len(body or b"")
    return f"{size} B" if size < 1000 else f"{num(size / 1000, 1)} kB"


def _marked(text: str) -> SafeString:
    """Mark the names of a JSON text; everything in it is escaped first."""
    escaped = str(escape(text)).replace("&quot;", '"')
    return mark_safe(_KEY.sub(r'\1<span class="k">\2</span>\3', escaped))  # noqa: S308 - escaped above
