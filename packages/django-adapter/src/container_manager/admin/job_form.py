"""The form of a job: what people fill in."""

from typing import Any

from django import forms

from container_manager.admin.errors import ErrorsBesideFields
from container_manager.admin.executors import ExecutorField, keep_unknown
from container_manager.admin.generics import JobForm
from container_manager.models import ContainerJob


class ContainerJobForm(ErrorsBesideFields, JobForm):
    """A job that waits for its first start, or a new one."""

    preferred_executor = ExecutorField(
        required=False, empty="any", help_text="Run it on a host of this executor and no other."
    )

    class Meta:
        model = ContainerJob
        fields: tuple[str, ...] = ()
        widgets = {
            "command": forms.Textarea(attrs={"rows": 2, "cols": 80, "spellcheck": "false"}),
            "override_command": forms.Textarea(attrs={"rows": 2, "cols": 80, "spellcheck": "false"}),
            "override_environment": forms.Textarea(attrs={"rows": 5, "cols": 80, "spellcheck": "false"}),
        }
        help_texts = {
            "image": "For example busybox:latest. Empty: the template's.",
            "command": "Split as a shell splits words. Empty: the template's, else the image's own.",
            "override_environment": 'A JSON object of strings, for example {"COLOUR": "blue"}; '
            'a value may be "secret://resolver/name". Wins over the template\'s.',
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if "preferred_executor" in self.fields:
            keep_unknown(self.fields["preferred_executor"], [self.instance.preferred_executor])
