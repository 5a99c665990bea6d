"""Messages without their files. One may have 64 MiB of documents; what rules read is some kilobytes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from xml.etree.ElementTree import tostring

import orjson

from vaivem.connectors.docusign.messages import is_xml, read_json
from vaivem.connectors.docusign.xml_payloads import drop_large, read_xml
from vaivem.connectors.sdk import Delivery

# No text that a rule reads is that long: an envelope's message has at most 10,000 letters, a field 4,000.
LONGEST_TEXT = 32 * 1024
DEEPEST = 40


def slim(delivery: Delivery) -> Delivery:
    """Return the message without files. Raises UnreadableError for what is neither JSON nor XML."""
    if len(delivery.body) <= LONGEST_TEXT:
        return delivery
    if is_xml(delivery):
        root = read_xml(delivery.body)
        drop_large(root)
        return replace(delivery, body=tostring(root, encoding="utf-8"))
    return replace(delivery, body=orjson.dumps(_without_files(read_json(delivery.body), 0)))


def _without_files(value: Any, depth: int) -> Any:
    if isinstance(value, dict) and depth < DEEPEST:
        kept = {key: _without_files(one, depth + 1) for key, one in value.items()}
        return {key: one for key, one in kept.items() if one is not None or value[key] is None}
    if isinstance(value, list) and depth < DEEPEST:
        return [_without_files(one, depth + 1) for one in value]
    return None if isinstance(value, str) and len(value) > LONGEST_TEXT else value
