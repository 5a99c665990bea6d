"""Errors: what they tell the engine, and what is stored of them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaivem.core.errors import (
    BugError,
    DecisionError,
    DeliveryError,
    Problem,
    ReconnectError,
    RecordError,
    Recovery,
    RetryError,
    RuleError,
    SignatureError,
    TooLargeError,
    UncertainError,
    UnreadableError,
    VaivemError,
)

TEXT = st.text(max_size=10)


@given(st.builds(Problem, TEXT.filter(bool), st.dictionaries(TEXT, TEXT, max_size=2), TEXT, TEXT))
def test_a_problem_survives_json(problem: Problem) -> None:
    assert Problem.from_dict(json.loads(json.dumps(problem.to_dict()))) == problem


@pytest.mark.parametrize(
    ("kind", "recovery"),
    [
        (RetryError, Recovery.RETRY),
        (UncertainError, Recovery.RESOLVE),
        (ReconnectError, Recovery.RECONNECT),
        (RuleError, Recovery.FIX_RULE),
        (RecordError, Recovery.SKIP_RECORD),
        (DecisionError, Recovery.DECIDE),
        (DeliveryError, Recovery.SKIP_RECORD),
        (SignatureError, Recovery.SKIP_RECORD),
        (UnreadableError, Recovery.SKIP_RECORD),
        (TooLargeError, Recovery.SKIP_RECORD),
        (BugError, Recovery.BUG),
    ],
)
def test_each_error_says_what_is_done_about_it(kind: type[VaivemError], recovery: Recovery) -> None:
    error = kind()
    assert error.recovery is recovery
    assert error.code == error.problem.code == kind.default_code


def test_an_error_shows_all_its_problems() -> None:
    problems = (Problem("bad_email", {"value": "x"}, "contact.email"), Problem("field_gone", path="deal.x"))
    assert (
        str(RecordError(problems=problems)) == "contact.email bad_email {'value': 'x'}; deal.x field_gone {}"
    )


def test_an_error_without_problems_is_one() -> None:
    error = RuleError("stage_gone", params={"stage": "x"}, path="deal.stage", detail="no such stage")
    assert error.problems == (Problem("stage_gone", {"stage": "x"}, "deal.stage", "no such stage"),)
    assert str(error).endswith("no such stage")


def test_a_limit_is_told_apart_from_a_failure() -> None:
    error = RetryError(retry_after=30.0, limit=True)
    assert (error.retry_after, error.limit) == (30.0, True)


def test_a_decision_carries_its_question() -> None:
    assert DecisionError(question={"kind": "choose"}).question == {"kind": "choose"}
    assert DecisionError().question == {}
