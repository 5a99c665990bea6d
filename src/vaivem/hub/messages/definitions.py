"""Sentences about rules that are not right yet. `path` says where."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from vaivem.hub.messages.table import Entry

SENTENCES: Mapping[str, Entry] = {
    "rule_definition_wrong": Entry(_("The rule is not complete yet.")),
    "rule_missing": Entry(_("“{key}” is missing at {path}.")),
    "rule_unknown_key": Entry(_("“{key}” at {path} is not part of a rule.")),
    "rule_wrong_type": Entry(_("What stands at {path} has the wrong form; it should be: {expected}.")),
    "rule_unknown_choice": Entry(_("“{value}” at {path} is not one of the choices.")),
    "rule_too_long": Entry(_("The text at {path} is longer than {max} characters.")),
    "rule_bad_path": Entry(_("“{value}” at {path} is not the name of a field.")),
    "rule_bad_name": Entry(_("“{value}” at {path} may only have small letters, digits and _.")),
    "rule_bad_duration": Entry(_("The time at {path} must be between nothing and {max_days} days.")),
    "rule_too_deep": Entry(_("There are more than {max} levels inside one another at {path}.")),
    "rule_too_many_steps": Entry(_("A rule has at most {max} steps.")),
    "rule_too_many_tests": Entry(_("There are more than {max} conditions at {path}.")),
    "rule_too_many_mappings": Entry(_("There are more than {max} fields at {path}.")),
    "rule_no_steps": Entry(_("There is no step at {path} yet."), _("Add one.")),
    "rule_step_id_twice": Entry(_("Two steps are called “{id}”.")),
    "rule_one_of": Entry(_("Exactly one of these is needed at {path}: {keys}.")),
    "rule_two_values": Entry(_("Two values are needed at {path}: from and to.")),
    "rule_instead_with_use": Entry(_("A replacement at {path} only goes with “use it”.")),
    "connection_unknown": Entry(_("There is no connection “{connection}”."), _("Choose a connection.")),
    "trigger_unknown": Entry(_("There is no start “{trigger}” {in_the}."), _("Choose how the rule starts.")),
    "action_unknown": Entry(_("There is no action “{action}” {in_the}."), _("Choose what the step does.")),
    "action_is_lookup": Entry(_("The step at {path} only looks something up; make it a “find” step.")),
    "action_is_no_lookup": Entry(_("The step at {path} changes something; make it an action.")),
    "option_unknown": Entry(_("There is no choice “{option}” at {path}.")),
    "option_missing": Entry(_("“{option}” has to be chosen at {path}.")),
    "field_unknown": Entry(_("There is no field “{field}” {in_the}."), _("Choose another field.")),
    "field_missing": Entry(_("The field “{field}” must be filled."), _("Fill it from a field or a text.")),
    "key_not_offered": Entry(_("Records cannot be recognised that way here; possible are: {offered}.")),
    "group_not_repeatable": Entry(_("The fields of “{group}” cannot be repeated over a list.")),
    "repeat_unused": Entry(_("The repetition for “{group}” is not used by any field.")),
    "test_value_wrong": Entry(_("“{value}” does not fit the condition at {path}.")),
    "email_wrong": Entry(_("“{value}” is not an e-mail address.")),
    "type_clash": Entry(_("The field “{field}” cannot be filled from this kind of value ({source}).")),
    "template_syntax": Entry(
        _("The text with fields at {path} has a typing error."), "",
        _("The text with fields at {path} has a typing error: {message}"),
    ),
    "template_too_long": Entry(_("The text with fields at {path} is too long.")),
    "template_unknown": Entry(_("The event has no field “{name}”."), _("Choose a field from the list.")),
    "template_unknown_filter": Entry(_("There is no filter “{name}”.")),
    "path_unknown": Entry(_("There is no field “{path}” to take this from."), _("Choose a field.")),
    "step_not_before": Entry(
        _("This uses the result of a step that comes later."), _("Move the step up, or choose another field.")
    ),
    "step_unknown": Entry(_("There is no step that “{path}” could come from."), _("Choose an earlier step.")),
    # The life of a rule
    "rule_state_wrong": Entry(_("The rule's present state does not allow this.")),
    "draft_changed": Entry(
        _("The draft was changed by somebody else meanwhile."), _("Read it again, then send your change.")
    ),
    "rule_test_needs_running": Entry(
        _("A paused rule cannot be tested: its events wait."), _("Resume it first.")
    ),
    "rule_is_removed": Entry(_("The rule was removed.")),
    "rule_was_removed": Entry(_("The rule was removed before this run's turn came.")),
    # Recipes
    "recipe_incomplete": Entry(_("The recipe is not complete yet.")),
    "choice_missing": Entry(_("“{choice}” is not chosen yet."), _("Choose one.")),
    # Rules from files
    "file_unreadable": Entry(
        _("The file is not readable YAML."), "",
        _("The file is not readable YAML, near line {line}: {message}"),
    ),
    "file_too_large": Entry(_("The file is larger than {max} characters.")),
    "file_without_rules": Entry(_("The file holds no list of rules."), _("Begin it with “rules:”.")),
    "file_with_too_many_rules": Entry(_("The file holds more than {max} rules."), _("Split it.")),
    "title_twice_in_file": Entry(_("Two rules of the file are called “{title}”."), _("Rename one of them.")),
    "title_twice_in_workspace": Entry(
        _("Two rules of the workspace are called “{title}”."), _("Rename one of them there.")
    ),
    "plan_has_problems": Entry(_("The file has problems; nothing was changed.")),
    "plan_is_old": Entry(_("The rules were changed meanwhile."), _("Make the plan again.")),
}  # fmt: skip
