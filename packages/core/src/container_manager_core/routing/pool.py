"""Hosts that share jobs in proportion to their weights."""

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from container_manager_core.routing.selector import Selector
from container_manager_core.routing.slot import Slot, Standing

Entry = tuple[float, int, Slot]


class Pool:
    """The hosts that one selector means, in the order in which they take jobs.

    Each job moves a host back by the inverse of its weight, and the foremost takes the next one (stride
    scheduling): a pick costs O(log n), and at any time each host has had its share to within one job. A
    host that is closed leaves the order when it is met there and comes back, not before those that worked
    meanwhile, when it opens again.

    Attributes:
        selector: which hosts these are.
        standings: how many of them there are of each standing.
    """

    def __init__(self, selector: Selector, slots: Iterable[Slot]) -> None:
        self.selector = selector
        self.standings: Counter[Standing] = Counter()
        self._front = 0.0
        self._order: list[Entry] = []
        self._out: dict[Slot, float] = {}
        for slot in slots:
            self.standings[slot.standing] += 1
            self._order.append((slot.stride, slot.position, slot))
        heapq.heapify(self._order)

    @property
    def size(self) -> int:
        """How many hosts there are."""
        return sum(self.standings.values())

    def join(self, slot: Slot) -> None:
        """A host is new."""
        self.standings[slot.standing] += 1
        heapq.heappush(self._order, (self._front + slot.stride, slot.position, slot))

    def note(self, slot: Slot, before: Standing) -> None:
        """A host's standing has changed."""
        self.standings[before] -= 1
        if slot.standing is Standing.GONE:
            self._out.pop(slot, None)
            return
        self.standings[slot.standing] += 1
        if slot.standing is Standing.OPEN and slot in self._out:
            place = max(self._out.pop(slot), self._front)
            heapq.heappush(self._order, (place, slot.position, slot))

    def foremost(self) -> Slot | None:
        """The host that is to take the next job; None when all are closed."""
        order = self._order
        while order:
            slot = order[0][2]
            if slot.standing is Standing.OPEN:
                return slot
            place = heapq.heappop(order)[0]
            if not slot.gone:
                self._out[slot] = place
        return None

    def advance(self) -> None:
        """The foremost host takes a job."""
        place, _, slot = self._order[0]
        self._front = place
        heapq.heapreplace(self._order, (place + slot.stride, slot.position, slot))

    def pick(self, accept: Callable[[Slot], bool]) -> Slot | None:
        """The foremost host that is accepted takes a job; those before it keep their places."""
        aside: list[Entry] = []
        try:
            while (slot := self.foremost()) is not None:
                if accept(slot):
                    self.advance()
                    return slot
                aside.append(heapq.heappop(self._order))
            return None
        finally:
            for entry in aside:
                heapq.heappush(self._order, entry)

    def nearest(self, number: int) -> Sequence[Slot]:
        """The open hosts that come next, in order; fewer where many closed ones stand between them."""
        order, found = self._order, list[Slot]()
        ahead = [(order[0], 0)] if order else []
        for _ in range(8 * number):
            if not ahead or len(found) == number:
                break
            (_, _, slot), position = heapq.heappop(ahead)
            if slot.standing is Standing.OPEN:
                found.append(slot)
            for below in (2 * position + 1, 2 * position + 2):
                if below < len(order):
                    heapq.heappush(ahead, (order[below], below))
        return found

    def members(self) -> Iterator[Slot]:
        """The hosts, in no particular order."""
        yield from (slot for _, _, slot in self._order if not slot.gone)
        yield from self._out
