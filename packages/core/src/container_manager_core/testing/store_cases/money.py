"""Money: what is charged to accounts and never beyond a cap, and what ended attempts have cost."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from decimal import Decimal
from threading import Barrier
from typing import Any

import attrs

from container_manager_core.clock import VirtualClock
from container_manager_core.costs.sums import CostQuery
from container_manager_core.job import Job, JobStatus
from container_manager_core.store.protocol import Charge, JobStore, Record, RecordOutcome
from container_manager_core.testing.store_kit import StoreKit, seconds

STORED, FENCED, NO_CAPACITY = RecordOutcome.STORED, RecordOutcome.FENCED, RecordOutcome.NO_CAPACITY
NO_BUDGET = RecordOutcome.NO_BUDGET


class MoneyCases(StoreKit):
    """No number of workers spends more than a cap, and every sum is exact."""

    def charged(self, job: Job, now: datetime, *charges: tuple[str, str, str | None], **record: Any) -> Record:
        """The move of a claimed job to launching, with charges of (account, amount, cap)."""
        booked = tuple(
            Charge(account=account, amount=Decimal(amount), cap=None if cap is None else Decimal(cap))
            for account, amount, cap in charges
        )
        return Record(job=self.launching(job, now), expect=JobStatus.PENDING, charges=booked, **record)

    def balance(self, store: JobStore, account: str) -> str:
        """What an account holds, written out."""
        return str(store.balances([account])[account])

    def spend(self, store: JobStore, clock: VirtualClock, job: Job, cost: str | None, host: str = "host-1") -> Job:
        """A claimed job, run to its end at that cost."""
        running = self.run(store, clock, job, host)
        amount = None if cost is None else Decimal(cost)
        return self.record(store, self.clean(self.finished(running, clock.now(), cost=amount)))

    def test_an_account_holds_what_was_charged_to_it(
        self, store: JobStore, other_store: JobStore, clock: VirtualClock
    ) -> None:
        """Exactly, to the millionth, whoever charged it; one that was never charged holds nothing."""
        self.add(store, clock, 3)
        jobs = self.take(store)
        records = [self.charged(job, clock.now(), ("a", "0.1", None), ("ü b", "0.000001", "1")) for job in jobs]
        assert list(store.record_many(records[:2])) == [STORED] * 2
        assert list(other_store.record_many(records[2:])) == [STORED]
        assert dict(other_store.balances(["ü b", "a", "none"])) == {
            "a": Decimal("0.3"),
            "ü b": Decimal("0.000003"),
            "none": Decimal(0),
        }
        assert dict(store.balances([])) == {}

    def test_accounts_are_found_by_the_beginning_of_their_names(
        self, store: JobStore, other_store: JobStore, clock: VirtualClock
    ) -> None:
        """To the letter, whatever the database takes for a pattern; also those that hold nothing any more."""
        self.add(store, clock, 1)
        (job,) = self.take(store)
        names = ("a%_!?*[x]b", "a%_!?*[x]", "A%_!?*[x]c", "a%_!?*[x", "axxxxxx", "ü", "üb")
        charges = [(name, str(number), None) for number, name in enumerate(names, start=1)]
        empty = [("a%_!?*[x] gone", "5", None), ("a%_!?*[x] gone", "-5", None)]
        assert list(store.record_many([self.charged(job, clock.now(), *charges, *empty)])) == [STORED]
        found = other_store.accounts("a%_!?*[x]")
        assert list(found.items()) == [
            ("a%_!?*[x]", Decimal(2)),
            ("a%_!?*[x] gone", Decimal(0)),
            ("a%_!?*[x]b", Decimal(1)),
        ]
        assert list(store.accounts("ü")) == ["ü", "üb"]
        assert len(store.accounts("")) == len(names) + 1
        assert dict(store.accounts("nothing")) == {}

    def test_a_cap_refuses_the_whole_record(self, store: JobStore, clock: VirtualClock) -> None:
        """Nothing of it is written: neither the job nor the charges to other accounts."""
        self.add(store, clock, 2)
        first, second = self.take(store)
        now = clock.now()
        outcomes = store.record_many(
            [
                self.charged(first, now, ("wide", "6", "100"), ("narrow", "6", "10")),
                self.charged(second, now, ("wide", "6", "100"), ("narrow", "6", "10")),
            ]
        )
        assert list(outcomes) == [STORED, NO_BUDGET]
        assert store.get(second.id) == second
        assert [self.balance(store, account) for account in ("wide", "narrow")] == ["6.000000", "6.000000"]
        assert list(store.record_many([self.charged(second, now, ("narrow", "4", "10"))])) == [STORED]
        assert self.balance(store, "narrow") == "10.000000"

    def test_a_refused_record_charges_nothing(self, store: JobStore, clock: VirtualClock) -> None:
        """Neither one whose lease has passed on, nor one that finds its host full."""
        self.add(store, clock, 2)
        first, second = self.take(store)
        now = clock.now()
        outdated = attrs.evolve(first, epoch=first.epoch - 1)
        records = [
            self.charged(outdated, now, ("a", "1", None)),
            self.charged(first, now, ("a", "1", None), capacity=1),
            self.charged(second, now, ("a", "1", None), capacity=1),
        ]
        assert list(store.record_many(records)) == [FENCED, STORED, NO_CAPACITY]
        assert self.balance(store, "a") == "1.000000"

    def test_an_end_puts_the_cost_in_place_of_what_was_held_back(self, store: JobStore, clock: VirtualClock) -> None:
        """Money comes back without a cap being asked, and is there for the next record of the same batch."""
        self.add(store, clock, 2)
        first, second = self.take(store)
        now = clock.now()
        assert list(store.record_many([self.charged(first, now, ("a", "9", "10"))])) == [STORED]
        running = self.record(store, self.running(store.get(first.id), now))
        end = Record(
            job=self.finished(running, now, cost=Decimal("2.5")),
            charges=(Charge(account="a", amount=Decimal("-6.5"), cap=None),),
        )
        assert list(store.record_many([end, self.charged(second, now, ("a", "7", "10"))])) == [STORED, STORED]
        assert self.balance(store, "a") == "9.500000"

    def test_many_workers_together_keep_a_cap(
        self, store: JobStore, other_store: JobStore, clock: VirtualClock
    ) -> None:
        """Records that arrive at once from several workers spend the cap to the last millionth and no more."""
        workers = {f"worker-{number}": (store, other_store)[number % 2] for number in range(4)}
        self.add(store, clock, 20)
        held = {worker: self.take(used, worker, limit=5) for worker, used in workers.items()}
        together = Barrier(len(workers))
        now = clock.now()

        def work(worker: str) -> list[str]:
            together.wait()
            return [
                outcome
                for job in held[worker]
                for outcome in workers[worker].record_many([self.charged(job, now, ("a", "1.1", "7.7"))])
            ]

        with ThreadPoolExecutor(len(workers)) as pool:
            outcomes = [outcome for some in pool.map(work, workers) for outcome in some]
        assert sorted(outcomes) == [NO_BUDGET] * 13 + [STORED] * 7
        assert self.balance(store, "a") == "7.700000"

    def test_accounts_outlive_their_jobs(self, store: JobStore, clock: VirtualClock) -> None:
        """What is spent stays spent when the jobs are forgotten; the sums of costs are those of stored jobs."""
        self.add(store, clock)
        (job,) = self.take(store)
        self.record(store, self.launching(job, clock.now()), charges=(Charge(account="a", amount=Decimal(1)),))
        running = self.record(store, self.running(store.get(job.id), clock.now()))
        self.record(store, self.clean(self.finished(running, clock.now(), cost=Decimal(1))))
        assert [found.cost for found in store.costs(CostQuery())] == [Decimal(1)]
        clock.advance(1)
        assert store.delete_finished(clock.now()) == 1
        assert list(store.costs(CostQuery())) == []
        assert self.balance(store, "a") == "1.000000"

    def test_costs_are_summed_up_by_what_is_asked(self, store: JobStore, clock: VirtualClock) -> None:
        specs: list[dict[str, Any]] = [{"labels": {"team": "red"}}, {"labels": {"team": "blue"}}, {}]
        for spec, user, host, cost in zip(
            specs, ("ann", "bob", None), ("one", "two", "one"), ("1", "2", "4"), strict=True
        ):
            store.add_many([self.job(clock, spec=spec, created_by=user)])
            (job,) = self.take(store)
            self.spend(store, clock, job, cost, host)

        def sums(*by: str) -> list[tuple[object, ...]]:
            return [(*found.keys, found.jobs, str(found.cost)) for found in store.costs(CostQuery(by=by))]

        assert sums() == [(3, "7.000000")]
        assert sums("host") == [("one", 2, "5.000000"), ("two", 1, "2.000000")]
        assert sums("executor") == [("mock", 3, "7.000000")]
        assert sums("user") == [(None, 1, "4.000000"), ("ann", 1, "1.000000"), ("bob", 1, "2.000000")]
        assert sums("label:team") == [(None, 1, "4.000000"), ("blue", 1, "2.000000"), ("red", 1, "1.000000")]
        assert sums("host", "user") == [
            ("one", None, 1, "4.000000"),
            ("one", "ann", 1, "1.000000"),
            ("two", "bob", 1, "2.000000"),
        ]

    def test_every_attempt_counts_in_the_period_of_its_launch(self, store: JobStore, clock: VirtualClock) -> None:
        """Those of a restarted job too, each once, also after the record of the clean-up."""
        self.add(store, clock)
        launches = []
        for cost in ("0.1", "0.2", "0.4"):
            (job,) = self.take(store)
            launches.append(clock.now())
            self.spend(store, clock, job, cost)
            clock.advance(86400)
            self.restart(store, clock, job.id)
        (found,) = store.costs(CostQuery())
        assert (found.keys, found.jobs, found.attempts, found.cost) == ((), 1, 3, Decimal("0.7"))
        (found,) = store.costs(CostQuery(since=launches[1], until=launches[2]))
        assert (found.attempts, found.cost) == (1, Decimal("0.2"))
        days = [launch.strftime("%Y-%m-%d") for launch in launches]
        assert [found.keys for found in store.costs(CostQuery(by=("day",)))] == [(day,) for day in days]
        (found,) = store.costs(CostQuery(by=("month",)))
        assert (found.keys, found.cost) == ((launches[0].strftime("%Y-%m"),), Decimal("0.7"))

    def test_what_costs_nothing_or_still_runs_is_in_no_sum(self, store: JobStore, clock: VirtualClock) -> None:
        self.add(store, clock, 3)
        free, unknown, running = self.take(store)
        self.spend(store, clock, free, "0")
        self.spend(store, clock, unknown, None)
        self.run(store, clock, running)
        assert list(store.costs(CostQuery(by=("host",)))) == list(store.costs(CostQuery())) == []
        assert list(store.costs(CostQuery(until=clock.now() - seconds(1000)))) == []
