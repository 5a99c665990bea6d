"""Whose a record is that is kept for another, from the file that the engine keeps beside its statements."""

from importlib.resources import files

from django.db import migrations


def make(apps, schema_editor) -> None:
    text = files("vaivem.engine.sql").joinpath("schema_kept.sql").read_text("utf-8")
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(text)


class Migration(migrations.Migration):
    dependencies = [("dataplane", "0022_answers")]
    operations = [migrations.RunPython(make, migrations.RunPython.noop)]
