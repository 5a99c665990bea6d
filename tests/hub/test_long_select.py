"""A select with hundreds of options is written as Django writes it."""

from __future__ import annotations

import re

import pytest


@pytest.mark.parametrize("value", ["a&b", "c", None])
def test_it_is_what_django_would_write(value: str | None) -> None:
    from django import forms

    from vaivem.hub.shell.long_select import LongSelect

    choices = [("a&b", "A <i>"), ("c", "C"), ("d", 'D "d"')]
    attrs = {"aria-invalid": "true", "id": "id_zone", "required": True, "disabled": False}
    ours, theirs = (
        re.sub(r">\s+<", "><", kind(choices=choices).render("zone", value, attrs))
        for kind in (LongSelect, forms.Select)
    )
    assert ours == theirs.strip()
    assert ours.count(" selected") == (value is not None)
