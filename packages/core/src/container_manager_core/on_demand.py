"""Values that are made when they are first read."""

from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class OnDemand(Generic[T]):
    """Values in their order, each made when it is first read and then kept; they can be read again. For one thread.

    Args:
        source: makes them.
    """

    def __init__(self, source: Iterable[T]) -> None:
        self._source = iter(source)
        self._made: list[T] = []

    def __iter__(self) -> Iterator[T]:
        made = self._made
        number = 0
        while True:
            while number < len(made):
                yield made[number]
                number += 1
            for value in self._source:
                made.append(value)
                break
            else:
                return
