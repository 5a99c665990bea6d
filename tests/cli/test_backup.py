"""Backup and restore: what was there comes back, with the key; what would do harm is refused."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import psycopg
import pytest

from vaivem.postgres import DatabaseError
from vaivem.postgres.dump import read_backup, write_backup
from vaivem.postgres.errors import VersionError
from vaivem.vault import Vault


@pytest.fixture
def filled(database_empty: str) -> str:
    """Return a database with a little of everything that a dump could lose."""
    with psycopg.connect(database_empty, autocommit=True) as connection:
        connection.execute(
            "create table part (id bigint, raw bytea, primary key (id)) partition by range (id)"
        )
        connection.execute("create table part_1 partition of part for values from (0) to (100)")
        connection.execute("insert into part values (7, '\\x00ff'), (8, convert_to('Ágata', 'UTF8'))")
        connection.execute("create sequence node_seq start 41")
        connection.execute("select nextval('node_seq')")
    return database_empty


def test_all_comes_back(filled: str, data_dir: Path) -> None:
    folder, elsewhere = data_dir / "from", data_dir / "to"
    sealed = Vault.from_folder(folder).seal({"token": "s3cr3t"})
    made = write_backup(data_dir / "backup.tar", filled, folder)
    assert (data_dir / "backup.tar").stat().st_mode & 0o777 == 0o600
    assert made.bytes == (data_dir / "backup.tar").stat().st_size
    done = read_backup(data_dir / "backup.tar", filled, elsewhere, replace=True)
    assert (done.version, done.made) == (made.version, made.made)
    assert Vault.from_folder(elsewhere).open(sealed) == {"token": "s3cr3t"}
    with psycopg.connect(filled) as connection:
        rows = connection.execute("select id, raw from part order by id").fetchall()
        assert rows == [(7, b"\x00\xff"), (8, "Ágata".encode())]
        assert connection.execute("select nextval('node_seq')").fetchone() == (42,)
    assert [place.name for place in data_dir.iterdir() if place.name.startswith(".")] == []


def test_a_link_in_a_backup_is_not_followed(filled: str, data_dir: Path) -> None:
    (data_dir / "outside").write_text("secret")
    with tarfile.open(data_dir / "bad.tar", "w") as archive:
        link = tarfile.TarInfo("manifest.json")
        link.type, link.linkname = tarfile.SYMTYPE, str(data_dir / "outside")
        archive.addfile(link)
    with pytest.raises(DatabaseError, match="is not a backup of Vaivém"):
        read_backup(data_dir / "bad.tar", filled, data_dir / "to", replace=True)


def test_a_database_with_tables_is_not_overwritten_unasked(filled: str, data_dir: Path) -> None:
    write_backup(data_dir / "backup.tar", filled, data_dir)
    with pytest.raises(DatabaseError, match=r"is not empty.*--replace"):
        read_backup(data_dir / "backup.tar", filled, data_dir)


def test_another_key_is_not_overwritten_unasked(filled: str, data_dir: Path) -> None:
    write_backup(data_dir / "backup.tar", filled, data_dir / "from")
    Vault.from_folder(data_dir / "to")
    key = (data_dir / "to/secret.key").read_bytes()
    with pytest.raises(DatabaseError, match="another key already"):
        read_backup(data_dir / "backup.tar", filled, data_dir / "to")
    assert (data_dir / "to/secret.key").read_bytes() == key


def test_a_newer_backup_is_refused(filled: str, data_dir: Path) -> None:
    write_backup(data_dir / "backup.tar", filled, data_dir)
    with tarfile.open(data_dir / "backup.tar") as archive:
        archive.extractall(data_dir / "x")  # noqa: S202 - made just now; its filter is not in Python 3.11.2
    manifest = json.loads((data_dir / "x/manifest.json").read_text())
    (data_dir / "x/manifest.json").write_text(json.dumps(manifest | {"version": "99.0.0"}))
    with tarfile.open(data_dir / "newer.tar", "w") as archive:
        for place in (data_dir / "x").iterdir():
            archive.add(place, place.name)
    with pytest.raises(VersionError, match=r"made by Vaivém 99\.0\.0"):
        read_backup(data_dir / "newer.tar", filled, data_dir, replace=True)
    with psycopg.connect(filled) as connection:
        assert connection.execute("select count(*) from part").fetchone() == (2,)


@pytest.mark.parametrize("content", [b"", b"not a tar", b"\x1f\x8b broken"])
def test_another_file_is_refused(database_empty: str, data_dir: Path, content: bytes) -> None:
    (data_dir / "file").write_bytes(content)
    with pytest.raises(DatabaseError, match="is not a backup of Vaivém"):
        read_backup(data_dir / "file", database_empty, data_dir)


def test_a_key_from_the_environment_stays_out_of_the_backup(
    filled: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAIVEM_SECRET_KEY", "x" * 43 + "=")
    write_backup(data_dir / "backup.tar", filled, data_dir)
    with tarfile.open(data_dir / "backup.tar") as archive:
        assert archive.getnames() == ["manifest.json", "database.dump"]


def test_a_folder_that_cannot_be_written_is_named(filled: str, data_dir: Path) -> None:
    with pytest.raises(DatabaseError, match=r"nowhere/backup\.tar"):
        write_backup(data_dir / "nowhere/backup.tar", filled, data_dir)
