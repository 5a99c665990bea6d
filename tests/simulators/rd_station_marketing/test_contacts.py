"""Contacts: found, made, changed; tags, the funnel, the fields, and each refusal in its documented shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.simulators.rd_station_marketing.conftest import Rd

ANA = "/platform/contacts/email:ana@example.com"


async def made(rd: Rd, **values: Any) -> Any:
    answer = await rd.api("PATCH", ANA, values)
    assert answer.status == 200, answer.text
    return answer.json


async def test_patch_by_email_makes_and_changes_without_a_conversion(rd: Rd) -> None:
    first = await made(rd, name="Ana Lima", cf_cpf="935.411.347-80", tags=["blog"])
    assert (first["name"], first["email"], first["cf_cpf"]) == (
        "Ana Lima",
        "ana@example.com",
        "935.411.347-80",
    )
    second = await made(rd, name="Ana Maria Lima", tags=["vip"])
    assert (second["uuid"], second["tags"]) == (first["uuid"], ["vip"])
    by_uuid = await rd.api("GET", f"/platform/contacts/uuid:{first['uuid']}")
    bare = await rd.api("GET", f"/platform/contacts/{first['uuid']}")
    other_letters = await rd.api("GET", "/platform/contacts/email:Ana@Example.com")
    assert by_uuid.json == bare.json == other_letters.json == second
    assert (await rd.lead("ana@example.com"))["events"] == []


async def test_answers_leave_empty_texts_out_and_keep_lists(rd: Rd) -> None:
    contact = await made(rd, name="Ana", city="", cf_interesses=[])
    assert "city" not in contact
    assert "job_title" not in contact
    assert (contact["cf_interesses"], contact["extra_emails"]) == ([], [])
    assert {"rel", "href", "media", "type"} == set(contact["links"][0])
    assert (await made(rd, name=None)).get("name") is None


async def test_email_with_plus_and_its_escape_is_one_address(rd: Rd) -> None:
    plain = await rd.api("PATCH", "/platform/contacts/email:ana+rd@example.com", {"name": "Ana"})
    escaped = await rd.api("GET", "/platform/contacts/email:ana%2Brd%40example.com")
    assert plain.json["email"] == "ana+rd@example.com"
    assert escaped.json["uuid"] == plain.json["uuid"]


async def test_change_of_email_goes_by_uuid_only(rd: Rd) -> None:
    contact = await made(rd, name="Ana")
    refused = await rd.api("PATCH", ANA, {"email": "ana@new.example"})
    assert (refused.status, refused.json["errors"]["error_type"]) == (400, "CONFLICTING_FIELD")
    path = f"/platform/contacts/uuid:{contact['uuid']}"
    assert (await rd.api("PATCH", path, {"email": "ana@new.example"})).json["email"] == "ana@new.example"
    assert (await rd.api("GET", ANA)).status == 404
    taken = await rd.api("PATCH", path, {"email": "lucia.ferraz@example.com"})
    assert (taken.status, taken.json["errors"]["error_type"]) == (400, "EMAIL_ALREADY_IN_USE")


async def test_unknown_leads(rd: Rd) -> None:
    for method, path, body in (
        ("GET", ANA, None),
        ("PATCH", "/platform/contacts/uuid:00000000-0000-4000-8000-000000000000", {"name": "x"}),
        ("POST", f"{ANA}/tag", {"tags": ["a"]}),
        ("GET", f"{ANA}/funnels/default", None),
        ("DELETE", ANA, None),
        ("GET", "/platform/contacts/nobody", None),
    ):
        answer = await rd.api(method, path, body)
        assert answer.status == 404, path
        assert answer.json == {
            "errors": {"error_type": "RESOURCE_NOT_FOUND", "error_message": "Lead not found."}
        }


async def test_post_answers_200_and_refuses_a_known_email(rd: Rd) -> None:
    body = {"email": "ana@example.com", "name": "Ana"}
    assert (await rd.api("POST", "/platform/contacts", body)).status == 200
    again = await rd.api("POST", "/platform/contacts", {**body, "email": "ANA@example.com"})
    assert (again.status, again.json["errors"]["error_type"]) == (400, "EMAIL_ALREADY_IN_USE")
    without = await rd.api("POST", "/platform/contacts", {"name": "Ana"})
    problem = {"error_type": "CANNOT_BE_NULL", "error_message": "email cannot be null."}
    assert (without.status, without.json) == (400, {"errors": {"email": [problem]}})
    assert (await rd.api("DELETE", ANA)).status == 204
    assert (await rd.api("GET", ANA)).status == 404


@pytest.mark.parametrize(
    ("field", "value", "kind"),
    [
        ("name", 5, "MUST_BE_STRING"),
        ("cf_interesses", "Painéis", "MUST_BE_STRING_ARRAY"),
        ("cf_interesses", ["Vento"], "MUST_BE_VALID_OPTION"),
        ("cf_tipo_de_imovel", "Castelo", "MUST_BE_VALID_OPTION"),
        ("cf_aceita_visita", "sim", "MUST_BE_BOOLEAN"),
        ("cf_conta_de_luz", "420", "INVALID"),
        ("birthdate", "19/11/1990", "INVALID_FORMAT"),
        ("linkedin", "https://linkedin.com/in/ana", "INVALID_FORMAT"),
        ("tags", ["Blog"], "VALUES_MUST_BE_LOWERCASE"),
        ("tags", ["a", "a"], "VALUES_MUST_BE_UNIQUE"),
        ("tags", "a", "MUST_BE_STRING_ARRAY"),
        ("legal_bases", [{"category": "communications", "type": "x"}], "MUST_BE_VALID_OPTION"),
    ],
)
async def test_wrong_values_are_refused_by_field(rd: Rd, field: str, value: Any, kind: str) -> None:
    answer = await rd.api("PATCH", ANA, {field: value})
    assert answer.status == 400
    assert [problem["error_type"] for problem in answer.json["errors"][field]] == [kind]
    assert await rd.lead("ana@example.com") is None, "a refused PATCH makes nobody"


@pytest.mark.parametrize("field", ["available_for_mailing", "company", "cf_not_there", "uuid"])
async def test_unknown_fields_are_refused(rd: Rd, field: str) -> None:
    answer = await rd.api("PATCH", ANA, {field: "x"})
    assert (answer.status, answer.json["errors"]["error_type"]) == (400, "INVALID_FIELDS")
    assert f"({field})" in answer.json["errors"]["error_message"]


async def test_tags_are_added_once(rd: Rd) -> None:
    await made(rd, tags=["blog"])
    assert (await rd.api("POST", f"{ANA}/tag", {"tags": ["vip"]})).json["tags"] == ["blog", "vip"]
    again = await rd.api("POST", f"{ANA}/tag", {"tags": ["new", "vip"]})
    assert again.json["errors"]["tags"][0]["error_type"] == "VALUES_MUST_BE_UNIQUE"
    assert (await rd.api("GET", ANA)).json["tags"] == ["blog", "vip"]


async def test_funnel(rd: Rd) -> None:
    await made(rd, name="Ana")
    path = f"{ANA}/funnels/default"
    fresh = {"lifecycle_stage": "Lead", "opportunity": False, "contact_owner_email": None}
    assert (await rd.api("GET", path)).json == {**fresh, "fit": 0, "interest": 0}
    owner = "rafael@raiarsolar.example.com.br"
    body = {"lifecycle_stage": "Client", "contact_owner_email": owner}
    changed = (await rd.api("PUT", path, body)).json
    assert (changed["lifecycle_stage"], changed["contact_owner_email"]) == ("Client", owner)
    for nobody in (None, "null"):
        await rd.api("PUT", path, {"contact_owner_email": owner})
        cleared = await rd.api("PUT", path, {"contact_owner_email": nobody})
        assert cleared.json["contact_owner_email"] is None
    for wrong, kind in (
        ({"lifecycle_stage": "Lost"}, "MUST_BE_VALID_OPTION"),
        ({"opportunity": "yes"}, "MUST_BE_BOOLEAN"),
        ({"contact_owner_email": "nobody@example.com"}, "INVALID_USER"),
    ):
        refused = await rd.api("PUT", path, wrong)
        assert refused.status == 400
        assert next(iter(refused.json["errors"].values()))[0]["error_type"] == kind
    assert (await rd.api("PUT", path, {"fit": 5})).json["errors"]["error_type"] == "INVALID_FIELDS"
    assert (await rd.api("GET", f"{ANA}/funnels/other")).status == 404
    await rd.api("PUT", path, {"opportunity": True})
    assert [event["event_type"] for event in (await rd.lead("ana@example.com"))["events"]] == ["OPPORTUNITY"]


async def test_fields_are_listed_made_changed_and_deleted(rd: Rd) -> None:
    listed = (await rd.api("GET", "/platform/contacts/fields/")).json["fields"]
    by_key = {field["api_identifier"]: field for field in listed}
    assert by_key["name"]["custom_field"] is False
    assert by_key["cf_interesses"]["data_type"] == "STRING[]"
    options = by_key["cf_tipo_de_imovel"]["validation_rules"]["valid_options"]
    assert {"value": "Casa", "label": {"pt-BR": "Casa"}} in options
    body = {
        "name": {"pt-BR": "Data do ganho"},
        "label": {"pt-BR": "Data do ganho"},
        "data_type": "STRING",
        "presentation_type": "TEXT_INPUT",
        "api_identifier": "cf_data_do_ganho",
    }
    new = await rd.api("POST", "/platform/contacts/fields", body)
    assert (new.status, new.json["label"]["pt-BR"]) == (201, "Data do ganho")
    assert (await made(rd, cf_data_do_ganho="2026-11-19"))["cf_data_do_ganho"] == "2026-11-19"
    for change, where, kind in (
        ({}, "api_identifier", "TAKEN"),
        ({"api_identifier": "data"}, "api_identifier", "INVALID"),
        ({"api_identifier": "cf_email"}, "api_identifier", "EXCLUSION"),
        ({"api_identifier": "cf_a", "data_type": "DATE"}, "data_type", "INCLUSION"),
        ({"api_identifier": "cf_a", "presentation_type": "MULTIPLE_CHOICE"}, "data_type", "INCLUSION"),
    ):
        refused = await rd.api("POST", "/platform/contacts/fields", {**body, **change})
        assert (refused.status, refused.json["errors"][where][0]["error_type"]) == (400, kind)
    blank = await rd.api("POST", "/platform/contacts/fields", {**body, "label": {}})
    assert blank.json["errors"]["label"]["pt-BR"][0]["error_type"] == "CANNOT_BE_BLANK"
    path = f"/platform/contacts/fields/{new.json['uuid']}"
    renamed = await rd.api("PATCH", path, {"label": {"pt-BR": "Ganho em"}})
    assert (renamed.status, renamed.json["label"]["pt-BR"]) == (200, "Ganho em")
    assert (await rd.api("DELETE", path)).status == 204
    assert "cf_data_do_ganho" not in (await rd.api("GET", ANA)).json
    standard = f"/platform/contacts/fields/{by_key['name']['uuid']}"
    assert (await rd.api("DELETE", standard)).status == 400


async def test_wrong_requests_have_the_documented_answers(rd: Rd) -> None:
    missing = await rd.call("GET", ANA)
    assert (missing.status, missing.json["error_description"]) == (401, "The access token is missing")
    wrong = await rd.api("GET", ANA, token="nothing")
    assert wrong.json == {"errors": {"error_type": "UNAUTHORIZED", "error_message": "Invalid token."}}
    assert "expired_token" not in wrong.headers.get("www-authenticate", "")
    await rd.control("faults", {"expire_tokens": True})
    expired = await rd.api("GET", ANA)
    assert (expired.status, 'error="expired_token"' in expired.headers["www-authenticate"]) == (401, True)
    token = rd.credentials["access_token_b"]
    assert (await rd.api("GET", ANA, token=token)).status == 401
    fresh = await rd.call(
        "POST",
        "/auth/token",
        {key: rd.credentials[key] for key in ("client_id", "client_secret", "refresh_token")},
    )
    token = fresh.json["access_token"]
    long = await rd.api("GET", f"/platform/contacts/email:{'a' * 9000}", token=token)
    assert long.status == 414
    header = {"Authorization": f"Bearer {token}", "Content-Type": "text/plain"}
    typed = await rd.call("PATCH", ANA, None, header)
    assert (typed.status, typed.json["errors"]["error_type"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
    listed = await rd.api("PATCH", ANA, [], token=token)
    assert (listed.status, listed.json["errors"]["error_type"]) == (400, "BAD_REQUEST")
    assert (await rd.api("GET", "/platform/nothing", token=token)).json == {"message": "Not Found"}
