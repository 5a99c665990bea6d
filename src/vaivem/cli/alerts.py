"""`vaivem alerts`: tell members what needs them. The worker runs it every five minutes."""

from __future__ import annotations

import click

from vaivem.cli.database import on_tables
from vaivem.cli.reporting import Group, Outcome
from vaivem.config import Config


@click.command(cls=Group.command_class)
def alerts() -> Outcome:
    """Put alert mails that are due into the post. Safe to repeat: nobody is told twice."""
    on_tables(Config.from_environment())
    from vaivem.hub.alerts.digest import tell_everybody
    from vaivem.hub.alerts.notices import mail_notices

    posted = tell_everybody() + mail_notices()
    return Outcome(f"{posted} mails posted.", {"posted": posted})
