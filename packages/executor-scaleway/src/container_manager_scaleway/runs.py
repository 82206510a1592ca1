"""The job runs of one project, and which of them are ours."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from scaleway.jobs.v1alpha2 import JobRunState, ListJobRunsRequestOrderBy

from container_manager_core.clock import Clock
from container_manager_core.errors import TransientError
from container_manager_core.executor import ExecutionRequest
from container_manager_core.remembering import Recent
from container_manager_scaleway.client import Scaleway
from container_manager_scaleway.translation.refusals import Missing
from container_manager_scaleway.translation.states import LIVE_STATES, Run, is_run_id, run_of

PAGE = 100
_GLANCE = 20
"""How many of the newest runs are looked at before a start; a list carries each run's whole environment."""
_LIVE = [JobRunState(word) for word in LIVE_STATES]
_REMEMBERED = 16_384
_LATE = timedelta(minutes=10)
"""How much later than a younger one a run may appear in a list."""
_HISTORY = timedelta(hours=1)
"""How far back ended runs are listed as ours. Nothing is left of them to remove, and without a limit every new worker
would go through two months of history once a minute."""


class Runs:
    """Asks for runs, in as few calls as the API allows. Safe for several threads.

    Scaleway has no call that deletes a run, and keeps each for 60 days (its limits page, as of 2025-10-23). What was
    cleaned up is therefore only left out of the answers, as long as this process lives.

    Args:
        scaleway: where they are.
        installation_id: whose are ours.
        clock: where the time comes from.
    """

    def __init__(self, scaleway: Scaleway, installation_id: str, clock: Clock) -> None:
        self._scaleway = scaleway
        self._installation_id = installation_id
        self._clock = clock
        self._known: Recent[str, Run] = Recent(_REMEMBERED)
        self._by_name: Recent[str, Run] = Recent(_REMEMBERED)
        self._forgotten: Recent[str, bool] = Recent(_REMEMBERED)
        self._complete_until: datetime | None = None

    def note(self, run: Run) -> None:
        """Remember a run that was just seen."""
        self._known.put(run.id, run)
        if run.installation_id == self._installation_id:
            self._by_name.put(run.name, run)

    def forget(self, run_id: str) -> None:
        """Leave a run out of all answers from now on."""
        self._forgotten.put(run_id, True)

    def is_forgotten(self, run_id: str) -> bool:
        """Whether a run was cleaned up."""
        return run_id in self._forgotten

    def get(self, run_id: str) -> Run | None:
        """A run, as it is now; None when Scaleway does not know it."""
        if not is_run_id(run_id) or self.is_forgotten(run_id):
            return None
        try:
            answer = self._scaleway.jobs(f"tell how {run_id} is").get_job_run(job_run_id=run_id)
        except Missing:
            return None
        if answer.id != run_id:
            raise TransientError(f"Scaleway was asked for the run {run_id} and told of {answer.id}")
        run = run_of(answer, self._scaleway.account.region)
        self.note(run)
        return run

    def ended(self, run_id: str) -> Run | None:
        """The same; without a call where it is known to have ended, as nothing about it changes any more."""
        known = None if self.is_forgotten(run_id) else self._known.get(run_id)
        return known if known is not None and known.state.has_ended else self.get(run_id)

    def known(self, run_id: str) -> Run | None:
        """The same, as it was when it was last seen, without a call where it was seen at all."""
        if self.is_forgotten(run_id):
            return None
        return self._known.get(run_id) or self.get(run_id)

    def get_many(self, run_ids: Sequence[str]) -> Mapping[str, Run]:
        """Those of many runs that Scaleway knows.

        There is no call for several ids. The live ones are listed, a hundred a call; those that are not among them have
        ended since, and are listed too while a page brings at least two of them, else asked for one by one.
        """
        found: dict[str, Run] = {}
        wanted = {run_id for run_id in run_ids if is_run_id(run_id) and not self.is_forgotten(run_id)}
        if len(wanted) > 1:
            for page in self._pages(live=True):
                found |= {run.id: run for run in page if run.id in wanted}
                if not wanted - found.keys():
                    break
        if len(wanted - found.keys()) > 1:
            for page in self._pages():
                hits = {run.id: run for run in page if run.id in wanted - found.keys()}
                found |= hits
                if len(hits) < 2:
                    break
        for run_id in wanted - found.keys():
            run = self.ended(run_id)
            if run is not None:
                found[run_id] = run
        return found

    def find_recent(self, job: ExecutionRequest) -> Run | None:
        """The run of an attempt, if it is among the newest of the project; at most one call."""
        known = self._by_name.get(job.name)
        if known is None:
            next(self._pages(size=_GLANCE), None)
            known = self._by_name.get(job.name)
        return known if known is not None and not self.is_forgotten(known.id) else None

    def find(self, job: ExecutionRequest) -> Run | None:
        """The run of an attempt, however old it is.

        The first call looks through all that Scaleway remembers of the project; later ones only at what is new.
        """
        if job.name not in self._by_name:
            self._look_through(job.name)
        known = self._by_name.get(job.name)
        return known if known is not None and not self.is_forgotten(known.id) else None

    def _look_through(self, name: str) -> None:
        complete_until = None if self._by_name.is_full else self._complete_until
        newest: datetime | None = None
        for page in self._pages():
            newest = newest or (page[0].created_at if page else None)
            if name in self._by_name:
                return
            if complete_until is not None and page and page[-1].created_at < complete_until:
                break
        self._complete_until = newest - _LATE if newest else None

    def ours(self) -> list[Run]:
        """All of this installation's that run, or began in the last hour, have ended and were not cleaned up."""
        since = self._clock.now() - _HISTORY
        runs: dict[str, Run] = {}
        for page in self._pages(live=True):
            runs |= {run.id: run for run in page}
        for page in self._pages():
            runs |= {run.id: run for run in page if run.created_at >= since}
            if page and page[-1].created_at < since:
                break
        return [
            run
            for run in runs.values()
            if run.installation_id == self._installation_id and not self.is_forgotten(run.id)
        ]

    def _pages(self, *, live: bool = False, size: int = PAGE) -> Iterator[list[Run]]:
        """The project's runs, newest first."""
        number = 1
        while True:
            answer = self._scaleway.jobs("list job runs").list_job_runs(
                page=number,
                page_size=size,
                order_by=ListJobRunsRequestOrderBy.CREATED_AT_DESC,
                states=_LIVE if live else None,
            )
            runs = [run_of(run, self._scaleway.account.region) for run in answer.job_runs or ()]
            for run in runs:
                self.note(run)
            yield runs
            if len(runs) < size:
                return
            number += 1
