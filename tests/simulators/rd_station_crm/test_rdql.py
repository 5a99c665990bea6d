"""RDQL: what is read, and what is refused with its place."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaivem.simulators.rd_station_crm import rdql
from vaivem.simulators.rd_station_crm.rdql import All, Any, Not, RdqlError, Term, parse


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("status:won", Term("status", "=", ("won",))),
        ("-status:won", Not(Term("status", "=", ("won",)))),
        ("total_price:>100", Term("total_price", ">", ("100",))),
        ("total_price:<=100", Term("total_price", "<=", ("100",))),
        ("status:(won,lost)", Term("status", "in", ("won", "lost"))),
        ('-status:( won , "2 b", 3c)', Not(Term("status", "in", ("won", "2 b", "3c")))),
        ("name:~Test", Term("name", "~", ("Test",))),
        ("@slug-2:valor", Term("slug-2", "=", ("valor",), custom=True)),
        ("-@slug:(a,b)", Not(Term("slug", "in", ("a", "b"), custom=True))),
        ("email:ana+x@example.com", Term("email", "=", ("ana+x@example.com",))),
        (r'name:"Ana \"A\" \\ Lima"', Term("name", "=", (r'Ana "A" \ Lima',))),
        ("has:product:true", Term("has", "=", ("product:true",))),
        ("a:1 b:2 and c:3", All((Term("a", "=", ("1",)), Term("b", "=", ("2",)), Term("c", "=", ("3",))))),
        (
            "(status:won or status:lost) and total_price:>100",
            All(
                (
                    Any((Term("status", "=", ("won",)), Term("status", "=", ("lost",)))),
                    Term("total_price", ">", ("100",)),
                )
            ),
        ),
        ("a:or or b:and", Any((Term("a", "=", ("or",)), Term("b", "=", ("and",))))),
        ("order:1", Term("order", "=", ("1",))),
        ("  ", None),
    ],
)
def test_reads(text: str, tree: rdql.Node | None) -> None:
    assert parse(text) == tree


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("status", "':' expected after the field name at position 6"),
        ("status:", "a value is expected at position 7"),
        ("status:(won", "',' or ')' expected"),
        ("(status:won", "a group is not closed"),
        ("status:won)", "unexpected character at position 10"),
        ('name:"Ana', "a quoted text is not closed"),
        ("a:1 or", "a condition is missing"),
        ("a:1;b:2 ;c", "a field name is expected"),
        ("(" * 40 + "a:1", "too many nested groups"),
        ("a:" + "x" * 9000, "longer than"),
    ],
)
def test_refuses(text: str, reason: str) -> None:
    with pytest.raises(RdqlError, match=reason.replace("(", r"\(").replace(")", r"\)")):
        parse(text)


@given(st.text())
def test_any_text_can_be_quoted(value: str) -> None:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    if len(escaped) < 8000:
        assert parse(f'name:"{escaped}"') == Term("name", "=", (value,))


@given(st.text(alphabet='ab:()"\\ -@,~<>=or', max_size=40))
def test_never_breaks_otherwise(text: str) -> None:
    with contextlib.suppress(RdqlError):
        parse(text)
