"""The index of links by record: no longer one that a look by match key could be mistaken to want.

With both beginning (ws, conn, object), a plan made while the table was empty read all links of an object for each
key: four fifths of the database's time in a new installation, growing with every record.
"""

from django.db import migrations

FORWARD = """
drop index link_record;
create index link_record on link (ws, record_id, conn, object);
"""
BACK = """
drop index link_record;
create index link_record on link (ws, conn, object, record_id);
"""


class Migration(migrations.Migration):
    dependencies = [("dataplane", "0007_replay_events")]
    operations = [migrations.RunSQL(FORWARD, BACK)]
