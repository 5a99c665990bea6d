"""Sentences about values that do not fit their field."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from vaivem.hub.messages.table import Entry

CHECK_SOURCE = _("Correct it in the rule or at its source, then repeat the run with the rule of today.")

SENTENCES: Mapping[str, Entry] = {
    "mapping_failed": Entry(_("Some fields could not be filled."), CHECK_SOURCE),
    "required_missing": Entry(
        _("The field “{field}” must be filled, and the event has nothing for it."),
        _("Fill it from another field or with a fixed text, then repeat the run with the rule of today."),
    ),
    "field_gone": Entry(
        _("The field “{field}” no longer exists {in_the}."), _("Take it out of the rule or choose another.")
    ),
    "bad_text": Entry(_("“{field}” got “{value}”, which is not text."), CHECK_SOURCE),
    "too_long": Entry(
        _("“{field}” is too long: {length} characters, and {the} takes {max}."),
        _("Shorten it at its source, or let the rule cut it."),
    ),
    "too_short": Entry(_("“{field}” is too short: it needs at least {min} characters."), CHECK_SOURCE),
    "bad_number": Entry(_("“{field}” got “{value}”, which is not a number."), CHECK_SOURCE),
    "bad_integer": Entry(_("“{field}” got “{value}”, which is not a whole number."), CHECK_SOURCE),
    "bad_boolean": Entry(_("“{field}” got “{value}”, which is neither yes nor no."), CHECK_SOURCE),
    "bad_date": Entry(_("“{field}” got “{value}”, which is not a date."), CHECK_SOURCE),
    "bad_email": Entry(_("“{field}” got “{value}”, which is not an e-mail address."), CHECK_SOURCE),
    "bad_phone": Entry(_("“{field}” got “{value}”, which is not a phone number."), CHECK_SOURCE),
    "phone_no_area_code": Entry(
        _("“{field}” got “{value}”, a phone number without its area code."), CHECK_SOURCE
    ),
    "bad_cpf": Entry(_("“{field}” got “{value}”, which is not a valid CPF."), CHECK_SOURCE),
    "bad_cnpj": Entry(_("“{field}” got “{value}”, which is not a valid CNPJ."), CHECK_SOURCE),
    "bad_cpf_cnpj": Entry(_("“{field}” got “{value}”, which is neither a valid CPF nor CNPJ."), CHECK_SOURCE),
    "bad_url": Entry(_("“{field}” got “{value}”, which is not a web address."), CHECK_SOURCE),
    "bad_record": Entry(_("“{field}” got “{value}”, which is not the id of a record."), CHECK_SOURCE),
    "bad_object": Entry(_("“{field}” got “{value}”, which has another shape than is needed."), CHECK_SOURCE),
    "unknown_option": Entry(
        _("“{field}” got “{value}”, which is not one of the choices: {choices}."),
        _("Choose one of them in the rule, or add the choice {in_the}."),
    ),
    "wait_no_date": Entry(
        _("The step waits until a date, and the event has none."), _("Choose another field in the rule.")
    ),
    "wait_for_nobody": Entry(
        _("The step waits for an event with the same “{field}”, and the run has none."),
        _("Choose another field in the rule."),
    ),
    "template_failed": Entry(
        _("The text with fields could not be put together."), CHECK_SOURCE,
        _("The text with fields could not be put together: {message}"),
    ),
    "template_too_big": Entry(_("The text with fields became too large."), CHECK_SOURCE),
}  # fmt: skip
