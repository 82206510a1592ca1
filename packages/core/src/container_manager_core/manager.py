"""The facade: everything that an application does with jobs, in one object."""

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

import attrs

from container_manager_core import lifecycle
from container_manager_core.acceptance import Acceptance, Submission
from container_manager_core.bulk import Bulk, OnBatch
from container_manager_core.clock import Clock, SystemClock
from container_manager_core.compliance import Compliance
from container_manager_core.config import Config, data_folder, embedded_store
from container_manager_core.costs.sums import CostQuery, CostSum
from container_manager_core.errors import IllegalTransition, InvalidInput, NotFound
from container_manager_core.executor import Health, LogChunk, Logs, Stream
from container_manager_core.fleet import Fleet, HostSource, OnChecked
from container_manager_core.following import Changes, Follower, pieces
from container_manager_core.foreground import Foreground, OnOutput
from container_manager_core.host import Host
from container_manager_core.job import Execution, Job, JobStatus
from container_manager_core.plugins import Plugins
from container_manager_core.secrets import SecretSource, Vault
from container_manager_core.spec import ContainerSpec
from container_manager_core.store import open_store
from container_manager_core.store.protocol import JobQuery, JobStore

if TYPE_CHECKING:
    from container_manager_core.costs.balance import BudgetBalance
    from container_manager_core.reconciler import Finding, FindingKind
    from container_manager_core.worker import Worker

OnProgress = Callable[[str], None]


class ContainerManager:
    """Submits jobs, runs them, and knows everything about them.

    Safe for several threads. Use it as a context manager, or call `close`.

    Args:
        config: where the store and the hosts are; found by `Config.load` when left out.
        store, hosts, plugins, clock, vault: replace what the configuration and the installed plugins give.
            Hosts that may change are given as a function of no arguments.
        on_checked: told of every check of a host.
    """

    def __init__(
        self,
        config: Config | None = None,
        *,
        store: JobStore | None = None,
        hosts: Iterable[Host] | HostSource | None = None,
        plugins: Plugins | None = None,
        clock: Clock | None = None,
        vault: Vault | None = None,
        on_checked: OnChecked | None = None,
    ) -> None:
        self.config = config if config is not None else Config.load()
        self.clock = clock or SystemClock()
        self.plugins = plugins or Plugins.load()
        self._host_source = hosts if callable(hosts) else _fixed(self.config.hosts.values() if hosts is None else hosts)
        self._on_checked = on_checked
        self._store = store
        self._opening = threading.RLock()
        self._fleet: Fleet | None = None
        self._vault = vault
        self.secrets = SecretSource(self._open_vault, self.plugins.secret_resolvers())

    @property
    def hosts(self) -> Mapping[str, Host]:
        """The hosts as they are configured now, by name."""
        return self._host_source()

    @property
    def store(self) -> JobStore:
        """Where the jobs live; opened when first needed."""
        with self._opening:
            if self._store is None:
                if self.config.store == embedded_store():
                    data_folder().mkdir(parents=True, exist_ok=True)
                self._store = open_store(self.config.store, clock=self.clock)
            return self._store

    @property
    def fleet(self) -> Fleet:
        """The hosts at run time."""
        with self._opening:
            if self._fleet is None:
                self._fleet = Fleet(
                    self._host_source, self.plugins, self.store.installation_id(), self.clock, self._on_checked
                )
            return self._fleet

    @property
    def bulk(self) -> Bulk:
        """The operations on many jobs: ``manager.bulk.cancel(JobQuery(host="old"))``."""
        compliance = Compliance(self.config.policy, self.plugins)
        acceptance = Acceptance(
            hosts=self._host_source,
            plugins=self.plugins,
            secrets=self.secrets,
            compliance=compliance,
            clock=self.clock,
        )
        return Bulk(
            store=self.store, fleet=lambda: self.fleet, plugins=self.plugins, acceptance=acceptance, clock=self.clock
        )

    def submit(
        self,
        spec: ContainerSpec,
        *,
        name: str = "",
        priority: int = 50,
        host: str | None = None,
        executor: str | None = None,
        scheduled_at: datetime | None = None,
        created_by: str | None = None,
    ) -> Job:
        """Accept a job: once this returns, it is stored durably and will not be lost.

        Args:
            spec: what to run.
            name: for people; need not be unique.
            priority: 0 to 100; higher goes first.
            host: run it there and nowhere else.
            executor: run it on a host of this executor and no other.
            scheduled_at: not before this aware time.
            created_by: who submits it.

        Raises:
            InvalidInput: something cannot be accepted; nothing was stored.
            StoreUnavailable: the store cannot be written; nothing was stored.
        """
        wanted = Submission(
            spec=spec,
            name=name,
            priority=priority,
            host=host,
            executor=executor,
            scheduled_at=scheduled_at,
            created_by=created_by,
        )
        (job,) = self.bulk.submit([wanted])
        return job

    def submit_many(
        self,
        wanted: Iterable[ContainerSpec | Submission],
        *,
        name: str = "",
        priority: int = 50,
        batch: str | None = None,
        on_batch: OnBatch | None = None,
    ) -> Sequence[Job]:
        """Accept many jobs; none is stored before all were checked.

        Args:
            wanted: what to run; a spec alone gets the name and priority given here.
            batch: a name for all of them: submitting it again stores only what is missing.
            on_batch: told of progress.

        Returns:
            The jobs that were stored now.
        """
        return self.bulk.submit(list(_submissions(wanted, name, priority)), batch, on_batch)

    def run(
        self,
        spec: ContainerSpec,
        *,
        on_output: OnOutput | None = None,
        on_progress: OnProgress | None = None,
        name: str = "",
        priority: int = 50,
        host: str | None = None,
        executor: str | None = None,
        created_by: str | None = None,
    ) -> Job:
        """Submit a job, work on it in this process until it has ended, and return it.

        A first KeyboardInterrupt cancels the job and goes on until it has ended; a second one passes
        through. Where no host answers, the job ends as failed rather than wait.

        Args:
            on_output: called with each piece of output as it comes, in the caller's thread.
            on_progress: called with a line on what is going on before the start, such as an image pull.
        """
        job = self.submit(spec, name=name, priority=priority, host=host, executor=executor, created_by=created_by)
        return self.run_stored(job.id, on_output=on_output, on_progress=on_progress)

    def run_stored(
        self, job_id: UUID, *, on_output: OnOutput | None = None, on_progress: OnProgress | None = None
    ) -> Job:
        """Work in this process on a job that is stored already, as `run` does, unless a worker has taken it on."""
        return self._foreground(job_id, impatient=True, on_progress=on_progress).run(on_output)

    def launch(self, job_id: UUID) -> Job:
        """Start a pending job from this process, without waiting for its end: a worker takes it over.

        Returns:
            The job: running, or ended when it could not be started; still pending, with the reason in
            ``waiting``, when no host can take it now.

        Raises:
            IllegalTransition: it is not pending.
        """
        return self._foreground(job_id).launch()

    def harvest(self, job_id: UUID) -> Job:
        """Take over from this process what a job's ended execution left behind, and clean up after it.

        Returns:
            The job as it is then: ended, or still running when its platform says so.
        """
        return self._foreground(job_id).harvest()

    def worker(
        self,
        *,
        max_jobs: int | None = None,
        poll_interval_seconds: float | None = None,
        hosts: Iterable[str] | None = None,
    ) -> "Worker":
        """A worker on this store; call its ``run``.

        Args:
            max_jobs: most jobs at once; the configuration's number when left out.
            poll_interval_seconds: longest time between two looks at the store and the platforms.
            hosts: work on these hosts alone.

        Raises:
            NotFound: a host that is not configured.
        """
        only_hosts = frozenset(hosts) if hosts is not None else None
        for host in sorted(only_hosts or ()):
            self.fleet.host(host)
        return self._worker(max_jobs=max_jobs, poll_interval_seconds=poll_interval_seconds, only_hosts=only_hosts)

    def resolve(self, text: str) -> UUID:
        """The id of a job from its full text or from an unambiguous beginning of at least four characters.

        Raises:
            InvalidInput: it is no id, or several jobs begin so.
            NotFound: no job has it.
        """
        prefix = text.strip().lower()
        if len(prefix.replace("-", "")) < 4 or any(character not in "0123456789abcdef-" for character in prefix):
            raise InvalidInput("job id", f"{text!r} is no job id", "write the id as 'list' shows it, or its beginning")
        found = self.store.find(prefix)
        if not found:
            raise NotFound("job id", f"there is no job {text!r}", "list the jobs to see their ids")
        if len(found) > 1:
            raise InvalidInput("job id", f"several jobs begin with {text!r}", "write more of it")
        return found[0]

    def get(self, job_id: UUID) -> Job:
        """The job as it is stored now. Raises `NotFound`."""
        return self.store.get(job_id)

    def list(self, query: JobQuery | None = None) -> Sequence[Job]:
        """The jobs of a query, newest first; the latest hundred without one."""
        return self.store.list(query or JobQuery())

    def executions(self, job_id: UUID) -> Sequence[Execution]:
        """Every attempt of a job, the first one first."""
        return self.store.executions(job_id)

    def logs(self, job_id: UUID, *, attempt: int | None = None) -> Logs:
        """The stored output of an attempt, the latest unless told otherwise, whole and in memory."""
        self.get(job_id)
        return Logs(
            stdout=b"".join(piece for piece, _ in pieces(self.store, job_id, Stream.STDOUT, attempt)),
            stderr=b"".join(piece for piece, _ in pieces(self.store, job_id, Stream.STDERR, attempt)),
        )

    def follow(self, job_id: UUID, stream: Stream | None = None) -> Iterator[LogChunk]:
        """Output of the latest attempt, and of those that follow, as it comes, until the job has ended.

        While this is iterated, whoever works on the job takes its output over at once. Each stream comes
        in its order; which of two streams was written first is not told.
        """
        streams = tuple(Stream) if stream is None else (stream,)
        return iter(Follower(self.store, self.clock, job_id, streams))

    def wait(self, job_id: UUID, timeout_seconds: float | None = None) -> Job:
        """The job once it has ended; as it is when the timeout comes first. Some worker must work on it."""
        deadline = None if timeout_seconds is None else self.clock.monotonic() + timeout_seconds
        changes = Changes(self.store, self.clock)
        while True:
            job = self.get(job_id)
            left = 1.0 if deadline is None else deadline - self.clock.monotonic()
            if job.status.is_terminal or left <= 0:
                return job
            changes.wait(min(left, 1.0))

    def cancel(self, job_id: UUID) -> Job:
        """Ask for a job to be stopped. One that no worker holds is cancelled at once.

        Returns:
            The job: cancelled already, or with ``cancel_requested_at`` set.

        Raises:
            IllegalTransition: it has ended already.
        """
        job = self.get(job_id)
        if job.status.is_terminal:
            raise IllegalTransition(job_id, job.status.value, JobStatus.CANCELLED.value, "it has ended already")
        self.bulk.cancel(JobQuery(ids=[job_id]))
        return self.get(job_id)

    def restart(self, job_id: UUID) -> Job:
        """Make a finished job pending again; its attempts stay in the history.

        Raises:
            IllegalTransition: it has not ended.
        """
        job = self.get(job_id)
        lifecycle.restarted(job, self.clock.now())
        for _, reason in self.bulk.restart(JobQuery(ids=[job_id])).left:
            raise IllegalTransition(job_id, job.status.value, JobStatus.PENDING.value, reason)
        return self.get(job_id)

    def move(self, job_id: UUID, host: str) -> Job:
        """Have an unfinished job run on a host: a running one is stopped, and its next attempt follows there.

        Returns:
            The job, with the host as its ``requested_host``.

        Raises:
            NotFound: no host is called so.
            IllegalTransition: it has ended already, or the host cannot run it.
        """
        job = self.get(job_id)
        if job.status.is_terminal:
            raise IllegalTransition(job_id, job.status.value, JobStatus.PENDING.value, "it has ended; restart it")
        for _, reason in self.bulk.move(JobQuery(ids=[job_id]), host).left:
            raise IllegalTransition(job_id, job.status.value, JobStatus.PENDING.value, reason)
        return self.get(job_id)

    def costs(self, query: CostQuery | None = None) -> Sequence[CostSum]:
        """Sums of what ended attempts have cost; one over all without a query."""
        return self.store.costs(query or CostQuery())

    def budgets(self) -> "Sequence[BudgetBalance]":
        """What stands on each configured budget now: spent, held back and left."""
        from container_manager_core.balances import balances_of

        return balances_of(self.config.budgets, self.store, self.clock.now())

    def check_host(self, name: str) -> Health:
        """Ask a host how it is. Never raises for a host that does not answer.

        Raises:
            NotFound: no host is called so.
        """
        self.fleet.host(name)
        return self.fleet.check(name)

    def reap(
        self,
        *,
        dry_run: bool = False,
        hosts: Iterable[str] | None = None,
        remove: "Collection[FindingKind] | None" = None,
        leftover_age_seconds: float = 0.0,
    ) -> "Sequence[Finding]":
        """Compare what the hosts still have of this installation's with the store, and remove what nobody needs.

        Args:
            dry_run: change nothing.
            hosts: only these; all when left out.
            remove: kinds of findings that are removed; all when left out.
            leftover_age_seconds: of what finished jobs left, only that of jobs that ended at least so long ago.

        Raises:
            NotFound: a host that is not configured.
        """
        from container_manager_core.reconciler import FindingKind, Reconciler

        names = list(self.hosts if hosts is None else hosts)
        for name in names:
            self.fleet.host(name)
        reconciler = Reconciler(
            store=self.store,
            fleet=self.fleet,
            settings=self.config.worker,
            clock=self.clock,
            leftover_age_seconds=leftover_age_seconds,
        )
        return reconciler.reap(dry_run=dry_run, hosts=names, remove=tuple(FindingKind) if remove is None else remove)

    def close(self) -> None:
        """Give back connections."""
        if self._fleet is not None:
            self._fleet.close()
        if self._store is not None:
            self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _open_vault(self) -> Vault:
        with self._opening:
            if self._vault is None:
                self._vault = Vault.open(self.config.key_file)
            return self._vault

    def _foreground(
        self, job_id: UUID, *, impatient: bool = False, on_progress: OnProgress | None = None
    ) -> Foreground:
        only_jobs = frozenset({job_id})
        return Foreground(
            job_id=job_id,
            store=self.store,
            fleet=self.fleet,
            clock=self.clock,
            worker=lambda: self._worker(max_jobs=1, only_jobs=only_jobs, impatient=impatient, on_progress=on_progress),
            cancel=self.cancel,
        )

    def _worker(
        self,
        *,
        max_jobs: int | None = None,
        poll_interval_seconds: float | None = None,
        only_hosts: frozenset[str] | None = None,
        only_jobs: frozenset[UUID] | None = None,
        impatient: bool = False,
        on_progress: OnProgress | None = None,
    ) -> "Worker":
        from container_manager_core.assembly import assemble_worker

        changes: dict[str, Any] = {"max_concurrent_jobs": max_jobs, "poll_interval_seconds": poll_interval_seconds}
        settings = attrs.evolve(
            self.config.worker, **{name: value for name, value in changes.items() if value is not None}
        )
        return assemble_worker(
            store=self.store,
            fleet=self.fleet,
            plugins=self.plugins,
            secrets=self.secrets,
            settings=settings,
            clock=self.clock,
            budgets=self.config.budgets,
            policy=self.config.policy,
            only_hosts=only_hosts,
            only_jobs=only_jobs,
            impatient=impatient,
            rules=self.config.rules,
            on_progress=on_progress,
        )


def _fixed(hosts: Iterable[Host]) -> HostSource:
    by_name = {host.name: host for host in hosts}
    return lambda: by_name


def _submissions(wanted: Iterable[ContainerSpec | Submission], name: str, priority: int) -> Iterator[Submission]:
    """A submission each; specs in a row that are one object share theirs."""
    shared: Submission | None = None
    for each in wanted:
        if isinstance(each, Submission):
            yield each
            continue
        if shared is None or shared.spec is not each:
            shared = Submission(spec=each, name=name, priority=priority)
        yield shared
