"""The engine's own tables, from the file that the engine keeps beside its statements."""

from importlib.resources import files

from django.db import migrations


def _schema() -> str:
    return files("vaivem.engine.sql").joinpath("schema.sql").read_text("utf-8")


def make(apps, schema_editor) -> None:
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(_schema())


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [migrations.RunPython(make, migrations.RunPython.noop)]
