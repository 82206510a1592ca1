"""Job definitions: one for each content, reused by every run, and deleted when nobody has used it for long."""

import threading
from collections.abc import Iterator
from datetime import timedelta

from scaleway.jobs.v1alpha2 import (
    CreateSecretsRequestSecretConfig,
    JobDefinition,
    ListJobDefinitionsRequestOrderBy,
    ListJobRunsRequestOrderBy,
    RetryPolicy,
)

from container_manager_core.clock import Clock
from container_manager_core.errors import PermanentError, TransientError
from container_manager_core.failure import FailureKind
from container_manager_scaleway.client import Scaleway
from container_manager_scaleway.translation.refusals import Missing
from container_manager_scaleway.translation.requests import Definition, prefix_of
from container_manager_scaleway.translation.states import LIVE_STATES

PAGE = 100
_COLLECT_EVERY_SECONDS = 3600.0
_LEAST_IDLE = timedelta(days=1)


class Definitions:
    """The job definitions of one installation in one project.

    Definitions have no unique name at Scaleway. When two workers make the same one at once, both use the older and the
    younger one's maker deletes it.

    Args:
        scaleway: where they are.
        installation_id: whose they are; it is in their names.
        idle_days: after how long without a run one is deleted.
        clock: where the time comes from.
    """

    def __init__(self, scaleway: Scaleway, installation_id: str, idle_days: float, clock: Clock) -> None:
        self._scaleway = scaleway
        self._installation_id = installation_id
        self._prefix = prefix_of(installation_id)
        self._idle = timedelta(days=idle_days)
        self._clock = clock
        self._listed: dict[str, str] | None = None
        self._ready: dict[str, str] = {}
        self._lock = threading.Lock()
        self._collect_at = clock.monotonic() + _COLLECT_EVERY_SECONDS

    def ensure(self, wanted: Definition) -> str:
        """The id of the definition with that content; it is made when there is none."""
        name = wanted.name(self._installation_id)
        # Held while Scaleway is asked: a hundred equal jobs that begin at once make one definition.
        with self._lock:
            if self._listed is None:
                self._listed = self._list()
            if name not in self._ready:
                self._ready[name] = self._prepare(wanted, name)
            return self._ready[name]

    def forget(self, wanted: Definition) -> None:
        """Scaleway no longer has it: somebody deleted it."""
        with self._lock:
            self._ready.pop(wanted.name(self._installation_id), None)
            self._listed = None

    def collect_if_due(self) -> None:
        """Delete what nobody has used for long; looks at most once an hour."""
        if self._clock.monotonic() < self._collect_at:
            return
        self._collect_at = self._clock.monotonic() + _COLLECT_EVERY_SECONDS
        self.collect(self._idle)

    def collect(self, idle: timedelta) -> int:
        """Delete the definitions without a run since so long; how many there were."""
        deleted = 0
        for definition in self._ours():
            if self._is_idle(definition, idle):
                self._delete(definition.id)
                deleted += 1
        return deleted

    def _list(self) -> dict[str, str]:
        """The ids by name; of several of one name the oldest."""
        ids: dict[str, str] = {}
        for definition in self._ours():
            ids.setdefault(definition.name, definition.id)
        return ids

    def _ours(self) -> Iterator[JobDefinition]:
        for definition in list(self._all()):
            if definition.name.startswith(self._prefix):
                yield definition

    def _all(self) -> Iterator[JobDefinition]:
        page = 1
        while True:
            answer = self._scaleway.jobs("list job definitions").list_job_definitions(
                page=page, page_size=PAGE, order_by=ListJobDefinitionsRequestOrderBy.CREATED_AT_ASC
            )
            definitions = answer.job_definitions or []
            yield from definitions
            if len(definitions) < PAGE:
                return
            page += 1

    def _prepare(self, wanted: Definition, name: str) -> str:
        """The definition whole: whoever made it may have been cut off before its secrets were attached."""
        found = (self._listed or {}).get(name)
        definition_id = found or self._make(wanted, name)
        if wanted.secrets:
            self._attach_secrets(wanted, definition_id)
        return definition_id

    def _make(self, wanted: Definition, name: str) -> str:
        try:
            made = self._create(wanted, name)
        except PermanentError as error:
            if error.kind is not FailureKind.QUOTA or not self.collect(_LEAST_IDLE):
                raise
            made = self._create(wanted, name)
        oldest = self._list().get(name, made)
        if oldest != made:
            self._delete(made)
        return oldest

    def _create(self, wanted: Definition, name: str) -> str:
        made = self._scaleway.jobs(f"create the job definition {name}").create_job_definition(
            name=name,
            description=f"container-manager, installation {self._installation_id}",
            project_id=self._scaleway.account.project_id,
            image_uri=wanted.image,
            cpu_limit=wanted.size.milli_cpus,
            memory_limit=wanted.size.memory_mib,
            local_storage_capacity=wanted.local_storage_mib,
            job_timeout=f"{wanted.timeout_seconds}s",
            retry_policy=RetryPolicy(max_retries=0),  # one attempt starts one container
        )
        if not made.id:
            raise TransientError(f"Scaleway made the job definition {name} and told no id")
        return made.id

    def _attach_secrets(self, wanted: Definition, definition_id: str) -> None:
        action = f"attach secrets to the job definition {definition_id}"
        answer = self._scaleway.jobs(action).list_secrets(job_definition_id=definition_id)
        attached = {secret.env_var.name for secret in answer.secrets or () if secret.env_var is not None}
        missing = [
            CreateSecretsRequestSecretConfig(
                secret_manager_id=reference.secret_id,
                secret_manager_version=reference.revision,
                env_var_name=variable,
            )
            for variable, reference in wanted.secrets
            if variable not in attached
        ]
        if missing:
            self._scaleway.jobs(action).create_secrets(job_definition_id=definition_id, secrets=missing)

    def _is_idle(self, definition: JobDefinition, idle: timedelta) -> bool:
        before = self._clock.now() - idle
        if definition.created_at is None or definition.created_at > before:
            return False
        answer = self._scaleway.jobs("list job runs").list_job_runs(
            job_definition_id=definition.id, page_size=1, order_by=ListJobRunsRequestOrderBy.CREATED_AT_DESC
        )
        return all(
            str(run.state) not in LIVE_STATES and run.created_at is not None and run.created_at <= before
            for run in answer.job_runs or ()
        )

    def _delete(self, definition_id: str) -> None:
        try:
            self._scaleway.jobs(f"delete the job definition {definition_id}").delete_job_definition(
                job_definition_id=definition_id
            )
        except Missing:
            return
