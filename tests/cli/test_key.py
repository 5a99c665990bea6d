"""`vaivem key`: a new key comes in while Vaivém runs, the old ones go, and what no key opens is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from vaivem.vault import Standing, Vault, new_key, read_keys, write_keys

from .test_reporting import vaivem


class Kept:
    """An installation with two connections, one of them removed, and an app."""

    def __init__(self, dsn: str, folder: Path) -> None:
        self.environ = {"DATABASE_URL": dsn, "VAIVEM_DATA_DIR": str(folder)}
        self.dsn = dsn
        self.file = folder / "secret.key"
        self.running = Vault.from_folder(folder, {})  # as a worker has it since its start
        with psycopg.connect(dsn, autocommit=True) as db:
            db.execute(
                "insert into workspace (name, slug, zone, language, retention_days, created)"
                " values ('W', 'w', 'America/Sao_Paulo', 'en', 90, now())"
            )
            for name, state in (("Assinaturas", "working"), ("Antiga", "removed")):
                db.execute(
                    "insert into connection (workspace_id, connector, name, slug, method, state, credentials,"
                    " hook, created) values (1, 'clicksign', %s, %s, 'token', %s, %s, %s, now())",
                    (name, name.lower(), state, self.running.seal({"token": name}), name),
                )
            db.execute(
                "insert into oauth_app (connector, client_id, client_secret)"
                " values ('rd_station_crm', 'us', %s)",
                (self.running.seal({"client_secret": "hush"}),),
            )

    def run(self, *words: str, **environ: str) -> tuple[int, dict[str, Any]]:
        code, report, _ = vaivem("key", *words, "--json", **{**self.environ, **environ})
        report.pop("seconds")
        return code, report

    def sealed(self) -> list[bytes]:
        with psycopg.connect(self.dsn) as db:
            rows = db.execute(
                "select credentials from connection where state <> 'removed'"
                " union all select client_secret from oauth_app"
            ).fetchall()
        return [bytes(row[0]) for row in rows]


@pytest.fixture
def kept(database: str, data_dir: Path) -> Kept:
    return Kept(database, data_dir)


@pytest.mark.soak
def test_a_new_key_seals_everything_and_the_old_one_goes(kept: Kept) -> None:
    before = read_keys(kept.file)
    assert kept.run("rotate") == (
        0,
        {"ok": True, "keys": 2, "current": 2, "older": 0, "sealed_anew": 2, "lost": []},
    )
    keys = read_keys(kept.file)
    assert keys[1:] == before
    assert [Vault(keys[:1]).open(one) for one in kept.sealed()] == [
        {"token": "Assinaturas"},
        {"client_secret": "hush"},
    ]
    assert kept.running.open(kept.sealed()[0]) == {"token": "Assinaturas"}  # without a restart
    code, report = kept.run("retire")
    assert (code, report["keys"], report["current"]) == (0, 1, 2)
    assert read_keys(kept.file) == keys[:1]
    assert kept.run("status") == (
        0,
        {"ok": True, "keys": 1, "current": 2, "older": 0, "sealed_anew": 0, "lost": []},
    )
    with psycopg.connect(kept.dsn) as db:
        noted = db.execute("select action, after from audit_entry order by id").fetchall()
    assert noted == [("key.rotated", {"sealed_anew": 2}), ("key.retired", {"removed": 1})]


@pytest.mark.soak
def test_an_interrupted_rotation_is_gone_on_with(kept: Kept) -> None:
    (old,) = read_keys(kept.file)
    new = new_key()
    write_keys(kept.file, (new, old))  # killed right after this
    assert kept.run("status")[1]["older"] == 2
    code, report = kept.run("retire")
    assert code == 1
    assert "2 stored secrets are still sealed with an older key" in report["problem"]
    assert read_keys(kept.file) == (new, old)
    code, report = kept.run("rotate")
    assert (code, report["sealed_anew"], report["keys"]) == (0, 2, 2)
    assert read_keys(kept.file) == (new, old)  # not a third one


def test_a_lost_key_names_what_to_reconnect(kept: Kept) -> None:
    write_keys(kept.file, (new_key(),))
    code, report = kept.run("status")
    assert code == 1
    assert report["lost"] == [
        {"kind": "connection", "name": "Assinaturas"},
        {"kind": "app", "name": "rd_station_crm"},
    ]
    assert "No key here opens the secrets of: Assinaturas, rd_station_crm." in report["problem"]
    code, report = kept.run("rotate")
    assert (code, report["sealed_anew"], len(report["lost"])) == (1, 0, 2)
    kept.file.unlink()
    code, report = kept.run("status")
    assert (code, "is not there" in report["problem"]) == (1, True)
    assert not kept.file.exists()  # a look makes none


def test_keys_in_the_environment_are_the_operators(kept: Kept) -> None:
    (old,) = (key.decode() for key in read_keys(kept.file))
    code, report = kept.run("rotate", VAIVEM_SECRET_KEY=old)
    assert (code, "vaivem key new" in report["problem"]) == (1, True)
    new = kept.run("new")[1]["key"]
    code, report = kept.run("rotate", VAIVEM_SECRET_KEY=f"{new},{old}")
    assert (code, report["sealed_anew"]) == (0, 2)
    assert {Vault((new.encode(),)).standing(one) for one in kept.sealed()} == {Standing.CURRENT}
    assert kept.run("retire", VAIVEM_SECRET_KEY=f"{new},{old}")[0] == 0
    assert read_keys(kept.file) == (old.encode(),)  # the file is not touched
