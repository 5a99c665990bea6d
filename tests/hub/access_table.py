"""Who may do what at each address: every url of the project has a row here, and a new one without fails.

A permission is a key of `workspaces.permissions`. In a workspace strangers always get 404, and the signed-out
are led to sign in. `None` is for a method that the address does not take (405).
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Row:
    """An address inside a workspace: the permission that reading (GET) and changing (POST) need.

    `args` are objects of `furnished` by the name of the url's parameter, or texts (after a '). `got` is what
    those who may get from GET when that is not 200, `posted` from POST when it is a refusal.
    """

    get: str | None
    post: str | None = None
    args: dict[str, str] = field(default_factory=dict)
    query: str = ""
    got: int = 200
    form: dict[str, str] = field(default_factory=dict)
    posted: int | None = None


@dataclass(frozen=True, slots=True)
class Outer:
    """An address outside of workspaces: what a member and what a signed-out person get from GET."""

    member: int
    out: int
    args: dict[str, str] = field(default_factory=dict)


LOGIN = 302  # to the sign-in page

CONNECTION = {"number": "connection"}
RULE = {"number": "rule"}
RUN = {"number": "run"}

WORKSPACE: dict[str, Row] = {
    "home": Row("see"),
    "notice_away": Row(None, "see", {"number": "'0"}),
    "glossary": Row("see"),
    # What only concerns the member
    "alerts": Row("see", "see"),
    # Settings
    "settings": Row("manage"),
    "settings_company": Row(None, "manage"),
    "settings_address": Row(None, "operate"),
    "oauth_app_remove": Row(None, "manage", {"number": "app"}),
    "members": Row("manage"),
    "invite": Row(None, "manage"),
    "member_link": Row(None, "manage", {"number": "membership"}),
    "member_role": Row(None, "manage", {"number": "membership"}),
    "member_remove": Row(None, "manage", {"number": "membership"}),
    "invite_again": Row(None, "manage", {"number": "invitation"}),
    "invitation_withdraw": Row(None, "manage", {"number": "invitation"}),
    "tokens": Row("manage"),
    "token_make": Row(None, "manage"),
    "token_revoke": Row(None, "manage", {"number": "token"}),
    "audit": Row("manage"),
    "mail": Row("manage"),
    "mail_trial": Row(None, "manage"),
    "letter": Row("manage", None, {"number": "letter"}),
    "letter_html": Row("manage", None, {"number": "letter"}),
    "opted_out": Row("manage", "manage", form={"address": "ninguem@nada.example"}),
    "opted_out_remove": Row(None, "manage", {"number": "opted_out"}),
    # Connections
    "test_accounts": Row("see"),
    "test_accounts_connect": Row(None, "connect"),
    "connections": Row("see"),
    "connect_choose": Row("connect"),
    "connect": Row("connect", "connect", {"key": "'acme_crm"}),
    "oauth_app": Row(None, "connect", {"key": "'rd_station_crm"}),
    "connect_stage": Row(None, "connect", {"key": "'acme_crm", "name": "'account"}),
    "connection": Row("see", None, CONNECTION),
    "connection_test": Row(None, "connect", CONNECTION),
    "reconnect": Row("connect", "connect", CONNECTION),
    "connection_name": Row("connect", "connect", CONNECTION),
    "connection_settings": Row("connect", "connect", CONNECTION),
    "connection_prepare": Row(None, "connect", {**CONNECTION, "choice": "'nothing"}, posted=404),
    "connection_remove": Row("connect", "connect", CONNECTION),
    # Recipes and rules
    "recipes": Row("see"),
    "recipe": Row("see", "work", {"key": "'acme_document_to_deal"}),
    "recipe_on": Row("see", None, {"key": "'acme_document_to_deal", "number": "rule"}),
    "rules": Row("see"),
    "rules_file": Row("work", "work", posted=422),
    "rules_download": Row("see"),
    "rules_example": Row("see"),
    "rules_table": Row("see"),
    "rules_moving": Row("work", "work", posted=422),
    "rules_questions": Row("work", "work", got=302),
    "rules_move": Row("work", "work", {"number": "move"}, posted=409),
    "rules_move_look": Row("work", None, {"number": "move"}),
    "rules_move_stop": Row(None, "work", {"number": "move"}),
    "rules_move_go_on": Row(None, "work", {"number": "move"}),
    "rules_move_undo": Row(None, "work", {"number": "move"}, posted=409),
    "combinations": Row("see"),
    "combination_new": Row("work", "work", got=302),
    "combination": Row("work", "work", {"number": "combination"}),
    "combination_remove": Row(None, "work", {"number": "combination"}),
    "combination_bring_back": Row(None, "work", {"number": "combination"}),
    "rule": Row("see", None, RULE),
    "rule_publish": Row("work", "work", RULE, got=302),
    "rule_pause": Row(None, "work", RULE),
    "rule_resume": Row(None, "work", RULE),
    "rule_limits": Row(None, "work", RULE),
    "rule_restore": Row(None, "work", {**RULE, "version": "'1"}),
    "rule_remove": Row("work", "work", RULE),
    "rule_new": Row(None, "work"),
    "rule_edit": Row("work", "work", RULE),
    "rule_go_back": Row(None, "work", {**RULE, "revision": "'1"}),
    "rule_letter": Row("work", "work", {**RULE, "step": "'gone"}, got=404, posted=404),
    "rule_letter_html": Row("work", None, {**RULE, "step": "'gone"}, got=404),
    "rule_test": Row("work", None, RULE),
    "rule_test_stop": Row(None, "work", RULE),
    "rule_rehearsal": Row("work", None, RULE),
    "rule_rehearsal_stop": Row(None, "work", RULE),
    "rule_past": Row("see", "work", RULE),
    "rule_duplicate": Row(None, "work", RULE),
    "rule_inside": Row("see", None, RULE),
    "rule_inside_move": Row(None, "work", {**RULE, "run": "waiting"}),
    "rule_inside_move_all": Row(None, "work", RULE),
    "rule_inside_go": Row(None, "work", {**RULE, "run": "waiting"}),
    "rule_inside_remove": Row(None, "work", {**RULE, "run": "waiting"}),
    "rule_bring_back": Row(None, "work", RULE),
    # Records
    "records": Row("see"),
    "person": Row("see", None, {"number": "person"}),
    "person_join": Row("work", "work", {"number": "person"}, query="?q=Marina"),
    "person_part": Row(None, "work", {"number": "person"}),
    "person_undo": Row(None, "work", {"number": "change"}),
    "document": Row("see", None, {"conn": "signer", "document": "document"}),
    # Decisions, history, replays
    "decisions": Row("see"),
    "decision": Row("see", "work", {"number": "decision"}, form={"choice": "skip"}),
    "decision_look": Row(None, "work", {"number": "decision"}),
    "replays": Row("see"),
    "replay_ask": Row(None, "work"),
    "replay": Row("see", None, {"number": "replay"}),
    "replay_start": Row(None, "work", {"number": "replay"}),
    "replay_stop": Row(None, "work", {"number": "replay"}),
    "runs_retry": Row(None, "work"),
    "history": Row("see"),
    "history_csv": Row("see"),
    "unused_events": Row("see"),
    "event": Row("see", None, {"number": "event"}),
    "rejected": Row("see"),
    "rejected_settle": Row(None, "work", {"number": "rejected", "act": "'dismiss"}),
    "rejected_retake_all": Row(None, "work"),
    "run": Row("see", None, RUN),
    "run_retry": Row(None, "work", RUN),
    "run_stop": Row(None, "work", {"number": "waiting"}),
    "run_decide": Row(None, "work", {"number": "waiting", "decision": "decision"}, form={"choice": "skip"}),
}

OUTSIDE: dict[str, Outer] = {
    "front": Outer(302, LOGIN),
    "start": Outer(404, 404),
    "login_link": Outer(410, 410, {"token": "nothing"}),
    "mail_link": Outer(200, 200),
    "invitation": Outer(410, 410, {"token": "nothing"}),
    "new_workspace": Outer(200, LOGIN),
    "leave_workspace": Outer(200, LOGIN, {"slug": "raiar-solar"}),
    "alerts_stop": Outer(410, 410, {"token": "nothing"}),
    "unsubscribe": Outer(410, 410, {"token": "nothing"}),
    "language": Outer(405, 405),
    "theme": Outer(405, 405),
    "profile": Outer(200, LOGIN),
    "oauth_callback": Outer(400, LOGIN),
    "openapi-json": Outer(200, 200),
    "api-root": Outer(404, 404),
    "account_login": Outer(302, 200),
    "account_logout": Outer(200, 302),
    "account_change_password": Outer(200, LOGIN),
    "account_set_password": Outer(302, LOGIN),
    "account_reset_password": Outer(200, 200),
    "account_reset_password_done": Outer(200, 200),
    "account_reset_password_from_key": Outer(200, 200, {"uidb36": "1", "key": "nothing"}),
    "account_reset_password_from_key_done": Outer(200, 200),
    "account_reauthenticate": Outer(200, LOGIN),
    "account_inactive": Outer(200, 200),
    "mfa_index": Outer(200, LOGIN),
    "mfa_authenticate": Outer(302, 302),
    "mfa_reauthenticate": Outer(302, LOGIN),
    "mfa_activate_totp": Outer(302, LOGIN),
    "mfa_deactivate_totp": Outer(404, LOGIN),
    "mfa_view_recovery_codes": Outer(404, LOGIN),
    "mfa_generate_recovery_codes": Outer(302, LOGIN),
    "mfa_download_recovery_codes": Outer(404, LOGIN),
    "usersessions_list": Outer(200, LOGIN),
}
