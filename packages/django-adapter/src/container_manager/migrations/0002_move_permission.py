from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("container_manager", "0001_initial")]

    operations = [
        migrations.AlterModelOptions(
            name="containerjob",
            options={
                "verbose_name": "job",
                "ordering": ("-created_at", "-id"),
                "permissions": (
                    ("start_containerjob", "Can start job"),
                    ("cancel_containerjob", "Can cancel job"),
                    ("restart_containerjob", "Can restart job"),
                    ("move_containerjob", "Can move job to another host"),
                ),
                "get_latest_by": "created_at",
            },
        ),
    ]
