"""Whatever is sent, it is stored or refused in the vendor's way: nothing breaks the account itself."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vaivem.simulators.rd_station_crm.access import Access
from vaivem.simulators.rd_station_crm.account import Account
from vaivem.simulators.rd_station_crm.problems import RefusedError
from vaivem.simulators.rd_station_crm.schema import ENTITIES
from vaivem.simulators.rd_station_crm.seed import Secrets, plant
from vaivem.simulators.rd_station_crm.v1_bodies import (
    UnknownCustomFieldError,
    UnreadableBodyError,
    contact_values,
    deal_product_values,
    deal_values,
    organization_values,
    task_values,
)

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["", "0001-01-01", "9999-12-31T23:59:59-12:00", "http://[", "0" * 24, "a@b.co"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["email", "phone", "type", "name", "custom_field_id", "value", "day", "x"]), inner
        )
    ),
    max_leaves=6,
)
MANY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
TABLES = ["contacts", "organizations", "deals", "tasks", "products", "custom_fields", "webhooks"]
V1_KEYS = [
    "name",
    "title",
    "emails",
    "phones",
    "birthday",
    "facebook",
    "deal_ids",
    "contact_custom_fields",
    "deal_custom_fields",
    "user_id",
    "rating",
    "organization_custom_fields",
    "organization_segments",
    "address",
    "subject",
    "type",
    "date",
    "hour",
    "notes",
    "done",
    "discount_type",
    "recurrence",
    "price",
    "amount",
    "product_id",
    "prediction_date",
]


@pytest.fixture
def account() -> Account:
    account = Account(lambda: NOW)
    plant(account, Access(account), Secrets.new())
    return account


@pytest.mark.parametrize("table", TABLES)
@given(data=st.data())
@MANY
def test_v2_values(account: Account, table: str, data: st.DataObject) -> None:
    fields = st.sampled_from(sorted(ENTITIES[table].fields))
    sent: dict[str, Any] = data.draw(st.dictionaries(fields, VALUES, max_size=5))
    with contextlib.suppress(RefusedError):
        made = account.create(table, {"name": "Nome", **sent})
        assert account.tables[table].get(made["id"]) is made
        assert orjson.loads(orjson.dumps(made)) == made
    for record in account.tables[table].dump()[:1]:
        with contextlib.suppress(RefusedError):
            account.update(table, record["id"], sent)


@given(sent=st.dictionaries(st.sampled_from(V1_KEYS), VALUES, max_size=6))
@MANY
def test_v1_bodies(account: Account, sent: dict[str, Any]) -> None:
    refusals = (RefusedError, UnreadableBodyError, UnknownCustomFieldError)
    for read in (
        lambda: contact_values(account, sent),
        lambda: organization_values(account, sent),
        lambda: deal_values(account, sent, {}),
        lambda: task_values(sent, NOW),
        lambda: deal_product_values(sent),
    ):
        with contextlib.suppress(*refusals):
            assert isinstance(read(), dict)
