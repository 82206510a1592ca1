"""Templates in the admin, with their variables and networks."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from container_manager.admin.bulk import BulkForm, create_jobs
from container_manager.admin.errors import ErrorsBesideFields
from container_manager.admin.executors import ExecutorsField, keep_unknown
from container_manager.admin.generics import NetworkInline, TemplateAdmin, TemplateForm
from container_manager.admin.variables import EnvironmentVariableInline
from container_manager.models import ContainerTemplate, NetworkAssignment


class ContainerTemplateForm(ErrorsBesideFields, TemplateForm):
    """What to run, and on which executors."""

    supported_executors = ExecutorsField(required=False, help_text="Executors it may run on; none ticked: all.")

    class Meta:
        model = ContainerTemplate
        fields = "__all__"
        widgets = {
            "description": forms.Textarea(attrs={"rows": 2, "cols": 80}),
            "command": forms.Textarea(attrs={"rows": 2, "cols": 80, "spellcheck": "false"}),
            "entrypoint": forms.Textarea(attrs={"rows": 1, "cols": 80, "spellcheck": "false"}),
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if "supported_executors" in self.fields and isinstance(self.instance.supported_executors, list):
            keep_unknown(self.fields["supported_executors"], self.instance.supported_executors)


class NetworkAssignmentInline(NetworkInline):
    """Networks on their template's page."""

    model = NetworkAssignment
    extra = 0
    verbose_name = "network"

    def formfield_for_dbfield(self, db_field: Any, request: Any, **options: Any) -> Any:
        if db_field.name == "aliases":
            options["widget"] = forms.Textarea(attrs={"rows": 1, "cols": 40, "spellcheck": "false"})
        return super().formfield_for_dbfield(db_field, request, **options)


@admin.register(ContainerTemplate)
class ContainerTemplateAdmin(TemplateAdmin):
    """Templates, and many jobs at once from one."""

    form = ContainerTemplateForm
    list_display = ("name", "docker_image", "command", "memory_limit", "cpu_limit", "timeout_seconds", "updated_at")
    search_fields = ("name", "description", "docker_image")
    show_full_result_count = False
    inlines = (EnvironmentVariableInline, NetworkAssignmentInline)
    actions = ("create_many",)
    fieldsets = (
        (None, {"fields": ("name", "description", "docker_image", "command", "entrypoint", "working_directory")}),
        ("Limits", {"fields": ("memory_limit", "cpu_limit", "timeout_seconds")}),
        ("Where and how", {"fields": ("supported_executors", "auto_remove", "environment_template")}),
    )

    class Media:
        css = {"all": ("container_manager/admin.css",)}

    def save_model(self, request: HttpRequest, obj: ContainerTemplate, form: Any, change: bool) -> None:
        """Who adds it is its author."""
        if not change:
            obj.created_by_id = request.user.pk
        super().save_model(request, obj, form, change)

    def has_create_jobs_permission(self, request: HttpRequest) -> bool:
        """Whether the person may add jobs."""
        return request.user.has_perm("container_manager.add_containerjob")

    @admin.action(description="Create jobs from selected template", permissions=["create_jobs"])
    def create_many(self, request: HttpRequest, queryset: QuerySet[ContainerTemplate]) -> HttpResponseBase | None:
        """Goes to the page that asks how many."""
        chosen = list(queryset[:2])
        if len(chosen) != 1:
            self.message_user(request, "Choose one template: jobs are made from one at a time.", messages.ERROR)
            return None
        return HttpResponseRedirect(self._address("jobs", chosen[0]))

    def get_urls(self) -> list[URLPattern]:
        own = path(
            "<int:template_id>/jobs/",
            self.admin_site.admin_view(self.jobs_view),
            name="container_manager_containertemplate_jobs",
        )
        return [own, *super().get_urls()]

    def _address(self, view: str, template: ContainerTemplate) -> str:
        return reverse(
            f"admin:container_manager_containertemplate_{view}",
            args=[template.pk],
            current_app=self.admin_site.name,
        )

    def jobs_view(self, request: HttpRequest, template_id: int) -> HttpResponseBase:
        """Asks how many jobs of which names, and makes them, all or none."""
        if not (self.has_view_or_change_permission(request) and self.has_create_jobs_permission(request)):
            raise PermissionDenied
        template = self.get_queryset(request).filter(pk=template_id).first()
        if template is None:
            raise Http404(f"There is no template {template_id}.")
        form = BulkForm(request.POST if request.method == "POST" else None, template=template)
        if form.is_valid() and (made := create_jobs(form, request.user)):
            self.message_user(request, f"Created: {len(made)} jobs of {template}.", messages.SUCCESS)
            jobs = reverse("admin:container_manager_containerjob_changelist", current_app=self.admin_site.name)
            may_see = request.user.has_perm("container_manager.view_containerjob")
            return HttpResponseRedirect(
                f"{jobs}?template={template.pk}" if may_see else self._address("change", template)
            )
        context = {
            **self.admin_site.each_context(request),
            "title": f"Create jobs from {template}",
            "opts": self.opts,
            "media": self.media + form.media,
            "template": template,
            "form": form,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "container_manager/admin/bulk.html", context)
