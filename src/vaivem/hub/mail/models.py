"""Letters that wait, went out, or could not. The engine's chore sends them with SQL of its own."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class LetterState(models.IntegerChoices):
    """Where a letter is. SENDING that lasts is a crash in between: it is not sent again, and becomes LOST."""

    WAITING = 0
    SENDING = 1
    SENT = 2
    REFUSED = 3
    LOST = 4
    KEPT = 5
    """In the demo: shown on a page, and sent to nobody."""


class Address(models.Model):
    """An address that rules of a workspace write to. The engine makes it with the first letter.

    `address` is normalised (`core.identity`), `token` is what its letters' link holds, `opted_out` since when
    nothing goes there that offers a way out, `how` it came to that: by the link, a member or a program.
    """

    id = models.BigAutoField(primary_key=True)
    workspace = models.ForeignKey("workspaces.Workspace", models.CASCADE, related_name="+")
    address = models.CharField(max_length=254)
    token = models.CharField(max_length=40, unique=True)
    opted_out = models.DateTimeField(null=True)
    how = models.CharField(max_length=10, blank=True, default="", db_default="")
    created = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        """The table's name is a contract with the engine."""

        db_table = "mail_address"
        constraints = [models.UniqueConstraint(fields=["workspace", "address"], name="mail_address_once")]
        indexes = [
            models.Index(
                fields=["workspace", "-opted_out", "-id"],
                name="mail_address_out",
                condition=models.Q(opted_out__isnull=False),
            )
        ]


class Bounce(models.Model):
    """A rule's letter that came back from an address; the engine reads it from the bounce mailbox.

    `place` is the letter's place in the run, `status` the mail system's code (``5.1.1``), `said` its words.
    """

    id = models.BigAutoField(primary_key=True)
    workspace = models.ForeignKey("workspaces.Workspace", models.CASCADE, related_name="+")
    run = models.BigIntegerField()
    place = models.IntegerField()
    address = models.CharField(max_length=254)
    status = models.CharField(max_length=12)
    said = models.CharField(max_length=300)
    at = models.DateTimeField()

    class Meta:
        """The table's name is a contract with the engine. A report that is read twice is one bounce."""

        db_table = "mail_bounce"
        constraints = [models.UniqueConstraint(fields=["run", "place", "address"], name="mail_bounce_once")]
        indexes = [models.Index(fields=["workspace", "-id"], name="mail_bounce_recent")]


class Letter(models.Model):
    """One letter. `content` (text, html, headers) is sealed, for it may hold a link that lets somebody in; it
    is wiped when the letter is sent, except in the demo. `workspace` None: about a person's account.
    """

    id = models.BigAutoField(primary_key=True)
    workspace = models.ForeignKey("workspaces.Workspace", models.CASCADE, null=True, related_name="+")
    kind = models.CharField(max_length=30)
    recipient = models.CharField(max_length=400)
    subject = models.CharField(max_length=200)
    content = models.BinaryField(default=b"", db_default=b"")
    message_id = models.CharField(max_length=120)
    state = models.SmallIntegerField(choices=LetterState, default=LetterState.WAITING, db_default=0)
    tries = models.SmallIntegerField(default=0, db_default=0)
    due = models.DateTimeField(db_default=Now())
    code = models.CharField(max_length=40, blank=True, db_default="")
    said = models.CharField(max_length=300, blank=True, db_default="")
    created = models.DateTimeField(db_default=Now(), editable=False)
    sent = models.DateTimeField(null=True)

    class Meta:
        """Read by the chore (what waits), and by the outbox page (newest first)."""

        db_table = "letter"
        indexes = [
            models.Index(fields=["due"], name="letter_waiting", condition=models.Q(state__in=(0, 1))),
            models.Index(fields=["workspace", "-id"], name="letter_recent"),
        ]
