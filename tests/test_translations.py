"""Translations are complete, and the script that says so notices what is wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from scripts import translations

ROOT = Path(__file__).resolve().parent.parent
PAGE = """{% extends "x.html" %}
<p>{% translate "Saved." %}</p>
  <p>{% blocktranslate count number=n %}{{ number }} run{% plural %}{{ number }} runs{% endblocktranslate %}
<p>{% translate "On" context "rule" %}{{ x|default:_("none") }}</p>
"""
CODE = """from django.utils.translation import gettext as _, ngettext, pgettext_lazy
# Translators: said after a form was sent.
saved = _("Saved.")
long = _("one "
         "two")
who = _("{The} refused %(what)s.")
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Make a small project: one template, one module, a folder of TOML texts, complete catalogs."""
    hub = tmp_path / "src/vaivem/hub"
    (hub / "templates").mkdir(parents=True)
    (hub / "templates/page.html").write_text(PAGE)
    (hub / "views.py").write_text(CODE)
    locale = tmp_path / "src/vaivem/connectors/acme/locale"
    locale.mkdir(parents=True)
    for language in translations.LANGUAGES:
        (locale / f"{language}.toml").write_text('[auth]\nname = "Token {x}"\n')
    translations.update(tmp_path)
    for language in translations.TRANSLATED:
        fill(tmp_path, language)
    return tmp_path


def fill(root: Path, language: str, **changes: Any) -> None:
    """Translate each text of a catalog by itself, except what `changes` says (by the first word)."""
    path = translations.catalog_path(language, root)
    catalog = translations.read_catalog(path, language)
    for message in catalog:
        if message.id:
            first = message.id if isinstance(message.id, str) else message.id[0]
            word = first.split()[0].strip(".{}").lower()
            message.string = changes.get(word, message.id)
    path.write_bytes(translations.render(catalog))


def test_the_catalogs_of_this_checkout_are_complete() -> None:
    assert translations.check() == []


def test_every_kind_of_text_is_found_with_its_place(tree: Path) -> None:
    texts = translations.extract(tree)
    assert set(texts) == {
        (None, "Saved."),
        (None, "%(number)s run"),
        ("rule", "On"),
        (None, "none"),
        (None, "one two"),
        (None, "{The} refused %(what)s."),
    }
    assert texts[None, "%(number)s run"].forms == ("%(number)s run", "%(number)s runs")
    assert texts[None, "Saved."].places == [
        ("src/vaivem/hub/templates/page.html", 2),
        ("src/vaivem/hub/views.py", 3),
    ]
    assert texts[None, "Saved."].comments == ["Translators: said after a form was sent."]


def test_a_complete_tree_has_no_problem_and_stays_as_it_is(tree: Path) -> None:
    before = {path: path.read_bytes() for path in tree.rglob("*") if path.is_file()}
    assert translations.check(tree) == []
    translations.update(tree)
    assert {path: path.read_bytes() for path in tree.rglob("*") if path.is_file()} == before


def test_new_texts_are_empty_and_texts_that_are_gone_leave(tree: Path) -> None:
    (tree / "src/vaivem/hub/views.py").write_text(CODE.replace("one ", "six ") + 'new = _("Save")\n')
    problems = translations.check(tree)
    assert "src/vaivem/hub/views.py:4: not in fr: “six two”" in problems
    assert sum("no source has it any more: “one two”" in one for one in problems) == 3
    assert translations.update(tree) == {"pt_BR": 2, "fr": 2, "es": 2}
    assert all("not translated" in one for one in translations.check(tree))
    text = translations.catalog_path("es", tree).read_text()
    assert 'msgid "six two"\nmsgstr ""' in text
    assert "one two" not in text
    assert "fuzzy" not in text
    assert 'msgid "Saved."\nmsgstr "Saved."' in text


@pytest.mark.parametrize(
    ("language", "changes", "problem"),
    [
        ("es", {"saved": ""}, "not translated: “Saved.”"),
        ("es", {"saved": "Guardado. "}, "begins or ends with other spaces: “Saved.”"),
        ("es", {"the": "{The} rechazó %(que)s."}, "placeholders differ (%(que)s, {system})"),
        ("es", {"the": "{Quien} rechazó %(what)s."}, "placeholders differ (%(what)s, {Quien})"),
        ("es", {"the": "<b>{The}</b> rechazó %(what)s."}, "HTML tags differ"),
        ("es", {"%(number)s": ("%(number)s run", "")}, "2 plural forms are needed"),
        ("es", {"%(number)s": ("una", "muchas")}, "placeholders differ (none)"),
        ("fr", {"saved": "Voici : cela."}, "French needs a narrow no-break space"),
        ("fr", {"saved": "Voici: cela."}, "French needs a narrow no-break space"),
        ("fr", {"saved": "Est-ce cela?"}, "French needs a narrow no-break space"),
        ("fr", {"saved": "« Cela »"}, "French needs a narrow no-break space"),
    ],
)
def test_what_is_wrong_is_said(tree: Path, language: str, changes: dict[str, Any], problem: str) -> None:
    fill(tree, language, **changes)
    (said,) = translations.check(tree)
    assert problem in said
    assert said.startswith(f"src/vaivem/locale/{language}/LC_MESSAGES/django.po:")


@pytest.mark.parametrize(
    "changes",
    [
        {"the": "Recusado %(what)s {of_the}."},
        {"saved": "C’est fait\u202f: voyez https://x.example/a?b=1\u202f!"},
        {"saved": "Envoyez `Authorization: x`."},
        {"saved": "«\u202fVoici\u202f»"},
    ],
)
def test_what_is_right_is_not_complained_about(tree: Path, changes: dict[str, Any]) -> None:
    fill(tree, "fr", **changes)
    assert translations.check(tree) == []


def test_fuzzy_and_obsolete_texts_are_problems(tree: Path) -> None:
    path = translations.catalog_path("fr", tree)
    fuzzy = path.read_text().replace('msgid "Saved."', '#, fuzzy\nmsgid "Saved."')
    path.write_text(fuzzy + '\n#~ msgid "Old"\n#~ msgstr "Vieux"\n')
    said = translations.check(tree)
    assert len(said) == 2
    assert any("fuzzy: “Saved.”" in one for one in said)
    assert any("obsolete: “Old”" in one for one in said)


def test_a_text_that_is_put_together_cannot_be_translated(tree: Path) -> None:
    (tree / "src/vaivem/hub/views.py").write_text('x = _("a" + name)\ny = _("")\n')
    assert translations.check(tree) == ["src/vaivem/hub/views.py:2: _(…) has no fixed text"]


def test_a_text_inside_an_f_string_is_refused(tree: Path) -> None:
    (tree / "src/vaivem/hub/views.py").write_text("x = f\"{a} {_('Saved.')}\"\n")
    (said,) = translations.check(tree)
    assert said.startswith("src/vaivem/hub/views.py:1: a text inside an f-string")


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ('[auth]\nname = " "\n', ["“auth.name” is empty", "“auth.name” has other placeholders than en.toml"]),
        ("[auth]\n", ["“auth.name” is missing"]),
        (
            '[auth]\nname = "Token {x}"\nmore = "x"\n',
            ["“auth.more” is not in en.toml"],
        ),
        ('[auth]\nname = "Token {y}"\n', ["“auth.name” has other placeholders than en.toml"]),
    ],
)
def test_the_languages_of_a_connector_are_compared(tree: Path, text: str, problems: list[str]) -> None:
    path = tree / "src/vaivem/connectors/acme/locale/fr.toml"
    path.write_text(text)
    name = path.relative_to(tree).as_posix()
    assert translations.check(tree) == [f"{name}: {problem}" for problem in problems]


def test_a_missing_language_of_a_connector_is_said(tree: Path) -> None:
    path = tree / "src/vaivem/connectors/acme/locale/es.toml"
    path.unlink()
    assert translations.check(tree) == [f"{path.relative_to(tree).as_posix()}: there is no such file"]


def test_the_command_answers_with_its_exit_code() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/translations.py"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "")
    wrong = subprocess.run(
        [sys.executable, "scripts/translations.py", "nonsense"], cwd=ROOT, capture_output=True, timeout=60
    )
    assert wrong.returncode == 2
