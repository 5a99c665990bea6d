"""Which answer means what: a case per row of the table, and the defaults it rests on."""

from __future__ import annotations

from email.utils import format_datetime

import pytest
from tests.connectors.clicksign.recorded import answered, connector
from tests.connectors.fake_context import answer

from vaivem.connectors.clicksign import client
from vaivem.connectors.clicksign.errors import ERRORS
from vaivem.connectors.sdk import Answer
from vaivem.core.errors import (
    ReconnectError,
    RecordError,
    RetryError,
    RuleError,
    UncertainError,
    VaivemError,
)

CALL = client.try_token()
HTML = Answer(503, {"content-type": "text/html"}, b"<html>Service Unavailable</html>")


@pytest.mark.parametrize(
    ("name", "status", "error", "code"),
    [
        ("error__401", 401, ReconnectError, "credentials_refused"),
        ("error__401_user", 401, ReconnectError, "api_user_missing"),
        ("error__403_user", 403, ReconnectError, "api_user_missing"),
        ("error__403_blocked", 403, ReconnectError, "account_blocked"),
        ("error__403_feature", 403, RuleError, "plan_lacks_feature"),
        ("error__403_status", 403, RecordError, "wrong_state"),
        ("error__403_signed", 403, RecordError, "wrong_state"),
        ("error__400_locale", 400, RecordError, "record_refused"),
        ("error__404", 404, RecordError, "record_not_found"),
        ("error__422_endpoint", 422, RecordError, "already_used"),
        ("error__422_processing", 422, RetryError, "still_processing"),
        ("error__422_deadline", 422, RecordError, "record_refused"),
        ("error__503_envelopes", 503, RuleError, "envelopes_off"),
    ],
)
def test_each_documented_answer(name: str, status: int, error: type[VaivemError], code: str) -> None:
    found = ERRORS.error(CALL, answered(name, status))
    assert type(found) is error
    assert found.code == code
    assert found.detail


@pytest.mark.parametrize(
    ("given", "error", "code"),
    [
        (HTML, UncertainError, "vendor_failed"),
        (Answer(503), UncertainError, "vendor_failed"),
        (Answer(500, content=b'{"errors":'), UncertainError, "vendor_failed"),
        (Answer(429), RetryError, "vendor_limit"),
        (Answer(403), RuleError, "permission_missing"),
        (Answer(401, content=b"nope"), ReconnectError, "credentials_refused"),
        (Answer(302), RuleError, "vendor_redirects"),
        (answer(422, {"errors": "odd"}), RecordError, "record_refused"),
        (answer(422, ["odd"]), RecordError, "record_refused"),
    ],
)
def test_answers_that_nobody_documented(given: Answer, error: type[VaivemError], code: str) -> None:
    found = ERRORS.error(CALL, given)
    assert type(found) is error
    assert found.code == code


def test_an_outage_is_not_taken_for_a_missing_feature() -> None:
    found = ERRORS.error(CALL, HTML)
    assert found is not None
    assert found.code != "envelopes_off"


def test_the_vendors_sentences_and_the_field_are_kept() -> None:
    found = ERRORS.error(CALL, answered("error__422_deadline", 422))
    assert found is not None
    assert found.path == "deadline_at"
    assert found.params["message"] == (
        "deadline_at - deve ser maior ou igual a 2026-11-20; name - não está em um formato válido"
    )


def test_a_pointer_at_the_whole_names_no_field() -> None:
    found = ERRORS.error(CALL, answered("error__422_processing", 422))
    assert found is not None
    assert found.path == ""


def test_the_legacy_shape_is_read_too() -> None:
    found = ERRORS.error(CALL, answer(422, {"errors": ["Algo deu errado", "E mais"]}))
    assert found is not None
    assert found.detail == "Algo deu errado; E mais"


def test_success_is_no_error() -> None:
    assert ERRORS.error(CALL, answered("envelopes__one")) is None


# Limits

NOW = 1_795_000_000  # 2026-11-18


def limited(**headers: str) -> Answer:
    from datetime import UTC, datetime

    date = format_datetime(datetime.fromtimestamp(NOW, UTC), usegmt=True)
    return Answer(429, {"date": date, **{name.replace("_", "-"): value for name, value in headers.items()}})


@pytest.mark.parametrize("prefix", ["x_rate_limit", "x_ratelimit"])
def test_both_spellings_of_the_limit_are_read(prefix: str) -> None:
    state = connector.limit_state(
        CALL, limited(**{f"{prefix}_remaining": "12", f"{prefix}_reset": str(NOW + 7)})
    )
    assert state is not None
    assert (state.remaining, state.reset_in) == (12, 7.0)


@pytest.mark.parametrize(
    ("headers", "remaining", "reset_in"),
    [
        ({"x_rate_limit_remaining": "0"}, 0, None),
        ({"x_rate_limit_reset": str(NOW - 3)}, None, 0.0),
        ({"x_rate_limit_remaining": "many", "x_rate_limit_reset": f"{NOW + 2}.5"}, None, 2.5),
    ],
)
def test_half_of_the_headers_is_used(
    headers: dict[str, str], remaining: int | None, reset_in: float | None
) -> None:
    state = connector.limit_state(CALL, limited(**headers))
    assert state is not None
    assert (state.remaining, state.reset_in) == (remaining, reset_in)


def test_no_headers_say_nothing() -> None:
    assert connector.limit_state(CALL, Answer(200)) is None
    assert connector.limit_state(CALL, limited(x_rate_limit_remaining="", x_rate_limit_reset="soon")) is None


def test_a_429_waits_until_the_reset() -> None:
    found = ERRORS.error(CALL, limited(x_rate_limit_remaining="0", x_rate_limit_reset=str(NOW + 9)))
    assert isinstance(found, RetryError)
    assert found.limit
    assert found.retry_after == 9.0


def test_retry_after_goes_first() -> None:
    found = ERRORS.error(CALL, limited(retry_after="4", x_rate_limit_reset=str(NOW + 9)))
    assert isinstance(found, RetryError)
    assert found.retry_after == 4.0


def test_without_a_date_our_own_clock_is_used() -> None:
    state = connector.limit_state(CALL, Answer(200, {"x-rate-limit-reset": "1"}))
    assert state is not None
    assert state.reset_in == 0.0
