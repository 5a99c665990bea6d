"""Sentences about what people and programs ask for: filters, answers, the REST API."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from vaivem.hub.messages.table import Entry

SENTENCES: Mapping[str, Entry] = {
    "filter_wrong": Entry(_("The filter “{path}” cannot be read.")),
    # Runs, decisions, deliveries
    "run_not_waiting": Entry(
        _("The run neither waits nor has failed, or it is being worked at this very moment."),
        _("Look at it again in a moment."),
    ),
    "record_has_newer": Entry(
        _("The record has had a newer event since; this run would write its older data over the newer ones."),
        _("Look at run {run}. To retry it anyway, say so."),
    ),
    "replay_not_possible": Entry(_("This cannot be repeated.")),
    "replay_of_nothing": Entry(
        _("There is nothing to repeat: no run that has ended fits, or each was repeated already."),
        _("Choose other runs."),
    ),
    "replay_too_large": Entry(
        _("More than {max} runs fit: that is too many at once."),
        _("Narrow the filters, by date for example."),
    ),
    "replay_step_unknown": Entry(_("“{step}” is not a step that had been done in these runs.")),
    "replay_begun": Entry(_("It has been started already, or is still being looked at.")),
    "replay_over": Entry(_("It is over already.")),
    "decision_settled": Entry(_("This was decided already.")),
    "answer_wrong": Entry(_("The answer does not fit: “{path}” must be one of {choices}.")),
    "rejected_settled": Entry(_("This delivery does not wait any more.")),
    # The REST API
    "past_not_so": Entry(
        _("There is nothing to begin, to stop or to go on with as things stand."),
        _("Ask how it stands, then ask again."),
    ),
    "past_step_unknown": Entry(_("The rule has no step “{step}” that reaches people.")),
    "token_missing": Entry(
        _("There is no valid API token."),
        _("Send one as “Authorization: Bearer …”; `vaivem api-token create` makes one."),
    ),
    "scope_missing": Entry(_("The token may not do this; it needs the scope “{scope}”.")),
    "not_found": Entry(_("There is nothing at this address.")),
    "request_invalid": Entry(
        _("The request is not right at {path}."), "", _("The request is not right at {path}: {message}")
    ),
    "method_unknown": Entry(_("{system} cannot be connected that way; possible are: {choices}.")),
    "connector_unknown": Entry(_("There is no connector “{connector}”.")),
    "connect_in_browser": Entry(
        _("This way of connecting needs a person who signs in {in_the}."), _("Do it on the Connections page.")
    ),
    "key_used_differently": Entry(
        _("This Idempotency-Key was used for another request."), _("Send a new key with a new request.")
    ),
}
