"""What a tool answered, as later steps read it."""

from __future__ import annotations

from typing import Any

from vaivem.connectors.sdk import Answer, VendorMessage

LONGEST_TEXT = 50_000
LARGEST_JSON_BYTES = 1_000_000
_KEPT_BACK = frozenset({"set-cookie", "authorization", "www-authenticate"})
_SENTENCES = ("message", "detail", "error_description", "error", "title", "mensagem", "erro", "description")


def output(answer: Answer) -> dict[str, Any]:
    """Return ``status``, ``headers``, ``json`` (null when it is none) and ``text`` (shortened)."""
    small = len(answer.content) <= LARGEST_JSON_BYTES
    return {
        "status": answer.status,
        "headers": {name: value for name, value in answer.headers.items() if name not in _KEPT_BACK},
        "json": answer.json if small and answer.is_json else None,
        "text": answer.text[:LONGEST_TEXT].replace("\x00", ""),
    }


def read_message(answer: Answer) -> VendorMessage:
    """Find the sentence in an error answer of a tool that we do not know."""
    if answer.is_json:
        return VendorMessage(text=_sentence(answer.json, 4)[:500])
    text = answer.text.strip()
    return VendorMessage(text="" if text.startswith("<") else text[:500])


def _sentence(content: Any, depth: int) -> str:
    if isinstance(content, str):
        return content
    if depth == 0:
        return ""
    if isinstance(content, list):
        return "; ".join(filter(None, (_sentence(part, depth - 1) for part in content[:5])))
    if isinstance(content, dict):
        for name in _SENTENCES:
            found = _sentence(content.get(name), depth - 1)
            if found:
                return found
        return _sentence(content.get("errors"), depth - 1)
    return ""
