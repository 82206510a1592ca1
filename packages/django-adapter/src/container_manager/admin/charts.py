"""Bar charts as coordinates for an SVG: drawn on the server, readable as a table."""

from collections.abc import Sequence

import attrs

WIDTH, HEIGHT = 600.0, 140.0
_GAP = 0.2


@attrs.frozen(kw_only=True)
class Column:
    """One column of figures.

    Attributes:
        label: what it stands for, for example an hour.
        parts: name and amount of each part, from the bottom up.
        words: the same amounts as people read them.
    """

    label: str
    parts: tuple[tuple[str, float], ...]
    words: str

    @property
    def amount(self) -> float:
        """All parts together."""
        return sum(amount for _, amount in self.parts)


@attrs.frozen(kw_only=True)
class Box:
    """A rectangle of the drawing; ``kind`` is the part it stands for."""

    kind: str
    x: str
    y: str
    width: str
    height: str
    words: str


@attrs.frozen(kw_only=True)
class Chart:
    """A drawing with the figures behind it.

    Attributes:
        title: what it shows.
        columns: the figures, for the table.
        boxes: the drawing.
        top: the largest column's amount in words.
        is_empty: whether there is nothing to draw.
    """

    title: str
    columns: Sequence[Column]
    boxes: Sequence[Box]
    top: str
    is_empty: bool


def chart(title: str, columns: Sequence[Column]) -> Chart:
    """A chart with a column for each."""
    largest = max((column.amount for column in columns), default=0.0)
    top = next((column.words for column in columns if column.amount == largest), "")
    return Chart(
        title=title,
        columns=columns,
        boxes=[box for number, column in enumerate(columns) for box in _boxes(column, number, len(columns), largest)],
        top=top,
        is_empty=not largest,
    )


def _boxes(column: Column, number: int, count: int, largest: float) -> Sequence[Box]:
    if not largest:
        return []
    step = WIDTH / count
    boxes, bottom = [], HEIGHT
    for kind, amount in column.parts:
        if not amount:
            continue
        height = max(HEIGHT * amount / largest, 1.5)
        bottom -= height
        boxes.append(
            Box(
                kind=kind,
                x=f"{step * number + step * _GAP / 2:.2f}",
                y=f"{max(bottom, 0):.2f}",
                width=f"{step * (1 - _GAP):.2f}",
                height=f"{height:.2f}",
                words=f"{column.label}: {column.words}",
            )
        )
    return boxes
