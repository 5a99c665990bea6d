"""The editor: what its form says becomes the draft, and nothing that was typed is lost or overwritten."""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any

from tests.hub.forms import fields_of
from tests.hub.workplace import DEFINITION, Workplace

if TYPE_CHECKING:
    from django.test import Client

    from vaivem.hub.rules.models import Rule

EVERYTHING: dict[str, Any] = {
    "automation": {"person": "signer.email", "inside": "skip"},
    "title": "Tudo que uma regra pode ter",
    "when": {"connection": "assinaturas", "trigger": "document_completed", "options": {"per": "envelope"}},
    "if": {
        "all": [
            {"field": "document.name", "is": "contains", "value": "Contrato"},
            {
                "any": [
                    {"field": "signer.email", "is": "is_not_empty"},
                    {"field": "document.name", "is": "one_of", "value": ["Contrato A", "Contrato B"]},
                    {
                        "not": [
                            {
                                "field": "document.metadata.valor",
                                "is": "greater",
                                "value": 10,
                                "type": "money",
                            }
                        ]
                    },
                ]
            },
            {"field": "document.finished_at", "is": "between", "value": ["2026-01-01", "2026-12-31"]},
        ]
    },
    "then": [
        {
            "id": "deal",
            "kind": "action",
            "connection": "vendas",
            "action": "create_or_update_deal",
            "key": {"by": "source"},
            "empty": "skip",
            "repeat": {"contact": {"over": "signers", "as": "signer"}},
            "fields": {
                "deal.name": {
                    "text": "Contrato {{ document.name }} – {{ signer.name | first_name }}",
                    "max": "cut",
                },
                "deal.pipeline": {"value": "p1"},
                "deal.stage": {"value": "s12", "write": "always"},
                "deal.custom.cpf": {"from": "signer.cpf", "on_bad": "use", "instead": "52998224725"},
                "contact.name": {"from": "signer.name"},
                "contact.email": {"from": "signer.email", "write": "empty", "on_bad": "skip", "clear": True},
            },
        },
        {"id": "pause", "kind": "wait", "for": {"days": 2, "hours": 3}},
        {"id": "due", "kind": "wait", "until": {"from": "document.finished_at", "shift": {"days": -1}}},
        {
            "id": "way",
            "kind": "branch",
            "if": {"any": [{"field": "signer.name", "is": "starts_with", "value": "Ana"}]},
            "then": [
                {
                    "id": "letter",
                    "kind": "email",
                    "to": {"value": "vendas@raiar.example"},
                    "subject": {"text": "Assinado: {{ document.name }}"},
                    "body": {"text": "Oi,\n\n{{ signer.name }} assinou."},
                }
            ],
            "else": [{"id": "pause_2", "kind": "wait", "for": {"minutes": 5}}],
        },
        {
            "id": "again",
            "kind": "await",
            "connection": "assinaturas",
            "trigger": "signer_refused",
            "about": {"field": "signer.email", "as": "signer.email"},
            "if": {"all": [{"field": "document.name", "is": "contains", "value": "Contrato"}]},
            "for": {"days": 7, "hours": 12},
        },
        {
            "id": "same",
            "kind": "await",
            "connection": "assinaturas",
            "trigger": "document_cancelled",
            "for": {"days": 1},
        },
        {
            "id": "enough",
            "kind": "stop",
            "if": {"any": [{"field": "document.name", "is": "starts_with", "value": "Aditivo"}]},
        },
        {
            "id": "tell",
            "kind": "notify",
            "member": "owner@example.com",
            "text": {"text": "{{ signer.name }} assinou."},
        },
    ],
}


def edit(workplace: Workplace, rule: Rule) -> str:
    return workplace.site.url(f"rules/{rule.pk}/edit/")


def opened(workplace: Workplace, rule: Rule, client: Client | None = None) -> dict[str, Any]:
    """Open the editor and return what its form would send."""
    site = workplace.site
    answer = (client or site.browser(site.owner)).get(edit(workplace, rule))
    assert answer.status_code == 200
    return fields_of(answer.content.decode(), "rule-form")


def made(workplace: Workplace, definition: dict[str, Any]) -> Rule:
    from vaivem.hub.rules import publishing

    return publishing.create(workplace.site.workspace, definition, workplace.site.owner)


def numbered(workplace: Workplace, definition: dict[str, Any]) -> dict[str, Any]:
    from vaivem.hub.rules.catalog import WorkspaceCatalog
    from vaivem.hub.rules.definitions import with_ids

    return with_ids(copy.deepcopy(definition), WorkspaceCatalog(workplace.site.workspace))


def test_opening_and_saving_changes_nothing(workplace: Workplace) -> None:
    rule = made(workplace, EVERYTHING)
    form = opened(workplace, rule)
    site = workplace.site
    answer = site.browser(site.owner).post(edit(workplace, rule), form)
    assert answer.status_code == 302
    rule.refresh_from_db()
    assert rule.draft == numbered(workplace, EVERYTHING)
    assert rule.revision == 0


def test_what_is_typed_becomes_the_draft(workplace: Workplace) -> None:
    rule, site = workplace.rule(), workplace.site
    form = opened(workplace, rule)
    form["then.0:text:deal.name"] = ["Venda {{ document.name }}"]
    form["then.0:text:contact.name"] = ["{{ signer.email }}"]
    form["then.0:pick:deal.stage"] = ["s11"]
    form["title"] = ["Outro nome"]
    site.browser(site.owner).post(edit(workplace, rule), form)
    rule.refresh_from_db()
    fields = rule.draft["then"][0]["fields"]
    assert rule.title == "Outro nome"
    assert fields["deal.name"] == {"text": "Venda {{ document.name }}"}
    assert fields["contact.name"] == {"from": "signer.email"}
    assert fields["deal.stage"] == {"value": "s11"}
    assert rule.versions.get(number=1).definition["title"] != "Outro nome"  # what runs stays as it was


def test_publishing_from_the_editor_says_everything_that_is_wrong(workplace: Workplace) -> None:
    rule, site = workplace.rule(), workplace.site
    form = opened(workplace, rule)
    form["then.0:text:deal.name"] = [""]
    form["then.0:pick:deal.stage"] = [""]
    form["then.0:text:contact.email"] = ["{{ nobody.knows }}"]
    answer = site.browser(site.owner).post(edit(workplace, rule), {**form, "act": "publish"})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "3 things keep it from being published" in page
    assert 'href="#then-0-deal-name"' in page
    assert 'id="then-0-deal-name"' in page
    form = fields_of(page, "rule-form")
    form |= {"then.0:text:deal.name": ["Venda"], "then.0:pick:deal.stage": ["s11"]}
    form["then.0:text:contact.email"] = ["{{ signer.email }}"]
    answer = site.browser(site.owner).post(edit(workplace, rule), {**form, "act": "publish"})
    rule.refresh_from_db()
    assert (answer.status_code, rule.version) == (302, 2)


def test_a_number_can_be_raised_and_a_text_cannot(workplace: Workplace) -> None:
    step: Any = DEFINITION["then"][0]
    step = {**step, "fields": {**step["fields"], "deal.price": {"value": 5}}}
    rule, site = made(workplace, {**DEFINITION, "then": [step]}), workplace.site
    page = site.browser(site.owner).get(edit(workplace, rule)).content.decode()
    chosen = page.split('name="then.0:write:deal.price"')[1].split("</select>")[0]
    assert '<option value="raise">raise what stands there by it</option>' in chosen
    assert "raise" not in page.split('name="then.0:write:deal.name"')[1].split("</select>")[0]
    form = opened(workplace, rule)
    form["then.0:write:deal.price"] = ["raise"]
    site.browser(site.owner).post(edit(workplace, rule), {**form, "act": "publish"})
    rule.refresh_from_db()
    assert rule.versions.get().definition["then"][0]["fields"]["deal.price"]["write"] == "raise"
    shown = site.browser(site.owner).get(site.url(f"rules/{rule.pk}/")).text
    assert "raise what stands there by it" in shown
    form = opened(workplace, rule)
    form["then.0:write:deal.price"], form["then.0:write:deal.name"] = ["always"], ["raise"]
    refused = site.browser(site.owner).post(edit(workplace, rule), {**form, "act": "publish"})
    assert refused.status_code == 422
    assert "cannot be raised or lowered" in refused.content.decode()


def test_a_test_waits_shows_and_is_given_up(workplace: Workplace) -> None:
    from vaivem.hub.rules.models import RuleTrial

    rule, site = workplace.rule(), workplace.site
    client = site.browser(site.owner)
    form = opened(workplace, rule, client)
    form["then.0:text:deal.name"] = ["Teste {{ document.name }}"]
    assert client.post(edit(workplace, rule), {**form, "act": "try"}).status_code == 302
    trial = RuleTrial.objects.get()
    assert (trial.state, trial.version) == ("waiting", -1)
    assert (
        rule.versions.get(number=-1).definition["then"][0]["fields"]["deal.name"]["text"].startswith("Teste")
    )
    assert "Waiting for the next event" in client.get(edit(workplace, rule)).content.decode()
    assert site.browser(site.viewer).get(site.url(f"rules/{rule.pk}/test/")).status_code == 403
    assert site.browser(site.stranger).get(site.url(f"rules/{rule.pk}/test/")).status_code == 404
    client.post(site.url(f"rules/{rule.pk}/test/stop/"))
    trial.refresh_from_db()
    assert trial.state == "stopped"
    assert "Version -1" not in client.get(site.url(f"rules/{rule.pk}/")).content.decode()


def test_the_second_person_is_told_and_loses_nothing(workplace: Workplace) -> None:
    from vaivem.hub.workspaces.models import Member, Membership, Role

    rule, site = workplace.rule(), workplace.site
    ana = Member.objects.create_user("ana@raiar.example", "um-segredo-de-teste", name="Ana Sá", language="en")
    Membership.objects.create(member=ana, workspace=site.workspace, role=Role.EDITOR)
    mine, hers = opened(workplace, rule), opened(workplace, rule)
    hers["then.0:text:deal.name"] = ["Da Ana {{ document.name }}"]
    assert site.browser(ana).post(edit(workplace, rule), hers).status_code == 302
    mine["then.0:text:deal.name"] = ["Da Júlia {{ document.name }}"]
    answer = site.browser(site.owner).post(edit(workplace, rule), mine)
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "Ana Sá changed it" in page
    assert "Da Ana" in page
    assert "Da Júlia" in page
    rule.refresh_from_db()
    assert rule.draft["then"][0]["fields"]["deal.name"] == {"text": "Da Ana {{ document.name }}"}
    again = {**mine, "act": "overwrite"}
    assert site.browser(site.owner).post(edit(workplace, rule), again).status_code == 302
    rule.refresh_from_db()
    assert rule.draft["then"][0]["fields"]["deal.name"] == {"text": "Da Júlia {{ document.name }}"}
    site.browser(site.owner).post(site.url(f"rules/{rule.pk}/edit/{rule.revision - 1}/"))  # undo
    rule.refresh_from_db()
    assert rule.draft["then"][0]["fields"]["deal.name"] == {"text": "Da Ana {{ document.name }}"}


def test_the_second_person_sees_each_change_with_its_author(workplace: Workplace) -> None:
    from vaivem.hub.workspaces.models import Member, Membership, Role

    definition, long = copy.deepcopy(EVERYTHING), "Oi,\n\n" + "Muito obrigado. " * 100
    definition["then"][3]["then"][0]["body"] = {"text": long + "Fim"}
    rule, site = made(workplace, definition), workplace.site
    others = []
    for email, name in (("ana@raiar.example", "Ana Sá"), ("caio@raiar.example", "Caio Reis")):
        member = Member.objects.create_user(email, "um-segredo-de-teste", name=name, language="en")
        Membership.objects.create(member=member, workspace=site.workspace, role=Role.EDITOR)
        others.append(site.browser(member))
    mine, page = opened(workplace, rule), edit(workplace, rule)
    for browser, name, text in (
        (others[0], "then.0:text:deal.name", "Da Ana {{ document.name }}"),
        (others[0], "then.3.then.0:body", long + "Ana"),
        (others[1], "then.0:text:contact.name", "Do Caio"),
        (others[1], "then.3.then.0:body", long + "Caio"),
        (others[1], "when:option:per", "document"),
        (others[0], "title", "Um nome da Ana"),
    ):
        assert browser.post(page, opened(workplace, rule, browser) | {name: [text]}).status_code == 302
        rule.refresh_from_db()
    others[1].post(page, opened(workplace, rule, others[1]) | {"act": ["add then action"]})  # half done
    answer = site.browser(site.owner).post(page, mine | {"title": ["Meu nome"], "act": ["add then wait"]})
    assert answer.status_code == 409
    seen = {one.where: (one.before, one.after, one.who) for one in answer.context["theirs"]}
    assert seen["Name"] == (EVERYTHING["title"], "Um nome da Ana", "Ana Sá")
    name = next(where for where in seen if where.endswith(("Deal name", "deal.name")))
    assert seen[name][1:] == (
        "Da Ana [Document name] (only when it is created; cut where it is too long)",
        "Ana Sá",
    )
    body = next(where for where in seen if where.endswith("Text"))
    assert seen[body][2] == "Caio Reis"
    assert seen[body][1].endswith("obrigado. Caio")
    assert len(seen[body][1]) < 200
    assert [one.who for one in answer.context["theirs"] if one.where == "Order of the steps"] == ["Caio Reis"]
    assert not any("{" in one.before + one.after for one in answer.context["theirs"])
    text = answer.content.decode()
    assert "Ana Sá, Caio Reis changed it" in text
    again = fields_of(text.replace('class="row">', 'id="over" class="row">'), "over") | {"act": ["overwrite"]}
    assert site.browser(site.owner).post(page, again).status_code == 302
    rule.refresh_from_db()
    assert (rule.title, rule.draft["then"][-1]["kind"]) == ("Meu nome", "wait")


def test_steps_are_added_moved_copied_and_taken_away(workplace: Workplace) -> None:
    rule, site = workplace.rule(), workplace.site
    client = site.browser(site.owner)

    def press(button: str, **changes: str) -> dict[str, Any]:
        client.post(edit(workplace, rule), {**opened(workplace, rule, client), **changes, "act": button})
        rule.refresh_from_db()
        draft: dict[str, Any] = rule.draft
        return draft

    press("add then wait")
    press("add then branch")
    press("add then.2.then email")
    draft = press("add then.2.else action")
    assert [step["kind"] for step in draft["then"]] == ["action", "wait", "branch"]
    assert [step["kind"] for step in draft["then"][2]["else"]] == ["action"]
    draft = press("save", **{"then.2.else.0:does": f"{workplace.crm.pk}|create_or_update_deal"})
    chosen = draft["then"][2]["else"][0]
    assert chosen["action"] == "create_or_update_deal"
    assert chosen["key"] == {"by": "source"}
    # What a recipe between the two fills is filled at once, but for what is repeated in it.
    first = {"text": "Contrato {{ document.name }} – {{ signer.name }}", "max": "cut"}
    assert chosen["fields"]["deal.name"] == first
    draft = press("save", **{"then.2.else.0:empty": "skip"})
    assert draft["then"][2]["else"][0]["empty"] == "skip"
    draft = press("save", **{"then.2.else.0:empty": ""})
    assert "empty" not in draft["then"][2]["else"][0]
    draft = press("up then.1")
    assert [step["kind"] for step in draft["then"]] == ["wait", "action", "branch"]
    draft = press("copy then.1")
    assert [step["id"] for step in draft["then"]] == ["wait", "deal", "deal_3", "branch"]
    draft = press("up then.3.then.0")  # out of the branch
    assert [step["kind"] for step in draft["then"]] == ["wait", "action", "action", "email", "branch"]
    draft = press("remove then.0")
    assert [step["kind"] for step in draft["then"]] == ["action", "action", "email", "branch"]
    draft = press("field then.0 deal.custom.cpf")
    assert draft["then"][0]["fields"]["deal.custom.cpf"] == {"text": ""}
    draft = press("unfield then.0 deal.custom.cpf")
    assert "deal.custom.cpf" not in draft["then"][0]["fields"]
    before = copy.deepcopy(draft)
    assert press("remove then.9") == before
    assert press("nonsense") == before


def test_viewers_and_strangers_cannot_edit(workplace: Workplace) -> None:
    rule, site = workplace.rule(), workplace.site
    revision = rule.revision
    for client, status in ((site.browser(site.viewer), 403), (site.browser(site.stranger), 404)):
        assert client.get(edit(workplace, rule)).status_code == status
        assert client.post(edit(workplace, rule), {"title": "x"}).status_code == status
        assert client.post(site.url("rules/new/")).status_code == status
    rule.refresh_from_db()
    assert rule.revision == revision


def test_every_keystroke_gets_its_notes(workplace: Workplace) -> None:
    rule, site = workplace.rule(), workplace.site
    client = site.browser(site.owner)
    form = opened(workplace, rule, client)
    form["then.0:text:contact.email"] = ["not an address"]
    answer = client.post(edit(workplace, rule), {**form, "part": "notes"}, headers={"HX-Request": "true"})
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "<html" not in page
    assert 'id="note-then-0-contact-email" hx-swap-oob="true" data-bad' in page
    assert f'name="revision" form="rule-form" value="{rule.revision + 1}"' in page


def test_a_dry_run_is_shown_while_it_goes_and_when_it_is_done(workplace: Workplace) -> None:
    from vaivem.hub.rules.models import RuleTrial
    from vaivem.hub.shell.clock import now

    rule, site = workplace.rule(), workplace.site
    client = site.browser(site.owner)
    client.post(edit(workplace, rule), {**opened(workplace, rule, client), "act": "rehearse"})
    trial = RuleTrial.objects.get(kind="rehearsal")
    assert trial.state == "waiting"
    address = site.url(f"rules/{rule.pk}/rehearsal/")
    assert "You can leave this page" in client.get(address).content.decode()
    write = {
        "call": "deals.create",
        "creates": True,
        "fields": [{"field": "name", "before": "", "after": "Venda"}],
    }
    test = {"field": "document.name", "is": "contains", "value": "Venda", "seen": "Contrato A"}
    found = [
        {"event": "1", "title": "Contrato A", "result": "left_out", "code": "filtered", "steps": [],
         "params": {"tests": [test]}},
        {"event": "2", "title": "Contrato B", "result": "creates",
         "steps": [{"step": "deal", "records": [], "writes": [write]}]},
        {"event": "3", "title": "Contrato C", "result": "left_out", "code": "not_accepted", "steps": []},
    ]  # fmt: skip
    RuleTrial.objects.filter(pk=trial.pk).update(state="running", total=4, found=found, beat=now())
    page = client.get(address).content.decode()
    assert "3 of 4" in page
    assert "every 1s" in page
    RuleTrial.objects.filter(pk=trial.pk).update(state="done")
    page = client.get(address).content.decode()
    assert "every 1s" not in page
    assert "1 would create" in page
    assert "Venda" in page
    assert "contains “Venda” (it was “Contrato A”)" in page
    assert "The rule does not start with an event like this." in page
    for other, status in ((site.viewer, 403), (site.stranger, 404)):
        assert site.browser(other).get(address).status_code == status
        assert site.browser(other).post(f"{address}stop/").status_code == status


def test_a_wait_for_an_event_offers_to_compare_what_can_be_the_same(workplace: Workplace) -> None:
    definition = copy.deepcopy(EVERYTHING)
    del definition["automation"]
    definition["then"][4]["trigger"] = "signer_signed"
    rule = made(workplace, definition)
    page = workplace.site.browser(workplace.site.owner).get(edit(workplace, rule)).content.decode()
    place = next(part for part in page.split("<select ") if ':as"' in part.partition(">")[0])
    offered = re.findall(r'<option value="([^"]*)"', place.partition("</select>")[0])
    assert "signer.email" in offered
    assert not {"document.name", "document.finished_at", "signers", "rule.title"} & set(offered), offered
