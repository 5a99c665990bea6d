"""Letters against a real mail server: sent once, in the right language, wiped; refusals in words."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import asyncpg
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, Session
from tests.hub.conftest import Site

from vaivem.config import Config
from vaivem.postgres.server import free_port
from vaivem.vault import Vault

# A loopback server of a test needs no TLS.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")


@dataclass
class Office:
    """A mail server on loopback. `answers` are given in place of 250, first ones first."""

    letters: list[EmailMessage] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.answers:
            return self.answers.pop(0)
        content = envelope.content
        assert isinstance(content, bytes)
        letter = message_from_bytes(content, policy=policy.default)
        assert isinstance(letter, EmailMessage)
        self.letters.append(letter)
        return "250 taken"


def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    known = (data.login, data.password) == (b"raiar", b"uma@senha")
    return AuthResult(success=known, handled=known)  # not handled: the server refuses with 535


@pytest.fixture
def office() -> Iterator[tuple[Office, str]]:
    """A running mail server that asks for a password, and its address."""
    handler, port = Office(), free_port("127.0.0.1")
    server = Controller(
        handler, hostname="127.0.0.1", port=port, authenticator=authenticate, auth_require_tls=False,
        auth_required=True,
    )  # fmt: skip
    server.start()
    yield handler, f"smtp://raiar:uma%40senha@127.0.0.1:{port}/avisos@raiar.example"
    server.stop()


@pytest.fixture
def posted(hub: Config, office: tuple[Office, str]) -> Iterator[Config]:
    """A hub whose letters leave through the mail server."""
    from django.test.utils import override_settings

    config = replace(hub, smtp_url=office[1])
    with override_settings(VAIVEM=config):
        yield config


def send_all(config: Config) -> None:
    """Do what the worker's chore does."""
    from vaivem.engine.post import Post

    async def send() -> None:
        async with asyncpg.create_pool(config.database_url, min_size=1, max_size=1) as pool:
            await Post(config.smtp_url, pool, Vault.from_folder(config.data_dir)).send_waiting()

    asyncio.run(send())


def links(letter: EmailMessage) -> list[str]:
    body = letter.get_body(("plain",))
    assert body is not None
    return re.findall(r"http://\S+", body.get_content())


def test_an_invitation_arrives_once_and_lets_its_person_in(
    posted: Config, office: tuple[Office, str], site: Site
) -> None:
    from vaivem.hub.mail.models import Letter, LetterState

    url = site.url("settings/members/invite/")
    page = site.browser(site.owner).post(url, {"email": "nova@raiar.example", "role": "viewer"})
    assert "An e-mail is on its way" in page.text
    send_all(posted)
    send_all(posted)
    (letter,) = office[0].letters
    assert (letter["To"], letter["From"]) == ("nova@raiar.example", "avisos@raiar.example")
    assert (
        letter["Subject"] == "Júlia Prates convida você para Raiar Solar no Vaivém"
    )  # the workspace's language
    assert letter.get_content_type() == "multipart/alternative"
    path = links(letter)[0].partition("8000")[2]
    assert site.browser().post(path, {"name": "Nova", "password": "uma-frase-comprida"}).status_code == 302
    row = Letter.objects.get()
    assert (row.state, bytes(row.content), row.tries) == (LetterState.SENT, b"", 1)


def test_a_link_never_trusts_the_host_that_a_request_names(
    posted: Config, office: tuple[Office, str], site: Site
) -> None:
    for path, form in (
        ("/account/password/reset/", {"email": site.owner.email}),
        ("/enter-by-mail/", {"email": site.owner.email}),
    ):
        assert site.browser().post(path, form, headers={"host": "evil.example"}).status_code < 400
    send_all(posted)
    assert len(office[0].letters) == 2
    for letter in office[0].letters:
        assert all(link.startswith("http://127.0.0.1:8000/") for link in links(letter))
        assert "evil.example" not in str(letter)


def test_a_forgotten_password_is_chosen_anew_and_ends_other_sessions(
    posted: Config, office: tuple[Office, str], site: Site
) -> None:
    elsewhere = site.browser(site.owner)
    browser = site.browser()
    browser.post("/account/password/reset/", {"email": site.owner.email.upper()})
    send_all(posted)
    (letter,) = office[0].letters
    path = links(letter)[0].partition("8000")[2]
    there = browser.get(path).headers["location"]  # the key moves from the address into the session
    assert browser.get(there).status_code == 200
    new = {"password1": "outra-frase-comprida", "password2": "outra-frase-comprida"}
    assert browser.post(there, new).status_code == 302
    assert elsewhere.get(site.url()).status_code == 302
    signed = browser.post("/account/login/", {"login": site.owner.email, "password": new["password1"]})
    assert signed.status_code == 302
    assert browser.get(site.url()).status_code == 200
    assert "no longer works" in site.browser().get(path, headers={"accept-language": "en"}).text
    send_all(posted)
    assert [letter["Subject"] for letter in office[0].letters][1:] == [
        "Your password was changed by a link from an e-mail"
    ]


def test_a_sign_in_link_by_mail(posted: Config, office: tuple[Office, str], site: Site) -> None:
    browser = site.browser()
    browser.post("/enter-by-mail/", {"email": site.viewer.email})
    send_all(posted)
    path = links(office[0].letters[0])[0].partition("8000")[2]
    assert browser.post(path).headers["location"] == "/"


@pytest.mark.parametrize("path", ["/account/password/reset/", "/enter-by-mail/"])
def test_who_has_no_account_gets_the_same_answer_and_no_letter(posted: Config, site: Site, path: str) -> None:
    from vaivem.hub.mail.models import Letter

    known = site.browser().post(path, {"email": site.owner.email}, follow=True)
    unknown = site.browser().post(path, {"email": "ninguem@raiar.example"}, follow=True)
    said = [
        page.text.replace(site.owner.email, "X").replace("ninguem@raiar.example", "X")
        for page in (known, unknown)
    ]
    assert re.sub(r'value="[\w-]{60,}"|"[\w-]{60,}"', "", said[0]) == re.sub(
        r'value="[\w-]{60,}"|"[\w-]{60,}"', "", said[1]
    )
    assert list(Letter.objects.values_list("recipient", flat=True)) == [site.owner.email]


def test_asking_for_many_links_is_held_off(posted: Config, site: Site) -> None:
    statuses = [
        site.browser().post("/enter-by-mail/", {"email": site.owner.email}).status_code for _ in range(5)
    ]
    assert statuses == [200, 200, 200, 429, 429]


def test_a_busy_mail_server_is_tried_again_and_a_refusal_is_told(
    posted: Config, office: tuple[Office, str], site: Site
) -> None:
    from django.db import connection

    from vaivem.hub.mail.models import Letter, LetterState

    office[0].answers = ["451 come back later", "554 we do not like it"]
    url = site.url("settings/members/invite/")
    site.browser(site.owner).post(url, {"email": "nova@raiar.example", "role": "viewer"})
    send_all(posted)
    send_all(posted)  # not due yet
    waiting = Letter.objects.get()
    assert (waiting.state, waiting.code, waiting.tries) == (LetterState.WAITING, "mail_server_busy", 1)
    with connection.cursor() as cursor:
        cursor.execute("update letter set due = vv_now()")
    send_all(posted)
    row = Letter.objects.get()
    assert (row.state, row.code, bytes(row.content)) == (LetterState.REFUSED, "mail_refused", b"")
    assert "we do not like it" in site.browser(site.owner).get(site.url("settings/mail/")).text
    assert "did not go out" in site.browser(site.owner).get(site.url("settings/members/")).text


def test_a_letter_that_a_worker_died_with_is_not_sent_again(
    posted: Config, office: tuple[Office, str], site: Site
) -> None:
    from django.db import connection

    from vaivem.hub.mail.models import Letter, LetterState

    url = site.url("settings/members/invite/")
    site.browser(site.owner).post(url, {"email": "nova@raiar.example", "role": "viewer"})
    with connection.cursor() as cursor:
        cursor.execute("update letter set state = 1, due = vv_now() - interval '1 minute'")
    send_all(posted)
    assert office[0].letters == []
    assert Letter.objects.get().state == LetterState.LOST
    assert "not sent a second time" in site.browser(site.owner).get(site.url("settings/mail/")).text


def test_the_test_letter_says_what_the_server_said(
    posted: Config, office: tuple[Office, str], site: Site
) -> None:
    browser, url = site.browser(site.owner), site.url("settings/mail/trial/")
    assert browser.post(url).status_code == 302
    assert office[0].letters[0]["Subject"] == "A test e-mail from Vaivém"
    office[0].answers = ["550 no such user"]
    refused = browser.post(url)
    assert refused.status_code == 422
    assert "no such user" in refused.text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda url: url.replace("uma%40senha", "errada"), "user name or password"),
        (lambda url: re.sub(r":\d+/", ":9/", url), "could not be reached"),
        (lambda url: url.replace("smtp://", "smtp+tls://"), ""),  # no STARTTLS there: never in the clear
    ],
)
def test_a_wrong_setting_is_told_in_words(
    posted: Config, office: tuple[Office, str], site: Site, change: Any, said: str
) -> None:
    from django.test.utils import override_settings

    with override_settings(VAIVEM=replace(posted, smtp_url=change(office[1]))):
        answer = site.browser(site.owner).post(site.url("settings/mail/trial/"))
    assert answer.status_code == 422
    assert said in answer.text
    assert "senha" not in answer.text
    assert office[0].letters == []


def test_the_demo_keeps_letters_on_a_page(hub: Config, site: Site) -> None:
    from django.test.utils import override_settings

    from vaivem.hub.mail.models import Letter

    config = replace(hub, smtp_url="outbox:")
    with override_settings(VAIVEM=config):
        browser = site.browser(site.owner)
        browser.post(site.url("settings/members/invite/"), {"email": "nova@raiar.example", "role": "viewer"})
        number = Letter.objects.get().pk
        page = browser.get(site.url(f"settings/mail/{number}/"))
        assert "/invitation/" in page.text
        shown = browser.get(site.url(f"settings/mail/{number}/html/"))
        assert "sandbox" in shown.headers["content-security-policy"]
        send_all(config)
        assert Letter.objects.get().state == 5
        Letter.objects.update(workspace=None)  # about a person's account: for who runs the installation
        assert browser.get(site.url(f"settings/mail/{number}/")).status_code == 200
        site.owner.operator = False
        site.owner.save()
        assert browser.get(site.url(f"settings/mail/{number}/")).status_code == 404


def test_without_a_mail_server_the_pages_say_so(site: Site) -> None:
    from vaivem.hub.mail.models import Letter

    assert site.browser().get("/enter-by-mail/").status_code == 404
    page = site.browser().get("/account/password/reset/", headers={"accept-language": "en"})
    assert "No mail server is set up" in page.text
    site.browser().post("/account/password/reset/", {"email": site.owner.email})
    assert "VAIVEM_SMTP_URL" in site.browser(site.owner).get(site.url("settings/mail/")).text
    assert site.browser(site.owner).post(site.url("settings/mail/trial/")).status_code == 422
    assert not Letter.objects.exists()
