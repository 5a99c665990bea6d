"""Field combinations as files have them: read against the workspace, and written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vaivem.core.errors import Problem
from vaivem.core.reading import Reading
from vaivem.hub.rules import combining
from vaivem.hub.rules.catalog import WorkspaceCatalog
from vaivem.hub.rules.layout import FILLED_BY
from vaivem.hub.rules.models import Combination

KEYS = {"title", "from", "to", "object", "fields"}


def row_of(
    data: Mapping[str, Any], catalog: WorkspaceCatalog
) -> tuple[Combination, Combination | None, list[Problem]]:
    """Return a file's combination, the workspace's of that title, and everything that is wrong with it."""
    reading = Reading()
    content = reading.mapping(data, "", KEYS)
    parts = {key: reading.text(content, key, "") for key in ("title", "from", "to", "object")}
    fields = reading.mapping(content.get("fields", {}), "fields", None)
    title = parts["title"].strip()
    same, problems = catalog.combination(title), list(reading.problems)
    ids: dict[str, Any] = {}
    for key in ("from", "to"):
        ids[key] = catalog.connection_id(parts[key]) if parts[key] else None
        if parts[key] and ids[key] is None:
            problems.append(Problem("connection_unknown", {"connection": parts[key]}, key))
    row = Combination(
        pk=same.pk if same else None,
        workspace=catalog.workspace,
        title=title,
        source_id=ids["from"],
        target_id=ids["to"],
        object=parts["object"],
        fields=dict(fields),
    )
    if not problems:
        problems = combining.check(row, catalog)
        if same and (same.source_id, same.target_id, same.object) != (
            row.source_id,
            row.target_id,
            row.object,
        ):
            problems.append(Problem("combination_pair_fixed", {"title": title}, "title"))
    return row, same, problems


def plain(row: Combination, catalog: WorkspaceCatalog) -> dict[str, Any]:
    """Return a combination as people write it in a file, its fields in the object's order."""
    known, _required, _makes = combining.offered(row.target_id, row.object, catalog)
    places = {key: place for place, key in enumerate(known)}
    keys = sorted(row.fields, key=lambda key: (places.get(key, len(places)), key))
    source, target = catalog.connection(row.source_id), catalog.connection(row.target_id)
    return {
        "title": row.title,
        "from": source.slug if source else row.source_id,
        "to": target.slug if target else row.target_id,
        "object": row.object,
        "fields": {key: row.fields[key] for key in keys},
    }


def rows(row: Combination, catalog: WorkspaceCatalog) -> list[dict[str, str]]:
    """Return a combination as the rows of a table; what a table has no column for is left out."""
    data = plain(row, catalog)
    head = {"combination": data["title"], "from": data["from"], "to": data["to"], "object": data["object"]}
    return [
        {key: str(value) for key, value in (head | _cells(key, one)).items()}
        for key, one in data["fields"].items()
    ]


def _cells(key: str, mapping: Mapping[str, Any]) -> dict[str, Any]:
    filled = {column: mapping[name] for column, name in FILLED_BY.items() if mapping.get(name) is not None}
    return {
        "field": key,
        **filled,
        **{name: mapping[name] for name in ("write", "on_bad") if name in mapping},
    }
