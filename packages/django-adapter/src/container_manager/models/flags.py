"""Flags that indexes have conditions on."""

from typing import Any

from django.db import models
from django.db.models import lookups


class FlagField(models.BooleanField):  # type: ignore[type-arg]  # it takes none when it runs
    """A truth, asked for as ``flag`` and ``NOT flag`` under every version of Django, as the store's statements ask.

    SQLite uses a partial index only for a condition in the very words that the index was made with; Django 6.1 would
    make it with ``flag = 0``.
    """


@FlagField.register_lookup
class _InPlainWords(lookups.Exact):
    def as_sql(self, compiler: Any, connection: Any) -> Any:
        if not isinstance(self.rhs, bool):
            return super().as_sql(compiler, connection)
        flag, values = self.process_lhs(compiler, connection)
        return (flag if self.rhs else f"NOT {flag}"), values
