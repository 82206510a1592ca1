"""Jobs that are asked to another host, and secrets that are sealed with another key."""

from uuid import uuid4

import attrs
import pytest

from container_manager_core import lifecycle
from container_manager_core.clock import VirtualClock
from container_manager_core.errors import InvalidInput
from container_manager_core.secrets import Secret, SecretForm
from container_manager_core.store.protocol import JobQuery, JobStore
from container_manager_core.testing.store_kit import StoreKit, ids, seconds


class MovingCases(StoreKit):
    """What others than the worker change of a job stays as they wanted it."""

    def test_a_pending_job_is_asked_to_another_host(self, store: JobStore, clock: VirtualClock) -> None:
        (job,) = self.add(store, clock, requested_host="one")
        store.request_move([job.id, uuid4()], "two")
        moved = store.get(job.id)
        assert (moved.requested_host, moved.host) == ("two", "two")
        assert ids(self.take(store, avoid_hosts=frozenset({"one"}))) == [job.id]

    def test_a_finished_job_stays_where_it_ran(self, store: JobStore, clock: VirtualClock) -> None:
        self.add(store, clock)
        (job,) = self.take(store)
        finished = self.finish(store, clock, job)
        store.request_move([job.id], "two")
        assert store.get(job.id) == attrs.evolve(finished, worker=None)

    def test_the_holder_of_a_live_job_hears_of_its_move(
        self, store: JobStore, other_store: JobStore, clock: VirtualClock
    ) -> None:
        """As long as it is not where it is wanted; not of one that is, nor of one that is pending."""
        self.add(store, clock, 3)
        running, launching, pending = self.take(store)
        running = self.run(store, clock, running, "one")
        launching = self.record(store, self.launching(launching, clock.now(), "one"))
        other_store.request_move(ids([running, launching, pending]), "two")
        assert store.signals("worker-1").move == {running.id, launching.id}
        assert store.signals("worker-2").move == frozenset()
        other_store.request_move([launching.id], "one")
        assert store.signals("worker-1").move == {running.id}
        self.record(store, self.finished(running, clock.now()))
        assert store.signals("worker-1").move == frozenset()

    def test_a_record_keeps_the_move(self, store: JobStore, clock: VirtualClock) -> None:
        """Although it is made from what its worker knew before."""
        self.add(store, clock)
        (job,) = self.take(store)
        store.request_move([job.id], "two")
        self.record(store, lifecycle.deferred(job, "no room", clock.now() + seconds(1)), release=True)
        deferred = store.get(job.id)
        assert (deferred.requested_host, deferred.host) == ("two", "two")
        assert ids(store.list(JobQuery(host="two"))) == [job.id]
        clock.advance(2)
        (job,) = self.take(store)
        store.request_move([job.id], "three")
        self.run(store, clock, job, "two")
        assert (store.get(job.id).requested_host, store.get(job.id).host) == ("three", "two")

    def test_secrets_are_replaced_whatever_the_jobs_do(self, store: JobStore, clock: VirtualClock) -> None:
        """A worker that holds the job writes on, and the new ones stay."""
        old, new = (Secret(SecretForm.SEALED, text) for text in ("old", "new"))
        spec = {"secrets": {"TOKEN": old, "OTHER": "secret://env/OTHER"}, "labels": {"a": "b"}}
        self.add(store, clock, 2, spec=spec)
        first, second = self.take(store)
        store.replace_secrets({first.id: {**first.spec.secrets, "TOKEN": new}, uuid4(): {}})
        self.run(store, clock, first)
        assert store.get(first.id).spec == attrs.evolve(first.spec, secrets={**first.spec.secrets, "TOKEN": new})
        assert store.get(second.id).spec == second.spec
        with pytest.raises(InvalidInput, match="in clear"):
            store.replace_secrets({second.id: {"TOKEN": Secret(SecretForm.CLEAR, "oops")}})
        assert store.get(second.id).spec == second.spec
