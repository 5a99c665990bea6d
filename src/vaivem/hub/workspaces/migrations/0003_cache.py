"""The cache's table: counters of attempts to sign in. Unlogged: after a crash they begin anew."""

from django.db import migrations

MAKE = """
create unlogged table cache_entry (
  cache_key varchar(255) primary key, value text not null, expires timestamptz not null);
create index cache_entry_expires on cache_entry (expires);
"""


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0002_people")]
    operations = [migrations.RunSQL(MAKE, "drop table cache_entry")]
