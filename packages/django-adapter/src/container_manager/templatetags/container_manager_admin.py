"""Tags of the admin's templates."""

from datetime import datetime
from typing import Any

from django import template
from django.utils.safestring import SafeString

from container_manager.admin import job_list, job_page
from container_manager.admin.amounts import NOTHING
from container_manager.admin.charts import Chart
from container_manager.admin.output import Piece
from container_manager.models import ContainerJob

register = template.Library()


@register.simple_tag
def job_list_poller(changelist: job_list.JobChangeList, address: str, admission: str) -> SafeString:
    """What keeps a list of jobs up to date."""
    asks = job_list.Poller(address=address, admission=admission, jobs=changelist.live_jobs, newest=changelist.newest)
    return asks.html()


@register.simple_tag
def job_status(job: ContainerJob) -> SafeString:
    """A job's status, and why it is so."""
    return job_list.status_cell(job)


@register.simple_tag
def age(moment: datetime | None) -> str:
    """How long ago a time was, with the exact time behind it."""
    return NOTHING if moment is None else job_list.moment_cell(moment)


@register.simple_tag
def output_piece(piece: Piece) -> SafeString:
    """Text of a stream."""
    return job_page.piece_html(piece)


@register.inclusion_tag("container_manager/admin/chart.html")
def chart_figure(chart: Chart) -> dict[str, Any]:
    """A chart, and the same as a table."""
    return {"chart": chart, "last": chart.columns[-1].label}
