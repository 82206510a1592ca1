"""Hosts: where jobs may run."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now

from container_manager.conversion.errors import as_validation_error
from container_manager.models.exact import ExactCharField
from container_manager_core.errors import InvalidInput
from container_manager_core.job import LIVE

if TYPE_CHECKING:
    from container_manager_core.executor import ContainerExecutor, Health

HEALTHY_BELOW = 3
"""So many failed checks in a row make a host unavailable."""


class ExecutorHostQuerySet(models.QuerySet["ExecutorHost"]):
    """Hosts, narrowed down."""

    def available(self) -> "ExecutorHostQuerySet":
        """Active ones whose latest checks did not fail."""
        return self.filter(is_active=True, health_check_failures__lt=HEALTHY_BELOW)

    def by_type(self, executor_type: str) -> "ExecutorHostQuerySet":
        """Those of an executor type."""
        return self.filter(executor_type=executor_type)


def _keep_what_is_unfinished(collector: Any, field: Any, found: Any, using: str) -> None:
    """Deleting a host is refused while jobs there are unfinished; the history keeps its name."""
    from container_manager.models.jobs import UNFINISHED

    unfinished = [job for job in found if job.status in UNFINISHED]
    if unfinished:
        raise models.ProtectedError(
            f"Cannot delete the host: {len(unfinished)} jobs that ask for it are unfinished.", set(unfinished)
        )


class ExecutorHost(models.Model):
    """One configured place to run jobs: an engine's socket, a project and region, a cluster.

    Its name is what jobs, executions and their history refer to; it cannot be changed while jobs refer to it.
    """

    class HostType(models.TextChoices):
        """How an engine is reached."""

        UNIX = "unix", "Unix socket"
        TCP = "tcp", "TCP"

    name = ExactCharField(max_length=100, unique=True)
    host_type = models.CharField(max_length=10, choices=HostType.choices, default=HostType.UNIX)
    connection_string = models.CharField(
        max_length=500,
        blank=True,
        help_text="An engine's address: unix:///var/run/docker.sock, tcp://host:2376 or ssh://user@host. "
        "Empty: DOCKER_HOST, else the local socket. Not used by other executors.",
    )
    tls_enabled = models.BooleanField("TLS enabled", default=False)
    tls_verify = models.BooleanField("TLS verify", default=True)
    is_active = models.BooleanField("active", default=True, help_text="Whether it takes new jobs.")
    auto_pull_images = models.BooleanField(default=True, help_text="Whether missing images are pulled.")
    executor_type = ExactCharField(max_length=50, default="docker")
    executor_config = models.JSONField(
        default=dict, blank=True, help_text="The executor's own options, as a JSON object."
    )
    labels = models.JSONField(default=dict, blank=True, help_text="Facts for routing, as a JSON object of strings.")
    weight = models.PositiveIntegerField(
        default=100,
        validators=[MinValueValidator(1), MaxValueValidator(1000)],
        help_text="1 to 1000: a host of 200 gets twice the jobs of one of 100.",
    )
    max_concurrent_jobs = models.PositiveIntegerField(default=10, validators=[MinValueValidator(1)])
    cost_per_hour = models.DecimalField(
        max_digits=12, decimal_places=6, default=Decimal(0), validators=[MinValueValidator(Decimal(0))]
    )
    cost_per_job = models.DecimalField(
        max_digits=12, decimal_places=6, default=Decimal(0), validators=[MinValueValidator(Decimal(0))]
    )
    average_startup_time = models.FloatField(
        null=True, blank=True, validators=[MinValueValidator(0)], help_text="Seconds from launch to start, as measured."
    )
    last_health_check = models.DateTimeField(null=True, blank=True, editable=False)
    health_check_failures = models.PositiveIntegerField(default=0, editable=False)
    health_message = models.TextField(blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ExecutorHostQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        verbose_name = "host"

    def __str__(self) -> str:
        kind = "" if self.executor_type == "docker" else f" ({self.executor_type})"
        where = f" ({self.connection_string})" if self.connection_string else ""
        return f"{self.name}{kind}{where}"

    def clean(self) -> None:
        from container_manager.conversion.hosts import host_of, typed_options

        super().clean()
        if self.pk is not None:
            self._refuse_renaming()
        try:
            typed_options(host_of(self))
        except InvalidInput as error:
            raise as_validation_error(error, type(self), "executor_config") from error

    def _refuse_renaming(self) -> None:
        before = type(self).objects.filter(pk=self.pk).values_list("name", flat=True).first()
        if before is not None and before != self.name and self._is_referred_to(before):
            raise ValidationError(
                {"name": f"Jobs refer to the host {before!r} by its name; make a new host and deactivate this one."}
            )

    @staticmethod
    def _is_referred_to(name: str) -> bool:
        from container_manager.models.jobs import ContainerJob

        return ContainerJob.objects.filter(models.Q(host_name=name) | models.Q(docker_host_id=name)).exists()

    def is_available(self) -> bool:
        """Whether it takes new jobs now: active, healthy and not full."""
        return self.is_active and self.health_check_failures < HEALTHY_BELOW and self.get_capacity() > 0

    @property
    def current_job_count(self) -> int:
        """Jobs launching or running there, counted from the jobs themselves."""
        from container_manager.models.jobs import ContainerJob

        return ContainerJob.objects.filter(host_name=self.name, status__in=[status.value for status in LIVE]).count()

    def get_capacity(self) -> int:
        """Free places."""
        return max(0, self.max_concurrent_jobs - self.current_job_count)

    def get_capacity_info(self) -> dict[str, Any]:
        """``current_jobs``, ``max_jobs``, ``available_slots`` and ``utilization_percent`` (0 to 100 and more)."""
        current = self.current_job_count
        return {
            "current_jobs": current,
            "max_jobs": self.max_concurrent_jobs,
            "available_slots": max(0, self.max_concurrent_jobs - current),
            "utilization_percent": round(100 * current / self.max_concurrent_jobs, 1),
        }

    def get_executor(self) -> "ContainerExecutor":
        """The executor of this host, as saved."""
        from container_manager.manager import get_manager

        fleet = get_manager().fleet
        fleet.refresh()
        return fleet.executor(self.name)

    def health_check(self) -> "Health":
        """Ask the platform now and store the answer. Blocks for up to the executor's own timeout.

        Raises:
            TransactionManagementError: inside a transaction, which would be held open meanwhile.
        """
        from container_manager.manager import get_manager

        manager = get_manager()
        manager.fleet.refresh()
        health = manager.check_host(self.name)
        self.refresh_from_db(fields=["last_health_check", "health_check_failures", "health_message"])
        return health

    @classmethod
    def note_health(cls, name: str, health: "Health") -> None:
        """Store the outcome of a check; nothing for a host that has no row."""
        said = health.message if health.ok or not health.hint else f"{health.message}; {health.hint}"
        failures = 0 if health.ok else models.F("health_check_failures") + 1
        cls.objects.filter(name=name).update(
            last_health_check=Now(), health_check_failures=failures, health_message=said.replace("\0", "")
        )

    @classmethod
    def note_startups(cls, name: str, took: Sequence[timedelta]) -> None:
        """Let the times of one start or more weigh in on the running average, each with a tenth."""
        average: Any = models.functions.Coalesce(models.F("average_startup_time"), took[0].total_seconds())
        share, weighed = 1.0, 0.0
        for each in took:
            share, weighed = share * 0.9, weighed * 0.9 + each.total_seconds() * 0.1
        cls.objects.filter(name=name).update(average_startup_time=average * share + weighed)


DockerHost = ExecutorHost
"""The name that former users know."""
