"""The calls that count towards a record's own limit, each with its moment."""

from django.db import migrations

# `granted`: whether the last one asked for was.
TABLE = """
create table call_window (
  conn int not null, name text not null, at timestamptz[] not null, granted boolean not null, primary key (conn, name))
  with (fillfactor = 70);
"""


class Migration(migrations.Migration):
    dependencies = [("dataplane", "0004_replays")]
    operations = [migrations.RunSQL(TABLE, "drop table call_window")]
