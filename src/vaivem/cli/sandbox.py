"""Commands for the test accounts: simulators of the vendors' APIs."""

from __future__ import annotations

from pathlib import Path

import click

from vaivem.cli.reporting import CommandError, Group, Outcome


@click.group(cls=Group)
def sandbox() -> None:
    """Test accounts: each is a vendor's API on this machine, with pages."""


@sandbox.command("list")
def list_names() -> Outcome:
    """List the test accounts that there are."""
    from vaivem.simulators.serve import names

    return Outcome("\n".join(names()), {"names": names()})


@sandbox.command("serve")
@click.argument("name")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=0, type=click.IntRange(0, 65535), help="0 chooses a free one.")
@click.option("--limits", default="documented", show_default=True, help="documented, off or N/SECONDS.")
@click.option("--retries", help="Pauses between tries of a webhook, in seconds: 1,5,15.")
@click.option(
    "--state", type=click.Path(dir_okay=False, path_type=Path), help="Keep the account in this file."
)
@click.option("--public-base", help="The address in front of a proxy.")
@click.option("--tls", is_flag=True, help="Speak https, with a certificate made for the time being.")
@click.option("--exit-after-start", is_flag=True, help="End as soon as it answers.")
def serve(
    name: str,
    host: str,
    port: int,
    limits: str,
    retries: str | None,
    state: Path | None,
    public_base: str | None,
    *,
    tls: bool,
    exit_after_start: bool,
) -> Outcome:
    """Serve one test account until Ctrl-C. Prints one line of JSON when it answers."""
    from vaivem.simulators import serve as simulators

    try:
        simulators.serve(
            name,
            host=host,
            port=port,
            limits=limits,
            retries=_pauses(retries),
            state=state,
            exit_after_start=exit_after_start,
            public_base=public_base,
            tls=tls,
        )
    except OSError as error:
        raise CommandError(f"Nothing can listen at {host}:{port}: {error.strerror or error}.") from error
    except ValueError as error:  # an unknown name (it lists the known ones), limits or state file
        raise CommandError(str(error)) from error
    return Outcome("", {"name": name})


def _pauses(text: str | None) -> tuple[float, ...] | None:
    if text is None:
        return None
    try:
        return tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise CommandError("--retries must list seconds, such as 1,5,15.") from error
