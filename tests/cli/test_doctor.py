"""`vaivem doctor`: each check tells right from wrong, and changes nothing."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psycopg
import pytest
from typing_extensions import override

from vaivem.cli import doctor
from vaivem.cli.doctor import Finding, Installation, State
from vaivem.config import Config
from vaivem.processes.occupancy import sole_user
from vaivem.vault import Vault


@pytest.fixture
def installation(data_dir: Path) -> Iterator[Installation]:
    """Return an installation that was never started."""
    made = Installation(Config(data_dir / "data", port=1))
    yield made
    made.close()


def only(findings: object) -> Finding:
    """Return the single finding of a check."""
    (found,) = list(findings)  # type: ignore[call-overload]
    assert isinstance(found, Finding)
    return found


def test_a_new_installation_is_explained_and_not_touched(installation: Installation) -> None:
    states = {finding.check: finding.state for check in doctor.CHECKS for finding in check(installation)}
    assert states["data folder"] is State.WARN
    assert states["key"] is State.WARN
    assert states["database"] is State.WARN
    assert State.BAD not in states.values()
    assert not installation.folder.root.exists()


def test_a_key_that_others_can_read_is_bad(installation: Installation) -> None:
    Vault.from_folder(installation.folder.root)
    path = installation.folder.root / "secret.key"
    assert only(doctor.key(installation)).state is State.OK
    path.chmod(0o644)
    found = only(doctor.key(installation))
    assert (found.state, found.advice) == (State.BAD, f"Run `chmod 600 {path}`.")
    path.write_text("")
    path.chmod(0o600)
    assert "is empty" in only(doctor.key(installation)).sentence


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become another user")
def test_a_closed_parent_is_named(data_dir: Path) -> None:
    (data_dir / "closed").mkdir(mode=0o700)
    found = only(doctor.database_user(Installation(Config(data_dir / "closed/data"))))
    assert found.state is State.BAD
    assert f"cannot pass the folder {data_dir / 'closed'}." in found.sentence


def test_a_full_disk_is_bad(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    for free, state in ((50 << 20, State.BAD), (500 << 20, State.WARN), (5 << 30, State.OK)):
        usage = type("Usage", (), {"free": free})
        monkeypatch.setattr("shutil.disk_usage", lambda _, usage=usage: usage)
        assert only(doctor.disk(installation)).state is state


def test_a_database_that_does_not_answer_is_bad(installation: Installation) -> None:
    config = replace(installation.config, database_url="postgresql://vaivem:pw@127.0.0.1:1/vaivem")
    found = only(doctor.database(Installation(config)))
    assert found.state is State.BAD
    assert "postgresql://vaivem:***@127.0.0.1:1/vaivem does not answer" in found.sentence


def test_a_database_is_looked_at(data_dir: Path, database_empty: str) -> None:
    installation = Installation(Config(data_dir, database_url=database_empty))
    found = {finding.check: finding for finding in doctor.database(installation)}
    installation.close()
    assert found["database"].sentence.startswith("PostgreSQL 18.")
    assert found["clock"].state is State.OK
    assert found["connections"].sentence.endswith("of 100 database connections are in use.")


def test_workers_and_accounts_are_looked_at(data_dir: Path, database_empty: str) -> None:
    installation = Installation(Config(data_dir, database_url=database_empty))
    assert list(doctor.workers(installation)) == []
    with psycopg.connect(database_empty, autocommit=True) as connection:
        connection.execute("create table worker (id int, host text, pid int, until timestamptz)")
        connection.execute(
            "create table connection (id int, connector text, name text, state text, removed timestamptz)"
        )
        assert only(doctor.workers(installation)).state is State.WARN
        connection.execute("insert into worker values (1, 'here', 12, now() + interval '1 hour')")
        connection.execute("insert into connection values (1, 'clicksign', 'Matriz', 'reconnect', null)")
    assert only(doctor.workers(installation)).sentence == "1 at work: here (12)."
    assert (
        "'Matriz' (clicksign) needs to be connected again" in only(doctor.connections(installation)).sentence
    )
    installation.close()


def test_a_rule_that_was_held_is_named(data_dir: Path, database_empty: str) -> None:
    installation = Installation(Config(data_dir, database_url=database_empty))
    assert list(doctor.rules(installation)) == []
    with psycopg.connect(database_empty, autocommit=True) as connection:
        connection.execute(
            "create table rule (id int primary key, workspace_id int, title text, state text, held jsonb)"
        )
        connection.execute("create table lane (ws int, key int, rule int)")
        connection.execute("insert into rule values (1, 1, 'Paused by hand', 'paused', null)")
        assert list(doctor.rules(installation)) == []
        connection.execute("insert into rule values (2, 1, 'Wild', 'paused', '{}')")
        connection.execute("insert into lane values (1, 1, 1), (1, 2, 2), (1, 3, 2)")
    found = only(doctor.rules(installation))
    assert (found.state, "'Wild' was held" in found.sentence) == (State.WARN, True)
    assert "2 records wait" in found.sentence
    installation.close()


@contextmanager
def answering(status: int, content: bytes) -> Iterator[str]:
    """Serve one answer to everything; yield the address."""

    class Handler(BaseHTTPRequestHandler):
        @override
        def log_message(self, *about: object) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            assert self.path == "/readyz"
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def web(installation: Installation, local: str) -> Finding | None:
    """Return what is found of the web process of an installation that runs and listens at `local`."""
    with sole_user(installation.config.data_dir, "https://vaivem.example.com.br", local):
        found = {finding.check: finding for finding in doctor.running(installation)}
    assert found.pop("running").state is State.OK
    return found.pop("web", None)


def test_a_web_process_that_takes_no_deliveries_is_bad(installation: Installation) -> None:
    with answering(200, b'{"ok": true}') as local:
        found = web(installation, local)
        assert found == Finding("web", State.OK, f"The web process answers at {local}.")
    found = web(installation, local)
    assert found is not None
    assert found.state is State.BAD
    assert f"{local} takes no deliveries: [Errno" in found.sentence
    with answering(503, b'{"ok": false, "problem": "The database cannot be reached"}') as local:
        found = web(installation, local)
        assert found is not None
        assert found.sentence.endswith("takes no deliveries: The database cannot be reached.")
    assert web(installation, "") is None  # a restore holds the folder, and serves nothing


def test_a_web_process_without_a_supervisor_is_known(installation: Installation) -> None:
    with answering(200, b'{"ok": true}') as local:
        alone = Installation(replace(installation.config, port=int(local.rpartition(":")[2])))
        assert only(doctor.running(alone)).sentence == f"The web process answers at {local}."
    with answering(200, b"<html>another program") as local:
        other = Installation(replace(installation.config, port=int(local.rpartition(":")[2])))
        found = only(doctor.running(other))
        assert (found.check, found.state) == ("port", State.WARN)
        assert "answers something else" in found.advice


def test_a_taken_port_is_said(installation: Installation) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        found = only(doctor.running(Installation(replace(installation.config, port=port))))
    assert found.state is State.WARN
    assert found.sentence.startswith(f"Port {port} is taken by process {os.getpid()} ")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (None, "VAIVEM_PUBLIC_URL is not set"),
        ("https://127.0.0.1:1", "does not answer from here"),
    ],
)
def test_the_public_address_is_tried(installation: Installation, url: str | None, words: str) -> None:
    found = only(doctor.public_address(Installation(replace(installation.config, public_url=url))))
    assert found.state is State.WARN
    assert words in found.sentence
