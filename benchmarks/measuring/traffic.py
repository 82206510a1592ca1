"""What passes between a process and an engine."""

from collections import Counter

from support.proxy import FaultyProxy


class Counting(FaultyProxy):
    """A proxy on which nothing fails.

    Attributes:
        requests: how many of each kind have passed.
    """

    def __init__(self, target: str) -> None:
        super().__init__(target, rates={}, seed=0)
        self.requests: Counter[str] = Counter()

    def fault(self, request: str) -> None:
        self.requests["GET /images/ID/json" if "/images/" in request else request] += 1
