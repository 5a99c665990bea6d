"""Tells the engine when what it keeps in memory has changed: one notice a statement, however many rows."""

from django.db import migrations

TABLES = ("workspace", "connection", "oauth_app", "rule", "rule_version")

FUNCTION = """
create function vv_config_changed() returns trigger language plpgsql as $$
begin
  perform pg_notify('vv_config', tg_table_name);
  return null;
end $$;
"""

TRIGGER = """
create trigger vv_config after insert or update or delete or truncate on {table}
  for each statement execute function vv_config_changed();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("dataplane", "0002_chores"),
        ("workspaces", "0001_initial"),
        ("connections", "0001_initial"),
        ("rules", "0001_initial"),
    ]
    operations = [
        migrations.RunSQL(FUNCTION, "drop function vv_config_changed() cascade"),
        *(migrations.RunSQL(TRIGGER.format(table=table), migrations.RunSQL.noop) for table in TABLES),
    ]
