"""Executions: one attempt of a job each, with its output."""

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import models

from container_manager.models.exact import ExactCharField
from container_manager.models.hosts import ExecutorHost
from container_manager.models.indexes import PartialIndex
from container_manager.models.jobs import STATUS_CHOICES, ContainerJob
from container_manager.models.references import HostReference
from container_manager_core.executor import Stream

if TYPE_CHECKING:
    from container_manager_core.executor import LogChunk


class ContainerExecution(models.Model):
    """One attempt of a job on one host. Written by workers alone."""

    # Its unique constraint is the index; workers write it with its job in one statement.
    job = models.ForeignKey(
        ContainerJob,
        on_delete=models.CASCADE,
        related_name="executions",
        db_index=False,
        db_constraint=False,
        editable=False,
    )
    attempt = models.PositiveIntegerField(editable=False)
    executor_type = ExactCharField("executor", max_length=50, editable=False)
    host = HostReference(
        ExecutorHost,
        to_field="name",
        db_index=False,
        db_constraint=False,
        on_delete=models.DO_NOTHING,
        null=True,
        related_name="executions",
        editable=False,
    )
    container_id = ExactCharField(max_length=500, blank=True, editable=False)
    status = models.CharField(max_length=16, choices=STATUS_CHOICES, editable=False)
    exit_code = models.IntegerField(null=True, editable=False)
    failure_kind = models.CharField(max_length=32, blank=True, editable=False)
    failure_message = models.TextField(blank=True, editable=False)
    failure_hint = models.TextField(blank=True, editable=False)
    max_memory_usage = models.PositiveBigIntegerField("peak memory (bytes)", null=True, editable=False)
    cpu_seconds = models.FloatField(null=True, editable=False)
    started_at = models.DateTimeField(null=True, editable=False)
    finished_at = models.DateTimeField(null=True, editable=False)
    launched = models.BigIntegerField(editable=False)
    cost = models.DecimalField(max_digits=24, decimal_places=12, null=True, editable=False)
    amount = models.BigIntegerField(default=0, editable=False)
    record = models.TextField(editable=False)

    class Meta:
        ordering = ("job", "attempt")
        verbose_name = "execution"
        constraints = (models.UniqueConstraint(fields=["job", "attempt"], name="container_manager_attempt_once"),)
        indexes = (
            PartialIndex(fields=["launched"], name="cm_execution_cost", condition=models.Q(amount__gt=0)),
            PartialIndex(
                fields=["finished_at"], name="cm_execution_ended", condition=models.Q(finished_at__isnull=False)
            ),
        )

    def __str__(self) -> str:
        return f"attempt {self.attempt} of {self.job_id}"

    @property
    def failure_reason(self) -> str:
        """Why it ended badly, with the remedy; empty when it did not."""
        said = f"{self.failure_kind}: {self.failure_message}" if self.failure_message else self.failure_kind
        return f"{said}; {self.failure_hint}" if self.failure_hint else said

    @property
    def duration(self) -> timedelta | None:
        """How long it ran; None before it ended."""
        if self.started_at is None or self.finished_at is None:
            return None
        return self.finished_at - self.started_at

    @property
    def cpu_usage_percent(self) -> float | None:
        """CPU time over its duration: 100 is one core in full use."""
        if self.cpu_seconds is None or not self.duration:
            return None
        return round(100 * self.cpu_seconds / self.duration.total_seconds(), 1)

    @property
    def stdout_log(self) -> str:
        """Its standard output as far as it is stored; what is no UTF-8 is replaced."""
        return self._text(Stream.STDOUT)

    @property
    def stderr_log(self) -> str:
        """Its error output, likewise."""
        return self._text(Stream.STDERR)

    @property
    def docker_log(self) -> str:
        """Both streams, one after the other."""
        return self.stdout_log + self.stderr_log

    def _text(self, stream: Stream) -> str:
        from container_manager.manager import get_manager
        from container_manager_core.following import pieces

        parts = pieces(get_manager().store, self.job_id, stream, self.attempt)
        return b"".join(part for part, _ in parts).decode("utf-8", "replace")

    def stream_logs(self) -> Iterator["LogChunk"]:
        """The job's output as it comes, until it has ended; each chunk names its stream. Blocks between chunks."""
        from container_manager.manager import get_manager

        return get_manager().follow(self.job_id)

    def get_container_info(self) -> dict[str, Any]:
        """The platform's facts about it: ids, image digest, network, ports."""
        from container_manager_core.job import Execution
        from container_manager_core.serialising import from_json

        execution = from_json(self.record, Execution)
        return {"execution_id": execution.execution_id, "host": execution.host, **execution.metadata}


class OutputChunk(models.Model):
    """A piece of an attempt's output."""

    job = models.ForeignKey(
        ContainerJob, on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    attempt = models.PositiveIntegerField()
    stream = models.CharField(max_length=6)
    start = models.PositiveBigIntegerField()
    size = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["job", "attempt", "stream", "start"], name="container_manager_chunk_once"),
        )

    def __str__(self) -> str:
        return f"{self.stream} of {self.job_id} from {self.start}"
