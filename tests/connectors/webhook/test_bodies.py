"""Bodies in any format: what they become, and how each can be refused."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaivem.connectors.webhook.bodies import DEEPEST, read_body, read_query
from vaivem.core.errors import UnreadableError

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
XML = "application/xml"
MULTIPART = "multipart/form-data; boundary=frontier"
PARTS = (
    b'--frontier\r\nContent-Disposition: form-data; name="cliente[nome]"\r\n\r\nAna \xc3\x81vila\r\n'
    b'--frontier\r\nContent-Disposition: form-data; name="arquivo"; filename="a.pdf"\r\n'
    b"Content-Type: application/pdf\r\n\r\n%PDF\x00\xff\r\n"
    b'--frontier\r\nContent-Disposition: form-data; name="vazio"\r\n\r\n\r\n--frontier--\r\n'
)


@pytest.mark.parametrize(
    ("body", "type_", "content"),
    [
        (b'{"a": {"b": 1}}', JSON, {"a": {"b": 1}}),
        (b'\xef\xbb\xbf{"a": 1}', "application/json; charset=utf-8", {"a": 1}),
        (b'[{"a": 1}, 2]', "application/vnd.api+json", [{"a": 1}, 2]),
        (b" \n{}", "text/plain", {}),
        (b'{"a": 1}', "", {"a": 1}),
        (b'{"a": "x=y&z"}', FORM, {"a": "x=y&z"}),
        (b"", JSON, {}),
        (b"  \n", XML, {}),
        (b"nome=Ana+S&email=a%40b.co&vazio=", FORM, {"nome": "Ana S", "email": "a@b.co", "vazio": ""}),
        (b"nome=%C3%81vila", FORM, {"nome": "Ávila"}),
        (b"nome=%C1vila", f"{FORM}; charset=iso-8859-1", {"nome": "Ávila"}),
        ("nome=Ávila".encode(), FORM, {"nome": "Ávila"}),
        (b"tag=a&tag=b&tag=c", FORM, {"tag": ["a", "b", "c"]}),
        (b"tags[]=a&tags[]=b", FORM, {"tags": ["a", "b"]}),
        (b"contact[email]=a%40b.co&contact[f][1]=x", FORM, {"contact": {"email": "a@b.co", "f": {"1": "x"}}}),
        (b"a=1&a[b]=2", FORM, {"a": {"": "1", "b": "2"}}),
        (b"a[b]=2&a=1", FORM, {"a": [{"b": "2"}, "1"]}),
        (b"odd]name=1&[x]=2", FORM, {"odd]name": "1", "[x]": "2"}),
        (b"a=1&b=2", "text/plain", {"a": "1", "b": "2"}),
        (PARTS, MULTIPART, {"cliente": {"nome": "Ana Ávila"}, "vazio": ""}),
        (b"<p><n>Ana</n><n>Bia</n><v> 3 </v><z/></p>", XML, {"p": {"n": ["Ana", "Bia"], "v": "3", "z": ""}}),
        (b'<?xml version="1.0" encoding="ISO-8859-1"?><p>\xc1</p>', "text/xml", {"p": "Á"}),
        (b'<s:E xmlns:s="u:x"><s:i k="1">7</s:i></s:E>', "a/soap+xml", {"E": {"i": {"k": "1", "text": "7"}}}),
        (b"<a><b>1</b></a>", "", {"a": {"b": "1"}}),
    ],
)  # fmt: skip
def test_each_format_is_read(body: bytes, type_: str, content: Any) -> None:
    assert read_body(body, type_) == content


def test_a_chosen_format_wins_over_the_declared_one() -> None:
    assert read_body(b"a=1", JSON, "form") == {"a": "1"}
    assert read_body(b'{"a": 1}', "text/html", "json") == {"a": 1}
    assert read_body(b"<a>1</a>", FORM, "xml") == {"a": "1"}
    assert read_body(PARTS, MULTIPART, "form")["vazio"] == ""
    assert read_body(b'{"a"=1}', FORM, "form") == {'{"a"': "1}"}


@pytest.mark.parametrize(
    ("body", "type_", "code"),
    [
        (b'{"a":', JSON, "body_not_readable"),
        (b"{'a': 1}", JSON, "body_not_readable"),
        (b'{"a": NaN}', JSON, "body_not_readable"),
        (b'{"a": "\xff"}', JSON, "body_not_readable"),
        (b'"text"', JSON, "body_not_readable"),
        (b"12", JSON, "body_not_readable"),
        (b"null", JSON, "body_not_readable"),
        (b"hello there", "text/plain", "format_unknown"),
        (b"<html></html>", "text/html", "format_unknown"),
        (b"\x00\x01\x02", "application/octet-stream", "format_unknown"),
        (b"nome=%C1vila", FORM, "body_not_readable"),
        (b"nome=\xc1vila", FORM, "body_not_readable"),
        (b"nome=%C1vila", f"{FORM}; charset=no-such-thing", "body_not_readable"),
        (b"&".join(b"f%d=1" % n for n in range(1001)), FORM, "body_not_readable"),
        (b"a" + b"[b]" * (DEEPEST + 1) + b"=1", FORM, "body_too_deep"),
        (PARTS[:80], MULTIPART, "body_not_readable"),
        (PARTS[:-16], MULTIPART, "body_not_readable"),
        (PARTS.replace(b"\xc3\x81", b"\xc1"), MULTIPART, "body_not_readable"),
        (PARTS, "multipart/form-data", "body_not_readable"),
        (b"nothing of the kind", MULTIPART, "body_not_readable"),
        (b"<p><n>Ana</p>", XML, "body_not_readable"),
        (b"<p>\xff</p>", XML, "body_not_readable"),
        (b'<?xml version="1.0" encoding="no-such"?><p/>', XML, "body_not_readable"),
        (b"<p>" * (DEEPEST + 2) + b"</p>" * (DEEPEST + 2), XML, "body_too_deep"),
        (b"[" * (DEEPEST + 2) + b"]" * (DEEPEST + 2), JSON, "body_too_deep"),
        (b"[" * 5000 + b"]" * 5000, JSON, "body_not_readable"),
    ],
)
def test_what_cannot_be_read_says_why(body: bytes, type_: str, code: str) -> None:
    with pytest.raises(UnreadableError) as refused:
        read_body(body, type_)
    assert refused.value.code == code


LAUGHS = b'<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><l>&b;</l>'


@pytest.mark.parametrize(
    "body",
    [
        LAUGHS,
        b'<!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/passwd">]><l>&x;</l>',
        b'<!DOCTYPE l SYSTEM "http://example.com/l.dtd"><l/>',
        b"<!DOCTYPE l><l/>",
        LAUGHS.decode().encode("utf-16"),
    ],
    ids=["entities", "a file", "an external DTD", "any DTD", "in UTF-16"],
)
def test_xml_with_entities_is_refused(body: bytes) -> None:
    with pytest.raises(UnreadableError) as refused:
        read_body(body, XML, "xml")
    assert refused.value.code == "xml_entities_refused"


@pytest.mark.parametrize(
    ("body", "type_"),
    [
        (b"<a>" * 200_000 + b"</a>" * 200_000, XML),
        (b"[" * 200_000 + b"]" * 200_000, JSON),
        (b"a" + b"[b]" * 200_000 + b"=1", FORM),
    ],
    ids=["xml", "json", "form"],
)
def test_a_huge_nesting_costs_no_time(body: bytes, type_: str) -> None:
    begun = time.process_time()
    with pytest.raises(UnreadableError):
        read_body(body, type_)
    assert time.process_time() - begun < 5


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("", {}),
        ("a=1&b=&c", {"a": "1", "b": "", "c": ""}),
        ("n=%C3%81", {"n": "Á"}),
        ("f[a]=1", {"f": {"a": "1"}}),
    ],
)
def test_a_query_is_read_as_a_form(query: str, fields: dict[str, Any]) -> None:
    assert read_query(query) == fields


@given(body=st.binary(max_size=200), type_=st.sampled_from([JSON, FORM, XML, MULTIPART, "", "text/plain"]))
def test_any_bytes_are_read_or_refused(body: bytes, type_: str) -> None:
    codes = {"body_not_readable", "format_unknown", "body_too_deep", "xml_entities_refused"}
    try:
        content: Any = read_body(body, type_)
    except UnreadableError as refused:
        content = refused.code
    assert isinstance(content, dict | list) or content in codes
