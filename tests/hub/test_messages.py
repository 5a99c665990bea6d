"""Every problem has a sentence."""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

import vaivem
from vaivem.core.codes import CODES

SOURCE = Path(vaivem.__file__).parent
# Which argument of a call is the code; of errors it is the first.
PLACES = {
    "note": 1, "Row": 2, "ParkError": 1, "Ending": 1, "Problem": 0, "TemplateProblem": 0, "_document": 1,
}  # fmt: skip


def said_codes() -> Iterator[tuple[str, str]]:
    """Find the codes that the engine and the SDK can raise; the core has a list of its own."""
    for folder in ("engine", "connectors/sdk"):
        for file in sorted((SOURCE / folder).glob("*.py")):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(node, ast.Call):
                    yield from ((code, file.name) for code in codes_of(node))


def codes_of(call: ast.Call) -> list[str]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    texts = [arg.value if isinstance(arg, ast.Constant) else None for arg in call.args]
    if name == "note" and len(texts) > 1:
        found = texts[1]
    elif name == "Row" and len(texts) > 2:
        found = texts[2]
    elif (name == "ParkError" and len(texts) > 1) or (name == "Ending" and len(texts) > 1):
        found = texts[1]
    elif name in ("_ask", "_ask_doubt", "_add_answer") and texts and isinstance(texts[-1], str):
        found = texts[-1]
    elif name == "_add_answer" and len(texts) > 2:
        found = texts[2]
    elif (name == "Problem" or name.endswith("Error")) and name[:1].isupper() and texts:
        found = texts[0]
    else:
        found = None
    return [found] if isinstance(found, str) and found.isidentifier() and found == found.lower() else []


SAID = sorted({code for code, _ in said_codes()} | set(CODES))
ALWAYS = {"field", "path", "message", "system", "The", "the", "in_the", "of_the"}


def test_the_search_finds_codes() -> None:
    assert {"credentials_refused", "bad_email", "rule_missing", "filtered", "record_busy"} <= set(SAID)


@pytest.mark.parametrize("code", SAID)
def test_each_code_has_a_sentence(code: str) -> None:
    from vaivem.hub.messages import SENTENCES

    assert code in SENTENCES


@pytest.mark.parametrize("code", sorted(CODES))
def test_a_sentence_uses_only_what_its_problem_carries(code: str) -> None:
    from vaivem.hub.messages import SENTENCES

    entry = SENTENCES[code]
    texts = " ".join(str(text) for text in (entry.text, entry.next, entry.with_message))
    used = {name for _, name, _, _ in string.Formatter().parse(texts) if name}
    assert used <= set(CODES[code]) | ALWAYS


def test_placeholders_are_well_formed_and_missing_ones_do_no_harm() -> None:
    from vaivem.hub.messages import SENTENCES, explain

    for code, entry in SENTENCES.items():
        for text in (entry.text, entry.next, entry.with_message):
            list(string.Formatter().parse(str(text)))
        assert "{" not in str(explain(code))


def test_the_vendors_words_are_used_where_there_are_any() -> None:
    from django.utils import translation

    from vaivem.hub.messages import explain

    with translation.override("en"):
        bare = explain("record_refused", {}, "clicksign")
        said = explain("record_refused", {"message": "name is too long"}, "clicksign")
        unknown = explain("something_new", {"message": "no such thing"}, "clicksign")
        silent = explain("something_new")
    assert bare.text == "Clicksign refused the record."
    assert said.text == "Clicksign refused the record: name is too long."
    assert "no such thing" in unknown.text
    assert "something_new" in silent.text


def test_a_connectors_own_code_is_said_in_its_own_words() -> None:
    from django.utils import translation

    from vaivem.hub.messages import explain

    with translation.override("pt-br"):
        explained = explain("api_user_missing", {}, "clicksign")
    assert explained.text.startswith("A Clicksign recusou a chamada")
    assert "Associe o usuário à API" in explained.next
