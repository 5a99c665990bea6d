"""Conditions: each operator as a table, groups, and the reasons."""

from __future__ import annotations

from typing import Any

import pytest

from vaivem.core.conditions import Group, Joint, Test, each_test, evaluate, with_types
from vaivem.core.fields import FieldType
from vaivem.core.operators import Operator

O = Operator  # noqa: E741 -- tables below stay readable
T = FieldType


def passed(value: Any, operator: Operator, expected: Any = None, type_: FieldType | None = None) -> bool:
    group = Group(Joint.ALL, (Test("x", operator, expected, type_),))
    return evaluate(group, {"x": value, "today": "2026-11-19"}, zone="America/Sao_Paulo").passed


@pytest.mark.parametrize(
    ("value", "operator", "expected", "type_", "passes"),
    [
        ("Vendas Residenciais", O.EQUALS, "vendas  residenciais", None, True),
        ("João", O.EQUALS, "JOAO", None, True),
        ("João", O.NOT_EQUALS, "JOAO", None, False),
        (None, O.EQUALS, "a", None, False),
        (None, O.NOT_EQUALS, "a", None, True),
        ("", O.NOT_EQUALS, "a", None, True),
        ("007", O.EQUALS, "7", None, False),
        ("1.234,50", O.EQUALS, "1234.5", T.MONEY, True),
        ("1.234,50", O.EQUALS, 1234.5, None, True),
        (1234.5, O.EQUALS, "1.234,50", None, True),
        (7, O.EQUALS, "sete", None, False),
        ("sete", O.EQUALS, 7, None, False),
        (True, O.EQUALS, "sim", T.BOOLEAN, True),
        ("Não", O.EQUALS, False, None, True),
        ("talvez", O.EQUALS, True, None, False),
        (True, O.EQUALS, "talvez", T.BOOLEAN, False),
        (True, O.CONTAINS, "rue", None, True),
        (True, O.EQUALS, "true", None, True),
        ("19/11/2026", O.EQUALS, "2026-11-19", T.DATE, True),
        ("2026-11-20T01:00:00Z", O.EQUALS, "2026-11-19", T.DATETIME, True),
        ("?", O.EQUALS, "2026-11-19", T.DATE, False),
        ("ANA@x.com", O.EQUALS, "ana@X.com", T.EMAIL, True),
        ("broken", O.EQUALS, "Broken", T.EMAIL, True),
        ("(11) 95555-0142", O.EQUALS, "+5511955550142", T.PHONE, True),
        ("123.456.789-09", O.EQUALS, "12345678909", T.CPF, True),
        ("123.456.789-09", O.NOT_EQUALS, "12345678909", T.CPF_CNPJ, False),
        ("Contrato de Instalação", O.CONTAINS, "INSTALACAO", None, True),
        ("Contrato", O.CONTAINS, "aditivo", None, False),
        ("Contrato", O.NOT_CONTAINS, "aditivo", None, True),
        (None, O.CONTAINS, "a", None, False),
        (None, O.NOT_CONTAINS, "a", None, True),
        (2026, O.CONTAINS, 26, None, True),
        ("Contrato x", O.STARTS_WITH, "contrato", None, True),
        ("x Contrato", O.STARTS_WITH, "contrato", None, False),
        ("a.PDF", O.ENDS_WITH, ".pdf", None, True),
        ("a.pdf.zip", O.ENDS_WITH, ".pdf", None, False),
        ("b", O.ONE_OF, ["a", "B"], None, True),
        ("c", O.ONE_OF, ["a", "B"], None, False),
        ("c", O.NONE_OF, ["a", "B"], None, True),
        ("b", O.NONE_OF, ["a", "B"], None, False),
        (None, O.NONE_OF, ["a"], None, True),
        ("R$ 1.000,01", O.GREATER, "1.000", None, True),
        (1000, O.GREATER, 1000, None, False),
        (999.99, O.LESS, "1000", None, True),
        ("a combinar", O.LESS, 1000, None, False),
        (5, O.LESS, "muito", None, False),
        (None, O.LESS, 1000, None, False),
        (10, O.BETWEEN, [10, "20"], None, True),
        (20, O.BETWEEN, [10, 20], None, True),
        (20.01, O.BETWEEN, [10, 20], None, False),
        ("x", O.BETWEEN, [10, 20], None, False),
        ("2026-11-19", O.BETWEEN, ["2026-11-01", "19/11/2026"], None, True),
        ("2026-11-20", O.BETWEEN, ["2026-11-01", "2026-11-19"], T.DATE, False),
        ("2026-10-31", O.BETWEEN, ["2026-11-01", "2026-11-19"], T.DATE, False),
        ("?", O.BETWEEN, ["2026-11-01", "2026-11-19"], T.DATE, False),
        ("2026-11-18", O.BEFORE, "2026-11-19", None, True),
        ("2026-11-19", O.BEFORE, "2026-11-19", None, False),
        ("2026-11-18", O.BEFORE, "today", None, True),
        ("2026-11-19", O.BEFORE, "today", None, False),
        ("2026-11-20T01:00:00Z", O.AFTER, "2026-11-19", None, False),
        ("2026-11-20T04:00:00Z", O.AFTER, "2026-11-19", None, True),
        ("2026-11-20T01:00:00Z", O.AFTER, "2026-11-19T21:59:00-03:00", None, True),
        ("2026-11-20T01:00:00Z", O.AFTER, "2026-11-19T22:00:00-03:00", None, False),
        ("?", O.AFTER, "2026-11-19", None, False),
        ("2026-11-20", O.AFTER, "?", None, False),
        ("2026-11-19", O.WITHIN_DAYS, 7, None, True),
        ("2026-11-26", O.WITHIN_DAYS, "7", None, True),
        ("2026-11-27", O.WITHIN_DAYS, 7, None, False),
        ("2026-11-18", O.WITHIN_DAYS, 7, None, False),
        ("2026-11-12", O.WITHIN_DAYS, -7, None, True),
        ("2026-11-11", O.WITHIN_DAYS, -7, None, False),
        ("2026-11-20", O.WITHIN_DAYS, -7, None, False),
        ("?", O.WITHIN_DAYS, 7, None, False),
        ("2026-11-19", O.WITHIN_DAYS, "?", None, False),
        ("  ", O.IS_EMPTY, None, None, True),
        ([], O.IS_EMPTY, None, None, True),
        (0, O.IS_EMPTY, None, None, False),
        (False, O.IS_NOT_EMPTY, None, None, True),
        (None, O.IS_NOT_EMPTY, None, None, False),
        ("sim", O.IS_TRUE, None, None, True),
        (1, O.IS_TRUE, None, None, True),
        ("talvez", O.IS_TRUE, None, None, False),
        (None, O.IS_TRUE, None, None, False),
        ("nao", O.IS_FALSE, None, None, True),
        (None, O.IS_FALSE, None, None, True),
        ("talvez", O.IS_FALSE, None, None, False),
        (["a@x.com", "b@y.com"], O.CONTAINS, "y.com", None, True),
        (["a@x.com", "b@y.com"], O.NOT_CONTAINS, "y.com", None, False),
        (["a@x.com", None], O.NOT_CONTAINS, "y.com", None, True),
        ([5, 50], O.GREATER, 10, None, True),
        ([], O.EQUALS, "a", None, False),
    ],
)  # fmt: skip
def test_operators(
    value: Any, operator: Operator, expected: Any, type_: FieldType | None, passes: bool
) -> None:
    assert passed(value, operator, expected, type_) is passes


def test_every_operator_is_in_the_table() -> None:
    (mark,) = test_operators.pytestmark
    assert {row[1] for row in mark.args[1]} == set(Operator)


YES = Test("yes", O.EQUALS, "1")
NO = Test("no", O.EQUALS, "1")
SCOPE = {"yes": "1", "no": "2", "today": "2026-11-19"}


@pytest.mark.parametrize(
    ("joint", "members", "passes", "reasons"),
    [
        (Joint.ALL, (), True, []),
        (Joint.ANY, (), False, []),
        (Joint.NOT, (), True, []),
        (Joint.ALL, (YES, YES), True, ["yes", "yes"]),
        (Joint.ALL, (YES, NO), False, ["no"]),
        (Joint.ANY, (NO, YES), True, ["yes"]),
        (Joint.ANY, (NO, NO), False, ["no", "no"]),
        (Joint.NOT, (NO,), True, ["no"]),
        (Joint.NOT, (NO, YES), False, ["yes"]),
        (Joint.ALL, (YES, Group(Joint.ANY, (NO, Group(Joint.NOT, (YES,))))), False, ["no", "yes"]),
    ],
)
def test_groups_name_the_tests_that_decided(
    joint: Joint, members: tuple[Group | Test, ...], passes: bool, reasons: list[str]
) -> None:
    verdict = evaluate(Group(joint, members), SCOPE)
    assert verdict.passed is passes
    assert [reason.test.field for reason in verdict.reasons] == reasons


def test_a_reason_shows_what_was_seen() -> None:
    verdict = evaluate(Group(Joint.ALL, (NO, Test("long", O.EQUALS, "b"))), SCOPE | {"long": ["a" * 500]})
    first, second = (reason.to_dict() for reason in verdict.reasons)
    assert first == {"field": "no", "is": "equals", "value": "1", "seen": "2", "passed": False}
    assert len(second["seen"]) == 201


def test_numbers_are_shown_as_they_are() -> None:
    verdict = evaluate(Group(Joint.ALL, (Test("n", O.GREATER, 10),)), {"n": 5})
    assert verdict.reasons[0].to_dict()["seen"] == 5


def test_tests_learn_the_type_of_their_field() -> None:
    group = Group(Joint.ALL, (Test("a", O.EQUALS, 1), Group(Joint.NOT, (Test("b", O.EQUALS, 1, T.TEXT),))))
    typed = with_types(group, {"a": T.MONEY, "b": T.MONEY})
    assert [test.type for test in each_test(typed)] == [T.MONEY, T.TEXT]
