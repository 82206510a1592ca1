"""Pages of a long table: their rows and the number of all come in one query, and the counting stops early."""

from functools import cached_property
from typing import Any

from django.core.paginator import Page
from django.db import models
from django.http import HttpRequest

from container_manager.admin.generics import LongPaginator

COUNTED = 10_000
"""So many rows are counted; a page beyond them can be opened, but has no link."""

_TOTAL = "cm_total"


class _CountOf(models.Subquery):
    """How many rows a queryset has that is sliced."""

    template = "(SELECT count(*) FROM (%(subquery)s) cm_counted)"
    output_field = models.IntegerField()


class BoundedCount(int):
    """A number that says when it is only a lower bound."""

    def __str__(self) -> str:
        return f"{int(self)}+" if self >= COUNTED else super().__str__()


class LongTablePaginator(LongPaginator):
    """A paginator that reads the page it is asked for once.

    Args:
        rows: the ordered queryset.
        page_size: rows of a page.
        wanted: the number of the page that will be read.
    """

    def __init__(self, rows: models.QuerySet[Any], page_size: int, wanted: int) -> None:
        super().__init__(rows, page_size)
        self._rows = rows
        self._wanted = max(wanted, 1)

    @cached_property
    def _read(self) -> list[Any]:
        keys = self._rows.order_by().values("pk")[:COUNTED]
        first = (self._wanted - 1) * self.per_page
        return list(self._rows.annotate(**{_TOTAL: _CountOf(keys)})[first : first + self.per_page])

    @cached_property
    def count(self) -> int:
        """How many rows there are; beyond `COUNTED`, as far as the page that is read reaches."""
        if self._read:
            reached = (self._wanted - 1) * self.per_page + len(self._read)
            return BoundedCount(max(getattr(self._read[0], _TOTAL), reached))
        return 0 if self._wanted == 1 else BoundedCount(self._rows.order_by()[:COUNTED].count())

    def page(self, number: Any) -> Any:
        if int(number) == self._wanted and self._read:
            return Page(self._read, self._wanted, self)
        return super().page(number)


def requested_page(request: HttpRequest) -> int:
    """The page that a list's address asks for."""
    try:
        return int(request.GET.get("p", 1))
    except ValueError:
        return 1
