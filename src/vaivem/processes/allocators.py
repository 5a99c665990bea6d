"""How the allocators of a process that serves behave, set before any of them is loaded."""

from __future__ import annotations

import os
from collections.abc import Mapping

# The HTTP client brings an allocator of its own (mimalloc), which asks for pages of 2 MiB: each of its
# threads then holds at least one for a few kilobytes. An operator's own settings stand.
SETTINGS: Mapping[str, str] = {"MIMALLOC_ALLOW_THP": "0"}


def tune_allocators() -> None:
    """Set them for this process and its children, before the first import of what allocates by itself."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
