"""The kit's pages and the texts of every simulator."""

from __future__ import annotations

from pathlib import Path

import pytest

from vaivem.simulators import serve
from vaivem.simulators.kit.pages import LANGUAGES, placeholders, texts

_SOURCE = Path(serve.__file__).parent


async def test_a_page_is_escaped_safe_and_in_the_reader_s_language(start, toy):
    running = await start(toy)
    answer = await running.call("GET", "/", headers={"Accept-Language": "fr-CA,fr;q=0.9"})
    assert '<html lang="fr">' in answer.text
    assert "&lt;b&gt;Ana&lt;/b&gt;" in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "<script" not in answer.text
    assert (await running.call("GET", "/_static/pages.css")).headers["content-type"].startswith("text/css")
    assert "Feito" in (await running.call("GET", "/?said=done")).text
    assert "Feito" not in (await running.call("GET", "/?said=__class__")).text
    missing = await running.call("GET", "/nowhere")
    assert (missing.status, "não existe" in missing.text) == (404, True)


def test_every_simulator_has_a_name():
    assert "clicksign" in serve.names()


@pytest.mark.parametrize("name", serve.names())
def test_texts_are_the_same_in_every_language(name):
    english = texts(_SOURCE / name, "en")
    for language in LANGUAGES:
        found = texts(_SOURCE / name, language)
        assert set(found) == set(english), language
        for key, text in english.items():
            assert placeholders(found[key]) == placeholders(text), (language, key)
            assert found[key].strip(), (language, key)
