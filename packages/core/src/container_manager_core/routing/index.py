"""Every host with what routing has to know of it, kept up to date by what changes."""

import itertools
from collections.abc import Callable, Mapping

from container_manager_core.fleet import Fleet
from container_manager_core.host import Host
from container_manager_core.routing.pool import Pool
from container_manager_core.routing.selector import Selector
from container_manager_core.routing.slot import Slot, Standing

MOST_POOLS = 256


class HostIndex:
    """The hosts of a fleet, and pools of them by selector. Used under the router's lock.

    Attributes:
        slots: by the host's name.
        closed: names of the hosts that take no job now.
        places: how many more jobs all hosts together take.
        names: of all hosts.

    Args:
        fleet: the hosts and their health.
        forget: called when what is known of hosts and pools may no longer be so.
    """

    def __init__(self, fleet: Fleet, forget: Callable[[], None]) -> None:
        self._fleet = fleet
        self._forget = forget
        self._positions = itertools.count()
        self._hosts: Mapping[str, Host] = {}
        self._busy: set[str] = set()
        self._failing: Mapping[str, str] = {}
        self._pools: dict[Selector, Pool] = {}
        self._pools_of: dict[Slot, list[Pool]] = {}
        self.slots: dict[str, Slot] = {}
        self.closed: set[str] = set()
        self.places = 0
        self.names: frozenset[str] = frozenset()
        self.refresh({})

    def refresh(self, live: Mapping[str, int]) -> None:
        """Take over what changed: the hosts themselves, which answer, and how many jobs are on each.

        Costs what changed, and O(1) for hosts that are as they were with no jobs on them.

        Args:
            live: launching and running jobs by host; hosts without any may be missing.
        """
        if self._fleet.hosts is not self._hosts:
            self._replace(self._fleet.hosts)
        failing = self._fleet.failing()
        if failing != self._failing:
            self._take_health(failing)
        self._take_counts(live)

    def take(self, slot: Slot) -> None:
        """A job goes to a host."""
        slot.live += 1
        self.places -= 1
        self._busy.add(slot.host.name)
        if slot.live >= slot.host.max_concurrent_jobs:
            self._update(slot)

    def give_back(self, slot: Slot) -> None:
        """A job does not go there after all."""
        slot.live -= 1
        self.places += slot.standing is Standing.OPEN
        self._update(slot)

    def pool(self, selector: Selector) -> Pool:
        """The hosts that a selector means; made when first asked for, and kept where they may be several."""
        if selector.host is not None:
            named = self.slots.get(selector.host)
            fits = named is not None and selector.why_not(named.host, named.executor_type) is None
            return Pool(selector, [named] if named is not None and fits else [])
        pool = self._pools.get(selector)
        if pool is None:
            if len(self._pools) >= MOST_POOLS:
                self._drop(next(iter(self._pools.values())))
            slots = [slot for slot in self.slots.values() if selector.why_not(slot.host, slot.executor_type) is None]
            pool = self._pools[selector] = Pool(selector, slots)
            for slot in slots:
                self._pools_of.setdefault(slot, []).append(pool)
        return pool

    def _drop(self, pool: Pool) -> None:
        """The oldest pool makes room; its hosts share anew when it is asked for again."""
        del self._pools[pool.selector]
        for pools in self._pools_of.values():
            if pool in pools:
                pools.remove(pool)
        self._forget()

    def _replace(self, hosts: Mapping[str, Host]) -> None:
        types = self._fleet.plugins.executor_types
        for name, slot in list(self.slots.items()):
            if name not in hosts or hosts[name] != slot.host or types.get(slot.host.executor) is not slot.executor_type:
                slot.gone = True
                self._update(slot)
                self._pools_of.pop(slot, None)
                del self.slots[name]
                self.closed.discard(name)
        for name, host in hosts.items():
            if name not in self.slots:
                self._add(host)
        self._hosts = hosts
        self.slots = {name: self.slots[name] for name in hosts}
        self.names = frozenset(hosts)
        self._forget()

    def _add(self, host: Host) -> None:
        slot = Slot(
            host=host,
            position=next(self._positions),
            executor_type=self._fleet.plugins.executor_types.get(host.executor),
            stride=1 / host.weight,
            problem=self._failing.get(host.name),
        )
        slot.standing = slot.current_standing()
        self.slots[host.name] = slot
        self.places += slot.places
        if slot.standing is not Standing.OPEN:
            self.closed.add(host.name)
        for pool in self._pools.values():
            if pool.selector.why_not(host, slot.executor_type) is None:
                pool.join(slot)
                self._pools_of.setdefault(slot, []).append(pool)

    def _take_health(self, failing: Mapping[str, str]) -> None:
        for name in self._failing.keys() | failing.keys():
            slot = self.slots.get(name)
            if slot is not None and slot.problem != failing.get(name):
                slot.problem = failing.get(name)
                self._update(slot)
        self._failing = failing
        self._forget()

    def _take_counts(self, live: Mapping[str, int]) -> None:
        for name in self._busy.union(live):
            slot, count = self.slots.get(name), live.get(name, 0)
            if slot is not None and slot.live != count:
                self.places -= slot.places
                slot.live = count
                self.places += slot.places
                self._update(slot)
        self._busy = set(live)

    def _update(self, slot: Slot) -> None:
        before, after = slot.standing, slot.current_standing()
        if after is before:
            return
        self.places -= slot.places
        slot.standing = after
        self.places += slot.places
        (self.closed.discard if after is Standing.OPEN else self.closed.add)(slot.host.name)
        for pool in self._pools_of.get(slot, ()):
            pool.note(slot, before)
