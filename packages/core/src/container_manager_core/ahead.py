"""Making values in one thread while another works on those before."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def ahead(values: Iterable[T], size: int) -> Iterator[list[T]]:
    """The values in lists of a size, the last one shorter; never an empty one.

    The first list is made by whoever asks for it. Each further one is made by a thread while the list before it is
    worked on, which gains time where that work leaves Python to others, as a statement of a database does.
    """
    source = iter(values)
    some = list(islice(source, size))
    if len(some) == size:
        with ThreadPoolExecutor(1, "container-manager ahead") as thread:
            while len(some) == size:
                following = thread.submit(lambda: list(islice(source, size)))
                yield some
                some = following.result()
    if some:
        yield some
