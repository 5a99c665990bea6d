"""The documents name what there is, and nothing that is not."""

from __future__ import annotations

import ast
import re
import shlex
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

import click
import pytest
import yaml
from tests.docs.pages import ROOT, Page, all_pages, page

from vaivem.cli import cli
from vaivem.connectors.sdk import errors as sdk_errors
from vaivem.connectors.sdk import manifest, repeat
from vaivem.connectors.sdk.registry import connector_keys, get_connector
from vaivem.core import errors, filters
from vaivem.core.fields import WritePolicy
from vaivem.core.operators import Operator
from vaivem.core.rules import parse_rule
from vaivem.core.steps import KeyKind, Missing, OnBad
from vaivem.engine.crashpoints import POINTS
from vaivem.hub.messages import SENTENCES

SOURCE = ROOT / "src" / "vaivem"
PAGES = {one.name: one for one in all_pages()}
TYPED = re.compile(r"(?:\$ )?(?:[A-Z_]+=\S+ )*(?:ExecStart=)?(?:\S*bin/)?vaivem ([a-z][^|>…]*)")
WORD = re.compile(r"`([a-z_*]+)`")


def commands(group: click.Group, *names: str) -> Iterator[tuple[str, click.Command]]:
    """Yield every command that people see, with its name as typed."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, *names, name)
        elif command is not None and not command.hidden:
            yield " ".join((*names, name)), command


COMMANDS = dict(commands(cli))


def missing(words: Any, *names: str) -> list[str]:
    """Return the words that none of these documents says."""
    return sorted(word for word in words if not any(page(name).says(word) for name in names))


def test_every_command_is_in_the_operations_guide() -> None:
    assert not missing([f"vaivem {name}" for name in COMMANDS], "docs/operations.md")


def test_every_command_that_is_shown_exists() -> None:
    shown = [(one.name, line) for one in PAGES.values() for line in typed(one)]
    assert len(shown) > 20
    for name, line in shown:
        words = shlex.split(line, comments=True)
        known = next((" ".join(words[:n]) for n in (2, 1) if " ".join(words[:n]) in COMMANDS), None)
        if known is None and words and words[0].startswith("-"):
            continue
        assert known, f"{name}: there is no command {line!r}"
        options = {text for option in COMMANDS[known].params for text in option.opts} | {"--help"}
        used = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert used <= options, f"{name}: {line!r} uses {used - options}"


def typed(one: Page) -> Iterator[str]:
    """Yield what is typed after `vaivem` in code blocks and in code within sentences."""
    lines = [line for block in one.blocks("", "sh", "bash", "ini") for line in block.splitlines()]
    lines += re.findall(r"`([^`\n]+)`", one.prose)
    for line in lines:
        found = TYPED.match(line.strip())
        if found:
            yield found[1]


def test_every_setting_is_in_the_operations_guide() -> None:
    read: set[str] = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                read.update(re.findall(r"^VAIVEM_[A-Z_]+$", node.value))
    config = (SOURCE / "config.py").read_text("utf-8")
    read.update(re.findall(r"env\.get\(\"([A-Z_]+)\"", config))
    read.update(re.findall(r"\$\{([A-Z_]+)", (ROOT / "compose.yaml").read_text("utf-8")))
    assert {"HOST", "DATABASE_URL", "VAIVEM_DATA_DIR", "VAIVEM_LISTEN"} <= read
    assert not missing(read, "docs/operations.md")


def test_every_make_target_is_in_the_contributors_guide() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = re.findall(r"^([a-z.-]+):.*##", makefile, re.MULTILINE)
    assert "demo" in targets
    text = page("CONTRIBUTING.md").text
    assert not [target for target in targets if f"`{target}`" not in text]
    named = {name for one in PAGES.values() for name in re.findall(r"(?:^|`|&& )make ([a-z.]+)", one.text)}
    assert named <= set(targets), f"no such target: {named - set(targets)}"


def own_connectors() -> list[str]:
    """Return the connectors of this project; other tests bring some of their own."""
    return [key for key in connector_keys() if (SOURCE / "connectors" / key).is_dir()]


def test_every_connector_has_a_page_of_its_own() -> None:
    for key in own_connectors():
        assert (SOURCE / "connectors" / key / "README.md").exists(), f"{key} has no README"


def test_every_trigger_and_action_is_named_for_rule_files() -> None:
    """In the page on rules, or in the connector's own: a new folder changes no page outside it."""
    text = page("docs/rules.md")
    for key in own_connectors():
        connector = get_connector(key)
        own = (SOURCE / "connectors" / key / "README.md").read_text("utf-8")
        short = re.compile(r"^(contact|person|organization)_(created|updated|deleted)$")
        entries = [entry.key for entry in (*connector.triggers, *connector.actions)]
        named = [entry for entry in entries if text.says(entry) or f"`{entry}`" in own or short.match(entry)]
        unnamed = set(entries) - set(named)
        assert not unnamed, f"{key}: {unnamed}"


def test_the_words_of_rules_are_all_there() -> None:
    words = [*filters.FILTERS, *Operator, *WritePolicy, *OnBad, *Missing, *KeyKind]
    assert not missing(map(str, words), "docs/rules.md")
    blocks = [yaml.safe_load(block) for block in page("docs/rules.md").blocks("yaml")]
    assert any("combinations" in block for block in blocks)
    for rule in [rule for block in blocks for rule in block["rules"]]:
        parse_rule(rule)  # raises with all that is wrong


def test_the_table_of_combinations_is_one() -> None:
    from vaivem.hub.rules.layout import COLUMNS, read

    text = page("docs/rules.md")
    [block] = text.blocks("csv")
    assert [len(entry.data["fields"]) for entry in read(block).combinations] == [2, 2]
    assert not missing(COLUMNS, "docs/rules.md")


def test_the_connectors_guide_has_the_whole_contract() -> None:
    classes = [name for name, value in vars(errors).items() if is_error(value)]
    assert "RetryError" in classes
    rows = [row.code for row in sdk_errors.DEFAULT_ROWS]
    repeats = [kind.__name__ for kind in (repeat.Idempotent, repeat.Keyed, repeat.Findable, repeat.Unsafe)]
    assert not missing([*classes, *rows, *repeats], "docs/connectors.md")
    kinds = (manifest.OAuth, manifest.Limit, manifest.AuthField, manifest.Setting, manifest.TestAccount)
    keys = {key for kind in kinds for key in kind.__struct_fields__}
    assert not missing(keys - {"many"}, "docs/connectors.md")


def is_error(value: Any) -> bool:
    """Say whether this is one of the classes that a connector's author may meet."""
    return (
        isinstance(value, type) and issubclass(value, errors.VaivemError) and value is not errors.VaivemError
    )


def test_the_engines_page_has_every_table_and_crash_point() -> None:
    schema = (SOURCE / "engine/sql/schema.sql").read_text("utf-8")
    tables = re.findall(r"^create table (\w+)", schema, re.MULTILINE)
    assert "lane" in tables
    assert not missing([*tables, *POINTS], "docs/engine.md")


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    names = {re.split(r"[\[~=<>!]", name)[0] for name in wanted}
    names = {name for name in names if not name.startswith("types-")}
    assert not missing(names, "docs/decisions/0005-dependencies.md")


def test_every_problem_belongs_to_a_family() -> None:
    table = page("docs/api.md").text.partition("## Problem codes")[2]
    patterns = [found for line in table.splitlines() if line[:1] == "|" for found in WORD.findall(line)]
    assert not [code for code in SENTENCES if not any(fnmatchcase(code, pattern) for pattern in patterns)]
    known = {*SENTENCES, "told_to_do_it", "adopted"}
    for pattern in patterns:
        assert any(fnmatchcase(code, pattern) for code in known), f"no problem is called {pattern}"


@pytest.mark.parametrize("name", sorted(PAGES))
def test_links_lead_somewhere(name: str) -> None:
    for link in PAGES[name].links():
        if re.match(r"(https?|mailto):", link):
            continue
        target, _, anchor = link.partition("#")
        path = (PAGES[name].path.parent / target).resolve() if target else PAGES[name].path
        assert path.exists(), f"{name} links to {link}"
        if anchor:
            linked = PAGES[path.relative_to(ROOT).as_posix()]
            assert anchor in linked.anchors(), f"{name} links to {link}; there are {sorted(linked.anchors())}"


def test_decisions_are_all_listed() -> None:
    folder = ROOT / "docs" / "decisions"
    records = {path.name for path in folder.glob("0*.md")}
    assert records == {link for link in page("docs/decisions/README.md").links() if link.startswith("0")}
    for number, record in enumerate(sorted(records), start=1):
        assert record.startswith(f"{number:04}-")


@pytest.mark.parametrize(
    ("one", "other"), [("README.md", "README.pt-BR.md"), ("docs/guide/en.md", "docs/guide/pt-BR.md")]
)
def test_both_languages_say_as_much(one: str, other: str) -> None:
    assert len(page(one).headings(2)) == len(page(other).headings(2))
    assert [len(block.splitlines()) for block in page(one).blocks("")] == [
        len(block.splitlines()) for block in page(other).blocks("")
    ]
    assert len(re.findall(r"^\d+\. ", page(one).text, re.MULTILINE)) == len(
        re.findall(r"^\d+\. ", page(other).text, re.MULTILINE)
    )
