"""The page about the REST API names every address that there is, and no other."""

from __future__ import annotations

import re

from tests.docs.pages import page


def test_every_address_of_the_api_is_named() -> None:
    from vaivem.hub.api.service import api

    paths = api.get_openapi_schema(path_prefix="")["paths"]
    there = {f"{verb.upper()} /{path.strip('/')}" for path, verbs in paths.items() for verb in verbs}
    named = set(re.findall(r"`((?:GET|POST|PUT|PATCH|DELETE) /[^`?]*)`", page("docs/api.md").text))
    assert named - {"GET /healthz", "GET /readyz"} == there
