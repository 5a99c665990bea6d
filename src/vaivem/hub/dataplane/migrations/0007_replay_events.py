"""Replays by event: a search finds the run that repeats one beside it."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("dataplane", "0006_history_filters")]
    operations = [
        migrations.RunSQL(
            "create index replay_run_event on replay_run (ws, event_id)", "drop index replay_run_event"
        )
    ]
