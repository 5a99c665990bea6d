"""Sentences about calls, connections, runs and deliveries."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from vaivem.hub.messages.table import Entry

LOOK_AND_DECIDE = _("Look there, then decide: it was done, do it, or skip.")
AGAIN_BY_ITSELF = _("Nothing to do: Vaivém tries again by itself.")
RECONNECT = _("Reconnect it. What waits goes on by itself afterwards, in order.")
FIX_RULE = _("Correct the rule, then repeat the run with the rule of today.")
NOT_SIGNED = Entry(
    _("The delivery is not signed with the secret that was agreed, so it may not come from {the}."),
    _("If it does, reconnect: the secret is then agreed anew."),
)

SENTENCES: Mapping[str, Entry] = {
    "bug": Entry(
        _("Vaivém made a mistake of its own here."),
        _("Nothing was lost. Retry the run; if it happens again, report it with the run's address."),
    ),
    "our_own_change": Entry(
        _("Our own change came back: all that was changed is what Vaivém wrote there itself."),
    ),
    # Rules that wait for a change of a field
    "change_first_seen": Entry(
        _("What “{field}” was before is not known: it was seen for the first time, and its value was noted."),
        _("The next change of this record counts."),
    ),
    "change_none": Entry(_("“{field}” did not change: it was “{after}” before, too.")),
    "change_another": Entry(
        _("“{field}” changed from “{before}” to “{after}”: the rule waits for another change.")
    ),
    "change_late": Entry(
        _(
            "This was told late: something newer of the record was seen before, so “{field}” did not change "
            "by it."
        )
    ),
    # The breaker
    "record_changed_too_often": Entry(
        _(
            "It changed the same record {times} times within an hour (“{name}”, number {record}); "
            "{most} are allowed."
        ),
        _(
            "Look whether another rule, or another tool, changes it back each time. Nothing was dropped: "
            "what came meanwhile waits and goes on, in order, when you let the rule go on."
        ),
    ),
    "rule_runs_too_often": Entry(
        _(
            "It ran {runs} times in this hour; {most} are allowed, because its busiest hour of the last "
            "14 days had {busiest}."
        ),
        _(
            "Look at what sets it off so often. Nothing was dropped: what came meanwhile waits and goes on, "
            "in order, when you let the rule go on."
        ),
    ),
    # What vendors answer
    "credentials_refused": Entry(
        _("{The} no longer accepts the access."), RECONNECT, _("{The} refused the access: {message}")
    ),
    "credentials_locked": Entry(
        _("The stored access to {the} cannot be opened: the key that sealed it is not here any more."),
        _("Reconnect it, or let the operator put the key back and press Test now. What waits then goes on."),
    ),
    "oauth_app_locked": Entry(
        _("The app's stored secret cannot be opened: the key that sealed it is not here any more."),
        _("Enter its client id and secret in Settings again, or let the operator put the key back."),
    ),
    "reconnect_needed": Entry(_("The connection to {the} has to be made again."), RECONNECT),
    "refresh_refused": Entry(
        _("{The} did not renew the access."), RECONNECT, _("{The} did not renew the access: {message}")
    ),
    "private_key_unreadable": Entry(
        _("The private key cannot be read: it must be a whole RSA key of at least 2048 bits, in PEM."),
        _("Paste it again with its first and last line, from BEGIN to END."),
    ),
    "consent_required": Entry(
        _("The user has not yet allowed this app to act for them {in_the}."),
        _("Sign in there as that user, allow it once, and test again."),
        _("The user has not yet allowed this app to act for them {in_the}. That is done here: {message}"),
    ),
    "removed_there": Entry(
        _("Somebody removed the app of Vaivém {in_the}, and with it this access."),
        _("If it was meant, disconnect it here too. If not, reconnect: what waits then goes on by itself."),
    ),
    "plan_lacks_feature": Entry(
        _("The plan of the account {in_the} does not include this."),
        _("See the plan {in_the}, or take this step out of the rule."),
        _("The plan of the account {in_the} does not include this: {message}"),
    ),
    "permission_missing": Entry(
        _("The connected user may not do this {in_the}."),
        _("Give the user the permission {in_the}, or reconnect with one who has it. Then retry the run."),
        _("{The} does not allow this to the connected user: {message}"),
    ),
    "record_not_found": Entry(
        _("The record no longer exists {in_the}."),
        _("It was deleted or merged there. Check it, then retry or leave the run."),
        _("The record was not found {in_the}: {message}"),
    ),
    "record_conflict": Entry(
        _("{The} already has a record like this one."),
        _("See which one is right {in_the}, then retry the run."),
        _("{The} found a conflict: {message}"),
    ),
    "record_refused": Entry(
        _("{The} refused the record."), FIX_RULE, _("{The} refused the record: {message}")
    ),
    "vendor_timed_out": Entry(_("{The} did not answer in time."), AGAIN_BY_ITSELF),
    "vendor_test_account_silent": Entry(
        _("The test account does not answer."), _("Whoever runs the server can start Vaivém again.")
    ),
    "vendor_unavailable": Entry(_("{The} is out of service at the moment."), AGAIN_BY_ITSELF),
    "vendor_unreachable": Entry(_("{The} could not be reached."), AGAIN_BY_ITSELF),
    "vendor_failed": Entry(_("{The} failed while answering."), AGAIN_BY_ITSELF),
    "vendor_limit": Entry(
        _("The limit of calls {of_the} is reached."), _("Nothing to do: it goes on when the limit allows.")
    ),
    "record_limit": Entry(
        _("{The} lets one record be read or changed only a few times in a while, and this one has been."),
        _("Nothing to do: it goes on when the limit allows. Other records go on meanwhile."),
    ),
    "vendor_redirects": Entry(
        _("{The} sends our calls to another address."), _("Check the address in the connection's settings.")
    ),
    "vendor_answer_lost": Entry(_("The answer {of_the} was lost on the way."), AGAIN_BY_ITSELF),
    "vendor_answer_unreadable": Entry(_("{The} answered something that cannot be read."), AGAIN_BY_ITSELF),
    "vendor_answer_unexpected": Entry(_("{The} answered something unexpected."), AGAIN_BY_ITSELF),
    "vendor_answer_too_large": Entry(
        _("{The} answered with more data than can be taken ({bytes} bytes at most)."),
        _("Let the step ask for less, then repeat the run with the rule of today."),
    ),
    # Addresses and connections
    "address_not_usable": Entry(
        _("The address {address} cannot be called."), _("Correct it; it must begin with http:// or https://.")
    ),
    "address_is_private": Entry(
        _("The address {address} is inside a private network, which Vaivém does not call."),
        _("Only who runs the server can allow it, with VAIVEM_ALLOW_PRIVATE."),
    ),
    "address_unknown": Entry(_("The name {address} is not known at the moment."), AGAIN_BY_ITSELF),
    "connection_is_gone": Entry(
        _("A connection that this rule uses was removed."), _("Choose another one in the rule.")
    ),
    "method_is_not_oauth": Entry(_("This connection was not made by signing in {in_the}."), RECONNECT),
    "oauth_app_missing": Entry(
        _("The app that gave this access is no longer set up here."),
        _("Enter its client id and secret in Settings, then reconnect."),
    ),
    "oauth_denied": Entry(
        _("The access was not given {in_the}."),
        _("Start again, and allow the access there."),
        _("The access was not given {in_the}: {message}"),
    ),
    "wrong_account": Entry(
        _("This is another account {in_the}: {found}. The connection belongs to {wanted}."),
        _("Sign in to the right account, or make a new connection for this one."),
    ),
    "no_public_address": Entry(
        _("Events {of_the} cannot arrive: Vaivém has no address that it can reach."),
        _("Set the public address in Settings."),
    ),
    # Runs
    "gave_up": Entry(
        _("It was tried again for 24 hours without success."),
        _("See the last answer below. When the cause is gone, retry the run."),
    ),
    "write_in_doubt": Entry(
        _("Vaivém was interrupted while it wrote {in_the}: perhaps it was done, perhaps not."),
        LOOK_AND_DECIDE,
    ),
    "write_in_doubt_not_found": Entry(
        _("The answer {of_the} was lost, and nothing that was written could be found there."), LOOK_AND_DECIDE
    ),
    "mail_answer_lost": Entry(
        _("The mail server's answer was lost: perhaps the e-mail went out, perhaps not."), LOOK_AND_DECIDE
    ),
    "told_to_do_it": Entry(_("A person decided that it should be done again.")),
    "adopted": Entry(_("It had been done: what was found there was used.")),
    "linked": Entry(_("Found by the link between the records.")),
    "filtered": Entry(_("The rule's conditions did not hold.")),
    "not_yet": Entry(_("What the rule waits for is not complete yet; a later event starts it.")),
    "test_is_over": Entry(
        _("The rule is a draft; its test took an event that came before this one."),
        _("Switch the rule on, or test it again."),
    ),
    "already_started": Entry(_("The rule had already started for this one; it starts once for each.")),
    "nothing_found": Entry(
        _("The step “{step}” found nothing."),
        _("Check what it looks for, then repeat the run with the rule of today."),
    ),
    "stopped_as_the_rule_says": Entry(_("The rule says to stop here: the condition of step “{step}” holds.")),
    "past_not_told": Entry(
        _("The past cannot be brought in: this system does not list what happened."),
    ),
    "past_under_way": Entry(
        _("The past of this rule is being brought in."),
        _("Wait until it is done, or stop it; then look once more."),
    ),
    "past_left_out": Entry(
        _("The step “{step}” was left out: this happened before the rule was switched on."),
        _("Bring in the past of the rule once more and tick the step: it is made up for, and nothing else."),
    ),
    "member_is_gone": Entry(
        _("{member} is no longer a member, so nobody was notified in the step “{step}”."),
        _("Choose somebody else in the rule."),
    ),
    "automation_without_person": Entry(
        _("Nobody could be led through the automation: “{field}” has no e-mail address, CPF or CNPJ."),
    ),
    "person_is_inside": Entry(
        _("{person} is still in this automation by an earlier run; a person runs through it once at a time."),
        _("Nothing to do: this one goes on after it."),
    ),
    "person_was_inside": Entry(
        _("{person} was still in this automation by an earlier run, and the rule says to skip then."),
    ),
    "stopped_by_person": Entry(_("Somebody stopped this run.")),
    "skipped_by_person": Entry(_("Somebody chose to skip this step.")),
    "rule_is_gone": Entry(_("The rule's version was removed before its turn came.")),
    "trigger_is_gone": Entry(_("The connector no longer knows what this rule starts from."), FIX_RULE),
    "action_is_gone": Entry(_("The connector no longer knows what this step does."), FIX_RULE),
    "event_is_gone": Entry(_("The event is no longer kept, so the run cannot go on.")),
    # Replays
    "run_not_there": Entry(_("The run is no longer kept, or goes on by itself at this moment.")),
    "rule_is_off": Entry(_("The rule is a draft or was removed."), _("Publish it, then ask again.")),
    "rule_starts_elsewhere": Entry(_("The rule of today starts from another connection.")),
    "newer_event_done": Entry(
        _("A newer event of the same record has been done since; this one would write older data over it.")
    ),
    "run_was_repeated": Entry(_("It was repeated or retried meanwhile.")),
    "replay_was_stopped": Entry(_("It had not begun when the repetition was stopped.")),
    "rule_changed_since": Entry(
        _("The rule was changed after it was looked at, so it was left as it is."), _("Ask again.")
    ),
    "not_known_before": Entry(_("What it would write is known only when the vendor is read.")),
    "done_before": Entry(_("It had been done in the run that this one repeats, and is left out.")),
    "decision_needed": Entry(_("Somebody has to decide."), _("Open the run and choose.")),
    "several_matches": Entry(
        _("Several records {in_the} fit."), _("Choose the right one; the run then goes on by itself.")
    ),
    "match_unsure": Entry(
        _("One record {in_the} fits, but it may not be the right one."),
        _("Say whether it is; the run then goes on by itself."),
    ),
    "record_busy": Entry(
        _("Another run is just looking for or creating the same record {in_the}."),
        _("Nothing to do: this one goes on right after it."),
    ),
    "write_settling": Entry(
        _("It is not known yet whether the last call was carried out {in_the}."),
        _("Nothing to do: Vaivém looks {in_the} before it repeats anything."),
    ),
    "waits_for_bulk": Entry(
        _("This one is being imported {in_the}, together with others of the past."),
        _("Nothing to do: it goes on by itself when the import is done."),
    ),
    "awaits_an_event": Entry(_("The rule says to wait here until something happens, or the time is over.")),
    "waits_as_the_rule_says": Entry(_("The rule says to wait here.")),
    "journal_differs": Entry(
        _("The run cannot go on from where it was: its steps have changed since."),
        _("Start it again from History, with today's rule."),
    ),
    "step_makes_too_many_calls": Entry(
        _("The step “{step}” makes more calls than one run may."), _("Let it work on fewer records.")
    ),
    "claim_in_claim": Entry(_("A connector claimed a record twice; this is a mistake of its code.")),
    "rule_needs_fix": Entry(_("The rule has to be corrected."), FIX_RULE),
    "compiled_format_unknown": Entry(
        _("The rule was published by a newer version of Vaivém."),
        _("Update Vaivém, or publish the rule again."),
    ),
    # E-mail steps
    "letter_without_address": Entry(_("The e-mail of the step “{step}” has no address."), FIX_RULE),
    "mail_not_configured": Entry(
        _("No mail server is set up, so the e-mail cannot leave."), _("Who runs the server can set one up.")
    ),
    "address_opted_out": Entry(
        _("Who would get this e-mail has opted out of the e-mails of this workspace, so it was not sent."),
        _("If they must get it all the same, mark the step as transactional."),
    ),
    "mail_address_refused": Entry(
        _("The mail server refused the address."),
        FIX_RULE,
        _("The mail server refused the address: {message}"),
    ),
    "mail_refused": Entry(
        _("The mail server refused the e-mail."), FIX_RULE, _("The mail server refused the e-mail: {message}")
    ),
    "mail_some_refused": Entry(
        _("The mail server took the e-mail, but not for all of its addresses."),
        _("Look at the addresses of the step; who was refused did not get it."),
    ),
    "bounces_unreachable": Entry(
        _("The mailbox for bounces could not be reached."),
        AGAIN_BY_ITSELF,
        _("The mailbox for bounces could not be reached: {message}"),
    ),
    "bounces_refused": Entry(
        _("The mailbox for bounces could not be opened."),
        _("Who runs the server can correct VAIVEM_BOUNCES_URL."),
        _("The mailbox for bounces could not be opened: {message}"),
    ),
    "mail_server_busy": Entry(_("The mail server is busy."), AGAIN_BY_ITSELF),
    "mail_server_unreachable": Entry(_("The mail server could not be reached."), AGAIN_BY_ITSELF),
    "mail_credentials_refused": Entry(
        _("The mail server refused the user name or password."), _("Who runs the server can correct them.")
    ),
    # Deliveries
    "signature_missing": NOT_SIGNED,
    "signature_wrong": NOT_SIGNED,
    "delivery_refused": Entry(_("The delivery could not be taken.")),
    "delivery_unreadable": Entry(
        _("The delivery is authentic but could not be read."),
        _("It is kept as it came. When the cause is gone, read it again."),
        _("The delivery is authentic but could not be read: {message}"),
    ),
    "delivery_not_storable": Entry(
        _("The delivery was read, but could not be kept as events."),
        _("It is kept as it came. When the cause is gone, read it again."),
    ),
    "too_many_events": Entry(
        _("One delivery held {count} events; at most {most} are taken at once."),
        _("It is kept as it came. Let the sender divide it."),
    ),
    "delivery_too_large": Entry(_("The delivery is larger than the limit of {bytes} bytes.")),
    "encoding_unknown": Entry(_("The delivery is packed in a way that is not known: {encoding}.")),
    "body_not_compressed": Entry(_("The delivery says that it is packed as {encoding}, but it is not.")),
    "body_incomplete": Entry(_("The delivery ended before it was whole.")),
    "event_unreadable": Entry(
        _("The event could not be read again."), "", _("The event could not be read: {message}")
    ),
}
