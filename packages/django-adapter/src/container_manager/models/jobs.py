"""Jobs: what people submit, and what became of it."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import attrs
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import DatabaseError, models
from django.utils import timezone

from container_manager.conversion.errors import as_validation_error
from container_manager.conversion.times import given_moment
from container_manager.models.exact import ExactCharField
from container_manager.models.flags import FlagField
from container_manager.models.hosts import ExecutorHost, _keep_what_is_unfinished
from container_manager.models.ids import JobIdField
from container_manager.models.indexes import PartialIndex
from container_manager.models.querysets import ContainerJobQuerySet
from container_manager.models.references import HostReference
from container_manager.models.templates import (
    CPU_CORES,
    MEMORY_MB,
    SECONDS,
    ContainerTemplate,
    EnvironmentVariableTemplate,
)
from container_manager_core.errors import InvalidInput
from container_manager_core.job import TERMINAL, JobStatus

if TYPE_CHECKING:
    from container_manager.models.executions import ContainerExecution
    from container_manager_core.executor import Logs
    from container_manager_core.host import Host

OWN_FIELDS = (
    "name",
    "template",
    "docker_host",
    "image",
    "command",
    "override_command",
    "override_environment",
    "environment_template",
    "memory_limit",
    "cpu_limit",
    "timeout_seconds",
    "priority",
    "scheduled_at",
    "preferred_executor",
    "created_by",
)
"""What people fill in."""
FIXED_FIELDS = ("spec", "facts", "due_at", "overdue_at", "host_name", "submitter", "waiting")
"""What follows from it."""
UNFINISHED = [status.value for status in JobStatus if status not in TERMINAL]
STATUS_CHOICES = [(status.value, status.value.capitalize()) for status in JobStatus]
MIB = 1024 * 1024


class ContainerJob(models.Model):
    """A job: an image, a command and limits, made from a template or on its own; and its life.

    Limits and variables given here win over the template's. What is to run is fixed when the job is saved, and
    again whenever it is saved while it waits for its first start; later changes of the template do not concern it.
    The fields of its life are written by workers alone.
    """

    id = JobIdField(primary_key=True, default=uuid4, editable=False)
    name = ExactCharField(max_length=255, blank=True)
    template = models.ForeignKey(
        ContainerTemplate, on_delete=models.SET_NULL, null=True, blank=True, related_name="jobs", db_index=False
    )
    docker_host = HostReference(
        ExecutorHost,
        to_field="name",
        db_index=False,
        db_constraint=False,
        on_delete=_keep_what_is_unfinished,
        null=True,
        blank=True,
        related_name="requested_jobs",
        verbose_name="host",
        help_text="Run it there and nowhere else; empty: the default host, or where routing sends it.",
    )
    image = models.CharField(max_length=500, blank=True, help_text="Wins over the template's.")
    command = models.TextField(blank=True, help_text="Split as a shell splits words.")
    override_command = models.TextField(blank=True, help_text="Wins over the template's command.")
    override_environment = models.JSONField(
        default=dict, blank=True, help_text='A JSON object of strings; a value may be "secret://resolver/name".'
    )
    environment_template = models.ForeignKey(
        EnvironmentVariableTemplate,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="jobs",
        db_index=False,
    )
    memory_limit = models.PositiveIntegerField("memory limit (MB)", null=True, blank=True, validators=MEMORY_MB)
    cpu_limit = models.FloatField("CPU limit (cores)", null=True, blank=True, validators=CPU_CORES)
    timeout_seconds = models.PositiveIntegerField(null=True, blank=True, validators=SECONDS)
    priority = models.PositiveSmallIntegerField(
        default=50, validators=[MinValueValidator(0), MaxValueValidator(100)], help_text="0 to 100: higher goes first."
    )
    scheduled_at = models.DateTimeField(null=True, blank=True, help_text="Not before this time.")
    preferred_executor = ExactCharField(
        max_length=50, blank=True, help_text="Run it on a host of this executor and no other."
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        editable=False,
    )

    status = models.CharField(
        max_length=16, choices=STATUS_CHOICES, default=JobStatus.PENDING.value, editable=False, db_index=False
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    started_at = models.DateTimeField(null=True, blank=True, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True, editable=False)
    attempt = models.PositiveIntegerField(default=0, editable=False)
    exit_code = models.IntegerField(null=True, blank=True, editable=False)
    failure_kind = models.CharField(max_length=32, blank=True, editable=False)
    failure_message = models.TextField(blank=True, editable=False)
    failure_hint = models.TextField(blank=True, editable=False)
    waiting = models.TextField(blank=True, editable=False)
    host_name = ExactCharField("host", max_length=100, null=True, blank=True, editable=False)
    executor_type = ExactCharField("executor", max_length=50, blank=True, editable=False)
    routing_reason = models.TextField(blank=True, editable=False)
    container_id = ExactCharField(max_length=255, blank=True, editable=False)
    external_execution_id = ExactCharField(max_length=500, blank=True, editable=False)
    executor_metadata = models.JSONField(default=dict, blank=True, editable=False)
    estimated_cost = models.DecimalField(max_digits=24, decimal_places=12, null=True, blank=True, editable=False)
    actual_cost = models.DecimalField(max_digits=24, decimal_places=12, null=True, blank=True, editable=False)

    # The store's own columns. Times among them are microseconds since 1970 UTC, to be compared in the database.
    submitter = ExactCharField(max_length=255, null=True, editable=False)
    attention = FlagField(default=False, editable=False)
    due_at = models.BigIntegerField(null=True, editable=False)
    overdue_at = models.BigIntegerField(null=True, editable=False)
    cancel_requested = models.BigIntegerField(null=True, editable=False)
    watched_until = models.BigIntegerField(null=True, editable=False)
    worker = ExactCharField(max_length=255, null=True, editable=False)
    epoch = models.PositiveBigIntegerField(default=0, editable=False)
    spec = models.TextField(editable=False)
    facts = models.TextField(editable=False)
    latest_execution = models.TextField(null=True, editable=False)

    objects = ContainerJobQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        get_latest_by = "created_at"
        verbose_name = "job"
        permissions = (
            ("start_containerjob", "Can start job"),
            ("cancel_containerjob", "Can cancel job"),
            ("restart_containerjob", "Can restart job"),
            ("move_containerjob", "Can move job to another host"),
        )
        indexes = (
            # Read backwards for the newest first. A new one is added at the end, which costs an index least.
            models.Index(fields=["created_at", "id"], name="cm_job_newest"),
            models.Index(fields=["status", "created_at", "id"], name="cm_job_status"),
            # Of what is often empty, only what is there is indexed: each index costs every change of a job.
            PartialIndex(
                fields=["host_name", "created_at"], name="cm_job_host", condition=models.Q(host_name__isnull=False)
            ),
            PartialIndex(fields=["name"], name="cm_job_name", condition=~models.Q(name="")),
            PartialIndex(fields=["template"], name="cm_job_template", condition=models.Q(template__isnull=False)),
            PartialIndex(fields=["docker_host"], name="cm_job_wish", condition=models.Q(docker_host__isnull=False)),
            PartialIndex(fields=["created_by"], name="cm_job_user", condition=models.Q(created_by__isnull=False)),
            PartialIndex(
                fields=["environment_template"],
                name="cm_job_environment",
                condition=models.Q(environment_template__isnull=False),
            ),
            PartialIndex(
                fields=["-priority", "created_at", "id", "docker_host"],
                name="cm_job_ready",
                condition=models.Q(status="pending", worker=None, due_at=None, attention=False),
                whole=["status", "worker", "attention", "due_at", "-priority", "created_at", "id", "docker_host"],
            ),
            PartialIndex(
                fields=["due_at"],
                name="cm_job_not_due",
                condition=models.Q(status="pending", worker=None, due_at__isnull=False, attention=False),
            ),
            PartialIndex(
                fields=["overdue_at"],
                name="cm_job_overdue",
                condition=models.Q(status="pending", worker=None, overdue_at__isnull=False, attention=False),
            ),
            PartialIndex(
                fields=["created_at", "host_name"],
                name="cm_job_orphaned",
                condition=models.Q(worker=None, attention=True),
                whole=["attention", "worker", "created_at", "host_name"],
            ),
            PartialIndex(fields=["worker"], name="cm_job_leased", condition=models.Q(worker__isnull=False)),
            PartialIndex(
                fields=["worker"],
                name="cm_job_marked",
                condition=models.Q(worker__isnull=False)
                & (
                    models.Q(cancel_requested__isnull=False)
                    | models.Q(watched_until__isnull=False)
                    | models.Q(docker_host__lt=models.F("host_name"))
                    | models.Q(docker_host__gt=models.F("host_name"))
                ),
                whole=["worker", "status"],
            ),
            PartialIndex(
                fields=["host_name"],
                name="cm_job_live",
                condition=models.Q(status__in=["launching", "running"]),
                whole=["status", "host_name"],
            ),
        )

    def __str__(self) -> str:
        return self.name or (self.template.name if self.template else self.image) or str(self.id)

    def clean(self) -> None:
        super().clean()
        if self.status == JobStatus.RUNNING.value and not self.get_execution_identifier():
            kind = "execution" if self.executor_type not in ("", "docker") else "container"
            raise ValidationError(f"A running {self.executor_type or 'docker'} job needs its {kind} id.")
        if self.is_editable and self._has_clean_fields():
            self.prepare()

    def _has_clean_fields(self) -> bool:
        """Whether each field is well by itself; what is wrong with it is told where that is asked for."""
        try:
            self.clean_fields(exclude=[field.name for field in self._meta.fields if field.name not in OWN_FIELDS])
        except ValidationError:
            return False
        return True

    def save(self, *args: Any, **options: Any) -> None:
        """Submit a new job, or change one that was not started yet.

        The fields of its life are never written here. Raises `ValidationError` for what cannot be run, and
        for a job that a worker has taken on since it was read.
        """
        if self._state.adding:
            self.prepare()
            super().save(*args, **options)
            self.announce([self])
            return
        fields = [name for name in OWN_FIELDS if name in (options.get("update_fields") or OWN_FIELDS)]
        if self.is_editable:
            self.prepare()
            fields += FIXED_FIELDS
        try:
            super().save(*args, **{**options, "update_fields": fields})
        except DatabaseError as error:
            if "did not affect any rows" not in str(error):
                raise
            raise ValidationError("A worker has just taken the job on: it can no longer be changed.") from error

    def _do_update(self, base_qs: Any, using: Any, pk_val: Any, values: Any, *rest: Any) -> Any:
        """What is to run is only changed while no worker holds the job."""
        if any(field.name == "spec" for field, _, _ in values):
            base_qs = base_qs.filter(status=JobStatus.PENDING.value, attempt=0, worker=None)
        return super()._do_update(base_qs, using, pk_val, values, *rest)

    @property
    def is_editable(self) -> bool:
        """Whether what is to run can still be changed: it waits for its first start."""
        return self.status == JobStatus.PENDING.value and self.attempt == 0

    def prepare(self, hosts: "Mapping[str, Host] | None" = None) -> None:
        """Fix what is to run, from the template and from what is given here. Raises `ValidationError`.

        Args:
            hosts: those that somebody configured, by name; looked up when left out.
        """
        from container_manager.conversion.jobs import fix

        self.scheduled_at = given_moment(_field("scheduled_at"), self.scheduled_at)
        self.created_at = given_moment(_field("created_at"), self.created_at) or timezone.now()
        try:
            fix(self, hosts)
        except InvalidInput as error:
            raise as_validation_error(error, type(self)) from error

    def submit_copies(self, count: int) -> list[UUID]:
        """Submit this prepared job so many times."""
        from container_manager.manager import get_manager

        value = self.as_value()
        fields = self._meta.concrete_fields
        row = {str(field.column): getattr(self, field.attname) for field in fields}
        jobs = [
            attrs.evolve(
                value,
                id=uuid4(),
                name=f"{value.name} {number + 1}" if value.name and count > 1 else value.name,
                created_at=value.created_at + timedelta(microseconds=number),
                queued_at=value.queued_at + timedelta(microseconds=number),
            )
            for number in range(count)
        ]
        manager = get_manager()
        manager.store.add_copies(row, jobs)
        manager.announce_new(jobs)
        return [job.id for job in jobs]

    @staticmethod
    def announce(jobs: Iterable["ContainerJob"]) -> None:
        """Tell workers and listeners of new jobs, once they are committed."""
        from container_manager.manager import get_manager

        get_manager().announce_new([job.as_value() for job in jobs])

    def as_value(self) -> Any:
        """The core's `Job` of this row, as it is in memory."""
        from container_manager.store.rows import job_of_model

        return job_of_model(self)

    def launch(self) -> bool:
        """Start it now from this process; a worker watches it from then on.

        Inside a transaction, after its commit: a platform is never called before. Blocks until the platform
        has accepted it.

        Returns:
            Whether it was started; False when it waits, or its start is deferred to the commit.
        """
        from container_manager.manager import launch

        return launch(self)

    def get_status(self) -> str:
        """The status as it is stored now."""
        self.refresh_from_db()
        return self.status

    def get_logs(self) -> "Logs":
        """Both streams of the latest attempt as far as they are stored: bytes, masked."""
        from container_manager.manager import get_manager

        return get_manager().logs(self.id)

    def harvest(self) -> bool:
        """Take over from this process what a finished container left behind; whether the job has ended."""
        from container_manager.manager import get_manager

        get_manager().harvest(self.id)
        self.refresh_from_db()
        return self.is_terminal_status

    def cancel(self) -> None:
        """Ask for it to be stopped. Raises the core's `IllegalTransition` when it has ended."""
        from container_manager.manager import get_manager

        get_manager().cancel(self.id)
        self.refresh_from_db()

    def restart(self) -> None:
        """Make it pending again; its attempts stay. Raises the core's `IllegalTransition` when it has not ended."""
        from container_manager.manager import get_manager

        get_manager().restart(self.id)
        self.refresh_from_db()

    def get_all_environment_variables(self) -> dict[str, str]:
        """Every variable in clear that the container gets; secret ones as ``***``."""
        spec = self.as_value().spec
        return {**spec.environment, **dict.fromkeys(spec.secrets, "***")}

    def get_execution_identifier(self) -> str:
        """The platform's id of the latest attempt; empty before it is known."""
        return self.container_id if self.executor_type in ("", "docker") else self.external_execution_id

    def set_execution_identifier(self, identifier: str) -> None:
        """Set the same, in memory."""
        if self.executor_type in ("", "docker"):
            self.container_id = identifier
        else:
            self.external_execution_id = identifier

    def can_use_executor(self, executor_type: str) -> bool:
        """Whether its template, its host and its own wish let it run on an executor."""
        from container_manager.conversion.hosts import named_hosts

        supported = self.template.supported_executors if self.template else []
        host = named_hosts().get(self.docker_host_id) if self.docker_host_id else None
        wishes = [self.preferred_executor, host.executor if host else ""]
        return executor_type in (supported or [executor_type]) and all(wish in ("", executor_type) for wish in wishes)

    def estimate_resources(self) -> dict[str, Any]:
        """``memory_mb``, ``cpu_cores``, ``timeout_seconds`` and ``storage_required`` (MB); None: no limit."""
        spec = self.as_value().spec
        return {
            "memory_mb": spec.resources.memory_mib,
            "cpu_cores": spec.resources.cpus,
            "timeout_seconds": spec.timeout_seconds,
            "storage_required": 2 * spec.max_output_bytes // MIB,
        }

    @property
    def is_terminal_status(self) -> bool:
        """Whether it has ended."""
        return JobStatus(self.status).is_terminal

    @property
    def cancel_requested_at(self) -> datetime | None:
        """When somebody asked for it to be stopped."""
        moment = self.cancel_requested
        return None if moment is None else datetime.fromtimestamp(moment / 1_000_000, UTC)

    @property
    def runtime_duration(self) -> timedelta | None:
        """From its first start to its end, or until now; None before it started."""
        if self.started_at is None:
            return None
        return (self.finished_at or timezone.now()) - self.started_at

    @property
    def execution(self) -> "ContainerExecution | None":
        """The latest attempt."""
        return self.executions.order_by("-attempt").first()

    @property
    def resource_utilization(self) -> dict[str, float | None]:
        """``memory_percent`` and ``cpu_percent`` of the limits in the latest attempt; None where unknown."""
        execution, resources = self.execution, self.as_value().spec.resources
        memory = execution.max_memory_usage if execution else None
        cpu = execution.cpu_usage_percent if execution else None
        return {
            "memory_percent": _percent(memory, resources.memory_mib and resources.memory_mib * MIB),
            "cpu_percent": _percent(cpu, resources.cpus and resources.cpus * 100),
        }

    @property
    def cost(self) -> Decimal | None:
        """What it cost, else what it is expected to cost."""
        return self.actual_cost if self.actual_cost is not None else self.estimated_cost

    @property
    def route(self) -> Mapping[str, Any] | None:
        """The whole routing decision of the latest attempt, as plain data."""
        from container_manager_core.serialising import to_plain

        route = self.as_value().route
        return None if route is None else to_plain(route)


def _field(name: str) -> Any:
    return ContainerJob._meta.get_field(name)


def _percent(used: float | None, limit: float | None) -> float | None:
    return None if used is None or not limit else round(100 * used / limit, 1)
