"""Output is compressed with LZ4 where PostgreSQL has it: text lines become nearly as small, at several times the speed."""

from typing import Any

from django.db import migrations


def compress_with_lz4(apps: Any, schema_editor: Any) -> None:
    connection = schema_editor.connection
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT 'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'default_toast_compression'")
        found = cursor.fetchone()
    if found and found[0]:
        schema_editor.execute("ALTER TABLE container_manager_outputchunk ALTER COLUMN data SET COMPRESSION lz4")


class Migration(migrations.Migration):
    dependencies = (("container_manager", "0001_initial"),)
    operations = (migrations.RunPython(compress_with_lz4, migrations.RunPython.noop),)
