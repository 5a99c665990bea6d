"""What every connector promises, checked for each one found: a new folder is under this contract at once."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from vaivem.connectors.sdk import Connection, Connector, load_manifest
from vaivem.connectors.sdk.registry import connector_keys, get_connector
from vaivem.connectors.sdk.texts import LANGUAGES, load_texts, placeholders
from vaivem.core.convert import convert
from vaivem.core.fields import Field, FieldType
from vaivem.core.paths import reader
from vaivem.hub.messages import SENTENCES

KEYS = connector_keys()
TESTS = Path(__file__).parent
KEY = re.compile(r"[a-z][a-z0-9_]*")


def package(key: str) -> str:
    return f"vaivem.connectors.{key}"


def source(key: str) -> Path:
    return Path(str(files(package(key))))


def connections(connector: Connector) -> Iterator[Connection]:
    """Return a connection for each way to connect, with the defaults and nothing read yet."""
    methods = [method.key for method in connector.manifest.auth] or [""]
    for method in methods:
        yield Connection(
            id=1,
            workspace=1,
            connector=connector.key,
            name="x",
            method=method,
            settings=connector.manifest.defaults(),
        )


def declared_fields(connector: Connector) -> list[Field]:
    """Return every field that a form or a mapping of this connector may show."""
    found: list[Field] = []
    for connection in connections(connector):
        for trigger in connector.triggers:
            found += [*trigger.fields(connection), *trigger.options]
        for action in connector.actions:
            found += [*action.fields(connection), *action.options, *action.outputs(connection)]
    return list({(field.key, field.label_key): field for field in found}.values())


def texts_needed(connector: Connector) -> set[str]:
    """Return the keys of all texts that screens ask for."""
    manifest, needed = connector.manifest, set[str]()
    for method in manifest.auth:
        needed |= {f"auth.{method.key}.name", f"auth.{method.key}.help"}
        needed |= {f"auth.{method.key}.steps.{number}" for number in range(1, method.steps + 1)}
        needed |= {f"auth.{method.key}.{field.key}" for field in method.fields}
    for setting in manifest.settings:
        needed |= {f"settings.{setting.key}", f"settings.{setting.key}.help"}
        needed |= {f"settings.{setting.key}.{choice}" for choice in setting.choices}
    for trigger in connector.triggers:
        needed |= {
            f"triggers.{trigger.key}.name",
            f"triggers.{trigger.key}.help",
            f"objects.{trigger.object}",
        }
    for action in connector.actions:
        needed |= {f"actions.{action.key}.name", f"actions.{action.key}.help", f"objects.{action.object}"}
    for field in declared_fields(connector):
        needed |= {key for key in (field.label_key, field.help_key) if key}
        if field.label_key:
            needed |= {f"{field.label_key}.{option.value}" for option in field.options if not option.label}
    return needed


def error_codes(key: str) -> set[str]:
    """Return the codes that this connector's own code gives to errors: the texts that only it can have."""
    found: set[str] = set()
    for path in source(key).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                name = (
                    node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                )
                place = 2 if name == "Row" else 0 if name.endswith("Error") else None
                if place is not None and len(node.args) > place:
                    code = node.args[place]
                    if isinstance(code, ast.Constant) and isinstance(code.value, str):
                        found.add(code.value)
    return found


def constants(key: str) -> set[str]:
    """Return all texts in the connector's code."""
    nodes = (
        node for path in source(key).rglob("*.py") for node in ast.walk(ast.parse(path.read_text("utf-8")))
    )
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


@pytest.mark.parametrize("key", KEYS)
def test_the_manifest_is_read_and_names_the_folder(key: str) -> None:
    manifest = load_manifest(package(key))
    assert manifest.key == key == get_connector(key).key
    assert manifest.name
    assert len(manifest.mark) == 2
    for names in ([m.key for m in manifest.auth], [s.key for s in manifest.settings]):
        assert len(names) == len(set(names)), names
        assert all(KEY.fullmatch(name) for name in names), names
    for setting in manifest.settings:
        FieldType(setting.type)
        assert not setting.choices or setting.default in (None, *setting.choices), setting
        assert set(setting.methods) <= {method.key for method in manifest.auth}, setting


@pytest.mark.parametrize("key", KEYS)
def test_every_limit_and_address_is_usable(key: str) -> None:
    manifest = load_manifest(package(key))
    for limits in manifest.limits.values():
        assert all(limit.calls > 0 and limit.seconds > 0 and 0 < limit.share <= 1 for limit in limits)
    for environment, bases in manifest.addresses.items():
        for base, address in bases.items():
            assert address.startswith("https://"), address
            assert manifest.address(base, {"environment": environment}) == address.rstrip("/")
            override = {f"address_{base}": "http://127.0.0.1:9/x/"}
            assert manifest.address(base, override) == "http://127.0.0.1:9/x"


@pytest.mark.parametrize("key", KEYS)
def test_texts_are_the_same_in_four_languages(key: str) -> None:
    known = {language: load_texts(package(key), language) for language in LANGUAGES}
    first = known["en"]
    for language, texts in known.items():
        assert texts.keys() == first.keys(), (language, texts.keys() ^ first.keys())
        for name, text in texts.items():
            assert text.strip() == text != "", (language, name)
            assert placeholders(text) == placeholders(first[name]), (language, name)


@pytest.mark.parametrize("key", KEYS)
def test_no_text_was_left_untranslated(key: str) -> None:
    ours, theirs = load_texts(package(key), "en"), load_texts(package(key), "pt_BR")
    sentences = [name for name, text in ours.items() if len(text.split()) > 4]
    assert [name for name in sentences if ours[name] == theirs[name]] == []


@pytest.mark.parametrize("key", KEYS)
def test_whatever_a_screen_shows_has_its_text(key: str) -> None:
    known = load_texts(package(key), "pt_BR").keys()
    assert texts_needed(get_connector(key)) - known == set()


@pytest.mark.parametrize("key", KEYS)
def test_every_error_of_its_own_says_what_to_do(key: str) -> None:
    known = load_texts(package(key), "pt_BR").keys()
    own = {name.split(".")[1] for name in known if name.startswith("errors.")}
    unsaid = {code for code in own if not {f"errors.{code}", f"errors.{code}.next"} <= known}
    assert unsaid == set(), "a text without what to do next, or the other way round"
    pieces = constants(key)
    unused = {
        code for code in own if not any(code == p or (p[:1] == "_" and code.endswith(p)) for p in pieces)
    }
    assert unused == set(), "texts of errors that nobody raises"
    assert error_codes(key) - own - SENTENCES.keys() == set(), "codes without a text"


@pytest.mark.parametrize("key", KEYS)
def test_the_checks_have_a_text_for_what_they_say(key: str) -> None:
    known = load_texts(package(key), "pt_BR").keys()
    said: set[str] = set()
    for path in source(key).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "CheckResult" and node.args:
                name = node.args[0]
                if isinstance(name, ast.Constant):
                    said.add(str(name.value))
    there = {name.split(".")[1] for name in known if name.startswith("checks.")}
    assert said <= there, said - there


@pytest.mark.parametrize("key", KEYS)
def test_triggers_and_actions_have_keys_of_their_own(key: str) -> None:
    connector = get_connector(key)
    for entries in (connector.triggers, connector.actions):
        names = [entry.key for entry in entries]
        assert len(names) == len(set(names))
        assert all(KEY.fullmatch(name) for name in names)
    for trigger in connector.triggers:
        assert trigger.kinds or connector.manifest.generic, trigger.key
    assert bool(connector.triggers) == (connector.webhooks is not None)


@pytest.mark.parametrize("key", KEYS)
def test_fields_are_sound_and_survive_storage(key: str) -> None:
    for field in declared_fields(get_connector(key)):
        assert field.label or field.label_key, field.key
        assert Field.from_dict(json.loads(json.dumps(field.to_dict()))) == field
        values = [option.value for option in field.options]
        assert len(values) == len(set(values)), field.key
        choices = field.type in (FieldType.OPTION, FieldType.OPTIONS)
        assert not choices or values or field.source or field.allow_new_option, field.key
        if field.sample is not None:
            assert convert(field.sample, field).problem is None, field.key


@pytest.mark.parametrize("key", KEYS)
def test_a_field_s_dependence_is_on_a_field_that_is_there(key: str) -> None:
    connector = get_connector(key)
    for connection in connections(connector):
        entries: Iterable[tuple[Field, ...]] = chain(
            (action.fields(connection) for action in connector.actions),
            (trigger.options for trigger in connector.triggers),
        )
        for fields in entries:
            names = {field.key for field in fields}
            assert len(names) == len(fields), sorted(field.key for field in fields)
            assert {field.depends_on for field in fields if field.depends_on} <= names


@pytest.mark.parametrize("key", KEYS)
def test_groups_that_repeat_have_fields(key: str) -> None:
    connector = get_connector(key)
    for connection in connections(connector):
        for action in connector.actions:
            groups = {field.key.partition(".")[0] for field in action.fields(connection)}
            assert set(action.groups) <= groups, action.key


def samples() -> list[Any]:
    return [
        pytest.param(key, trigger.key, id=f"{key}-{trigger.key}")
        for key in KEYS
        for trigger in get_connector(key).triggers
    ]


@pytest.mark.parametrize(("key", "name"), samples())
def test_a_trigger_s_sample_fits_its_fields(key: str, name: str) -> None:
    connector = get_connector(key)
    trigger = connector.trigger(name)
    json.dumps(trigger.sample)
    for connection in connections(connector):
        for field in trigger.fields(connection):
            value = reader(field.key)(trigger.sample)
            problem = convert(value, field).problem
            assert problem is None, (field.key, value, problem)
            assert _is_there(trigger.sample, field.key), f"the sample has no {field.key}"


def _is_there(data: Any, path: str) -> bool:
    for part in path.split("."):
        if not isinstance(data, dict) or part not in data:
            return False
        data = data[part]
    return True


def recorded(key: str) -> dict[str, list[Path]]:
    """Return the recorded deliveries by kind: ``<kind>__<variant>.json``."""
    found: dict[str, list[Path]] = {}
    for path in sorted((TESTS / key / "fixtures" / "webhooks").glob("*.json")):
        if not path.name.endswith(".headers.json"):
            found.setdefault(path.stem.partition("__")[0], []).append(path)
    return found


@pytest.mark.parametrize("key", KEYS)
def test_every_kind_of_event_was_recorded(key: str) -> None:
    connector, there = get_connector(key), recorded(key)
    kinds = {kind for trigger in connector.triggers for kind in trigger.kinds}
    if connector.webhooks is not None:
        kinds -= connector.webhooks.derived
    if not connector.manifest.generic:
        assert kinds <= there.keys(), kinds - there.keys()
    for paths in there.values():
        for path in paths:
            assert path.with_name(f"{path.stem}.headers.json").is_file(), path.name


@pytest.mark.parametrize("key", KEYS)
def test_recorded_things_say_where_they_come_from(key: str) -> None:
    fixtures = TESTS / key / "fixtures"
    assert not fixtures.is_dir() or (fixtures / "SOURCES.md").is_file()


@pytest.mark.parametrize("key", KEYS)
def test_every_write_says_how_it_is_repeated(key: str) -> None:
    for path in source(key).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "write"
            ):
                owner = node.func.value
                if isinstance(owner, ast.Name) and owner.id == "context":
                    assert len(node.args) >= 3, f"{path.name}:{node.lineno}: call, repeat, take"


@pytest.mark.parametrize("key", KEYS)
def test_no_connector_sleeps_asks_the_clock_or_goes_out_by_itself(key: str) -> None:
    banned = {
        "asyncio",
        "time",
        "random",
        "uuid",
        "os",
        "socket",
        "pyreqwest",
        "requests",
        "httpx",
        "aiohttp",
        "django",
    }
    for path in source(key).rglob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names = {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names = {(node.module or "").partition(".")[0]}
            else:
                continue
            assert not names & banned, f"{path.name}:{node.lineno} imports {names & banned}"
        if path.name != "errors.py":  # a limit's header may say when, which is turned into how long
            assert "datetime.now(" not in path.read_text("utf-8"), path.name


@pytest.mark.parametrize("key", KEYS)
def test_a_connector_knows_no_other(key: str) -> None:
    allowed = {f"vaivem.connectors.{key}", "vaivem.connectors.sdk", "vaivem.core"}
    for path in source(key).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            modules = [node.module] if isinstance(node, ast.ImportFrom) else []
            modules += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for module in modules:
                if module and module.startswith("vaivem"):
                    assert any(module == name or module.startswith(f"{name}.") for name in allowed), module


@pytest.mark.parametrize("key", KEYS)
def test_the_folder_is_complete(key: str) -> None:
    folder = source(key)
    there = {path.name for path in folder.iterdir()}
    assert {"__init__.py", "manifest.toml", "connector.py", "locale", "README.md"} <= there
    assert {path.stem for path in (folder / "locale").glob("*.toml")} == set(LANGUAGES)
    readme = (folder / "README.md").read_text("utf-8")
    assert readme.startswith("# ")
    assert "why this matters" in readme.lower() or load_manifest(package(key)).generic


@pytest.mark.parametrize("key", KEYS)
def test_an_unknown_name_is_said_as_such(key: str) -> None:
    connector = get_connector(key)
    for find in (connector.trigger, connector.action):
        with pytest.raises(KeyError):
            find("no such thing")
    assert connector.text("pt_BR", "no.such.text") is None
