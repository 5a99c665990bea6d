"""Writes of runs of the past that one call of a vendor takes, from the file that the engine keeps."""

from importlib.resources import files

from django.db import migrations


def make(apps, schema_editor) -> None:
    text = files("vaivem.engine.sql").joinpath("schema_bulk.sql").read_text("utf-8")
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(text)


class Migration(migrations.Migration):
    dependencies = [("dataplane", "0026_drafts")]
    operations = [migrations.RunPython(make, migrations.RunPython.noop)]
