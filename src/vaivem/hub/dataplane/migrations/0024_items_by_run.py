"""The index of a run's item no longer begins with the workspace, as that of its lane does.

Made while the table was empty, a plan finds all indexes equally cheap that begin with the same column, is kept,
and may read a whole workspace by the one that knows no more of what is looked for.
"""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("dataplane", "0023_kept")]
    operations = [
        migrations.RunSQL(
            "drop index item_run; create index item_run on item (run_id);",
            "drop index item_run; create index item_run on item (ws, run_id);",
        )
    ]
