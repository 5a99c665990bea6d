"""Where letters that came back are shown, and that it is said when they are not seen."""

from __future__ import annotations

import json
from dataclasses import replace

from tests.hub.furnished import Furnished, furnished
from tests.hub.workplace import systems, workplace

from vaivem.config import Config

__all__ = ["furnished", "systems", "workplace"]


def test_they_are_shown_on_the_run_and_in_settings(furnished: Furnished, hub: Config) -> None:
    from django.db import connection
    from django.test.utils import override_settings
    from django.utils import timezone

    from vaivem.hub.mail.models import Bounce
    from vaivem.hub.shell.links import page as page_of

    site = furnished.workplace.site
    browser, page = site.browser(site.owner), site.url("settings/mail/")
    assert "Later bounces are not seen" in browser.get(page).text
    run = int(furnished.numbers["run"])
    Bounce.objects.create(
        workspace=site.workspace, run=run, place=1000, address="ana@cliente.example", status="5.1.1",
        said="550 no such user", at=timezone.now(),
    )  # fmt: skip
    url = "imaps://crm:uma-senha@mail.raiar.example/INBOX"
    with override_settings(VAIVEM=replace(hub, bounces_url=url)):
        shown = browser.get(page).text
        assert "mail.raiar.example" in shown
        assert "550 no such user" in shown
        assert "uma-senha" not in shown
        with connection.cursor() as cursor:
            fact = json.dumps({"code": "bounces_refused", "said": "wrong"})
            cursor.execute(
                "insert into fact (name, value, at) values ('bounces', %s::jsonb, vv_now())", [fact]
            )
        assert "could not be opened: wrong" in browser.get(page).text
        with connection.cursor() as cursor:
            cursor.execute("update fact set value = '{}'::jsonb where name = 'bounces'")
        assert "Read from mail.raiar.example, last" in browser.get(page).text
    assert (
        "ana@cliente.example: 5.1.1 550 no such user"
        in browser.get(page_of("run", site.workspace.slug, run)).text
    )
    assert "ana@cliente.example" not in site.browser(site.stranger).get(page).text
