"""Looking at the hosts: what runs there, whether a failed one is back, and what nobody owns."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from container_manager_core.clock import Clock
from container_manager_core.config import WorkerSettings
from container_manager_core.errors import ContainerManagerError
from container_manager_core.executor import ExecutionState, ExecutionStatus
from container_manager_core.fleet import Fleet
from container_manager_core.hand import Hand
from container_manager_core.held import Held
from container_manager_core.lanes import Lane, Lanes
from container_manager_core.log import get_logger
from container_manager_core.reconciler import Reconciler

_log = get_logger()

Post = Callable[[Callable[[], None]], None]


class Watch:
    """Asks hosts at intervals, one question at a time for each, and notes the answers on the jobs.

    Args:
        hand: the jobs to note on.
        fleet, lanes, settings, clock: what it works with.
        post: has something done by the worker's loop, from any thread.
        only_hosts: the worker's restriction.
        reconciler: removes what nobody owns; None where others do that, and check hosts that answer.
    """

    def __init__(
        self,
        hand: Hand,
        fleet: Fleet,
        lanes: Lanes,
        settings: WorkerSettings,
        clock: Clock,
        post: Post,
        only_hosts: frozenset[str] | None = None,
        reconciler: Reconciler | None = None,
    ) -> None:
        self._hand = hand
        self._fleet = fleet
        self._lanes = lanes
        self._settings = settings
        self._clock = clock
        self._post = post
        self._only_hosts = only_hosts
        self._reconciler = reconciler
        self._look_at = 0.0
        self._reap_at = clock.monotonic() + settings.reap_interval_seconds
        self._asked: set[tuple[str, str]] = set()

    def hasten(self) -> None:
        """Look at the next opportunity."""
        self._look_at = 0.0

    def pass_by(self, on_recovered: Callable[[], None]) -> None:
        """Ask what is due.

        Args:
            on_recovered: called in the loop when a host that had failed was checked.
        """
        now = self._clock.monotonic()
        for host in self._fleet.checks_due(self._settings.health_interval_seconds if self._reconciler else None):
            if self._only_hosts is None or host in self._only_hosts:
                self._ask(host, "health", partial(self._check, host), on_recovered)
        if now >= self._look_at:
            self._look_at = now + self._settings.poll_interval_seconds
            for host in self._hand.hosts():
                self.look(host)
        if self._reconciler is not None and now >= self._reap_at:
            self._reap_at = now + self._settings.reap_interval_seconds
            for host in [name for name, _ in self._fleet.made() if self._fleet.state(name).usable]:
                self._ask(host, "reap", partial(self._reap, self._reconciler, host))

    def look(self, host: str) -> None:
        """Ask a host how our executions there are."""
        execution_ids = self._hand.running_on(host)
        if execution_ids:
            self._ask(host, "status", partial(self._check_statuses, host, execution_ids))

    def heard(self, host: str, execution_id: str | None) -> None:
        """A host told that an execution ended, or that any may have."""
        if execution_id is None:
            self.look(host)
        else:
            self._hand.note_end(host, execution_id)

    def _ask(self, host: str, question: str, call: Callable[[], None], then: Callable[[], None] | None = None) -> None:
        if (host, question) in self._asked:
            return
        self._asked.add((host, question))

        def answered() -> None:
            self._asked.discard((host, question))
            if then is not None:
                then()

        def ask() -> None:
            try:
                call()
            except ContainerManagerError as error:
                self._fleet.note_failure(host, str(error))
                _log.warning("host.does_not_answer", host=host, question=question, error=str(error))
            except Exception:  # a plugin's mistake is logged once and the loop goes on
                _log.exception("host.question_broken", host=host, question=question)
            self._post(answered)

        self._lanes.submit(host, Lane.LOOK, ask)

    def _check(self, host: str) -> None:
        was_usable = self._fleet.state(host).usable
        health = self._fleet.check(host)
        tell = _log.debug if was_usable and health.ok else _log.info
        tell("host.checked", host=host, ok=health.ok, message=health.message)

    def _reap(self, reconciler: Reconciler, host: str) -> None:
        reconciler.reap(hosts=[host])

    def _check_statuses(self, host: str, execution_ids: Sequence[str]) -> None:
        executor = self._fleet.executor(host)
        states = executor.check_statuses(execution_ids)
        executor.sample_usage([each for each, state in states.items() if state.status is ExecutionStatus.RUNNING])
        self._post(partial(self._note, host, states))

    def _note(self, host: str, states: Mapping[str, ExecutionState]) -> None:
        for execution_id, state in states.items():
            held = self._hand.find(host, execution_id)
            if held is not None:
                self._note_state(held, state)

    def _note_state(self, held: Held, state: ExecutionState) -> None:
        if state.status is not ExecutionStatus.NOT_FOUND:
            held.missing_since = None
            held.ended = held.ended or state.has_ended
            return
        now = self._clock.monotonic()
        held.missing_since = now if held.missing_since is None else held.missing_since
        held.lost = now - held.missing_since >= self._settings.lost_grace_seconds
