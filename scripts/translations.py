"""Translations: check that nothing is missing, or bring new texts into the catalogs.

    python scripts/translations.py            check; prints each problem with its place and exits 1
    python scripts/translations.py update     add new texts (empty) to the catalogs, drop what is gone

The hub's texts are English in its sources and translated in ``src/vaivem/locale``. Connectors and simulators
keep theirs in TOML files of their own. Nothing here needs GNU gettext, and ``check`` writes no file.
"""

from __future__ import annotations

import ast
import io
import re
import string
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_python
from babel.messages.pofile import PoFileParser, write_po
from django.conf import settings
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent
SOURCES = Path("src/vaivem/hub")
CATALOGS = Path("src/vaivem/locale")
TRANSLATED = ("pt_BR", "fr", "es")
LANGUAGES = ("pt_BR", "en", "fr", "es")

KEYWORDS: dict[str, Any] = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
    "npgettext_lazy": ((1, "c"), 2, 3),
}
PERCENT = re.compile(r"%%|%(?:\(\w+\))?[#0\- +]*\d*(?:\.\d+)?[sdfrgxi]")
TAG = re.compile(r"</?[a-z][a-z0-9]*")
# A sentence names a system in the form its language needs ("in the", "of the"): these stand for each other.
NAME_FORMS = {"{The}", "{the}", "{in_the}", "{of_the}", "{system}"}
# French puts a narrow space that does not break before these; an ordinary one, or none, is a slip.
FRENCH_SLIP = re.compile(
    r"[^\s\u202f?!](?=[;!?](?:\s|$|»))|[^\s\u202f](?=:(?:\s|$))|[ \u00a0](?=[;:!?»])|«(?!\u202f)"
)

CODE = re.compile(r"`[^`]*`")  # what a program reads keeps its own spaces

Key = tuple[str | None, str]


@dataclass(slots=True)
class Text:
    """A text of the sources: its English form or forms, and the places that use it."""

    forms: tuple[str, ...]
    context: str | None = None
    places: list[tuple[str, int]] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)

    @property
    def key(self) -> Key:
        """What tells texts apart: the context and the (singular) English text."""
        return self.context, self.forms[0]

    @property
    def place(self) -> str:
        """The first place, as `file:line`."""
        return f"{self.places[0][0]}:{self.places[0][1]}"


class BadSourceError(Exception):
    """A text in the sources that cannot be translated as it stands."""


def extract(root: Path = ROOT) -> dict[Key, Text]:
    """Return every text of the hub's Python files and templates, in a stable order."""
    found: dict[Key, Text] = {}
    for path in sorted(p for p in (root / SOURCES).rglob("*") if p.suffix in {".py", ".html", ".txt"}):
        name = path.relative_to(root).as_posix()
        for text in _texts_of(path, name):
            known = found.setdefault(text.key, text)
            if known is text:
                continue
            if len(known.forms) != len(text.forms) and len(text.forms) > 1:
                known.forms = text.forms
            known.places += text.places
            known.comments += [line for line in text.comments if line not in known.comments]
    return dict(
        sorted(found.items(), key=lambda item: (item[1].places[0][0], item[1].forms[0], item[0][0] or ""))
    )


def _refuse_hidden(source: str, name: str) -> None:
    """Refuse a text inside an f-string: no tool that gathers texts finds it in every version of Python."""
    for outer in ast.walk(ast.parse(source)):
        if isinstance(outer, ast.JoinedStr):
            for call in ast.walk(outer):
                if isinstance(call, ast.Call) and getattr(call.func, "id", None) in KEYWORDS:
                    raise BadSourceError(f"{name}:{call.lineno}: a text inside an f-string; take it out")


def _texts_of(path: Path, name: str) -> Iterator[Text]:
    source = path.read_text("utf-8")
    if path.suffix == ".py":
        _refuse_hidden(source, name)
    else:
        # Django turns a template into lines that look like Python calls; their indentation means nothing.
        source = "\n".join(line.strip() for line in templatize(source, origin=name).splitlines())
    file = io.BytesIO(source.encode())
    # Babel's own annotation of what it yields is narrower than what it yields.
    rows: Iterator[Any] = extract_python(file, KEYWORDS, ["Translators:"], {"encoding": "utf-8"})
    for line, called, messages, comments in rows:
        parts: list[Any] = list(messages) if isinstance(messages, tuple) else [messages]
        context = parts.pop(0) if "pgettext" in called else None
        forms = tuple(parts[: 2 if called.startswith("n") else 1])
        if not all(isinstance(part, str) and part for part in (*forms, context or "-")):
            raise BadSourceError(f"{name}:{line}: {called}(…) has no fixed text")
        yield Text(forms, context, [(name, line)], list(comments))


def read_catalog(path: Path, language: str) -> Catalog:
    """Return a catalog file, or an empty catalog when there is none yet."""
    catalog = Catalog(locale=language)
    if path.exists():
        with path.open("rb") as file:
            PoFileParser(catalog, abort_invalid=True).parse(file)
    return catalog


def catalog_path(language: str, root: Path = ROOT) -> Path:
    """Return where a language's catalog is."""
    return root / CATALOGS / language / "LC_MESSAGES" / "django.po"


def _messages(catalog: Catalog) -> dict[Key, Message]:
    return {_key(message): message for message in catalog if message.id}


def _key(message: Message) -> Key:
    return message.context, _forms(message.id)[0]


def _forms(value: str | tuple[str, ...] | list[str] | None) -> tuple[str, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value or "",)


# Checking


def check(root: Path = ROOT) -> list[str]:
    """Return every problem of the catalogs and of the TOML files, each with its place."""
    try:
        texts = extract(root)
    except BadSourceError as error:
        return [str(error)]
    found: list[str] = []
    for language in TRANSLATED:
        found += check_catalog(language, texts, root)
    for folder in sorted(p for p in (root / "src/vaivem").rglob("locale") if any(p.glob("*.toml"))):
        found += check_toml(folder, root)
    return found


def check_catalog(language: str, texts: Mapping[Key, Text], root: Path = ROOT) -> list[str]:
    """Return the problems of one language's catalog."""
    path = catalog_path(language, root)
    name = path.relative_to(root).as_posix()
    if not path.exists():
        return [f"{name}: there is no such catalog"]
    catalog = read_catalog(path, language)
    messages = _messages(catalog)
    found = [
        f"{text.place}: not in {language}: {_short(text.forms[0])}"
        for key, text in texts.items()
        if key not in messages
    ]
    found += [f"{name}: obsolete: {_short(_forms(message.id)[0])}" for message in catalog.obsolete.values()]
    for key, message in messages.items():
        place = f"{name}:{message.lineno}"
        if key not in texts:
            found.append(f"{place}: no source has it any more: {_short(key[1])}")
            continue
        if message.fuzzy:
            found.append(f"{place}: fuzzy: {_short(key[1])}")
        source = texts[key].forms
        if _forms(message.id) != source:
            found.append(f"{place}: the source has other plural forms: {_short(key[1])}")
            continue
        count = catalog.num_plurals if len(source) > 1 else 1
        found += [
            f"{place}: {problem}: {_short(key[1])}"
            for problem in form_problems(source, _forms(message.string), count, language)
        ]
    return found


def form_problems(source: tuple[str, ...], forms: tuple[str, ...], count: int, language: str) -> list[str]:
    """Return what is wrong with a text's translations; `count` is how many forms the language needs."""
    if not any(forms):
        return ["not translated"]
    if len(forms) != count or not all(forms):
        return [f"{count} plural forms are needed"]
    found: list[str] = []
    for number, form in enumerate(forms):
        # The first form may name its number or not: some languages also use it for none.
        allowed = [placeholders(one) for one in (source if number == 0 else source[-1:])]
        if placeholders(form) not in allowed:
            found.append(f"placeholders differ ({', '.join(sorted(placeholders(form))) or 'none'})")
        if sorted(TAG.findall(form)) not in [sorted(TAG.findall(one)) for one in source]:
            found.append("HTML tags differ")
        if _edges(form) != _edges(source[0]):
            found.append("begins or ends with other spaces")
        if language == "fr" and FRENCH_SLIP.search(CODE.sub("", form)):
            found.append("French needs a narrow no-break space before ; : ! ? and within « »")
    return list(dict.fromkeys(found))


def placeholders(text: str) -> frozenset[str]:
    """Return what is filled in: `%(name)s`, `%s`, `{name}`; the forms of a system's name count as one."""
    found = {match for match in PERCENT.findall(text) if match != "%%"}
    found |= {f"{{{name}}}" for name in _braces(text)}
    return frozenset("{system}" if one in NAME_FORMS else one for one in found)


def _braces(text: str) -> set[str]:
    try:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
    except ValueError:  # a single brace: the text is not filled with `format`
        return set()


def _edges(text: str) -> tuple[str, str]:
    return text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]


def _short(text: str) -> str:
    line = " ".join(text.split())
    return f"“{line if len(line) <= 70 else line[:69] + '…'}”"


# The texts of connectors and simulators


def check_toml(folder: Path, root: Path = ROOT) -> list[str]:
    """Return the problems of a folder with one TOML file for each language."""
    found: list[str] = []
    texts: dict[str, dict[str, str]] = {}
    for language in LANGUAGES:
        path = folder / f"{language}.toml"
        if not path.exists():
            found.append(f"{path.relative_to(root).as_posix()}: there is no such file")
            continue
        texts[language] = dict(_flat(tomllib.loads(path.read_text("utf-8"))))
    english = texts.get("en", {})
    for language, own in texts.items():
        name = (folder / f"{language}.toml").relative_to(root).as_posix()
        found += [f"{name}: “{key}” is empty" for key, text in own.items() if not text.strip()]
        found += [f"{name}: “{key}” is missing" for key in english if key not in own]
        for key, text in own.items():
            if "en" in texts and key not in english:
                found.append(f"{name}: “{key}” is not in en.toml")
            elif key in english and _braces(text) != _braces(english[key]):
                found.append(f"{name}: “{key}” has other placeholders than en.toml")
    return found


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", str(value)


# Updating


def update(root: Path = ROOT) -> dict[str, int]:
    """Bring the catalogs in line with the sources; return how many texts each language still lacks."""
    texts = extract(root)
    lacking: dict[str, int] = {}
    for language in TRANSLATED:
        path = catalog_path(language, root)
        known = _messages(read_catalog(path, language))
        merged = merge(language, texts.values(), known)
        path.parent.mkdir(parents=True, exist_ok=True)
        written = render(merged)
        if not path.exists() or path.read_bytes() != written:
            path.write_bytes(written)
        lacking[language] = sum(1 for message in merged if message.id and not all(_forms(message.string)))
    return lacking


def merge(language: str, texts: Iterable[Text], known: Mapping[Key, Message]) -> Catalog:
    """Return a catalog with exactly these texts, translated as far as they were. Nothing is guessed."""
    catalog = Catalog(locale=language)
    for text in texts:
        plural = len(text.forms) > 1
        old = known.get(text.key)
        kept = _forms(old.string) if old is not None else ()
        empty = ("",) * (catalog.num_plurals if plural else 1)
        strings = kept if len(kept) == len(empty) else empty
        catalog.add(
            text.forms if plural else text.forms[0],
            strings if plural else strings[0],
            locations=[(name, 0) for name in dict.fromkeys(place[0] for place in text.places)],
            auto_comments=text.comments,
            flags={"fuzzy"} if old is not None and old.fuzzy else (),
            context=text.context,
        )
    return catalog


def render(catalog: Catalog) -> bytes:
    """Return a catalog as a file: without dates and line numbers, so that only texts make differences."""
    header = (
        'msgid ""\nmsgstr ""\n'
        f'"Language: {catalog.locale_identifier}\\n"\n'
        f'"Plural-Forms: {catalog.plural_forms}\\n"\n'
        '"MIME-Version: 1.0\\n"\n'
        '"Content-Type: text/plain; charset=utf-8\\n"\n'
        '"Content-Transfer-Encoding: 8bit\\n"\n\n'
    )
    body = io.BytesIO()
    write_po(body, catalog, width=110, omit_header=True, include_lineno=False)
    return header.encode() + body.getvalue().strip() + b"\n"


@click.command()
@click.argument("mode", type=click.Choice(["check", "update"]), default="check")
def main(mode: str) -> None:
    """Check the translations, or update the catalogs."""
    # `templatize` asks Django's settings only how it reads template files.
    if not settings.configured:
        settings.configure()
    if mode == "update":
        for language, number in update().items():
            click.echo(f"{language}: {number} texts to translate" if number else f"{language}: complete")
        return
    problems = check()
    for problem in problems:
        click.echo(problem)
    if problems:
        click.echo(f"{len(problems)} problems in translations.", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
