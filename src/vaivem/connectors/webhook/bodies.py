"""What a delivery says, whatever it is written in: JSON, form, multipart form, XML.

Raises UnreadableError with ``body_not_readable`` (format, reason), ``format_unknown`` (type),
``body_too_deep``, ``xml_entities_refused``.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl
from xml.etree.ElementTree import Element, ParseError

import orjson
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, FormParser, parse_options_header

from vaivem.core.errors import UnreadableError

DEEPEST = 40
MOST_FORM_FIELDS = 1000

Pair = tuple[str, str]

_BRACKETS = re.compile(r"^([^\[\]]+)((?:\[[^\[\]]*\])*)$")


def read_body(body: bytes, content_type: str, chosen: str = "auto") -> Any:
    """Return the content: an object, or a list of anything. No body is an empty object."""
    if not body.strip():
        return {}
    declared, options = parse_options_header(content_type)
    kind = declared.decode("latin-1").lower()
    charset = options.get(b"charset", b"utf-8").decode("latin-1")
    form = chosen if chosen != "auto" else _format(kind, body)
    if form == "json":
        return _object_or_list(_json(body))
    if form == "xml":
        return _xml(body)
    if form == "multipart" or (form == "form" and kind == "multipart/form-data"):
        return nested(_multipart(body, options.get(b"boundary", b"")))
    return nested(_pairs(body, charset))


def read_query(query: str) -> dict[str, Any]:
    """Return the fields of a query string."""
    return nested(_pairs(query.encode("latin-1"), "utf-8"))


def nested(pairs: list[Pair]) -> dict[str, Any]:
    """Return pairs as an object: a repeated name is a list, ``contact[email]`` an object in an object."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        match = _BRACKETS.match(name)
        parts = [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])] if match else [name]
        if parts[-1] == "" and len(parts) > 1:
            parts.pop()  # `tags[]` is how some write a list
        if len(parts) > DEEPEST:
            raise UnreadableError("body_too_deep")
        _put(found, parts, value)
    return found


def _put(target: dict[str, Any], parts: list[str], value: str) -> None:
    for part in parts[:-1]:
        inner = target.get(part)
        if not isinstance(inner, dict):
            inner = target[part] = {} if inner is None else {"": inner}
        target = inner
    last = parts[-1]
    if last not in target:
        target[last] = value
    elif isinstance(target[last], list):
        target[last].append(value)
    else:
        target[last] = [target[last], value]


def _format(kind: str, body: bytes) -> str:
    """Say what a body is written in: as declared, else as it looks. Many senders declare nothing right."""
    if kind.endswith(("/json", "+json")):
        return "json"
    if kind.endswith(("/xml", "+xml")):
        return "xml"
    if kind == "application/x-www-form-urlencoded":
        # Senders that never set a type get this one from their HTTP library.
        return "json" if body.lstrip()[:1] in (b"{", b"[") else "form"
    if kind == "multipart/form-data":
        return "multipart"
    looks = {b"{": "json", b"[": "json", b"<": "xml"}.get(body.lstrip()[:1])
    if looks is None and re.match(rb"^[^\s=&]+=", body):
        looks = "form"
    if looks is None or kind == "text/html":
        raise UnreadableError("format_unknown", params={"type": kind[:100]})
    return looks


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise _not_readable("JSON", str(error)) from error


def _object_or_list(content: Any) -> Any:
    if not isinstance(content, dict | list):
        raise _not_readable("JSON", f"a single {type(content).__name__}")
    _check_depth(content)
    return content


def _check_depth(content: Any) -> None:
    level = [content]
    for _ in range(DEEPEST):
        level = [part for one in level for part in _parts(one)]
        if not level:
            return
    raise UnreadableError("body_too_deep")


def _parts(content: Any) -> list[Any]:
    parts = content.values() if isinstance(content, dict) else content
    return [part for part in parts if isinstance(part, dict | list)]


def _pairs(body: bytes, charset: str) -> list[Pair]:
    try:
        text = body.decode("ascii")
    except UnicodeDecodeError:
        try:
            text = body.decode(charset)
        except (UnicodeDecodeError, LookupError) as error:
            raise _not_readable("form", str(error)) from error
    try:
        return parse_qsl(
            text.strip(),
            keep_blank_values=True,
            encoding=charset,
            errors="strict",
            max_num_fields=MOST_FORM_FIELDS,
        )
    except (ValueError, LookupError) as error:  # too many fields, bytes that are no text, an unknown charset
        raise _not_readable("form", str(error)) from error


def _multipart(body: bytes, boundary: bytes) -> list[Pair]:
    """Read the fields of a multipart form; files in it are left out."""
    pairs: list[Pair] = []
    ended: list[bool] = []

    def keep(field: Field) -> None:
        if len(pairs) >= MOST_FORM_FIELDS:
            raise _not_readable("form", f"more than {MOST_FORM_FIELDS} fields")
        try:
            pairs.append(((field.field_name or b"").decode(), (field.value or b"").decode()))
        except UnicodeDecodeError as error:
            raise _not_readable("form", str(error)) from error

    try:
        # In memory whatever the size, which the hook has limited: nothing of it may land on the disk.
        parser = FormParser(
            "multipart/form-data",
            keep,
            lambda file: file.close(),
            lambda: ended.append(True),
            boundary=boundary,
            config={"MAX_MEMORY_FILE_SIZE": len(body) + 1},
        )
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise _not_readable("form", str(error)) from error
    if not ended:
        raise _not_readable("form", "it ends before its last part")
    return pairs


def _xml(body: bytes) -> dict[str, Any]:
    try:
        root = fromstring(body, forbid_dtd=True)
    except DefusedXmlException as error:
        raise UnreadableError("xml_entities_refused", detail=type(error).__name__) from error
    except (ParseError, ValueError, LookupError) as error:
        raise _not_readable("XML", str(error)) from error
    return {_name(root.tag): _element(root, 1)}


def _element(element: Element, depth: int) -> Any:
    """Return an element: its text, or an object of its attributes and children, repeated ones as a list."""
    if depth > DEEPEST:
        raise UnreadableError("body_too_deep")
    found: dict[str, Any] = {}
    for child in element:
        name, value = _name(child.tag), _element(child, depth + 1)
        if name not in found:
            found[name] = value
        elif isinstance(found[name], list):
            found[name].append(value)
        else:
            found[name] = [found[name], value]
    for name, text in element.attrib.items():
        found.setdefault(_name(name), text)
    text = (element.text or "").strip()
    if found and text:
        found.setdefault("text", text)
    return found or text


def _name(tag: Any) -> str:
    """Return a tag without its namespace."""
    return str(tag).rpartition("}")[2]


def _not_readable(form: str, reason: str) -> UnreadableError:
    return UnreadableError(
        "body_not_readable", params={"format": form, "reason": reason[:200]}, detail=reason
    )
