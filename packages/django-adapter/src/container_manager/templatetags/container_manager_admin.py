"""Tags of the admin's templates."""

from typing import Any

from django import template
from django.utils.safestring import SafeString

from container_manager.admin import job_list
from container_manager.admin.charts import Chart
from container_manager.models import ContainerJob

register = template.Library()


@register.simple_tag
def job_list_poller(changelist: job_list.JobChangeList, address: str) -> SafeString:
    """What keeps a list of jobs up to date."""
    return job_list.poller(address, changelist.live_ids, changelist.newest)


@register.simple_tag
def job_status(job: ContainerJob) -> SafeString:
    """A job's status, and why it is so."""
    return job_list.status_cell(job)


@register.inclusion_tag("container_manager/admin/chart.html")
def chart_figure(chart: Chart) -> dict[str, Any]:
    """A chart, and the same as a table."""
    return {"chart": chart, "last": chart.columns[-1].label}
