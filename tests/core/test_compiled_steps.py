"""What a wait for an event asks of one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from vaivem.core.compiled_steps import CompiledAwait
from vaivem.core.steps import AwaitStep


@pytest.mark.parametrize(
    ("about", "told", "known", "is_it"),
    [
        ("email", {"email": "Ana@Example.com"}, ["ana@example.com"], True),
        ("email", {"email": "ana.b@example.com"}, ["ana@example.com"], False),
        ("cpf", {"cpf": "529.982.247-25"}, ["52998224725"], True),
        ("id", {"id": 42}, ["42"], True),
        ("id", {"id": "AB-1"}, ["ab-1 "], True),
        ("signers[].email", {"signers": [{"email": "a@b.co"}, {"email": "c@d.co"}]}, ["c@d.co"], True),
        ("email", {"email": None}, ["None"], False),
        ("email", {}, [""], False),
        (None, {"email": "x@y.co"}, [], True),
    ],
)
def test_whose_event_it_is(about: str | None, told: dict[str, Any], known: list[str], *, is_it: bool) -> None:
    step = CompiledAwait(AwaitStep("a", 1, "t", timedelta(days=1), about=about), 1)
    known = [one.strip() for one in known if one]
    assert step.is_about(told, known) is is_it


def test_what_the_run_knows_is_read_from_its_own_fields() -> None:
    step = CompiledAwait(AwaitStep("a", 1, "t", timedelta(days=1), about="id", equals="steps.deal.ids"), 1)
    assert step.known({"steps": {"deal": {"ids": [7, None, " 8 "]}}}) == ("7", "8")
    assert step.known({"steps": {}}) == ()
