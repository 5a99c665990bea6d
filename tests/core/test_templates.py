"""Templates: what they give, what they refuse, and what they cannot do."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from liquid.exceptions import FilterError

from vaivem.core.filters import within_limits
from vaivem.core.templates import (
    TemplateError,
    TemplateProblem,
    check_template,
    compiled,
    is_known,
    paths_of,
    render,
)

SCOPE: dict[str, Any] = {
    "document": {"filename": "Contrato.pdf", "closed_at": "2026-11-20T01:30:00Z", "metadata": {"a b": 1}},
    "signer": {"name": "ANA MARIA DA SILVA-prado", "cpf": "12345678909", "phone": "(11) 95555-0142"},
    "signers": [{"name": "Ana"}, {"name": "Beto"}],
    "company": {"cnpj": "12abc34501de35"},
    "amount": 1234.5,
    "day": "2026-01-02",
    "today": "2026-11-18",
    "none": None,
    "big": "x" * 150_000,
    "many": list(range(9000)),
}


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("Contrato {{ document.filename }}", "Contrato Contrato.pdf"),
        ("{{ document.metadata['a b'] }}", "1"),
        ("{{ unknown.thing }}{{ none }}", ""),
        ("{{ amount | money_br }}", "1.234,50"),
        ("{{ 'R$ 1.234.567,8' | money_br }}", "1.234.567,80"),
        ("{{ 'a combinar' | money_br }}", "a combinar"),
        ("{{ document.closed_at | date_br }}", "19/11/2026"),
        ("{{ day | date_br }}", "02/01/2026"),
        ("{{ 'amanhã' | date_br }}{{ none | date_br }}", "amanhã"),
        ("{{ document.closed_at | datetime_br }}", "19/11/2026 22:30"),
        ("{{ day | datetime_br }}", "02/01/2026"),
        ("{{ 'amanhã' | datetime_br }}", "amanhã"),
        ("{{ document.closed_at | date: '%Y-%m-%d %Hh' }}", "2026-11-19 22h"),
        ("{{ day | date }}{{ 'amanhã' | date }}", "02/01/2026amanhã"),
        ("{{ 'now' | date: '%d' }}{{ 'today' | date }}", "1818/11/2026"),
        ("{{ today }}{{ now }}{{ now | upcase }}", "2026-11-18"),
        ("{{ signers }}", "{'name': 'Ana'}{'name': 'Beto'}"),
        ("{{ document.filename.size }}{{ document.filename.more }}{{ 'x' }}", "12x"),
        ("{{ big }}", "x" * 150_000),
        ("{{ signer.phone | digits }}", "11955550142"),
        ("{{ signer.name | first_name }}", "ANA"),
        ("{{ signer.name | last_name }}", "MARIA DA SILVA-prado"),
        ("{{ 'Ana' | last_name }}", ""),
        ("{{ signer.name | title_br }}", "Ana Maria da Silva-Prado"),
        ("{{ 'DA VINCI' | title_br }}{{ none | title_br }}", "Da Vinci"),
        ("{{ signer.cpf | cpf }}", "123.456.789-09"),
        ("{{ 'x' | cpf }}", "x"),
        ("{{ company.cnpj | cnpj }}", "12.ABC.345/01DE-35"),
        ("{{ none | cnpj }}", ""),
        ("{{ 'a \"b\"\n' | json }}{{ signers | json }}", '"a \\"b\\"\\n"[{"name": "Ana"}, {"name": "Beto"}]'),
        ("{{ none | json }}{{ unknown.thing | json }}", "nullnull"),
        ("{% for s in signers %}{{ s.name }};{% endfor %}", "Ana;Beto;"),
        ("{{ signers | map: 'name' | join: ', ' }}", "Ana, Beto"),
        ("{{ 'x' | join: ', ' }}{{ none | join }}", "x"),
        ("{{ 'a-b-c' | replace: '-', '+' }}{{ 'ab' | replace: 'b' }}", "a+b+ca"),
        ("{% if amount > 1000 %}grande{% endif %}", "grande"),
        ("{{ 3 | plus: 4 }}{{ true }}", "7true"),
    ],
)
def test_renders(text: str, result: str) -> None:
    assert render(text, SCOPE) == result


def test_dates_are_in_the_given_zone() -> None:
    assert render("{{ document.closed_at | datetime_br }}", SCOPE, zone="UTC") == "20/11/2026 01:30"


def test_without_a_run_there_is_no_day() -> None:
    assert render("{{ today }}{{ now }}{{ 'now' | date }}{{ today | date: '%Y' }}", {}) == ""


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
        lambda inner: st.dictionaries(st.sampled_from("abc"), inner) | st.lists(inner, max_size=2),
        max_leaves=6,
    )
)
def test_simple_templates_read_as_liquid_reads_them(value: Any) -> None:
    scope = {"a": value}
    # A filter that changes nothing keeps the second template from being a simple one.
    for path in ("a", "a.b", "a.b.c", "b"):
        assert render(f"<{{{{ {path} }}}}>", scope) == render(f"<{{{{ {path} | default: {path} }}}}>", scope)


def test_the_scope_is_left_as_it_was() -> None:
    before = dict(SCOPE)
    render("{% assign amount = 1 %}{{ amount }}", SCOPE)
    assert before == SCOPE


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{{ 1 | divided_by: 0 }}", "template_failed"),
        ("{{ 1 | truncate: 'x', 'y', 'z' }}", "template_failed"),
        ("{{ 1 | no_such_filter }}", "template_failed"),
        ("{{ big }}{{ big }}", "template_too_big"),
        ("{{ big | append: big }}", "template_too_big"),
        ("{{ big | replace: '', big }}", "template_too_big"),
        ("{{ many | join: big }}", "template_too_big"),
        ("{{ many | concat: many }}", "template_too_big"),
        ("{% for a in many %}{% for b in many %}{% endfor %}{% endfor %}", "template_too_big"),
        ("{% assign a = big %}{% assign b = big %}", "template_too_big"),
        ("{{ day | date: big }}", "template_too_big"),
        ("{{ 9999999999999999 | times: 9999999999999999 }}", "template_too_big"),
    ],
)
def test_what_goes_wrong_while_filling_is_told_and_bounded(text: str, code: str) -> None:
    started = time.process_time()
    with pytest.raises(TemplateError) as caught:
        render(text, SCOPE)
    assert caught.value.code == code
    assert caught.value.detail
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    "text",
    [
        "{{ x", "{% if %}", "{% if a %}", "{{ a | }}", "{% include 'a' %}", "{% render 'a' %}", "{% nope %}",
        "{{ (1..1000000000) | join }}", "{% for i in (1..1000000000) reversed %}{% endfor %}",
        "{% assign r = (1..9) %}", "{% if (1..9) contains 3 %}{% endif %}",
        "{% tablerow a in b %}{% endtablerow %}",
        "{% if a %}{% for i in (1..3) %}{% endfor %}{% endif %}",
    ],
)  # fmt: skip
def test_what_is_no_template_of_ours_is_refused(text: str) -> None:
    with pytest.raises(TemplateError) as caught:
        compiled(text)
    assert caught.value.code == "template_syntax"
    (problem,) = check_template(text, ["a", "b"])
    assert problem.code == "template_syntax"
    assert problem.detail


@pytest.mark.parametrize("error", [AssertionError, ValueError, TypeError, OverflowError])
def test_whatever_a_filter_raises_is_an_error_of_the_template(error: type[Exception]) -> None:
    def broken(value: str) -> str:
        raise error(value)

    with pytest.raises(FilterError, match="broken: odd"):
        within_limits(broken)("odd")


def test_a_template_is_read_once() -> None:
    assert compiled("Oi {{ signer.name }}") is compiled("Oi {{ signer.name }}")


KNOWN = ["document.filename", "document.metadata.*", "signers[].name", "signer.name", "steps.who.*"]


def test_unknown_names_are_listed_with_their_place() -> None:
    text = "{{ document.filename }}\n  {{ signer.nme | titel }} {{ other }}"
    assert check_template(text, KNOWN) == [
        TemplateProblem("template_unknown", "signer.nme", 2, 6),
        TemplateProblem("template_unknown_filter", "titel", 2, 19),
        TemplateProblem("template_unknown", "other", 2, 31),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no variables",
        "{{ document.filename | upcase }}",
        "{{ document.metadata['valor total'] }}{{ document.metadata.a.b }}",
        "{{ document.metadata }}",
        "{% for s in signers %}{{ s.name }}{{ forloop.index }}{% endfor %}",
        "{{ signers[0].name }}{{ signers.first.name }}{{ signers.size }}",
        "{% assign n = signer.name %}{{ n }}",
        "{{ steps.who.records[0].id }}",
    ],
)
def test_known_names_are_no_problem(text: str) -> None:
    assert check_template(text, KNOWN) == []


def test_a_template_has_a_longest_length() -> None:
    assert check_template("x" * 20_001, []) == [TemplateProblem("template_too_long")]


def test_paths_of() -> None:
    text = "{{ a.b[0].c }}{{ a['x.y'] }}{{ d[e.f].g }}{% for x in y.z %}{{ x.q }}{% endfor %}{{ a[-1] }}"
    assert paths_of(text) == {"a.b.0.c", 'a["x.y"]', "d[].g", "e.f", "y.z", "a.1"}


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("document", True),
        ("document.filename", True),
        ("document.filename.x", False),
        ("document.metadata.x.y", True),
        ("signers", True),
        ("signers[]", True),
        ("signers.3.name", True),
        ("signers.last.name", True),
        ("signers[].size", True),
        ("signers.name", False),
        ("steps", True),
        ("steps.other", False),
        ("a..b", False),
    ],
)
def test_is_known(path: str, known: bool) -> None:
    assert is_known(path, KNOWN) is known


@given(st.text() | st.text("{}%|. abc'()", max_size=40))
def test_any_text_renders_or_is_refused_with_a_typed_error(text: str) -> None:
    try:
        result = render(text, {"a": {"b": 1}, "c": [1]})
    except TemplateError:
        assert check_template(text, ["a.*", "c.*", "b"])
    else:
        assert isinstance(result, str)
