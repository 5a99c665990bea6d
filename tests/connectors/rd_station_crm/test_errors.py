"""Every line of the error table, and every shape that the vendor says no in."""

from __future__ import annotations

import pytest
from tests.connectors.fake_context import answer

from vaivem.connectors.rd_station_crm.errors import ERRORS, read_message
from vaivem.connectors.sdk import Answer, Call
from vaivem.core.errors import (
    ReconnectError,
    RecordError,
    RetryError,
    RuleError,
    UncertainError,
    VaivemError,
)

V2 = Call("deals.create", "POST", "/deals")
V2_ORGANIZATION = Call("organizations.create", "POST", "/organizations")
V1 = Call("deals.create", "POST", "/deals", base="api_v1")
HTML = "<html><body><p>We're sorry, but something went wrong.</p></body></html>"


@pytest.mark.parametrize(
    ("call", "given", "error", "code"),
    [
        (V2, answer(401, {"errors": [{"status": "401"}]}), ReconnectError, "credentials_refused"),
        (
            V2,
            answer(400, {"error": "invalid_grant", "error_description": "x"}),
            ReconnectError,
            "credentials_refused",
        ),
        (V1, answer(401, {"error": "Permission denied."}), ReconnectError, "credentials_refused"),
        (V2, answer(402, {"errors": []}), RuleError, "plan_lacks_feature"),
        (V1, answer(403, {"error": "forbidden"}), RuleError, "permission_missing"),
        (V2, answer(404, {"message": "no Route matched with those values"}), RuleError, "address_wrong"),
        (V2, answer(404, {"errors": [{"detail": "Not found"}]}), RecordError, "record_not_found"),
        (
            V1,
            answer(404, {"errors": {"error_type": "RESOURCE_NOT_FOUND", "error_message": "Lead not found."}}),
            RecordError,
            "record_not_found",
        ),
        (
            V1,
            answer(
                422, {"errors": [{"error_type": "ACCESS_DENIED", "error_MESSAGE": "…", "feature": "tasks"}]}
            ),
            RuleError,
            "plan_lacks_feature",
        ),
        (
            V2_ORGANIZATION,
            answer(422, {"errors": [{"detail": "Nome Empresa já cadastrada."}]}),
            RecordError,
            "organization_name_taken",
        ),
        (
            V2_ORGANIZATION,
            answer(400, {"detail": "Nome Empresa já cadastrada."}),
            RecordError,
            "organization_name_taken",
        ),
        (
            V2,
            answer(422, {"errors": [{"detail": "Nome Empresa já cadastrada."}]}),
            RecordError,
            "record_refused",
        ),
        (
            V1,
            answer(400, {"errors": 'Could not find a custom field that matches: {:custom_field_id=>"…"}'}),
            RuleError,
            "custom_field_gone",
        ),
        (
            V2,
            answer(422, {"errors": [{"detail": "Could not find a custom field"}]}),
            RuleError,
            "custom_field_gone",
        ),
        (
            V2,
            answer(422, {"errors": [{"detail": "Deal custom fields Não é válido."}]}),
            RecordError,
            "custom_field_refused",
        ),
        (
            V2,
            answer(422, {"errors": [{"detail": "owner_id must be BSON::ObjectId or is in invalid format"}]}),
            RuleError,
            "choice_gone",
        ),
        (V2, answer(400, {"detail": "stage_id must be BSON::ObjectId"}), RuleError, "choice_gone"),
        (
            V2,
            answer(422, {"errors": [{"detail": "Nome não pode ficar em branco"}]}),
            RecordError,
            "record_refused",
        ),
        (V2, answer(429, {"errors": []}, retry_after="7"), RetryError, "vendor_limit"),
        (V1, answer(500, text=HTML), UncertainError, "v1_failed"),
        (V2, answer(500, text=HTML), UncertainError, "vendor_failed"),
        (V1, answer(502, text=HTML), UncertainError, "vendor_failed"),
    ],
)
def test_what_an_answer_means(call: Call, given: Answer, error: type[VaivemError], code: str) -> None:
    found = ERRORS.error(call, given)
    assert type(found) is error
    assert found.code == code


def test_a_good_answer_is_no_error() -> None:
    assert ERRORS.error(V2, answer(201, {"data": {}})) is None


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (answer(429, {"errors": []}, retry_after="7"), 7.0),
        (
            answer(
                429,
                {
                    "errors": {
                        "error_type": "RATE_LIMIT_EXCEDDED",
                        "error_message": "API usage limit exceeded",
                    }
                },
            ),
            30.0,
        ),
    ],
)
def test_a_limit_says_how_long_to_wait(given: Answer, seconds: float) -> None:
    found = ERRORS.error(V1, given)
    assert isinstance(found, RetryError)
    assert found.limit
    assert found.retry_after == seconds


@pytest.mark.parametrize(
    ("given", "text", "field", "code"),
    [
        ({"errors": [{"detail": "Um."}, {"title": "Dois."}]}, "Um.; Dois.", "", ""),
        (
            {"errors": {"subject": ["Assunto está muito curto, use no mínimo 3 caracteres."]}},
            "subject: Assunto está muito curto, use no mínimo 3 caracteres.",
            "subject",
            "",
        ),
        (
            {"errors": {"name": [{"error_type": "MUST_BE_STRING", "error_message": "Name must be string."}]}},
            "name: Name must be string.",
            "name",
            "MUST_BE_STRING",
        ),
        (
            {"errors": {"error_type": "RESOURCE_NOT_FOUND", "error_message": "Lead not found."}},
            "Lead not found.",
            "",
            "RESOURCE_NOT_FOUND",
        ),
        ({"errors": "Could not find"}, "Could not find", "", ""),
        ({"error": "forbidden"}, "forbidden", "", ""),
        ({"error": "invalid_grant", "error_description": "used twice"}, "used twice", "", ""),
        ({"detail": "Nome Empresa já cadastrada."}, "Nome Empresa já cadastrada.", "", ""),
        ({"message": "Unauthorized"}, "Unauthorized", "", ""),
        ([{"detail": "Em lista."}], "Em lista.", "", ""),
    ],
)  # fmt: skip
def test_the_vendor_s_sentence_is_found_in_every_shape(
    given: object, text: str, field: str, code: str
) -> None:
    message = read_message(answer(422, given))
    assert (message.text, message.field, message.code) == (text, field, code)


def test_an_answer_that_is_no_json_is_shown_as_it_is() -> None:
    assert read_message(answer(500, text=" <p>Ops</p> ")).text == "<p>Ops</p>"
    assert read_message(answer(500)).text == ""
