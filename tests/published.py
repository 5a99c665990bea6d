"""The vendors' published descriptions, which tests hold us against; they are not part of this repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

BESIDE = Path(__file__).parents[2] / "shared"


def published(name: str) -> Path:
    """Return where a description is: in ``specs`` of ``VAIVEM_SHARED``, else of ``shared`` beside this.

    Where it is not there, the test (or module) that asks is skipped; with ``VAIVEM_REQUIRE_CONTRACTS`` it
    fails.
    """
    path = Path(os.environ.get("VAIVEM_SHARED") or BESIDE) / "specs" / name
    if not path.exists():
        reason = f"the vendor's published description is not here: {path}"
        if os.environ.get("VAIVEM_REQUIRE_CONTRACTS"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason, allow_module_level=True)
    return path
