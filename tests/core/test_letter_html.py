"""HTML of letters: nothing in it acts, values in it are text, and it says the same as plain text."""

from __future__ import annotations

import pytest

from vaivem.core.compiled_steps import CompiledEmail, EmailContent
from vaivem.core.letter_html import as_text, clean
from vaivem.core.mapping import MappingError
from vaivem.core.reading import Reading
from vaivem.core.step_form import read_steps, step_to_dict
from vaivem.core.steps import EmailStep

ATTACKS = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", '<a href="javascript:alert(1)">x</a>',
    '<a href="JaVa&#9;script:alert(1)">x</a>', '<iframe src="https://evil.example"></iframe>',
    '<form action="https://evil.example"><input name=p></form>', '<base href="https://evil.example">',
    '<meta http-equiv="refresh" content="0;url=https://evil.example">', '<svg onload=alert(1)>',
    '<p style="background:url(https://evil.example)">x</p>', '<style>@import "https://evil.example"</style>',
    '<object data="https://evil.example"></object>', '<math><mtext><style><img src=x onerror=alert(1)>',
    '<p style="position:fixed;top:0">x</p>', '<a href="data:text/html,<script>alert(1)</script>">x</a>',
]  # fmt: skip


def step(**parts: object) -> EmailStep:
    reading = Reading()
    whole = {"id": "tell", "kind": "email", "to": {"text": "ana@example.com"}, "subject": {"text": "Oi"}}
    (made,) = read_steps(reading, [whole | parts], "then")
    assert not reading.problems
    assert isinstance(made, EmailStep)
    return made


def filled(html: str, **scope: object) -> EmailContent:
    return CompiledEmail(step(html={"text": html})).fill(scope)


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("by_value", [True, False])
def test_nothing_acts(attack: str, by_value: bool) -> None:
    """Neither what the author wrote nor what a record holds."""
    html = filled("<p>{{ name }}</p>", name=attack).html if by_value else filled(attack).html
    low = html.lower()
    tags = [part.split(">")[0] for part in low.split("<")[1:]]
    held = " ".join(tags)
    for word in ("script", "onerror", "onload", "iframe", "form", "input", "meta", "base", "svg", "object",
                 "url(", "position", "data:", "style>"):  # fmt: skip
        assert word not in held


def test_values_are_text_in_html_and_stay_as_they_are_in_plain_text() -> None:
    content = filled(
        '<p>{{ name }}</p><a href="{{ link }}">ver</a>', name="Souza & <Filhos>", link='x" onclick="y'
    )
    assert content.html == '<p>Souza &amp; &lt;Filhos&gt;</p><a href="x&quot; onclick=&quot;y">ver</a>'
    assert content.body.startswith("Souza & <Filhos>\n\nver")
    assert filled("{{ name | upcase }}", name="a<b>").html == "A&lt;B&gt;"
    one_field = CompiledEmail(step(html={"from": "name"})).fill({"name": "<b>x</b>"})
    assert one_field.html == "&lt;b&gt;x&lt;/b&gt;"
    subject = CompiledEmail(step(subject={"from": "name"}, body={"from": "name"})).fill({"name": "<b>&</b>"})
    assert (subject.subject, subject.body) == ("<b>&</b>", "<b>&</b>")


def test_what_mail_programs_show_stays() -> None:
    cell = '<td style="padding:8px;color:red" colspan="2"><b>Oi</b></td>'
    html = f'<table width="100%" bgcolor="#eee"><tbody><tr>{cell}</tr></tbody></table>'
    assert clean(html) == html
    assert (
        clean('<a href="https://x.example/?a=1&amp;b=2">x</a>')
        == '<a href="https://x.example/?a=1&amp;b=2">x</a>'
    )


def test_html_becomes_plain_text() -> None:
    html = (
        "<h1>Contrato  assinado</h1><p>Olá,<br>Ana.</p><ul><li>um</li><li>dois</li></ul>"
        '<p><a href="https://x.example/c">Abra</a> ou <a href="mailto:a@x.example">a@x.example</a></p>'
        '<table><tr><td>Valor</td><td>R$ 1</td></tr></table><img src="https://x.example/i.png" alt="Logo">'
    )
    assert as_text(html) == (
        "Contrato assinado\n\nOlá,\nAna.\n\n- um\n- dois\n\nAbra (https://x.example/c) ou a@x.example\n\n"
        "Valor R$ 1\n\nLogo"
    )


def test_plain_text_given_beside_html_is_kept() -> None:
    content = CompiledEmail(step(html={"text": "<p>rico</p>"}, body={"text": "simples"})).fill({})
    assert (content.html, content.body) == ("<p>rico</p>", "simples")


@pytest.mark.parametrize("name", ["a\r\nBcc: x@evil.example", "a\nb", "a\x0bb", "a\u2028b", "a\x85b"])
def test_a_subject_is_one_line(name: str) -> None:
    content = CompiledEmail(step(subject={"from": "name"}, body={"text": "x"})).fill({"name": name})
    assert len(content.subject.splitlines()) == 1


def test_an_address_cannot_bring_more_of_them() -> None:
    with pytest.raises(MappingError):
        CompiledEmail(step(to={"from": "who"}, body={"text": "x"})).fill(
            {"who": "a@x.example\r\nBcc: b@x.example"}
        )


def test_it_is_read_as_it_is_written() -> None:
    only_html = step(html={"text": "<p>x</p>"})
    assert step_to_dict(only_html)["html"] == {"text": "<p>x</p>"}
    (again,) = read_steps(Reading(), [step_to_dict(only_html)], "then")
    assert again == only_html
    reading = Reading()
    read_steps(reading, [{"id": "a", "kind": "email", "to": {"text": "a"}, "subject": {"text": "b"}}], "then")
    assert [(one.code, one.path) for one in reading.problems] == [("rule_missing", "then[0].body")]
