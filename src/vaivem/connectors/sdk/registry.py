"""Finds connectors by folder: adding one touches no list."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module

from vaivem import connectors
from vaivem.connectors.sdk.connector import Connector


@cache
def connector_keys() -> tuple[str, ...]:
    """Return the names of all connector folders, sorted."""
    found = (module.name for module in pkgutil.iter_modules(connectors.__path__) if module.ispkg)
    return tuple(sorted(name for name in found if name != "sdk"))


@cache
def get_connector(key: str) -> Connector:
    """Return the connector called `key`; raises KeyError for an unknown one."""
    if key not in connector_keys():
        raise KeyError(key)
    module = import_module(f"vaivem.connectors.{key}.connector")
    connector: Connector = module.connector
    return connector
