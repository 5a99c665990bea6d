"""A run that its rule ended, and what came of a wait: said on the run's page, in words."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from tests.hub.workplace import DEFINITION

from .test_pages import Past, owner, past, plain, url

__all__ = ["owner", "past"]

AGAIN = {
    "id": "again",
    "kind": "await",
    "connection": "assinaturas",
    "trigger": "signer_signed",
    "for": {"days": 1},
}
STOP = {"id": "stop", "kind": "stop", "if": [{"field": "steps.again.happened", "is": "is_false"}]}


@pytest.mark.parametrize(
    ("happened", "said"),
    [(True, "It happened in time."), (False, "It did not happen before the wait was over.")],
)
def test_what_came_of_a_wait_and_why_the_rule_ended_the_run(
    past: Past, owner: Any, happened: bool, said: str
) -> None:
    rule = past.workplace.rule(then=[*DEFINITION["then"], AGAIN, STOP])
    seen = {"field": "steps.again.happened", "is": "is_false", "seen": happened, "passed": not happened}
    params = {} if happened else {"step": "stop", "tests": [seen]}
    code = "" if happened else "stopped_as_the_rule_says"
    run = past.run(rule.pk, 1, code=code, params=json.dumps(params))
    past.call(run)
    past.call(
        run, 2999, step="again", name="await", conn=0, method="", url="", status=0, request=None,
        response=json.dumps({"happened": happened}).encode(),
    )  # fmt: skip
    text = plain(owner.get(url(past, f"{run}/")))
    assert said in text
    assert ("The rule ended the run at step 3" in text) is not happened
    assert ("Step 2: it happened in time is no: it was “no”" in text) is not happened


def test_a_step_that_was_left_out_says_why_without_opening_it(past: Past, owner: Any) -> None:
    letter = {"id": "letter", "kind": "email", "to": {"from": "signer.email"}, "subject": {"value": "Oi"}}
    rule = past.workplace.rule(then=[*DEFINITION["then"], {**letter, "body": {"value": "Olá"}}])
    run = past.run(rule.pk, 1)
    past.call(run)
    past.call(
        run, 2000, step="letter", name="mail", conn=0, method="", url="", status=0, request=None,
        response=None, code="address_opted_out",
    )  # fmt: skip
    page = owner.get(url(past, f"{run}/"))
    shown = re.sub(r"<details.*?</details>", "", page.content.decode(), flags=re.DOTALL)
    assert "has opted out of the e-mails of this workspace" in shown
