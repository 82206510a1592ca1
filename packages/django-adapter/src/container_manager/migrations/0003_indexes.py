"""Indexes that grow at their end, and one for what others ask of a worker's jobs."""

from django.db import migrations, models

from container_manager.models.indexes import PartialIndex


class Migration(migrations.Migration):
    dependencies = (("container_manager", "0002_output_compression"),)
    operations = (
        migrations.RemoveIndex(model_name="containerjob", name="cm_job_newest"),
        migrations.RemoveIndex(model_name="containerjob", name="cm_job_status"),
        migrations.RemoveIndex(model_name="containerjob", name="cm_job_host"),
        migrations.AddIndex(
            model_name="containerjob",
            index=models.Index(fields=["created_at", "id"], name="cm_job_newest"),
        ),
        migrations.AddIndex(
            model_name="containerjob",
            index=models.Index(fields=["status", "created_at", "id"], name="cm_job_status"),
        ),
        migrations.AddIndex(
            model_name="containerjob",
            index=PartialIndex(
                fields=["host_name", "created_at"],
                name="cm_job_host",
                condition=models.Q(("host_name__isnull", False)),
            ),
        ),
        migrations.AddIndex(
            model_name="containerjob",
            index=PartialIndex(
                fields=["worker"],
                name="cm_job_marked",
                condition=models.Q(
                    ("worker__isnull", False),
                    models.Q(
                        ("cancel_requested__isnull", False),
                        ("watched_until__isnull", False),
                        ("docker_host__lt", models.F("host_name")),
                        ("docker_host__gt", models.F("host_name")),
                        _connector="OR",
                    ),
                ),
                whole=("worker", "status"),
            ),
        ),
    )
