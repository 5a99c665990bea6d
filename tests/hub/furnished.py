"""A workspace with one of everything, and secrets that can be recognised wherever they turn up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from tests.hub.past import Past
from tests.hub.workplace import SECRET, Workplace

if TYPE_CHECKING:
    from vaivem.hub.workspaces.models import Member

APP_SECRET = "segredo-do-app-que-ninguem-pode-ver"


@dataclass
class Furnished:
    """`numbers` are the objects by name; `people` the members by role, `stranger` and `out` (None) too;
    `secrets` what no page and no answer may hold, by what it is.
    """

    workplace: Workplace
    past: Past
    numbers: dict[str, int | str]
    people: dict[str, Member | None]
    secrets: dict[str, str] = field(default_factory=dict)


def known(past: Past) -> dict[str, int | str]:
    """Write a person with two records, a document of theirs, and a change that can be undone."""
    site = past.workplace
    [(person,)] = past.sql(
        "insert into person (ws, kind, name, at) values (%s, 'person', 'Marina Duarte', now()) returning id",
        past.ws,
    )
    records = []
    for conn, object_key in ((site.crm.pk, "person"), (site.sign.pk, "recipient")):
        [(record,)] = past.sql(
            "insert into known_record (ws, conn, object, record, kind, person, fields, told, event_id)"
            " values (%s, %s, %s, 'r1', 'person', %s, %s, now(), 0) returning id",
            past.ws, conn, object_key, person, '{"name": ["Marina Duarte", 1800000000.0]}',
        )  # fmt: skip
        past.sql("insert into known_key values (%s, 'name:marina', %s, now())", past.ws, record)
        records.append(record)
    for conn in (site.crm.pk, site.sign.pk):
        past.insert(
            "document",
            ws=past.ws,
            conn=conn,
            document="d1",
            name="Contrato",
            state="sent",
            rank=1,
            told=past.now,
        )
    [(change,)] = past.sql(
        "insert into identity_change (ws, at, what, person, other, records)"
        " values (%s, now(), 'parted', %s, %s, %s) returning id",
        past.ws, person, person, records[1:],
    )  # fmt: skip
    return {"person": person, "change": change, "signer": site.sign.pk, "document": "d1"}


@pytest.fixture
def furnished(workplace: Workplace) -> Furnished:
    """Fill the workplace."""
    from vaivem.hub.rules import combining
    from vaivem.hub.rules.models import Move

    site, past = workplace.site, Past(workplace)
    rule = workplace.rule()
    rule.recipe = "acme_document_to_deal"
    rule.save(update_fields=["recipe"])
    run = past.run(rule.pk, status=2, code="record_refused")
    past.call(run)
    waiting = past.waiting("decision", "decision_needed", rule=rule.pk)
    chosen = {"deal.pipeline": {"value": "Vendas"}, "deal.stage": {"value": "Novo"}}
    fields = {"deal.name": {"from": "document.name"}, **chosen}
    pair = (workplace.sign.pk, workplace.crm.pk)
    numbers: dict[str, int | str] = {
        "combination": combining.create(site.workspace, "Combinação", pair, "deal", fields).pk,
        "move": Move.objects.create(workspace=site.workspace, state="done", seen="-").pk,
        "connection": workplace.crm.pk,
        "rule": rule.pk,
        "run": run,
        "event": past.event(),
        "decision": past.decision(waiting),
        "waiting": waiting,
        "rejected": past.rejected(),
        **known(past),
    }
    people: dict[str, Member | None] = {"owner": site.owner, "viewer": site.viewer, "stranger": site.stranger}
    people |= {role: _member(workplace, role) for role in ("admin", "editor")}
    made = Furnished(workplace, past, numbers, {**people, "out": None})
    _more(made)
    return made


def _member(workplace: Workplace, role: str) -> Member:
    from tests.hub.conftest import PASSWORD

    from vaivem.hub.workspaces.models import Member, Membership

    member = Member.objects.create_user(f"{role}@raiar.example", PASSWORD, name=role.title(), language="en")
    Membership.objects.create(member=member, workspace=workplace.site.workspace, role=role)
    return member


def _more(made: Furnished) -> None:
    """Put the rest into the workspace: people's things, an app, a letter; and note every secret."""
    from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
    from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
    from django.conf import settings
    from django.contrib.sessions.models import Session

    from vaivem.hub.connections.models import Connection, OAuthApp
    from vaivem.hub.connections.oauth_apps import save_app
    from vaivem.hub.mail import opting_out
    from vaivem.hub.replays.sets import ask_for_runs
    from vaivem.hub.workspaces import access, invitations
    from vaivem.hub.workspaces.models import ApiToken, Invitation, LoginLink, Membership
    from vaivem.vault import KEY_FILE

    site = made.workplace.site
    viewer = Membership.objects.get(member=site.viewer)
    token = access.token_for(site.workspace, "Planilha")
    _, path = invitations.invite(site.workspace, site.owner, "nova@raiar.example", "viewer")
    link = access.make_login_link()
    app = save_app(site.workspace, "acme_crm", "id-do-app", APP_SECRET, site.owner)
    totp = generate_totp_secret()
    viewer_with_two_steps = site.viewer
    TOTP.activate(viewer_with_two_steps, totp)
    codes = RecoveryCodes.activate(viewer_with_two_steps).generate_codes()
    refused = opting_out.add(site.workspace, "cliente@fora.example", site.owner, opting_out.BY_MEMBER)
    made.numbers |= {
        "opted_out": refused.pk if refused else 0,
        "replay": ask_for_runs(site.workspace, [int(made.numbers["run"])], site.owner),
        "membership": viewer.pk,
        "token": ApiToken.objects.get().pk,
        "invitation": Invitation.objects.get().pk,
        "app": app.pk,
    }
    sealed = bytes(Connection.objects.filter(workspace=site.workspace)[0].credentials).decode()
    made.secrets |= {
        "a vendor's token": SECRET,
        "an app's secret": APP_SECRET,
        "sealed credentials": sealed,
        "a sealed app's secret": bytes(OAuthApp.objects.get().client_secret).decode(),
        "an API token": token,
        "an API token's hash": ApiToken.objects.get().hash,
        "an invitation": path.split("/")[2],
        "an invitation's hash": Invitation.objects.get().token_hash,
        "a sign-in link": link.split("/")[2],
        "a sign-in link's hash": LoginLink.objects.get().token_hash,
        "a password's hash": site.owner.password,
        "the second factor": totp,
        "a recovery code": codes[0],
        "the key": (settings.VAIVEM.data_dir / KEY_FILE).read_text().strip(),
        "the signing key": settings.SECRET_KEY,
    }
    made.secrets |= {
        f"a session ({number})": session.session_key for number, session in enumerate(Session.objects.all())
    }
