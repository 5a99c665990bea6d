"""A hub for each test: a fresh database, and three people in front of it: an owner, a viewer, a stranger."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django
import pytest
from django.test.utils import setup_test_environment
from psycopg.conninfo import conninfo_to_dict

from vaivem.config import Config, PrivateHost

if TYPE_CHECKING:
    from django.test import Client

    from vaivem.hub.workspaces.models import Member, Workspace

PASSWORD = "um-segredo-de-teste"


def _setup_django() -> None:
    """Make Django ready once a process, on a data folder that nothing is written to."""
    before = {name: os.environ.get(name) for name in ("DJANGO_SETTINGS_MODULE", "VAIVEM_DATA_DIR")}
    os.environ.update(DJANGO_SETTINGS_MODULE="vaivem.hub.settings", VAIVEM_DATA_DIR="/nonexistent/vaivem")
    try:
        django.setup()
        setup_test_environment()  # keeps each page's context for the tests
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value


_setup_django()


@pytest.fixture
def hub(database: str, tmp_path: Path) -> Iterator[Config]:
    """Point Django at the test's database and an empty data folder."""
    from django.core.cache import cache
    from django.db import connections
    from django.test.utils import override_settings

    parts = conninfo_to_dict(database)
    entry = connections.settings["default"]
    before = dict(entry)
    names = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
    connections["default"].close()
    for ours, theirs in names.items():
        entry[ours] = connections["default"].settings_dict[ours] = str(parts.get(theirs) or "")
    config = Config(
        data_dir=tmp_path, database_url=database, allowed_private_hosts=(PrivateHost(host="127.0.0.1"),)
    )
    cache.clear()
    with override_settings(
        VAIVEM=config,
        SECRET_KEY="only for tests",
        SECRET_KEY_FALLBACKS=[],
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        ALLOWED_HOSTS=["*"],
    ):
        yield config
    connections["default"].close()
    entry.update(before)
    connections["default"].settings_dict.update(before)


@dataclass(frozen=True, slots=True)
class Site:
    """A workspace, its people, and a browser for each."""

    workspace: Workspace
    owner: Member
    viewer: Member
    stranger: Member
    browser: Callable[..., Client]

    def url(self, rest: str = "") -> str:
        """Return an address inside the workspace."""
        return f"/w/{self.workspace.slug}/{rest}"


@pytest.fixture
def site(hub: Config) -> Site:
    """Make a workspace with an owner and a viewer, and a stranger with a workspace of their own."""
    from django.test import Client

    from vaivem.hub.workspaces.models import Member, Membership, Role, Workspace

    def person(email: str, **fields: Any) -> Member:
        return Member.objects.create_user(email, PASSWORD, language="en", **fields)

    raiar = Workspace.objects.create(name="Raiar Solar", slug="raiar-solar")
    other = Workspace.objects.create(name="Outra", slug="outra")
    owner = person("julia@raiar.example", name="Júlia Prates", operator=True)
    viewer = person("rafael@raiar.example", name="Rafael Lins")
    stranger = person("bia@outra.example", name="Bia Teles")
    Membership.objects.create(member=owner, workspace=raiar, role=Role.OWNER)
    Membership.objects.create(member=viewer, workspace=raiar, role=Role.VIEWER)
    Membership.objects.create(member=stranger, workspace=other, role=Role.OWNER)

    def browser(member: Member | None = None, *, csrf: bool = False) -> Client:
        client = Client(enforce_csrf_checks=csrf, SERVER_NAME="127.0.0.1")
        if member is not None:
            client.force_login(member, "allauth.account.auth_backends.AuthenticationBackend")
        return client

    return Site(raiar, owner, viewer, stranger, browser)
