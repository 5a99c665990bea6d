"""The words that Vaivém and its surroundings use, each explained in two sentences, and where each is used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Text = str | Promise


@dataclass(frozen=True, slots=True)
class Term:
    """A word and what it means. `ours`: Vaivém's own, else one that vendors and programmers use."""

    key: str
    word: Text
    meaning: Text
    ours: bool = True


TERMS: tuple[Term, ...] = (
    Term(
        "connection",
        _("connection"),
        _(
            "One account of a tool that Vaivém may use. A company with two accounts of the same tool "
            "has two connections."
        ),
    ),
    Term(
        "connector",
        _("connector"),
        _(
            "What knows one tool: how to sign in, what can happen there, what can be done there. It "
            "comes with Vaivém."
        ),
    ),
    Term(
        "event",
        _("event"),
        _(
            "Something that happened in a tool, such as a signed document. Vaivém keeps it before it "
            "says “received”."
        ),
    ),
    Term(
        "trigger",
        _("start of a rule"),
        _("The kind of event that a rule waits for."),
    ),
    Term(
        "rule",
        _("rule"),
        _(
            "When this happens there, and if it fits, do that here. Only what is published works; a "
            "draft changes nothing."
        ),
    ),
    Term(
        "condition",
        _("condition"),
        _("What must be true of the event for the rule to go on, such as “the value is over 10,000”."),
    ),
    Term(
        "step",
        _("step"),
        _("One thing that a rule does: find, create, update, wait, decide between ways, send an e-mail."),
    ),
    Term(
        "mapping",
        _("field mapping"),
        _(
            "How one field of the target is filled: from a field of the event, with a fixed text, or "
            "with both in one."
        ),
    ),
    Term(
        "recipe",
        _("recipe"),
        _("A ready-made rule for a pair of tools. Choose the accounts and a few details, and it works."),
    ),
    Term(
        "run",
        _("run"),
        _("One rule applied to one event, with every step, request and answer, to be looked up later."),
    ),
    Term(
        "lane",
        _("order per record"),
        _(
            "What concerns the same record is worked one after the other, in the order in which it "
            "arrived. Different records do not wait for each other."
        ),
    ),
    Term(
        "decision",
        _("decision"),
        _(
            "Something that only a person can answer: was this done, or which of these records is "
            "meant? The run waits for it."
        ),
    ),
    Term(
        "replay",
        _("repeat with the rule of today"),
        _(
            "Past events go through the rule once more, as it is now. What was already made is "
            "updated, not made again."
        ),
    ),
    Term(
        "dryrun",
        _("dry run"),
        _(
            "The rule is tried on past events without writing anything: you see what it would create, "
            "change or leave alone."
        ),
    ),
    Term(
        "matchkey",
        _("what recognises a record"),
        _("The value that says two records are the same: CPF or CNPJ, e-mail, phone, or a code of your own."),
    ),
    Term(
        "reconnect",
        _("reconnect"),
        _(
            "Give a connection access again, because the tool no longer accepts the old one. What "
            "waits goes on by itself afterwards."
        ),
    ),
    Term(
        "testaccount",
        _("test account"),
        _("An invented account that runs where Vaivém runs. Nothing real is touched."),
    ),
    Term(
        "workspace",
        _("workspace"),
        _(
            "One company's world: its members, connections, rules and history. Nothing crosses from "
            "one to another."
        ),
    ),
    Term(
        "webhook",
        _("webhook"),
        _(
            "A tool calls an address of yours the moment something happens, in place of you asking "
            "again and again. Vaivém registers its address with the tool, or shows it for you to "
            "enter."
        ),
        ours=False,
    ),
    Term(
        "endpoint",
        _("endpoint"),
        _("The address that a program calls, such as the one where Vaivém takes the events of a connection."),
        ours=False,
    ),
    Term(
        "payload",
        _("payload"),
        _(
            "The data that a call carries, for example the signed document with its signers. A run's "
            "page shows it as it arrived."
        ),
        ours=False,
    ),
    Term(
        "middleware",
        _("middleware"),
        _("A program between two others that passes on and translates. Vaivém is one."),
        ours=False,
    ),
    Term(
        "api",
        _("API"),
        _("The door that a tool has for programs: what can be asked of it and done in it without a screen."),
        ours=False,
    ),
    Term(
        "token",
        _("token"),
        _(
            "A long secret text that proves who is calling, in place of a user name and password. "
            "Treat it as a password."
        ),
        ours=False,
    ),
    Term(
        "oauth",
        _("OAuth"),
        _(
            "You sign in at the tool itself and allow Vaivém in. Vaivém never sees your password, and "
            "you can take the permission back there."
        ),
        ours=False,
    ),
    Term(
        "ratelimit",
        _("limit of calls"),
        _(
            "How many calls a tool takes in a minute. Vaivém keeps to it: what is over waits its turn "
            "and is not lost."
        ),
        ours=False,
    ),
)

# The words of a page's place in the navigation, so that each is one click away.
USED_AT: Mapping[str, tuple[str, ...]] = {
    "home": ("event", "run", "connection", "decision"),
    "connections": ("connection", "webhook", "oauth", "token", "endpoint", "reconnect", "ratelimit"),
    "test_accounts": ("testaccount", "connection"),
    "recipes": ("recipe", "rule", "mapping"),
    "rules": ("rule", "trigger", "condition", "step", "mapping", "matchkey", "dryrun"),
    "history": ("event", "run", "step", "payload", "lane", "replay"),
    "decisions": ("decision", "run", "matchkey"),
    "settings": ("workspace", "api", "token", "webhook"),
}


def terms_at(place: str) -> list[Term]:
    """Return the words of a page."""
    known = {term.key: term for term in TERMS}
    return [known[key] for key in USED_AT.get(place, ())]
