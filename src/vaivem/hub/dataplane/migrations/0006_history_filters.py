"""Runs by rule and status: the failures of a large rule are found without a walk through all that was done."""

from django.db import migrations

FORWARD = """
drop index run_rule;
create index run_rule on run (ws, rule, status, id desc);
"""
BACK = """
drop index run_rule;
create index run_rule on run (ws, rule, id desc);
"""


class Migration(migrations.Migration):
    dependencies = [("dataplane", "0005_call_windows")]
    operations = [migrations.RunSQL(FORWARD, BACK)]
