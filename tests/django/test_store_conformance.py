"""The store suite on the project's database."""

import time
from collections.abc import Iterator

import pytest

from container_manager_core.clock import VirtualClock
from container_manager_core.store.protocol import JobStore
from container_manager_core.testing import StoreConformance, overrides


class TestOrmStore(StoreConformance):
    """With connections of its own, as a worker's process has them: the suite's threads end without closing any."""

    @pytest.fixture
    def store(self, clock: VirtualClock) -> Iterator[JobStore]:
        yield from self.opened(clock)

    @pytest.fixture
    def other_store(self, store: JobStore, clock: VirtualClock) -> Iterator[JobStore]:
        yield from self.opened(clock)

    def opened(self, clock: VirtualClock) -> Iterator[JobStore]:
        from container_manager.store.store import OrmStore

        store = OrmStore(clock=clock)
        store.database.pool()
        yield store
        store.close()

    @pytest.mark.parametrize(
        ("code", "shown"), [(-1, -1), (3221225477, -1073741819), (1 << 40, (1 << 31) - 1), (-(1 << 40), -(1 << 31))]
    )
    def test_people_see_an_exit_code_with_its_sign(
        self, store: JobStore, clock: VirtualClock, code: int, shown: int
    ) -> None:
        from container_manager.models import ContainerExecution, ContainerJob

        self.add(store, clock)
        (job,) = self.take(store)
        self.record(store, self.finished(self.run(store, clock, job), clock.now(), exit_code=code))
        assert ContainerJob.objects.get(pk=job.id).exit_code == shown
        assert ContainerExecution.objects.get(job_id=job.id).exit_code == shown

    @overrides(reason="PostgreSQL's notifications arrive a moment later, and only for what concerns other processes")
    def test_changes_are_noticed(self, store: JobStore, other_store: JobStore, clock: VirtualClock) -> None:
        (job,) = self.add(store, clock)
        watched = {}
        for watcher in (store, other_store):
            watched[watcher], is_changed = watcher.changed(None)
            assert is_changed
        for change in (
            lambda: self.add(other_store, clock),
            lambda: self.add(store, clock),
            lambda: store.request_cancel([job.id], clock.now()),
            lambda: other_store.watch(job.id, clock.now()),
            lambda: (self.take(store), store.release("worker-1")),
        ):
            self.wait_until_quiet(watched)
            change()
            for watcher, token in watched.items():
                assert self.is_changed_soon(watcher, token)

    @staticmethod
    def is_changed_soon(store: JobStore, token: object) -> bool:
        until = time.monotonic() + 10
        while time.monotonic() < until:
            if store.changed(token)[1]:
                return True
            time.sleep(0.01)
        return False

    @staticmethod
    def wait_until_quiet(watched: dict[JobStore, object]) -> None:
        """Until all that happened so far was heard of."""
        quiet_since = time.monotonic()
        while time.monotonic() - quiet_since < 0.2:
            for store, token in watched.items():
                watched[store], is_changed = store.changed(token)
                if is_changed:
                    quiet_since = time.monotonic()
            time.sleep(0.01)
