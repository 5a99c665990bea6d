"""Recipes: ready-made rules as data, in `recipes/<key>.toml` of the connector that they start from.

A recipe asks for accounts and a few choices, and holds a rule's definition in which ``"$name"`` stands for an
account or a choice; a part whose choice is left empty is left out. Texts are in that connector's locale
files: ``recipes.<key>.name .help .title`` (the rule's title), ``recipes.<key>.<choice>`` with ``.help`` and
``.<value>``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import msgspec

from vaivem.connectors.sdk.registry import connector_keys

MARK = "$"


class RecipeAccount(msgspec.Struct, frozen=True, kw_only=True):
    """An account that a recipe needs: any connection of `connector`."""

    key: str
    connector: str


class RecipeChoice(msgspec.Struct, frozen=True, kw_only=True):
    """One choice. `type` says how it is asked.

    ``choice``: one of `choices`; ``several``: some of them, with commas between. ``field``: one of the live
    options of `field` in the step called `step`. ``template``: a text with fields of the event; ``text``: one
    without. ``mapping``: fields of the step, each with the event's field that fills it, as
    ``target=source,target=source``; in the rule they stand where its fields have the key ``"$name"``.
    `when` shows a choice only while other choices have these values (or hold them, of several).
    `stand_in` is a setting of the step's connection that is used when nothing is chosen: without it, the
    choice is required.
    """

    key: str
    type: Literal["choice", "several", "field", "template", "text", "mapping"]
    choices: tuple[str, ...] = ()
    default: str = ""
    step: str = ""
    field: str = ""
    required: bool = True
    stand_in: str = ""
    when: Mapping[str, str] = {}

    def asked(self, chosen: Mapping[str, str]) -> bool:
        """Say whether it is asked under the other choices."""
        return all(value in parts(chosen.get(key)) for key, value in self.when.items())

    def given(self, chosen: Mapping[str, str]) -> str:
        """Return what is chosen, else the default; of several, none is a choice as well."""
        if self.type in ("several", "mapping") and self.key in chosen:
            return chosen[self.key]
        return chosen.get(self.key) or self.default

    def value(self, given: str) -> Any:
        """Return what is chosen as the rule has it; None leaves its part out."""
        if self.type == "several":
            return list(parts(given)) or None
        if self.type == "mapping":
            return {target: {"from": source, "on_bad": "skip"} for target, source in pairs(given)}
        return given or None


def parts(given: str | None) -> tuple[str, ...]:
    """Return what is chosen of several, in its order, each once."""
    return tuple(dict.fromkeys(part for part in (given or "").split(",") if part))


def pairs(given: str) -> list[tuple[str, str]]:
    """Return a mapping's fields with what fills them; a pair that lacks one of both is not there yet."""
    split = (part.partition("=") for part in parts(given))
    return [(target, source) for target, _, source in split if target and source]


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """A ready-made rule. `minutes` is about how long it takes to set up; `group` is its heading.

    `optional` names steps that are left out where the chosen account cannot do them; the text
    ``recipes.<key>.without.<step>`` says so before the rule is switched on.
    """

    key: str
    connector: str
    group: str
    minutes: int
    accounts: tuple[RecipeAccount, ...]
    choices: tuple[RecipeChoice, ...] = ()
    optional: tuple[str, ...] = ()
    rule: Mapping[str, Any]

    def account(self, key: str) -> RecipeAccount:
        """Return the account called `key`; raises KeyError."""
        for account in self.accounts:
            if account.key == key:
                return account
        raise KeyError(key)

    def definition(
        self,
        accounts: Mapping[str, int | str],
        chosen: Mapping[str, str],
        title: str,
        without: Collection[str] = (),
    ) -> dict[str, Any]:
        """Return the rule's definition for these accounts and choices. `without`: steps to leave out."""
        values: dict[str, Any] = {"title": title, **accounts}
        settled = self.settled(chosen)
        for choice in self.choices:
            values[choice.key] = choice.value(settled[choice.key]) if choice.asked(settled) else None
        rule = {**self.rule, "then": [step for step in self.rule["then"] if step["id"] not in without]}
        filled: dict[str, Any] = _filled(rule, values)
        return {"title": title, **filled}

    def settled(self, chosen: Mapping[str, str]) -> dict[str, str]:
        """Return the choices with defaults where nothing is chosen."""
        return {choice.key: choice.given(chosen) for choice in self.choices}


@cache
def all_recipes() -> tuple[Recipe, ...]:
    """Return the recipes whose connectors are all there, sorted by group and key.

    Raises msgspec.ValidationError for a recipe that is not right.
    """
    known = set(connector_keys())
    found = [recipe for key in connector_keys() for recipe in _recipes_of(key)]
    fitting = [recipe for recipe in found if all(account.connector in known for account in recipe.accounts)]
    return tuple(sorted(fitting, key=lambda recipe: (recipe.group, recipe.key)))


def get_recipe(key: str) -> Recipe:
    """Return the recipe called `key`; raises KeyError."""
    for recipe in all_recipes():
        if recipe.key == key:
            return recipe
    raise KeyError(key)


def _recipes_of(connector: str) -> list[Recipe]:
    folder = files(f"vaivem.connectors.{connector}").joinpath("recipes")
    if not folder.is_dir():
        return []
    recipes = []
    for file in folder.iterdir():
        if file.name.endswith(".toml"):
            data = tomllib.loads(file.read_text("utf-8"))
            data |= {"key": file.name.removesuffix(".toml"), "connector": connector}
            recipes.append(msgspec.convert(data, Recipe))
    return recipes


_GONE = object()


def _filled(part: Any, values: Mapping[str, Any]) -> Any:
    """Put the values in; a part that holds an empty one is left out of its list or object."""
    if isinstance(part, str) and part.startswith(MARK):
        value = values[part.removeprefix(MARK)]
        return _GONE if value is None else value
    if isinstance(part, Mapping):
        return _object(part, values)
    if isinstance(part, list):
        return [one for one in (_filled(inner, values) for inner in part) if one is not _GONE]
    return part


def _object(part: Mapping[str, Any], values: Mapping[str, Any]) -> Any:
    inner: dict[str, Any] = {}
    for key, value in part.items():
        if key.startswith(MARK):
            inner |= values[key.removeprefix(MARK)] or {}
        else:
            inner[key] = _filled(value, values)
    kept = {key: value for key, value in inner.items() if value is not _GONE}
    return kept if kept or not part else _GONE
