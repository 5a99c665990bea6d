"""PgQueuer's tables, as the installed release makes them."""

from django.db import migrations


def make(apps, schema_editor) -> None:
    from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment

    with schema_editor.connection.cursor() as cursor:
        cursor.execute(QueryBuilderEnvironment().build_install_query(create_schema=False))


class Migration(migrations.Migration):
    dependencies = [("dataplane", "0001_engine")]
    operations = [migrations.RunPython(make, migrations.RunPython.noop)]
