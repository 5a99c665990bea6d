"""Where the vendors' published descriptions are looked for, and that a required one cannot be missed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import published as module
from tests.published import published


@pytest.mark.parametrize("named", [True, False])
def test_it_is_found_where_the_environment_says_or_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: bool
) -> None:
    (tmp_path / "specs").mkdir()
    wanted = tmp_path / "specs" / "acme.json"
    wanted.write_text("{}")
    monkeypatch.setattr(module, "BESIDE", tmp_path / "nowhere" if named else tmp_path)
    monkeypatch.setenv("VAIVEM_SHARED", str(tmp_path) if named else "")
    assert published("acme.json") == wanted


@pytest.mark.parametrize(("required", "ending"), [("", pytest.skip.Exception), ("1", pytest.fail.Exception)])
def test_one_that_is_not_there_is_left_out_unless_it_is_required(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, required: str, ending: type[BaseException]
) -> None:
    monkeypatch.setenv("VAIVEM_SHARED", str(tmp_path))
    monkeypatch.setenv("VAIVEM_REQUIRE_CONTRACTS", required)
    with pytest.raises(ending, match=r"acme\.json"):
        published("acme.json")
