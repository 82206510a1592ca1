"""Who may do what with a job: claims, leases, fencing and capacity."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import attrs

from container_manager_core import lifecycle
from container_manager_core.clock import VirtualClock
from container_manager_core.job import Job, JobStatus
from container_manager_core.store.protocol import Claim, JobStore, Record, RecordOutcome, Signals
from container_manager_core.testing.store_kit import LEASE_SECONDS, StoreKit, ids, seconds

STORED, FENCED, NO_CAPACITY = RecordOutcome.STORED, RecordOutcome.FENCED, RecordOutcome.NO_CAPACITY


class LeasingCases(StoreKit):
    """One job is in one worker's hands, whatever happens to workers."""

    def test_a_claim_takes_the_highest_priority_then_the_oldest(self, store: JobStore, clock: VirtualClock) -> None:
        low, middle, high, young = (self.add(store, clock, priority=priority)[0] for priority in (10, 50, 90, 50))
        assert ids(self.take(store, limit=2)) == [high.id, middle.id]
        assert ids(self.take(store)) == [young.id, low.id]

    def test_a_claim_carries_the_lease(self, store: JobStore, other_store: JobStore, clock: VirtualClock) -> None:
        (added,) = self.add(store, clock)
        (job,) = self.take(store)
        assert job == attrs.evolve(added, worker="worker-1", epoch=added.epoch + 1)
        assert other_store.get(added.id) == job

    def test_a_held_job_is_not_claimed_again(self, store: JobStore, other_store: JobStore, clock: VirtualClock) -> None:
        """Neither by another worker nor by the same one."""
        self.add(store, clock)
        assert self.take(store)
        assert self.take(other_store, "worker-2") == self.take(store) == []

    def test_a_worker_without_a_heartbeat_gets_nothing(self, store: JobStore, clock: VirtualClock) -> None:
        self.add(store, clock)
        assert list(store.claim(Claim(worker="worker-1", limit=1))) == []
        store.heartbeat("worker-1", LEASE_SECONDS)
        clock.advance(LEASE_SECONDS + 1)
        assert list(store.claim(Claim(worker="worker-1", limit=1))) == []
        assert self.take(store)

    def test_a_job_waits_for_its_time(self, store: JobStore, clock: VirtualClock) -> None:
        """For the later of the schedule and the pause before the next attempt."""
        now = clock.now()
        job = self.job(clock, scheduled_at=now + seconds(10), not_before=now + seconds(20))
        store.add_many([job])
        for wait, expected in ((0, []), (15, []), (5, [job.id])):
            clock.advance(wait)
            assert ids(self.take(store)) == expected

    def test_a_job_that_became_due_keeps_its_rank(self, store: JobStore, clock: VirtualClock) -> None:
        scheduled = self.job(clock, priority=60, scheduled_at=clock.now() + seconds(10))
        store.add_many([scheduled])
        clock.advance(1)
        ready, urgent = (self.add(store, clock, priority=priority)[0] for priority in (50, 70))
        clock.advance(10)
        assert ids(self.take(store)) == [urgent.id, scheduled.id, ready.id]

    def test_a_job_that_waited_too_long_is_taken_beyond_the_limit(self, store: JobStore, clock: VirtualClock) -> None:
        """So that somebody ends it, although there is no room for it."""
        spec = {"queue_timeout_seconds": 10}
        scheduled = self.job(clock, spec=spec, priority=0, scheduled_at=clock.now() + seconds(15))
        impatient = self.job(clock, spec=spec, priority=0, requested_host="full")
        patient = self.job(clock, priority=90)
        store.add_many([scheduled, impatient, patient])
        clock.advance(11)
        assert ids(self.take(store, limit=0, pending=False, avoid_hosts=frozenset({"full"}))) == [impatient.id]
        clock.advance(15)
        assert ids(self.take(store, limit=1)) == [scheduled.id, patient.id]

    def test_a_cancelled_job_does_not_wait_for_its_time(self, store: JobStore, clock: VirtualClock) -> None:
        job = self.job(clock, scheduled_at=clock.now() + seconds(1000))
        store.add_many([job])
        assert self.take(store) == []
        store.request_cancel([job.id], clock.now())
        (claimed,) = self.take(store)
        assert claimed.cancel_requested_at == clock.now()
        self.record(store, lifecycle.deferred(claimed, "still here", clock.now() + seconds(50)), release=True)
        assert ids(self.take(store)) == [job.id]

    def test_a_claim_minds_its_hosts_and_jobs(self, store: JobStore, clock: VirtualClock) -> None:
        anywhere, one, two = (self.add(store, clock, requested_host=host)[0] for host in (None, "one", "two"))

        def claimable(**claim: Any) -> set[object]:
            taken = self.take(store, **claim)
            store.release("worker-1")
            return set(ids(taken))

        assert claimable() == {anywhere.id, one.id, two.id}
        assert claimable(avoid_hosts=frozenset({"one"})) == {anywhere.id, two.id}
        assert claimable(avoid_hosts=frozenset({"one", "two"})) == {anywhere.id}
        assert claimable(only_hosts=frozenset({"one"})) == {one.id}
        assert claimable(only_hosts=frozenset()) == set()
        assert claimable(only_jobs=frozenset({two.id, anywhere.id})) == {two.id, anywhere.id}
        assert claimable(only_jobs=frozenset()) == set()
        assert claimable(pending=False) == set()
        assert claimable(limit=0) == set()

    def test_a_record_needs_the_lease(self, store: JobStore, clock: VirtualClock) -> None:
        """The worker, the epoch and the expected status; nothing of a refused record is written."""
        self.add(store, clock)
        (job,) = self.take(store)
        launching = self.launching(job, clock.now())
        for record in (
            Record(job=attrs.evolve(launching, worker="worker-2")),
            Record(job=attrs.evolve(launching, worker=None)),
            Record(job=attrs.evolve(launching, epoch=job.epoch - 1)),
            Record(job=attrs.evolve(launching, epoch=job.epoch + 1)),
            Record(job=launching, expect=JobStatus.RUNNING),
            Record(job=attrs.evolve(launching, id=self.job(clock).id)),
        ):
            assert list(store.record_many([record])) == [FENCED]
        assert store.get(job.id) == job
        assert list(store.executions(job.id)) == []
        assert list(store.record_many([Record(job=launching, expect=JobStatus.PENDING)])) == [STORED]

    def test_each_record_of_a_batch_has_its_own_outcome(self, store: JobStore, clock: VirtualClock) -> None:
        """Those that are refused do not keep the others from being written, and order counts."""
        self.add(store, clock, 3)
        first, second, third = self.take(store)
        launching = self.launching(first, clock.now())
        outcomes = store.record_many(
            [
                Record(job=launching),
                Record(job=self.launching(attrs.evolve(second, epoch=99), clock.now())),
                Record(job=self.launching(third, clock.now())),
                Record(job=self.running(launching, clock.now()), expect=JobStatus.LAUNCHING),
            ]
        )
        assert list(outcomes) == [STORED, FENCED, STORED, STORED]
        statuses = [store.get(job.id).status for job in (first, second, third)]
        assert statuses == [JobStatus.RUNNING, JobStatus.PENDING, JobStatus.LAUNCHING]

    def test_an_expired_lease_is_taken_over(self, store: JobStore, other_store: JobStore, clock: VirtualClock) -> None:
        """Pending, launching, running and uncleaned jobs alike; the old worker can write nothing any more."""
        self.add(store, clock, 4)
        pending, launching, running, uncleaned = self.take(store)
        launching = self.record(store, self.launching(launching, clock.now()))
        running = self.run(store, clock, running)
        uncleaned = self.record(store, self.finished(self.run(store, clock, uncleaned), clock.now()))
        clock.advance(LEASE_SECONDS - 1)
        assert self.take(other_store, "worker-2") == []
        clock.advance(1)
        taken = self.take(other_store, "worker-2")
        assert ids(taken) == ids([launching, running, uncleaned, pending])
        assert {job.worker for job in taken} == {"worker-2"}
        assert [job.epoch for job in taken] == [2, 2, 2, 2]
        store.heartbeat("worker-1", LEASE_SECONDS)
        late = [Record(job=job) for job in (pending, launching, running, uncleaned)]
        assert list(store.record_many(late)) == [FENCED] * 4
        assert [other_store.get(job.id) for job in taken] == list(taken)

    def test_heartbeats_keep_a_lease(self, store: JobStore, other_store: JobStore, clock: VirtualClock) -> None:
        self.add(store, clock)
        (job,) = self.take(store)
        for _ in range(5):
            clock.advance(LEASE_SECONDS - 1)
            store.heartbeat("worker-1", LEASE_SECONDS)
            assert self.take(other_store, "worker-2") == []
        self.run(store, clock, job)

    def test_orphans_come_first_and_beyond_the_limit(self, store: JobStore, clock: VirtualClock) -> None:
        """Also when pending jobs are not wanted, or their host is to be avoided: their containers may run."""
        self.add(store, clock, 3)
        running = [self.run(store, clock, job) for job in self.take(store)]
        (pending,) = self.add(store, clock, priority=100)
        store.release("worker-1")
        assert ids(self.take(store, limit=1)) == [*ids(running), pending.id]
        store.release("worker-1")
        assert ids(self.take(store, limit=0, pending=False, avoid_hosts=frozenset({"host-1"}))) == ids(running)
        store.release("worker-1")
        assert ids(self.take(store, pending=False, only_hosts=frozenset({"host-2"}))) == []
        assert ids(self.take(store, pending=False, only_jobs=frozenset({running[1].id}))) == [running[1].id]

    def test_an_orphan_is_left_to_a_worker_that_knows_its_host(self, store: JobStore, clock: VirtualClock) -> None:
        self.add(store, clock)
        (job,) = self.take(store)
        self.record(store, self.launching(job, clock.now(), host="elsewhere"))
        store.release("worker-1")
        assert self.take(store, known_hosts=frozenset({"here"})) == []
        assert ids(self.take(store, known_hosts=frozenset({"here", "elsewhere"}))) == [job.id]

    def test_a_release_gives_everything_back(self, store: JobStore, other_store: JobStore, clock: VirtualClock) -> None:
        self.add(store, clock, 2)
        pending, running = self.take(store)
        running = self.run(store, clock, running)
        store.release("worker-1")
        assert store.get(pending.id).worker is None
        assert set(ids(self.take(other_store, "worker-2"))) == {pending.id, running.id}
        assert list(store.record_many([Record(job=running)])) == [FENCED]
        store.release("nobody")

    def test_a_record_can_give_its_job_back(self, store: JobStore, clock: VirtualClock) -> None:
        self.add(store, clock)
        (job,) = self.take(store)
        self.record(store, job, release=True)
        assert list(store.record_many([Record(job=job)])) == [FENCED]
        assert ids(self.take(store, "worker-2")) == [job.id]

    def test_a_finished_job_is_let_go_once_nothing_is_left(self, store: JobStore, clock: VirtualClock) -> None:
        self.add(store, clock)
        (job,) = self.take(store)
        ended = self.record(store, self.finished(self.run(store, clock, job), clock.now()))
        assert store.get(job.id).worker == "worker-1"
        self.record(store, self.clean(ended))
        assert store.get(job.id) == attrs.evolve(self.clean(ended), worker=None)
        clock.advance(LEASE_SECONDS + 1)
        assert self.take(store, "worker-2") == []

    def test_an_outsider_and_a_claimer_fence_each_other(self, store: JobStore, clock: VirtualClock) -> None:
        """Who writes a job that nobody holds does so against the epoch that was read."""
        lost, won = self.add(store, clock, 2)

        def cancelled(job: Job) -> Record:
            return Record(job=lifecycle.finished(job, JobStatus.CANCELLED, clock.now()), expect=JobStatus.PENDING)

        assert list(store.record_many([cancelled(won)])) == [STORED]
        assert ids(self.take(store)) == [lost.id]
        assert list(store.record_many([cancelled(lost)])) == [FENCED]
        store.release("worker-1")
        assert list(store.record_many([cancelled(lost)])) == [FENCED], "it was claimed meanwhile"
        assert list(store.record_many([cancelled(store.get(lost.id))])) == [STORED]

    def test_a_cancel_mark_survives_every_record(
        self, store: JobStore, other_store: JobStore, clock: VirtualClock
    ) -> None:
        """A worker that has not seen the mark cannot wipe it off; the first mark stays."""
        self.add(store, clock)
        (job,) = self.take(store)
        marked_at = clock.now()
        other_store.request_cancel([job.id, self.job(clock).id], marked_at)
        clock.advance(1)
        other_store.request_cancel([job.id], clock.now())
        assert store.signals("worker-1") == Signals(cancel=frozenset({job.id}))
        running = self.run(store, clock, job)
        assert store.get(job.id) == attrs.evolve(running, cancel_requested_at=marked_at)
        self.record(store, self.clean(self.finished(running, clock.now(), JobStatus.CANCELLED)))
        assert store.get(job.id).cancel_requested_at == marked_at
        assert store.signals("worker-1") == Signals()

    def test_a_restart_drops_the_cancel_mark(self, store: JobStore, clock: VirtualClock) -> None:
        self.add(store, clock)
        (job,) = self.take(store)
        running = self.run(store, clock, job)
        store.request_cancel([job.id], clock.now())
        self.record(store, self.clean(self.finished(running, clock.now(), JobStatus.CANCELLED)))
        store.request_cancel([job.id], clock.now() + seconds(5))
        self.restart(store, clock, job.id)
        (again,) = self.take(store)
        assert again.cancel_requested_at is None
        assert store.signals("worker-1") == Signals()

    def test_signals_are_for_the_worker_that_holds_the_job(self, store: JobStore, clock: VirtualClock) -> None:
        self.add(store, clock, 2)
        (mine,) = self.take(store, limit=1)
        (theirs,) = self.take(store, "worker-2")
        store.request_cancel([mine.id, theirs.id], clock.now())
        store.watch(mine.id, clock.now() + seconds(10))
        store.watch(mine.id, clock.now() + seconds(5))
        assert store.signals("worker-1") == Signals(cancel=frozenset({mine.id}), watched=frozenset({mine.id}))
        assert store.signals("worker-2") == Signals(cancel=frozenset({theirs.id}))
        assert store.signals("worker-3") == Signals()
        clock.advance(9)
        assert store.signals("worker-1").watched == {mine.id}
        clock.advance(1)
        assert store.signals("worker-1").watched == frozenset()

    def test_a_full_host_refuses_a_launch(self, store: JobStore, clock: VirtualClock) -> None:
        """Within one batch too; a job does not stand in its own way; another host is not touched."""
        self.add(store, clock, 5)
        first, second, third, fourth, fifth = self.take(store)
        now = clock.now()
        outcomes = store.record_many(
            [Record(job=self.launching(job, now), capacity=2) for job in (first, second, third)]
        )
        assert list(outcomes) == [STORED, STORED, NO_CAPACITY]
        assert store.get(third.id) == third
        again = self.launching(first, now)
        assert list(store.record_many([Record(job=again, capacity=2)])) == [STORED]
        self.record(store, self.launching(fourth, now, "host-2"), capacity=1)
        running = self.record(store, self.running(again, now))
        assert list(store.record_many([Record(job=self.launching(fifth, now), capacity=2)])) == [NO_CAPACITY]
        freed = [
            Record(job=self.finished(running, now)),
            Record(job=self.launching(fifth, now), capacity=2),
            Record(job=self.launching(third, now), capacity=2),
        ]
        assert list(store.record_many(freed)) == [STORED, STORED, NO_CAPACITY]
        assert {host: jobs for host, jobs in store.live_by_host().items() if jobs} == {"host-1": 2, "host-2": 1}

    def test_capacity_holds_between_workers(self, store: JobStore, other_store: JobStore, clock: VirtualClock) -> None:
        """Two workers that launch at the same moment never exceed it together."""
        self.add(store, clock, 20)
        halves = [(store, self.take(store, "worker-1", 10)), (other_store, self.take(other_store, "worker-2", 10))]
        start = threading.Barrier(2)

        def launch(half: int) -> Counter[str]:
            where, jobs = halves[half]
            start.wait()
            return Counter(
                where.record_many([Record(job=self.launching(job, clock.now()), capacity=7)])[0] for job in jobs
            )

        with ThreadPoolExecutor(2) as pool:
            one, two = pool.map(launch, range(2))
        assert one + two == {STORED: 7, NO_CAPACITY: 13}
        assert store.live_by_host()["host-1"] == 7

    def test_two_workers_share_the_jobs(self, store: JobStore, other_store: JobStore, clock: VirtualClock) -> None:
        """Claiming at the same time, each job goes to one of them."""
        jobs = self.add(store, clock, 60)
        start = threading.Barrier(2)

        def claim(place: tuple[JobStore, str]) -> list[UUID]:
            start.wait()
            return [job.id for _ in range(15) for job in self.take(*place, limit=3)]

        with ThreadPoolExecutor(2) as pool:
            one, two = pool.map(claim, [(store, "worker-1"), (other_store, "worker-2")])
        assert sorted(one + two) == sorted(ids(jobs))

    def test_changes_are_noticed(self, store: JobStore, other_store: JobStore, clock: VirtualClock) -> None:
        """By the store object that made them and by others; without any, nothing seems to change."""
        (job,) = self.add(store, clock)
        own, is_changed = store.changed(None)
        assert is_changed
        other, _ = other_store.changed(None)
        assert store.changed(own) == (own, False)
        for change in (
            lambda: self.add(other_store, clock),
            lambda: self.add(store, clock),
            lambda: store.request_cancel([job.id], clock.now()),
            lambda: other_store.watch(job.id, clock.now()),
            lambda: self.take(store),
        ):
            change()
            own, is_changed = store.changed(own)
            other, is_changed_there = other_store.changed(other)
            assert is_changed
            assert is_changed_there
        assert store.changed(own) == (own, False)
        assert other_store.changed(other) == (other, False)
