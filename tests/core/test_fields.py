"""Fields as stored data."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaivem.core.fields import Field, FieldType, Option, WritePolicy, group_of

OPTIONS = st.builds(Option, st.one_of(st.text(), st.integers()), st.text())
FIELDS = st.builds(
    Field,
    st.text(min_size=1),
    st.sampled_from(FieldType),
    label=st.none() | st.text(),
    required=st.booleans(),
    options=st.lists(OPTIONS, max_size=3).map(tuple),
    write=st.sampled_from(WritePolicy),
    max_length=st.none() | st.integers(1, 1000),
    many=st.booleans(),
    sample=st.none() | st.text() | st.integers(),
)


@given(FIELDS)
def test_a_field_survives_json(field: Field) -> None:
    assert Field.from_dict(json.loads(json.dumps(field.to_dict()))) == field


def test_what_is_at_its_default_is_not_stored() -> None:
    assert Field("deal.name").to_dict() == {"key": "deal.name", "type": "text"}


@pytest.mark.parametrize(
    ("data", "error"),
    [({"key": "a"}, KeyError), ({"key": "a", "type": "x"}, ValueError), ({"type": "text"}, TypeError)],
)
def test_other_data_is_refused(data: dict[str, str], error: type[Exception]) -> None:
    with pytest.raises(error):
        Field.from_dict(data)


@pytest.mark.parametrize(("key", "group"), [("deal.name", "deal"), ("deal.cf.abc", "deal"), ("name", "")])
def test_the_group_is_what_stands_before_the_first_dot(key: str, group: str) -> None:
    assert group_of(key) == group


@pytest.mark.parametrize(
    ("field", "is_list"),
    [
        (Field("a"), False),
        (Field("a", FieldType.EMAIL, many=True), True),
        (Field("a", FieldType.OPTIONS), True),
        (Field("a", FieldType.LIST), True),
    ],
)
def test_what_counts_as_a_list(field: Field, is_list: bool) -> None:
    assert field.is_list is is_list
