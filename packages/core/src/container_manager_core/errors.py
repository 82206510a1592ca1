"""Every error this library raises on purpose.

    ContainerManagerError
    ├── InvalidInput                what the user gave is wrong: value, place, remedy
    │   ├── ConfigurationError      a configuration file, a setting, an executor's options
    │   ├── NotFound                a job, host or executor that does not exist
    │   └── PolicyRefusal           a job or operation that the installation's policy does not accept
    ├── IllegalTransition           a move that the lifecycle table does not have
    ├── LeaseLost                   this worker no longer holds the job; it must stop touching it
    ├── StoreUnavailable            the store cannot be reached or written now; trying again may help
    ├── PluginError                 a plugin that cannot be loaded or breaks its contract
    └── ExecutorError               a platform said no
        ├── TransientError          try again, or fall back
        ├── CapacityError           no room now: fall back at once
        └── PermanentError          trying again cannot help: never retried

Each error keeps its facts as attributes and survives pickling.
"""

from typing import Any

from container_manager_core.failure import Failure, FailureKind


class ContainerManagerError(Exception):
    """The root: catch this to catch everything the library raises on purpose."""


class InvalidInput(ContainerManagerError, ValueError):
    """Input that cannot be accepted; nothing was changed.

    Attributes:
        place: where the value stands, for example ``spec.resources.memory_mib``.
        problem: what is wrong with it, with the value in it.
        remedy: what to do about it, or an empty string.
    """

    def __init__(self, place: str, problem: str, remedy: str = "") -> None:
        super().__init__(place, problem, remedy)
        self.place = place
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        sentence = f"{self.place}: {self.problem}" if self.place else self.problem
        return f"{sentence}; {self.remedy}" if self.remedy else sentence


class ConfigurationError(InvalidInput):
    """A configuration file, a setting or an executor's option that cannot be used."""


class NotFound(InvalidInput):
    """A job, host or executor that does not exist."""


class PolicyRefusal(InvalidInput):
    """A job or an operation that the installation's policy does not accept.

    Attributes:
        rule: the name of the rule that it breaks, for example ``policy.max_memory_mib``.
    """

    def __init__(self, place: str, problem: str, remedy: str = "", rule: str = "policy") -> None:
        super().__init__(place, problem, remedy)
        self.args = (place, problem, remedy, rule)
        self.rule = rule

    def __str__(self) -> str:
        return f"{super().__str__()} ({self.rule})"


class IllegalTransition(ContainerManagerError):
    """A move that the lifecycle table does not have."""

    def __init__(self, job_id: Any, current: str, wanted: str, reason: str = "") -> None:
        super().__init__(job_id, current, wanted, reason)
        self.job_id = job_id
        self.current = current
        self.wanted = wanted
        self.reason = reason

    def __str__(self) -> str:
        sentence = f"job {self.job_id} is {self.current} and cannot become {self.wanted}"
        return f"{sentence}: {self.reason}" if self.reason else sentence


class LeaseLost(ContainerManagerError):
    """The lease on a job has passed to another worker, or has run out."""

    def __init__(self, job_id: Any, worker: str | None = None) -> None:
        super().__init__(job_id, worker)
        self.job_id = job_id
        self.worker = worker

    def __str__(self) -> str:
        return f"the lease on job {self.job_id} is no longer held by worker {self.worker}"


class StoreUnavailable(ContainerManagerError):
    """The store cannot be reached, read or written at the moment."""

    def __init__(self, store: str, problem: str, remedy: str = "") -> None:
        super().__init__(store, problem, remedy)
        self.store = store
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        sentence = f"the store {self.store} is not usable: {self.problem}"
        return f"{sentence}; {self.remedy}" if self.remedy else sentence


class PluginError(ContainerManagerError):
    """A plugin that cannot be loaded, or that breaks its contract."""

    def __init__(self, distribution: str, problem: str) -> None:
        super().__init__(distribution, problem)
        self.distribution = distribution
        self.problem = problem

    def __str__(self) -> str:
        return f"the plugin {self.distribution} cannot be used: {self.problem}"


class ExecutorError(ContainerManagerError):
    """A platform refused a call, or could not be asked.

    Executors raise one of its subclasses, never this class itself.

    Attributes:
        message: what happened, in the platform's words where it has some.
        kind: why, in the one taxonomy of failures.
        hint: the remedy, or an empty string.
        may_have_started: True when the platform may have accepted a launch all the
            same (the answer was lost), so that it must be looked for before anything
            is started again.
    """

    default_kind = FailureKind.PLATFORM
    retryable = False

    def __init__(
        self,
        message: str,
        kind: FailureKind | None = None,
        hint: str = "",
        may_have_started: bool = False,
    ) -> None:
        super().__init__(message, kind, hint, may_have_started)
        self.message = message
        self.kind = kind or self.default_kind
        self.hint = hint
        self.may_have_started = may_have_started

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message

    @property
    def failure(self) -> Failure:
        """The same facts as the value that is stored on an execution."""
        return Failure(kind=self.kind, message=self.message, retryable=self.retryable, hint=self.hint)


class TransientError(ExecutorError):
    """The platform did not answer, or asked to try again later."""

    retryable = True


class UpstreamError(TransientError):
    """What the platform relies on for this one job, such as the image's registry, did not answer.

    That is no trouble of the host: other jobs go on being sent there.
    """


class CapacityError(ExecutorError):
    """The platform has no room for this job now; another host may."""

    default_kind = FailureKind.CAPACITY
    retryable = True


class PermanentError(ExecutorError):
    """Trying again cannot help: a bad image, a bad spec, refused credentials."""
