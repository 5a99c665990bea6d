"""Recipes: ready-made rules as data, in `recipes/<key>.toml` of the connector that they start from.

A recipe asks for accounts and a few choices, and holds a rule's definition in which ``"$name"`` stands for an
account or a choice; a part whose choice is left empty is left out. Texts are in that connector's locale
files: ``recipes.<key>.name .help .title`` (the rule's title), ``recipes.<key>.<choice>`` with ``.help`` and
``.<value>``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
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

    ``choice``: one of `choices`. ``field``: one of the live options of `field` in the step called `step`.
    ``template``: a text with fields of the event. `when` shows it only while other choices have these values.
    `stand_in` is a setting of the step's connection that is used when nothing is chosen: without it, the
    choice is required.
    """

    key: str
    type: Literal["choice", "field", "template"]
    choices: tuple[str, ...] = ()
    default: str = ""
    step: str = ""
    field: str = ""
    required: bool = True
    stand_in: str = ""
    when: Mapping[str, str] = {}

    def asked(self, chosen: Mapping[str, str]) -> bool:
        """Say whether it is asked under the other choices."""
        return all(chosen.get(key) == value for key, value in self.when.items())


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """A ready-made rule. `minutes` is about how long it takes to set up; `group` is its heading."""

    key: str
    connector: str
    group: str
    minutes: int
    accounts: tuple[RecipeAccount, ...]
    choices: tuple[RecipeChoice, ...] = ()
    rule: Mapping[str, Any]

    def account(self, key: str) -> RecipeAccount:
        """Return the account called `key`; raises KeyError."""
        for account in self.accounts:
            if account.key == key:
                return account
        raise KeyError(key)

    def definition(
        self, accounts: Mapping[str, int | str], chosen: Mapping[str, str], title: str
    ) -> dict[str, Any]:
        """Return the rule's definition for these accounts and choices."""
        values: dict[str, Any] = {"title": title, **accounts}
        for choice in self.choices:
            given = chosen.get(choice.key) or choice.default
            values[choice.key] = given if given and choice.asked(self.settled(chosen)) else None
        filled: dict[str, Any] = _filled(self.rule, values)
        return {"title": title, **filled}

    def settled(self, chosen: Mapping[str, str]) -> dict[str, str]:
        """Return the choices with defaults where nothing is chosen."""
        return {choice.key: chosen.get(choice.key) or choice.default for choice in self.choices}


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
    inner = {key: _filled(value, values) for key, value in part.items()}
    kept = {key: value for key, value in inner.items() if value is not _GONE}
    return kept if kept or not part else _GONE
