"""Many jobs at once from one template."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction

from container_manager.models import ContainerJob, ContainerTemplate, ExecutorHost

MOST = 1000


class BulkForm(forms.Form):
    """How many jobs, of which names, where.

    Args:
        template: what they are made from.
    """

    count = forms.IntegerField(
        label="Number of jobs",
        min_value=1,
        max_value=MOST,
        initial=1,
        help_text=f"1 to {MOST}; not used with commands.",
    )
    name = forms.CharField(max_length=200, help_text="{n} stands for the job's number.")
    commands = forms.CharField(
        required=False,
        strip=True,
        widget=forms.Textarea(attrs={"rows": 5, "cols": 80, "spellcheck": "false"}),
        help_text=f"One job a line, at most {MOST}; each line is a job's command. Empty: the template's command.",
    )
    docker_host = forms.ModelChoiceField(
        ExecutorHost.objects.order_by("name"), label="Host", required=False, empty_label="any"
    )
    priority = forms.IntegerField(min_value=0, max_value=100, initial=50, help_text="0 to 100: higher goes first.")

    def __init__(self, *args: Any, template: ContainerTemplate, **options: Any) -> None:
        super().__init__(*args, **options)
        self.template = template
        self.fields["name"].initial = f"{template.name}-{{n}}"

    def clean_commands(self) -> Sequence[str]:
        """The lines that hold something."""
        lines = [line.strip() for line in self.cleaned_data["commands"].splitlines() if line.strip()]
        if len(lines) > MOST:
            raise ValidationError(f"{len(lines)} lines are too many; at most {MOST} jobs are made at once.")
        return lines

    def jobs(self, author: Any) -> Sequence[ContainerJob]:
        """The jobs, not stored yet."""
        given = self.cleaned_data
        commands = given["commands"] or [""] * given["count"]
        return [
            ContainerJob(
                name=given["name"].replace("{n}", str(number)),
                template=self.template,
                docker_host=given["docker_host"],
                priority=given["priority"],
                command=command,
                created_by_id=author.pk,
            )
            for number, command in enumerate(commands, start=1)
        ]


def create_jobs(form: BulkForm, author: Any) -> Sequence[ContainerJob]:
    """Store the jobs of a valid form, all or none; what cannot be run becomes an error of the form."""
    jobs = form.jobs(author)
    for line, job in enumerate(jobs, start=1):
        try:
            job.prepare()
        except ValidationError as error:
            field = "commands" if form.cleaned_data["commands"] else "docker_host" if job.docker_host else None
            form.add_error(field, [f"Job {line}: {message}" for message in error.messages])
            return ()
    with transaction.atomic():
        return ContainerJob.objects.bulk_create(jobs)
