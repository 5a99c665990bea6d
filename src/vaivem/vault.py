"""Seals what is secret (credentials, tokens) before it reaches the database; the key stays outside of it.

The key file holds one Fernet key a line. The first seals; all open. `vaivem key rotate` puts a new one first
and seals anew what is stored (`hub/connections/sealing.py`); `vaivem key retire` removes the older ones.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import secrets
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

log = logging.getLogger(__name__)

KEY_FILE = "secret.key"
KEY_VARIABLE = "VAIVEM_SECRET_KEY"


class VaultError(Exception):
    """The key is missing or wrong; the text is a sentence for the operator and holds no secret."""


class Standing(StrEnum):
    """Which key a stored secret is sealed with."""

    CURRENT = "current"
    OLDER = "older"
    LOST = "lost"  # with a key that is not here any more, or the bytes are damaged


class Vault:
    """Seals and opens small JSON objects with the installation's key.

    A vault made from a folder follows its key file: processes that run while a key is rotated seal with the
    new one and open with both, without a restart.
    """

    def __init__(self, keys: tuple[bytes, ...], file: Path | None = None) -> None:
        self._use(keys)
        self._file = file
        self._seen = _signature(file)

    def _use(self, keys: tuple[bytes, ...]) -> None:
        if not keys:
            raise VaultError("There is no key to seal credentials with.")
        try:
            self._fernet = MultiFernet([Fernet(key) for key in keys])
            self._first = Fernet(keys[0])
        except ValueError as error:
            raise VaultError(
                "A key is not readable: each must be 32 random bytes in URL-safe base64 (44 characters)."
            ) from error
        self._keys = keys

    @property
    def key_count(self) -> int:
        """How many keys there are; one seals, all open."""
        self._follow()
        return len(self._keys)

    def _follow(self) -> None:
        """Take the keys as they are now; a file that is gone or broken leaves us those that we know."""
        signature = _signature(self._file)
        if self._file is None or signature is None or signature == self._seen:
            return
        try:
            self._use(read_keys(self._file))
        except VaultError as error:
            log.warning("The key file changed and cannot be used: %s", error)
        self._seen = signature

    @classmethod
    def from_folder(cls, data_dir: Path, environ: Mapping[str, str] | None = None) -> Vault:
        """Return the vault of this installation.

        VAIVEM_SECRET_KEY (keys separated by commas) comes first, for servers that keep secrets elsewhere;
        else the file `secret.key` in the data folder, made on first use, readable by its owner only.
        """
        given = (os.environ if environ is None else environ).get(KEY_VARIABLE, "")
        if given.strip():
            return cls(tuple(part.strip().encode() for part in given.split(",") if part.strip()))
        return cls(read_or_make_keys(data_dir / KEY_FILE), data_dir / KEY_FILE)

    def seal(self, value: Mapping[str, Any]) -> bytes:
        """Return `value` as bytes that only this installation can open."""
        self._follow()
        return self._fernet.encrypt(json.dumps(value, ensure_ascii=False).encode())

    def open(self, sealed: bytes) -> dict[str, Any]:
        """Return what was sealed; raise `VaultError` when it was sealed with another key or was damaged."""
        self._follow()
        try:
            value = json.loads(self._fernet.decrypt(bytes(sealed)))
        except InvalidToken as error:
            raise VaultError(
                "A stored secret does not open with this key: the key is another one, or the data is damaged."
            ) from error
        if not isinstance(value, dict):
            raise VaultError("A stored secret is not of the form that Vaivém seals.")
        return value

    def rotate(self, sealed: bytes) -> bytes:
        """Return the same secret sealed with the first key."""
        self._follow()
        try:
            return self._fernet.rotate(bytes(sealed))
        except InvalidToken as error:
            raise VaultError("A stored secret does not open with any of the keys.") from error

    def standing(self, sealed: bytes) -> Standing:
        """Return which key a stored secret is sealed with."""
        self._follow()
        for fernet, standing in ((self._first, Standing.CURRENT), (self._fernet, Standing.OLDER)):
            try:
                fernet.decrypt(bytes(sealed))
            except InvalidToken:
                continue
            return standing
        return Standing.LOST

    def django_secret(self) -> str:
        """Return the key for Django's signatures. Derived from the first key: both rotate together."""
        return self._derived(b"django", self._keys[0])

    def django_secret_fallbacks(self) -> list[str]:
        """Return the keys that signatures made before a rotation may still use."""
        return [self._derived(b"django", key) for key in self._keys[1:]]

    @staticmethod
    def _derived(purpose: bytes, key: bytes) -> str:
        material = base64.urlsafe_b64decode(key)
        derived = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"vaivem:" + purpose).derive(
            material
        )
        return base64.urlsafe_b64encode(derived).rstrip(b"=").decode()


def read_or_make_keys(path: Path) -> tuple[bytes, ...]:
    """Return the keys in the file, in order; a missing file is made with one new key."""
    if not path.exists():
        _make(path)
    return read_keys(path)


def read_keys(path: Path) -> tuple[bytes, ...]:
    """Return the keys in the file, in order."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise VaultError(f"The key file {path} cannot be read: {error.strerror}.") from error
    keys = tuple(line.strip() for line in text.splitlines() if line.strip() and not line.startswith(b"#"))
    if not keys:
        raise VaultError(f"The key file {path} is empty: put the key back from a backup.")
    return keys


def write_keys(path: Path, keys: tuple[bytes, ...]) -> None:
    """Replace the key file in one step, so that a crash leaves the old or the new one, never half."""
    draft = _draft(path)
    try:
        _write_private(draft, keys)
        draft.replace(path)
    except OSError as error:
        raise VaultError(f"The key file {path} cannot be written: {error.strerror}.") from error
    finally:
        draft.unlink(missing_ok=True)


def new_key() -> bytes:
    """Return a key that nobody has."""
    return Fernet.generate_key()


def _signature(path: Path | None) -> tuple[int, ...] | None:
    """Return what changes when the file does; None when it is not there or there is none."""
    try:
        found = path.stat() if path else None
    except OSError:
        return None
    return (found.st_ino, found.st_mtime_ns, found.st_size) if found else None


def _make(path: Path) -> None:
    draft = _draft(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_private(draft, (new_key(),))
        # A hard link fails if the file exists: two processes that start at once then use the same key.
        os.link(draft, path)
    except FileExistsError:
        pass
    except OSError as error:
        raise VaultError(f"The key file {path} cannot be made: {error.strerror}.") from error
    finally:
        draft.unlink(missing_ok=True)


def _draft(path: Path) -> Path:
    """Return a name beside the file that no other process or thread uses."""
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}")


def _write_private(path: Path, keys: tuple[bytes, ...]) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(b"\n".join(keys) + b"\n")
        file.flush()
        os.fsync(file.fileno())
