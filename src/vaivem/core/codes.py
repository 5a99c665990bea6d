"""Every code of a Problem that the core makes, with what its text can be filled with.

Screens and the API have a text for each; a test of theirs reads this table. `label` (a field's literal name)
and `element` (its place in a repeated list, from 1) come with field problems when there is one.
"""

from __future__ import annotations

from collections.abc import Mapping

DEFINITION_CODES: Mapping[str, tuple[str, ...]] = {
    "rule_definition_wrong": (),
    "rule_missing": ("key",),
    "rule_unknown_key": ("key",),
    "rule_wrong_type": ("expected",),
    "rule_unknown_choice": ("value", "choices"),
    "rule_too_long": ("max",),
    "rule_bad_path": ("value",),
    "rule_bad_name": ("value",),
    "rule_bad_duration": ("max_days",),
    "rule_one_of": ("keys",),
    "rule_two_values": (),
    "rule_instead_with_use": (),
    "rule_no_steps": (),
    "rule_too_deep": ("max",),
    "rule_too_many_steps": ("max",),
    "rule_too_many_mappings": ("max",),
    "rule_too_many_tests": ("max",),
    "rule_step_id_twice": ("id",),
    "compiled_format_unknown": ("format",),
}
"""A definition that cannot be read: `Problem.path` is the place in it."""

CHECK_CODES: Mapping[str, tuple[str, ...]] = {
    "connection_unknown": ("connection",),
    "trigger_unknown": ("trigger",),
    "action_unknown": ("action",),
    "action_is_lookup": (),
    "action_is_no_lookup": (),
    "field_unknown": ("field",),
    "change_not_told": ("field",),
    "change_not_followed": ("value",),
    "field_missing": ("field", "label"),
    "path_unknown": ("path",),
    "step_unknown": ("path",),
    "step_not_before": ("path",),
    "type_clash": ("source", "target", "field"),
    "group_not_repeatable": ("group",),
    "field_not_counted": ("field",),
    "repeat_unused": ("group",),
    "key_not_offered": ("by", "offered"),
    "option_missing": ("option",),
    "option_unknown": ("option",),
    "test_value_wrong": ("value", "operator"),
    "email_wrong": ("value",),
    "member_unknown": ("member",),
    "await_about_missing": (),
    "await_as_missing": (),
    "template_syntax": ("name", "line", "column"),
    "template_unknown": ("name", "line", "column"),
    "template_unknown_filter": ("name", "line", "column"),
    "template_too_long": (),
}
"""A rule that does not fit its connections: `Problem.path` is the place in the definition."""

VALUE_CODES: Mapping[str, tuple[str, ...]] = {
    "mapping_failed": (),
    "required_missing": ("label",),
    "field_gone": (),
    "wait_no_date": ("value", "field"),
    "template_failed": (),
    "template_too_big": (),
    "too_long": ("value", "max", "length"),
    "too_short": ("value", "min", "length"),
    "bad_text": ("value",),
    "bad_number": ("value",),
    "bad_integer": ("value",),
    "bad_boolean": ("value",),
    "bad_date": ("value",),
    "bad_email": ("value",),
    "bad_phone": ("value",),
    "phone_no_area_code": ("value",),
    "bad_cpf": ("value",),
    "bad_cnpj": ("value",),
    "bad_cpf_cnpj": ("value",),
    "bad_url": ("value",),
    "bad_record": ("value",),
    "bad_object": ("value",),
    "unknown_option": ("value", "choices"),
}
"""A value that does not fit its field: `Problem.path` is the field's key (in checks, the rule's place)."""

CODES: Mapping[str, tuple[str, ...]] = {**DEFINITION_CODES, **CHECK_CODES, **VALUE_CODES}
