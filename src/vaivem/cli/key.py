"""Commands for the key that seals stored credentials: how it stands, a new one, the end of the old ones."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vaivem.cli.database import on_tables
from vaivem.cli.reporting import CommandError, Group, Outcome, say
from vaivem.config import Config
from vaivem.postgres.flocks import FileLock
from vaivem.postgres.folder import DataFolder
from vaivem.vault import KEY_FILE, KEY_VARIABLE, Vault, VaultError, new_key, read_keys, write_keys

if TYPE_CHECKING:
    from vaivem.hub.connections.sealing import Sealed

LOCK_SECONDS = 30.0


@click.group(cls=Group)
def key() -> None:
    """The key that seals stored credentials."""


@key.command("status")
def status() -> Outcome:
    """Say how many keys there are, and whether they open everything that is stored."""
    config = Config.from_environment()
    on_tables(config)
    from vaivem.hub.connections.sealing import survey

    vault = _vault(config)
    return _report(survey(vault), vault, "")


@key.command("new")
def new() -> Outcome:
    """Print a new key, for VAIVEM_SECRET_KEY. Nothing is changed."""
    made = new_key().decode()
    return Outcome(made, {"key": made})


@key.command("rotate")
def rotate() -> Outcome:
    """Bring in a new key and seal everything stored with it. It may be done while Vaivém runs.

    The older keys stay until `vaivem key retire`. A rotation that was interrupted is gone on with.
    """
    config = Config.from_environment()
    on_tables(config)
    from vaivem.hub.connections.sealing import seal_anew, survey
    from vaivem.hub.workspaces import audit

    with _alone(config):
        vault = _vault(config)
        if os.environ.get(KEY_VARIABLE):
            if vault.key_count < 2:
                raise CommandError(
                    f"The key comes from {KEY_VARIABLE}. Make one with `vaivem key new`, put it in front of"
                    " the present one there with a comma between them, restart every process, then run"
                    " this again."
                )
        elif survey(vault).older:
            say("A rotation was interrupted: going on with it.")
        else:
            path = config.data_dir / KEY_FILE
            write_keys(path, (new_key(), *read_keys(path)))
        done = seal_anew(vault)
        audit.note(None, None, "key.rotated", after={"sealed_anew": done.anew})
    return _report(done, vault, "Older keys are kept: `vaivem key retire` removes them.")


@key.command("retire")
def retire() -> Outcome:
    """Remove the older keys, when nothing stored needs them any more."""
    config = Config.from_environment()
    on_tables(config)
    from vaivem.hub.connections.sealing import seal_anew, survey
    from vaivem.hub.workspaces import audit

    with _alone(config):
        vault = _vault(config)
        found = survey(vault)
        if found.older:
            raise CommandError(
                f"{found.older} stored secrets are still sealed with an older key: run `vaivem key rotate` "
                "first."
            )
        if os.environ.get(KEY_VARIABLE):
            text = f"Nothing needs the older keys: leave only the first in {KEY_VARIABLE} and restart."
            return _report(found, vault, text)
        path = config.data_dir / KEY_FILE
        keys = read_keys(path)
        write_keys(path, keys[:1])
        # What a process had sealed with an older key just before, and saved just after, is opened by these.
        seal_anew(Vault(keys))
        audit.note(None, None, "key.retired", after={"removed": len(keys) - 1})
    text = (
        f"Older keys removed: {len(keys) - 1}. Restart Vaivém; members whose session is older than the key "
        "sign in again. Backups made before hold the older key themselves."
    )
    return _report(survey(vault), vault, text if len(keys) > 1 else "There is no older key.")


def _report(found: Sealed, vault: Vault, then: str) -> Outcome:
    data: dict[str, Any] = {
        "keys": vault.key_count,
        "current": found.current,
        "older": found.older,
        "sealed_anew": found.anew,
        "lost": [{"kind": place.kind, "name": place.what} for place in found.lost],
    }
    keys = "1 key" if vault.key_count == 1 else f"{vault.key_count} keys"
    text = f"{keys}. {found.current} stored secrets are sealed with the first"
    text += f", {found.older} with an older one." if found.older else "."
    if found.anew:
        text += f" {found.anew} of them were sealed anew."
    problem = lost_sentence(found.lost_names) if found.lost else ""
    return Outcome("\n".join(filter(None, [text, then])), data, problem)


def lost_sentence(names: list[str]) -> str:
    """Say what no key opens, and what to do."""
    return (
        f"No key here opens the secrets of: {', '.join(names)}. Put the key that sealed them back into the "
        "key file (from a backup), or reconnect these accounts and enter the apps' secrets again."
    )


def _vault(config: Config) -> Vault:
    path = config.data_dir / KEY_FILE
    if not os.environ.get(KEY_VARIABLE) and not path.exists():
        raise VaultError(
            f"The key file {path} is not there. Put it back from a backup (`vaivem restore` does), or start "
            "Vaivém, which makes a new one, and reconnect every account."
        )
    return Vault.from_folder(config.data_dir)


def _alone(config: Config) -> FileLock:
    """Hold the lock that only commands which change the key take."""
    folder = DataFolder(config.data_dir)
    folder.prepare()
    lock = FileLock(Path(folder.locks) / "key")
    if not lock.exclusive(LOCK_SECONDS):
        raise CommandError("Another command is changing the key. Wait until it has ended.")
    return lock
