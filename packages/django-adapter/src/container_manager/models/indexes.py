"""Indexes of some of a table's rows."""

from collections.abc import Sequence
from typing import Any

from django.db import models


class PartialIndex(models.Index):
    """An index of the rows that meet a condition; of all rows on databases that have no such indexes.

    Args:
        condition: which rows.
        whole: the fields of an index of all rows, where they have to be others so that these rows stand together.
    """

    def __init__(self, *, condition: models.Q, whole: Sequence[str] = (), **options: Any) -> None:
        super().__init__(**options)
        # Under Django's own name it would be warned of, where it is answered by the other fields.
        self.rows = condition
        self.whole = tuple(whole)

    def create_sql(self, model: Any, schema_editor: Any, using: str = "", **options: Any) -> Any:
        if schema_editor.connection.features.supports_partial_indexes:
            index = models.Index(fields=self.fields, name=self.name, condition=self.rows)
        else:
            index = models.Index(fields=self.whole or self.fields, name=self.name)
        return index.create_sql(model, schema_editor, using, **options)

    def deconstruct(self) -> Any:
        path, arguments, options = super().deconstruct()
        whole = {"whole": self.whole} if self.whole else {}
        return path, arguments, {**options, "condition": self.rows, **whole}
