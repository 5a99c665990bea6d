"""Finds connectors by folder: adding one touches no list."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path

from vaivem import connectors
from vaivem.connectors.sdk.connector import Connector


@cache
def connector_keys() -> tuple[str, ...]:
    """Return the names of all folders that hold a connector, sorted."""
    modules = (module for place in connectors.__path__ for module in Path(place).glob("*/connector.py"))
    return tuple(sorted({module.parent.name for module in modules} - {"sdk"}))


@cache
def get_connector(key: str) -> Connector:
    """Return the connector called `key`; raises KeyError for an unknown one."""
    if key not in connector_keys():
        raise KeyError(key)
    module = import_module(f"vaivem.connectors.{key}.connector")
    connector: Connector = module.connector
    return connector
