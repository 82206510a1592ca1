"""Whether a job keeps to the policy: the configured one, and what plugins add to it."""

from container_manager_core.errors import PolicyRefusal
from container_manager_core.job import Job
from container_manager_core.log import get_logger
from container_manager_core.plugins import Plugins
from container_manager_core.policy import Policy, Violation
from container_manager_core.spec import ContainerSpec

_log = get_logger()


class Compliance:
    """Asks the policy and the plugins' hook ``container_manager_policy``.

    Args:
        policy: the configured one.
        plugins: may know further rules.
    """

    def __init__(self, policy: Policy, plugins: Plugins) -> None:
        self.policy = policy
        self._plugins = plugins

    def violation(self, job: Job) -> Violation | None:
        """The first rule that a job breaks; None when it keeps to all."""
        own = next(self.policy.violations(job.spec), None)
        if own is not None:
            return own
        return self._ask(job)

    def check(self, job: Job) -> None:
        """Accept a job that is being submitted. Raises `PolicyRefusal`, which names the rule."""
        self.check_spec(job.spec)
        self.ask_plugins(job)

    def check_spec(self, spec: ContainerSpec) -> None:
        """Accept a spec as far as the configured policy goes. Raises `PolicyRefusal`."""
        _refuse(next(self.policy.violations(spec), None))

    def ask_plugins(self, job: Job) -> None:
        """Accept a job as far as plugins go. Raises `PolicyRefusal`."""
        _refuse(self._ask(job))

    @property
    def plugins_judge(self) -> bool:
        """Whether any plugin has a say."""
        return bool(self._plugins.hook.container_manager_policy.get_hookimpls())

    def _ask(self, job: Job) -> Violation | None:
        try:
            answers = self._plugins.hook.container_manager_policy(job=job)
        except Exception as error:  # what a plugin cannot judge is not let through
            _log.exception("plugin.hook_failed", hook="container_manager_policy", job_id=str(job.id))
            problem = f"a plugin could not judge the job ({error!r})"
            return Violation(rule="policy", place="job", problem=problem, remedy="correct the plugin", passing=True)
        return next((Violation(rule="policy", place="job", problem=str(answer)) for answer in answers if answer), None)


def _refuse(violation: Violation | None) -> None:
    if violation is not None:
        raise PolicyRefusal(violation.place, violation.problem, violation.remedy, violation.rule)
