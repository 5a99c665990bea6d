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
    "field_not_counted": Entry(
        _("“{field}” cannot be raised or lowered: it is no number, or its step does not read it first."),
        _("Write it always, or raise it in a step that finds or updates the record."),
    ),
    "field_unknown": Entry(_("There is no field “{field}” {in_the}."), _("Choose another field.")),
    "field_missing": Entry(_("The field “{field}” must be filled."), _("Fill it from a field or a text.")),
    "key_not_offered": Entry(_("Records cannot be recognised that way here; possible are: {offered}.")),
    "group_not_repeatable": Entry(_("The fields of “{group}” cannot be repeated over a list.")),
    "repeat_unused": Entry(_("The repetition for “{group}” is not used by any field.")),
    "change_not_told": Entry(
        _("The other tool has no event for a change of “{field}” here."),
        _("Choose another field, or a start of the rule that tells changes."),
    ),
    "change_not_followed": Entry(
        _("“{value}” can never come: it is not among the steps that this rule follows."),
        _("Tick it above, or choose another value."),
    ),
    "test_value_wrong": Entry(_("“{value}” does not fit the condition at {path}.")),
    "member_unknown": Entry(
        _("“{member}” is not a member of this workspace."), _("Choose a member, or invite this one.")
    ),
    "await_about_missing": Entry(
        _("What is awaited happens in another account, so it cannot be about the same record."),
        _("Choose the field that says whose it is."),
    ),
    "await_as_missing": Entry(
        _("It is not said what the awaited event has to be about."), _("Choose the field to compare with.")
    ),
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
    "file_without_rules": Entry(
        _("The file holds no list of rules or field combinations."),
        _("Begin it with “rules:” or “combinations:”."),
    ),
    "file_key_twice": Entry(_("“{key}” stands here twice."), _("Keep one of the two.")),
    "file_column_unknown": Entry(_("There is no column “{column}”."), _("Look at the example's first row.")),
    "file_column_missing": Entry(_("The column “{column}” is missing."), _("Add it to the first row.")),
    "file_cell_missing": Entry(_("The column “{column}” is empty."), _("Fill it.")),
    "file_row_filled_by": Entry(
        _("A field is filled by exactly one of the columns source, text and value."),
        _("Fill one of them and leave the others empty."),
    ),
    "file_row_differs": Entry(
        _("Another row of “{title}” has something else in the column “{column}”."),
        _("Make them equal, or give this one another title."),
    ),
    "combination_pair_fixed": Entry(
        _("There is a field combination “{title}” already, for other accounts or another object."),
        _("Give this one another title."),
    ),
    "file_with_too_many_rules": Entry(_("The file holds more than {max} rules."), _("Split it.")),
    "combination_unknown": Entry(
        _("There is no field combination “{title}”."), _("Choose another one, or the step's own fields.")
    ),
    "combination_unfit": Entry(
        _("The field combination “{title}” is for other accounts or another object."),
        _("Choose one that fits, or the step's own fields."),
    ),
    "combination_wrong": Entry(
        _("The field combination cannot stay like this."), _("Correct what is marked.")
    ),
    "combination_removed": Entry(
        _("The field combination “{title}” was removed."), _("Bring it back first.")
    ),
    "combination_changed": Entry(
        _("Somebody changed the field combination “{title}” meanwhile."),
        _("Look at it again, then change it."),
    ),
    "combination_shared": Entry(
        _("Rules still use the field combination “{title}”: {rules}."),
        _("Cut their steps loose in the editor, then remove it."),
    ),
    "combination_title_taken": Entry(
        _("There is a field combination “{title}” already."), _("Give it another name.")
    ),
    "combination_object_unknown": Entry(
        _("This account has no “{object}” that could be filled."), _("Choose another object.")
    ),
    "rule_refuses": Entry(
        _("The rule “{title}” could not be published so, and nothing was changed."),
        _("Correct the rule or the combination, then try again."),
    ),
    "title_twice_in_file": Entry(
        _("Two entries of the file are called “{title}”."), _("Rename one of them.")
    ),
    "title_twice_in_workspace": Entry(
        _("Two rules of the workspace are called “{title}”."), _("Rename one of them there.")
    ),
    "move_wrong": Entry(
        _("The new rules cannot be switched on so; nothing was changed."), _("Correct what is marked.")
    ),
    "move_without_rules": Entry(
        _("No rule would be switched on."), _("Bring a file with rules, or choose rules that are kept off.")
    ),
    "move_old_is_new": Entry(
        _("The file changes “{title}”, which is to be switched off."),
        _("Give the new rule another title, or leave the old one on."),
    ),
    "move_other_accounts": Entry(
        _("“{title}”, on line {line} of the file, is between other accounts: {accounts}."),
        _("Take it out of the file, or choose those accounts."),
    ),
    "move_moment_far": Entry(
        _("The moment is more than {back} days ago or {ahead} days ahead."), _("Choose a nearer one.")
    ),
    "move_not_undoable": Entry(_("This move was not made, or was taken back already.")),
    "plan_has_problems": Entry(_("The file has problems; nothing was changed.")),
    "plan_is_old": Entry(_("The rules were changed meanwhile."), _("Make the plan again.")),
}  # fmt: skip
