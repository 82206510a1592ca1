"""Jobs come back as they went in, and can be found."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import attrs
import pytest

from container_manager_core.clock import VirtualClock
from container_manager_core.errors import InvalidInput, NotFound
from container_manager_core.failure import Failure, FailureKind
from container_manager_core.job import Candidate, Execution, Job, JobStatus, Route, Usage
from container_manager_core.on_demand import OnDemand
from container_manager_core.resources import Resources
from container_manager_core.secrets import Secret, SecretForm
from container_manager_core.store.protocol import JobQuery, JobStore
from container_manager_core.testing.store_kit import StoreKit, ids, seconds


class KeepingCases(StoreKit):
    """What is added can be had back, listed, counted and forgotten."""

    def test_a_job_comes_back_as_it_went_in(self, store: JobStore, other_store: JobStore, clock: VirtualClock) -> None:
        now = clock.now()
        spec = {
            "environment": {"A": "1", "PATH": "/bin"},
            "secrets": {"TOKEN": "secret://env/TOKEN", "KEY": Secret(SecretForm.SEALED, "gAAAAA")},
            "resources": Resources(memory_mib=64, cpus=0.5),
            "timeout_seconds": 2.5,
            "labels": {"team": "blue"},
        }
        job = self.job(
            clock,
            spec=spec,
            name="nightly",
            priority=80,
            scheduled_at=now + seconds(0.000001),
            requested_host="host-1",
            preferred_executor="mock",
            created_by="ada",
            waiting="for its time",
            estimated_cost=Decimal("0.10"),
        )
        store.add_many([job])
        assert other_store.get(job.id) == job

    def test_a_record_comes_back_as_it_was_written(
        self, store: JobStore, other_store: JobStore, clock: VirtualClock
    ) -> None:
        self.add(store, clock)
        (job,) = self.take(store)
        failure = Failure(kind=FailureKind.OUT_OF_MEMORY, message="killed", retryable=True, hint="more memory")
        running = attrs.evolve(
            self.run(store, clock, job),
            route=Route(
                host="host-1",
                reason="by weight",
                fallbacks=("host-2",),
                candidates=(Candidate(host="host-2", reason="full", eligible=False),),
                decided_at=clock.now(),
            ),
            actual_cost=Decimal("1.250"),
        )
        usage = Usage(peak_memory_bytes=5, cpu_seconds=0.25)
        ended = self.finished(
            running, clock.now(), JobStatus.FAILED, failure=failure, exit_code=137, usage=usage, cost=Decimal("0.5")
        )
        self.record(store, ended)
        assert other_store.get(job.id) == ended
        assert list(other_store.executions(job.id)) == [ended.execution]
        assert isinstance(other_store.get(job.id).status, JobStatus)

    def test_odd_text_comes_back(self, store: JobStore, clock: VirtualClock) -> None:
        """Other scripts, quotes, newlines and characters beyond the basic plane, in every text a user gives."""
        odd = "höhe \u4e16\u754c \U0001f680 'a' \"b\" \\ % {x} \r\n\t; DROP TABLE jobs; --"
        job = self.job(clock, name=odd, created_by=odd, waiting=odd, spec={"environment": {"A": odd}, "command": [odd]})
        store.add_many([job])
        assert store.get(job.id) == job
        assert ids(store.list(JobQuery(name=odd))) == [job.id]

    def test_a_nul_in_a_platforms_words_comes_back_or_is_left_out(self, store: JobStore, clock: VirtualClock) -> None:
        """What a platform says may hold a NUL; a store may drop that character but nothing else, and never the job."""
        self.add(store, clock)
        (job,) = self.take(store)
        running = self.run(store, clock, job)
        failure = Failure(kind=FailureKind.PLATFORM, message="before\0after")
        self.record(store, self.finished(running, clock.now(), JobStatus.FAILED, failure=failure))
        stored = store.get(job.id)
        assert stored.failure is not None
        assert stored.failure.message.replace("\0", "") == "beforeafter"

    def test_odd_facts_of_a_platform_stop_no_job(self, store: JobStore, clock: VirtualClock) -> None:
        """What no JSON and no database takes may be kept otherwise, but what stands beside it stays."""
        odd = {
            "number": [float("nan"), float("inf")],
            "long": 1 << 70,
            "half": "a\udcffb",
            "nul\0": "\0",
            "written": "\\u0000 \\ud800",
            "bytes": b"\xff",
            "plain": {"zone": "z\u00fcrich", "parts": [1, "two", None]},
        }
        self.add(store, clock)
        (job,) = self.take(store)
        running = self.run(store, clock, job)
        assert running.execution is not None
        noted = attrs.evolve(running, execution=attrs.evolve(running.execution, metadata=odd))
        usage = Usage(peak_memory_bytes=1 << 64, cpu_seconds=float("nan"))
        self.record(store, self.finished(noted, clock.now(), usage=usage))
        stored = store.get(job.id)
        assert (stored.status, len(store.executions(job.id))) == (JobStatus.COMPLETED, 1)
        assert stored.execution is not None
        assert stored.execution.metadata["plain"] == odd["plain"]
        assert stored.execution.metadata["written"] == odd["written"]

    @pytest.mark.parametrize("code", [-1, 255, -1073741819, 3221225477, 1 << 40])
    def test_any_exit_code_comes_back(self, store: JobStore, clock: VirtualClock, code: int) -> None:
        """Windows has 32 bits without a sign."""
        self.add(store, clock)
        (job,) = self.take(store)
        self.record(store, self.finished(self.run(store, clock, job), clock.now(), exit_code=code))
        stored = store.get(job.id)
        assert stored.execution is not None
        assert (stored.exit_code, stored.execution.exit_code) == (code, code)

    def test_each_of_many_jobs_comes_back_as_it_was(self, store: JobStore, clock: VirtualClock) -> None:
        """Alike, with a spec of their own, and otherwise different; made as the store reads them."""
        kinds: tuple[dict[str, Any], ...] = (
            {},
            {"name": "tab\tline\nend\r\x0b"},
            {"name": "\t\\N\\.\n\u2028z\u00fcrich\x7f"},
            {"spec": {"environment": {"WORD": "\\\t"}, "queue_timeout_seconds": 3600}},
            {"priority": 99, "requested_host": "host-2", "created_by": "ann"},
            {"scheduled_at": clock.now() + seconds(60)},
            {"status": JobStatus.CANCELLED, "finished_at": clock.now() + timedelta(microseconds=7)},
        )
        jobs: list[Job] = []
        for number in range(1203):
            later = clock.now() + timedelta(microseconds=number)
            kind = kinds[number // 5 % len(kinds)] if number % 2 else {}
            jobs.append(self.job(clock, **{"name": f"job {number}", "created_at": later, "queued_at": later, **kind}))
        store.add_many(OnDemand(iter(jobs)))
        assert list(store.list(JobQuery(limit=2000))) == jobs[::-1]

    @pytest.mark.parametrize("others", [1, 1203])
    def test_a_secret_in_clear_is_refused(self, store: JobStore, clock: VirtualClock, others: int) -> None:
        """Nothing of the batch is stored, and the error does not tell the secret."""
        good, bad = self.job(clock), self.job(clock, spec={"secrets": {"TOKEN": "hunter2"}})
        with pytest.raises(InvalidInput, match="secret") as caught:
            store.add_many([*(attrs.evolve(good, id=uuid4()) for _ in range(others)), bad])
        assert "hunter2" not in str(caught.value)
        assert store.list(JobQuery()) == []

    def test_an_id_that_is_taken_is_refused_with_its_whole_batch(self, store: JobStore, clock: VirtualClock) -> None:
        (job,) = self.add(store, clock)
        with pytest.raises(InvalidInput):
            store.add_many([self.job(clock), attrs.evolve(job, name="again")])
        assert list(store.list(JobQuery())) == [job]

    def test_an_unknown_job_is_told_by_its_id(self, store: JobStore, clock: VirtualClock) -> None:
        unknown = uuid4()
        for ask in (store.get, store.executions, lambda job_id: store.watch(job_id, clock.now())):
            with pytest.raises(NotFound, match=str(unknown)):
                ask(unknown)

    def test_adding_none_is_no_error(self, store: JobStore) -> None:
        store.add_many([])
        assert store.list(JobQuery()) == []

    def test_a_thousand_jobs_in_one_batch(self, store: JobStore, clock: VirtualClock) -> None:
        jobs = self.add(store, clock, 1000)
        assert store.count() == {(JobStatus.PENDING, None): 1000}
        assert ids(self.take(store, limit=1000)) == ids(jobs)

    def test_find_gives_at_most_two(self, store: JobStore, clock: VirtualClock) -> None:
        first, second, third = (UUID(digits.ljust(32, "0")) for digits in ("abc1", "abc2", "abd"))
        store.add_many([self.job(clock, id=job_id) for job_id in (first, second, third)])
        assert list(store.find("abd")) == [third]
        assert list(store.find("ABC1")) == [first]
        assert len(store.find("ab")) == 2
        assert list(store.find(str(second))) == [second]
        assert list(store.find("abc3")) == list(store.find("no such")) == []

    def test_the_list_is_newest_first_in_pages(self, store: JobStore, clock: VirtualClock) -> None:
        """Also where several jobs have the same time."""
        now = clock.now()
        jobs = [self.job(clock, created_at=now + seconds(number // 3)) for number in range(10)]
        store.add_many(jobs)
        expected = sorted(jobs, key=lambda job: (job.created_at, job.id), reverse=True)
        seen: list[Job] = []
        before = None
        while page := store.list(JobQuery(limit=4, before=before)):
            seen += page
            before = (page[-1].created_at, page[-1].id)
        assert seen == expected

    def test_the_list_is_filtered(self, store: JobStore, clock: VirtualClock) -> None:
        (blue,) = self.add(store, clock, spec={"labels": {"team": "blue", "a/b.c": "x"}}, name="one")
        (red,) = self.add(store, clock, spec={"labels": {"team": "red"}}, requested_host="host-2", created_by="ann")
        (plain,) = self.add(store, clock)
        self.finish(store, clock, self.take(store, only_jobs=frozenset({plain.id}))[0])
        assert ids(store.list(JobQuery(label=("team", "blue")))) == [blue.id]
        assert ids(store.list(JobQuery(label=("a/b.c", "x")))) == [blue.id]
        assert ids(store.list(JobQuery(label=('"', "x")))) == []
        assert ids(store.list(JobQuery(name="one"))) == [blue.id]
        both = (JobStatus.PENDING, JobStatus.COMPLETED)
        assert ids(store.list(JobQuery(user="ann"))) == [red.id]
        assert ids(store.list(JobQuery(ids=[blue.id, plain.id, UUID(int=1)]))) == [plain.id, blue.id]
        assert ids(store.list(JobQuery(ids=[]))) == [], "of no jobs it lists all"
        assert ids(store.list(JobQuery(ids=[blue.id, red.id], user="ann", statuses=both))) == [red.id]
        assert ids(store.list(JobQuery(host="host-2"))) == [red.id]
        assert ids(store.list(JobQuery(host="host-1"))) == [plain.id]
        assert ids(store.list(JobQuery(statuses=(JobStatus.PENDING,)))) == [red.id, blue.id]
        assert ids(store.list(JobQuery(statuses=both))) == [plain.id, red.id, blue.id]
        assert ids(store.list(JobQuery(statuses=both, limit=2))) == [plain.id, red.id]
        assert ids(store.list(JobQuery(statuses=both, limit=2, host="host-2"))) == [red.id]

    def test_jobs_are_counted_by_status_and_host(self, store: JobStore, clock: VirtualClock) -> None:
        self.add(store, clock, 3)
        self.add(store, clock, requested_host="host-2")
        taken = self.take(store, limit=2)
        self.run(store, clock, taken[0])
        self.finish(store, clock, taken[1])
        counted = store.count()
        assert counted == {
            (JobStatus.RUNNING, "host-1"): 1,
            (JobStatus.COMPLETED, "host-1"): 1,
            (JobStatus.PENDING, None): 1,
            (JobStatus.PENDING, "host-2"): 1,
        }
        assert {host: jobs for host, jobs in store.live_by_host().items() if jobs} == {"host-1": 1}

    def test_the_installation_id_never_changes(self, store: JobStore, other_store: JobStore) -> None:
        made = store.installation_id()
        assert len(made) >= 16
        assert made == store.installation_id() == other_store.installation_id()

    def test_every_attempt_stays_in_the_history(self, store: JobStore, clock: VirtualClock) -> None:
        self.add(store, clock)
        attempts: list[Execution | None] = []
        for _ in range(3):
            (job,) = self.take(store)
            attempts.append(self.finish(store, clock, job, exit_code=len(attempts)).execution)
            self.restart(store, clock, job.id)
        assert list(store.executions(job.id)) == attempts

    def test_only_what_is_over_and_cleaned_up_is_deleted(self, store: JobStore, clock: VirtualClock) -> None:
        self.add(store, clock, 4)
        pending_later, uncleaned, old, young = self.take(store)
        self.record(store, pending_later, release=True)
        self.record(store, self.finished(self.run(store, clock, uncleaned), clock.now()))
        self.write_and_finish(store, clock, old, b"output")
        clock.advance(100)
        border = clock.now()
        self.finish(store, clock, young)
        assert store.delete_finished(border) == 1
        assert store.delete_finished(border) == 0
        assert set(ids(store.list(JobQuery()))) == {pending_later.id, uncleaned.id, young.id}
        with pytest.raises(NotFound):
            self.read(store, old.id)
