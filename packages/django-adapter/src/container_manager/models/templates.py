"""Templates: what jobs are made from."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from container_manager.conversion.errors import as_validation_error
from container_manager.models.exact import ExactCharField
from container_manager_core.environment import parse_environment_text
from container_manager_core.errors import InvalidInput

MEMORY_MB = [MinValueValidator(64), MaxValueValidator(16 * 1024 * 1024)]
CPU_CORES = [MinValueValidator(0.1), MaxValueValidator(32.0)]
SECONDS = [MinValueValidator(1), MaxValueValidator(366 * 86400)]


class EnvironmentVariableTemplate(models.Model):
    """A named set of environment variables, as text: ``KEY=value`` lines, ``#`` comments, quotes."""

    name = ExactCharField(max_length=100, unique=True)
    description = models.TextField(blank=True)
    environment_variables_text = models.TextField(
        blank=True, help_text="KEY=value, one a line; # begins a comment; quotes hold spaces and newlines."
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", editable=False
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        super().clean()
        self.validate_format()

    def validate_format(self) -> None:
        """Raise `ValidationError` with the number of the first line that cannot be read."""
        try:
            self.get_environment_variables_dict()
        except InvalidInput as error:
            raise ValidationError({"environment_variables_text": str(error)}) from error

    def get_environment_variables_dict(self) -> dict[str, str]:
        """The variables; the last of several lines for one name wins. Raises `InvalidInput`."""
        return parse_environment_text(self.environment_variables_text)


class ContainerTemplate(models.Model):
    """What to run, saved under a name. A job copies what it needs when it is made, so changes concern later jobs."""

    name = ExactCharField(max_length=100, unique=True)
    description = models.TextField(blank=True)
    docker_image = models.CharField(max_length=500)
    command = models.TextField(blank=True, help_text="Split as a shell splits words; empty: the image's own.")
    entrypoint = models.TextField(blank=True, help_text="Replaces the image's entrypoint.")
    working_directory = models.CharField(max_length=500, blank=True)
    memory_limit = models.PositiveIntegerField(
        "memory limit (MB)", null=True, blank=True, validators=MEMORY_MB, help_text="64 MB or more."
    )
    cpu_limit = models.FloatField(
        "CPU limit (cores)", null=True, blank=True, validators=CPU_CORES, help_text="0.1 to 32.0 cores."
    )
    timeout_seconds = models.PositiveIntegerField(default=3600, null=True, blank=True, validators=SECONDS)
    environment_template = models.ForeignKey(
        EnvironmentVariableTemplate, on_delete=models.SET_NULL, null=True, blank=True, related_name="templates"
    )
    supported_executors = models.JSONField(
        default=list, blank=True, help_text='Executors it may run on, for example ["docker"]; empty: all.'
    )
    auto_remove = models.BooleanField(
        default=True, help_text="Whether what the job left on its platform is removed once its result is stored."
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", editable=False
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        from container_manager.conversion.specs import spec_of_template

        super().clean()
        executors = self.supported_executors
        if not isinstance(executors, list) or not all(isinstance(name, str) and name for name in executors):
            raise ValidationError({"supported_executors": f"{executors!r} is no list of executor names."})
        try:
            spec_of_template(self)
        except InvalidInput as error:
            raise as_validation_error(error, type(self)) from error


class EnvironmentVariable(models.Model):
    """One variable of a template. A secret one is sealed before it is stored and never shown again."""

    template = models.ForeignKey(ContainerTemplate, on_delete=models.CASCADE, related_name="environment_variables")
    key = ExactCharField(max_length=255)
    value = models.TextField(blank=True)
    is_secret = models.BooleanField("secret", default=False)

    class Meta:
        ordering = ("key",)
        constraints = (models.UniqueConstraint(fields=["template", "key"], name="container_manager_variable_once"),)

    def __str__(self) -> str:
        return f"{self.key}=***" if self.is_secret else f"{self.key}={self.value}"

    def clean(self) -> None:
        from container_manager_core.environment import validate_environment

        super().clean()
        try:
            validate_environment({self.key: self.value})
        except InvalidInput as error:
            field = "value" if "value" in error.problem else "key"
            raise ValidationError({field: f"{error.problem}; {error.remedy}"}) from error

    def save(self, *args: Any, **options: Any) -> None:
        from container_manager.secrets import seal_text

        if self.is_secret:
            self.value = seal_text(self.value)
        super().save(*args, **options)


class NetworkAssignment(models.Model):
    """A network that a template's containers join."""

    template = models.ForeignKey(ContainerTemplate, on_delete=models.CASCADE, related_name="network_assignments")
    network_name = ExactCharField(max_length=255)
    aliases = models.JSONField(
        default=list, blank=True, help_text='Names of the container in that network, for example ["worker"].'
    )

    class Meta:
        ordering = ("network_name",)
        constraints = (models.UniqueConstraint(fields=["template", "network_name"], name="container_manager_net_once"),)

    def __str__(self) -> str:
        return self.network_name

    def clean(self) -> None:
        super().clean()
        if not isinstance(self.aliases, list) or not all(isinstance(name, str) and name for name in self.aliases):
            raise ValidationError({"aliases": f"{self.aliases!r} is no list of names."})
