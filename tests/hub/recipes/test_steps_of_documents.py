"""The set-up of documents' steps at contacts: actions, tags, recipients, fields, what an account lacks."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from tests.hub.conftest import Site

KEY = "envelope_to_contact"
FIELD = {
    "key": "contact.custom.7", "type": "date", "label": "Assinado em", "group": "contact", "sample": None,
}  # fmt: skip


@pytest.fixture
def accounts(site: Site) -> dict[str, Any]:
    """Two accounts; the marketing one has a field of its own."""
    from vaivem.hub.connections.models import Connection

    return {
        key: Connection.objects.create(
            workspace=site.workspace, connector=connector, name=connector, slug=key, method=method,
            catalog=catalog,
        )
        for key, connector, method, catalog in (
            ("source", "docusign", "oauth", {}),
            ("target", "activecampaign", "token", {"fields": {"contact": [FIELD]}}),
        )
    }  # fmt: skip


@pytest.fixture
def form(accounts: dict[str, Any]) -> dict[str, Any]:
    """Return a form as it is when nothing was changed."""
    return {key: str(row.pk) for key, row in accounts.items()}


def keep_documents(accounts: dict[str, Any]) -> None:
    accounts["target"].settings = {"document_object": "s-1"}
    accounts["target"].save()


def plain(page: Any) -> str:
    text = page.content.decode()
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text[text.index("<main") :])).split())


def made(site: Site) -> Any:
    from vaivem.hub.rules.models import Rule

    return Rule.objects.get(recipe=KEY).draft


def test_the_page_says_which_tags_and_fields_will_be_written(
    site: Site, form: dict[str, Any], accounts: Any
) -> None:
    keep_documents(accounts)
    shown = plain(site.browser(site.owner).get(site.url(f"recipes/{KEY}/"), form))
    for said in (
        "delivered: the recipient opened it",
        "any change of the document, without a tag",
        "docusign-integration-DocuSign_Envelope_Sent",
        "docusign-integration-DocuSign_Envelope_Delivered",
        "docusign-integration-DocuSign_Envelope_Completed",
        "Document: status",
        "Document: sender",
    ):
        assert said in shown, said
    assert "keeps no documents as records" not in shown


def test_an_account_without_custom_objects_is_said_before_it_is_switched_on(
    site: Site, form: dict[str, Any], accounts: Any
) -> None:
    browser, address = site.browser(site.owner), site.url(f"recipes/{KEY}/")
    page = browser.get(address, form)
    assert "keeps no documents as records: only tags and fields are written" in plain(page)
    assert site.url(f"connections/{accounts['target'].pk}/") in page.content.decode()
    assert browser.post(address, form).status_code == 302
    assert [step["id"] for step in made(site)["then"]] == ["contact"]


def test_what_is_chosen_is_what_the_rule_does(site: Site, form: dict[str, Any], accounts: Any) -> None:
    keep_documents(accounts)
    form |= {
        "states": ["", "completed", "changed"],
        "groups": ["", "signers", "copies"],
        "tag_completed": "assinou",
        "fields.target": ["contact.first_name", "contact.custom.7", ""],
        "fields.source": ["recipient.first_name", "step.completed_at", ""],
    }
    answer = site.browser(site.owner).post(site.url(f"recipes/{KEY}/"), form)
    assert answer.status_code == 302, plain(answer)
    rule = made(site)
    options = rule["when"]["options"]
    assert options["states"] == ["completed", "changed"]
    assert options["groups"] == ["signers", "copies"]
    assert (options["prefix"], options["tag_completed"]) == ("docusign-integration", "assinou")
    contact, document = rule["then"]
    assert contact["fields"] == {
        "contact.email": {"from": "recipient.email"},
        "contact.tags": {"from": "step.tags"},
        "contact.first_name": {"from": "recipient.first_name", "on_bad": "skip"},
        "contact.custom.7": {"from": "step.completed_at", "on_bad": "skip"},
    }
    assert document["action"] == "save_document"
    assert document["fields"]["document.recipient"] == {"from": "contact.email"}


def test_only_fields_that_are_there_are_offered_each_once(site: Site, form: dict[str, Any]) -> None:
    form |= {"fields.target": ["contact.custom.7"], "fields.source": ["step.name"]}
    page = site.browser(site.owner).get(site.url(f"recipes/{KEY}/"), form).content.decode()
    targets = re.findall(r'name="fields\.target".*?</select>', page, re.DOTALL)
    assert len(targets) == 2, "the one that is filled, and an empty one to go on"
    assert 'value="contact.custom.7" selected' in targets[0]
    assert "contact.custom.7" not in targets[1]
    assert 'value="contact.job_title"' in targets[1]
    for never in ("contact.email", "contact.tags", "contact.id"):
        assert f'value="{never}"' not in page, never


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"fields.target": ["contact.first_name"], "fields.source": [""]}, "Fields of the contact"),
        ({"states": [""]}, "Follow these actions"),
        ({"fields.target": ["contact.custom.7"], "fields.source": ["step.url"]}, "Assinado em"),
        ({"fields.target": ["contact.custom.99"], "fields.source": ["step.url"]}, "contact.custom.99"),
    ],
    ids=["half a pair", "no action", "another type", "a field that is gone"],
)
def test_what_does_not_fit_is_said_and_not_switched_on(
    site: Site, form: dict[str, Any], given: dict[str, Any], said: str
) -> None:
    from vaivem.hub.rules.models import Rule

    browser, address = site.browser(site.owner), site.url(f"recipes/{KEY}/")
    assert said in plain(browser.get(address, {**form, **given}))
    refused = browser.post(address, {**form, **given})
    assert refused.status_code == 422
    assert not Rule.objects.filter(state="on").exists()
