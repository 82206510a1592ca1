"""Accepting jobs: from what somebody wants to run to a job that can be stored."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import attrs

from container_manager_core.clock import Clock
from container_manager_core.compliance import Compliance
from container_manager_core.errors import InvalidInput, NotFound
from container_manager_core.host import Host
from container_manager_core.job import Job
from container_manager_core.plugins import Plugins
from container_manager_core.secrets import SecretSource
from container_manager_core.spec import ContainerSpec
from container_manager_core.validation import require_given, require_instance, require_integer


@attrs.frozen(kw_only=True)
class Submission:
    """A job that somebody wants to be run.

    Attributes:
        spec: what to run.
        name: for people; need not be unique.
        priority: 0 to 100; higher goes first.
        host: run it there and nowhere else.
        executor: run it on a host of this executor and no other.
        scheduled_at: not before this aware time.
        created_by: who submits it.
    """

    spec: ContainerSpec
    name: str = ""
    priority: int = 50
    host: str | None = None
    executor: str | None = None
    scheduled_at: datetime | None = None
    created_by: str | None = None

    def __attrs_post_init__(self) -> None:
        require_instance("spec", self.spec, ContainerSpec)
        require_given("priority", self.priority)
        require_integer("priority", self.priority, 0, 100, "")
        require_instance("name", self.name, str)
        if len(self.name) > 255 or "\0" in self.name:
            remedy = "use at most 255 characters, without NUL"
            raise InvalidInput("name", f"{self.name!r} cannot be a job's name", remedy)
        for place in ("host", "executor", "created_by"):
            if getattr(self, place) is not None:
                require_instance(place, getattr(self, place), str)
        if self.scheduled_at is not None:
            require_instance("scheduled_at", self.scheduled_at, datetime)
            if self.scheduled_at.tzinfo is None:
                raise InvalidInput("scheduled_at", f"{self.scheduled_at!r} has no time zone", "give an aware time")


@attrs.frozen(kw_only=True)
class Acceptance:
    """Makes jobs of submissions, or says why not.

    Attributes:
        hosts: gives the configured hosts, by name.
        plugins: know the executors.
        secrets: seals what is in clear.
        compliance: knows the policy.
        clock: where the time comes from.
    """

    hosts: Callable[[], Mapping[str, Host]]
    plugins: Plugins
    secrets: SecretSource
    compliance: Compliance
    clock: Clock

    def accept(self, wanted: Sequence[Submission], ids: Iterable[UUID]) -> Iterator[Job]:
        """The jobs, with these ids, ready to be stored. All are checked now, and made as they are taken.

        The hosts are looked up at most once; a spec that several submissions in a row share is judged and sealed once.

        Raises:
            NotFound: no such host or executor.
            PolicyRefusal: the policy does not allow one of them; the rule is named.
            InvalidInput: anything else that cannot be accepted.
        """
        jobs = self._jobs(wanted, list(self._checked(wanted)), ids)
        if not self.compliance.plugins_judge:
            return jobs
        made = list(jobs)
        for job in made:
            self.compliance.ask_plugins(job)
        return iter(made)

    def _checked(self, wanted: Iterable[Submission]) -> Iterator[ContainerSpec]:
        """The specs of what can be accepted, as they are stored."""
        hosts: Mapping[str, Host] | None = None
        given: ContainerSpec | None = None
        for each in wanted:
            if each.host is not None or each.executor is not None:
                hosts = self.hosts() if hosts is None else hosts
                self._check_wishes(each, hosts)
            if each.spec is not given:
                given = each.spec
                self.compliance.check_spec(given)
                sealed = attrs.evolve(given, secrets=self.secrets.seal(given.secrets)) if given.secrets else given
            yield sealed

    def _jobs(self, wanted: Iterable[Submission], specs: Iterable[ContainerSpec], ids: Iterable[UUID]) -> Iterator[Job]:
        for each, spec, job_id in zip(wanted, specs, ids, strict=True):
            now = self.clock.now()
            yield Job(
                id=job_id,
                spec=spec,
                name=each.name,
                priority=each.priority,
                created_at=now,
                queued_at=now,
                requested_host=each.host,
                preferred_executor=each.executor,
                scheduled_at=each.scheduled_at,
                created_by=each.created_by,
            )

    def _check_wishes(self, wanted: Submission, hosts: Mapping[str, Host]) -> None:
        if wanted.host is not None and wanted.host not in hosts:
            known = ", ".join(sorted(hosts)) or "none"
            raise NotFound("host", f"no host is called {wanted.host!r}", f"configured are: {known}")
        if wanted.executor is not None:
            self.plugins.executor_type(wanted.executor)
            if wanted.executor not in {host.executor for host in hosts.values()}:
                raise NotFound("executor", f"no configured host is of executor {wanted.executor!r}", "configure one")
        if wanted.host and wanted.executor and hosts[wanted.host].executor != wanted.executor:
            runs = hosts[wanted.host].executor
            raise InvalidInput("host", f"{wanted.host!r} runs {runs!r}, not {wanted.executor!r}", "ask for one of them")
