"""The vault: sealed things open with the key and with nothing else; keys rotate."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from vaivem.vault import Standing, Vault, VaultError, read_keys, write_keys

OLD, NEW = Fernet.generate_key(), Fernet.generate_key()


def test_a_key_is_made_once_and_is_private(tmp_path: Path) -> None:
    sealed = Vault.from_folder(tmp_path / "new", {}).seal({"token": "s3cr3t", "nome": "Ágata"})
    assert b"s3cr3t" not in sealed
    assert (tmp_path / "new/secret.key").stat().st_mode & 0o777 == 0o600
    assert Vault.from_folder(tmp_path / "new", {}).open(sealed) == {"token": "s3cr3t", "nome": "Ágata"}
    assert [place.name for place in (tmp_path / "new").iterdir()] == ["secret.key"]


def test_processes_that_start_together_use_one_key(tmp_path: Path) -> None:
    sealed: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: sealed.append(Vault.from_folder(tmp_path, {}).seal({})))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    vault = Vault.from_folder(tmp_path, {})
    assert [vault.open(one) for one in sealed] == [{}] * 8


def test_rotation_seals_anew_and_opens_the_old(tmp_path: Path) -> None:
    before = Vault((OLD,)).seal({"a": 1})
    (tmp_path / "secret.key").write_bytes(b"# rotated\n" + NEW + b"\n" + OLD + b"\n")
    both = Vault.from_folder(tmp_path, {})
    assert both.open(before) == {"a": 1}
    after = both.rotate(before)
    assert Vault((NEW,)).open(after) == {"a": 1}
    with pytest.raises(VaultError, match="does not open with this key"):
        Vault((NEW,)).open(before)
    assert both.django_secret() == Vault((NEW,)).django_secret()
    assert both.django_secret_fallbacks() == [Vault((OLD,)).django_secret()]


def test_a_vault_follows_its_file(tmp_path: Path) -> None:
    running = Vault.from_folder(tmp_path, {})
    before = running.seal({"a": 1})
    (old,) = read_keys(tmp_path / "secret.key")
    write_keys(tmp_path / "secret.key", (NEW, old))
    assert running.standing(before) is Standing.OLDER
    after = running.seal({"a": 2})
    assert Vault((NEW,)).open(after) == {"a": 2}
    assert running.open(before) == {"a": 1}
    write_keys(tmp_path / "secret.key", (NEW,))
    assert running.standing(before) is Standing.LOST
    assert running.standing(after) is Standing.CURRENT
    (tmp_path / "secret.key").write_bytes(b"")
    assert running.open(after) == {"a": 2}  # a broken file leaves us the keys that we know
    (tmp_path / "secret.key").unlink()
    assert running.open(after) == {"a": 2}
    assert not (tmp_path / "secret.key").exists()


def test_keys_may_come_from_the_environment(tmp_path: Path) -> None:
    vault = Vault.from_folder(tmp_path, {"VAIVEM_SECRET_KEY": f"{NEW.decode()}, {OLD.decode()}"})
    assert vault.open(Vault((OLD,)).seal({"a": 1})) == {"a": 1}
    assert list(tmp_path.iterdir()) == []


def test_the_derived_key_is_no_key_of_the_vault() -> None:
    derived = Vault((OLD,)).django_secret()
    assert len(derived) >= 43
    assert derived.encode() not in OLD
    assert derived != Vault((NEW,)).django_secret()


@pytest.mark.parametrize("damaged", [b"", b"gAAAA", b"\x00" * 80])
def test_damage_is_said(damaged: bytes) -> None:
    vault = Vault((OLD,))
    with pytest.raises(VaultError):
        vault.open(damaged)
    with pytest.raises(VaultError):
        vault.rotate(damaged)


@pytest.mark.parametrize(("content", "words"), [(b"", "is empty"), (b"short\n", "not readable")])
def test_a_key_file_that_is_no_key_is_said(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "secret.key").write_bytes(content)
    with pytest.raises(VaultError, match=words):
        Vault.from_folder(tmp_path, {})


def test_no_key_in_an_error(tmp_path: Path) -> None:
    with pytest.raises(VaultError) as caught:
        Vault((b"hunter2hunter2",))
    assert "hunter2" not in str(caught.value)
