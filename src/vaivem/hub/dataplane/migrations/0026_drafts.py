"""Which run made a document, for the Records pages, from the file that the engine keeps beside its statements."""

from importlib.resources import files

from django.db import migrations


def make(apps, schema_editor) -> None:
    text = files("vaivem.engine.sql").joinpath("schema_drafts.sql").read_text("utf-8")
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(text)


class Migration(migrations.Migration):
    dependencies = [("dataplane", "0025_read")]
    operations = [migrations.RunPython(make, migrations.RunPython.noop)]
