"""Which hosts are meant."""

from collections.abc import Mapping

import attrs

from container_manager_core.executor import ExecutorType
from container_manager_core.host import Host
from container_manager_core.job import Job
from container_manager_core.rules import Rule
from container_manager_core.spec import ContainerSpec

HOST_LABEL = "host/"
"""A job's label ``host/region=eu`` keeps it to hosts with the label ``region=eu``."""


def _pairs(labels: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    return frozenset(labels.items())


@attrs.frozen(kw_only=True, cache_hash=True)
class Selector:
    """A set of hosts by what they have to be. None and empty ask for nothing.

    Attributes:
        host: the one host of this name.
        executors: hosts of one of these executors.
        labels: hosts that have all these labels.
        asked: whether hosts count that routing never chooses by itself, such as those of the executor ``process``.
    """

    host: str | None = None
    executors: frozenset[str] | None = None
    labels: frozenset[tuple[str, str]] = frozenset()
    asked: bool = False

    @classmethod
    def of_spec(cls, spec: ContainerSpec, supported_executors: tuple[str, ...] = ()) -> "Selector":
        """The hosts that a spec's template and labels allow."""
        wanted = {
            name.removeprefix(HOST_LABEL): value for name, value in spec.labels.items() if name.startswith(HOST_LABEL)
        }
        return cls(executors=frozenset(supported_executors) or None, labels=_pairs(wanted))

    def wished(self, job: Job) -> "Selector":
        """Those of the hosts that the job itself asks for: the host, or the executor where it asks for no host."""
        if not (job.requested_host or job.preferred_executor):
            return self
        executors = self.executors
        if job.preferred_executor and not job.requested_host:
            preferred = frozenset({job.preferred_executor})
            executors = preferred if executors is None else executors & preferred
        return Selector(host=job.requested_host, executors=executors, labels=self.labels, asked=True)

    def narrowed(self, rule: Rule) -> "Selector | None":
        """Those of the hosts that a rule names; None when there can be none."""
        executors = self.executors
        if rule.executor is not None:
            if executors is not None and rule.executor not in executors:
                return None
            executors = frozenset({rule.executor})
        if self.host is not None and rule.host not in (None, self.host):
            return None
        asked = self.asked or rule.executor is not None or rule.host is not None
        labels = self.labels | _pairs(rule.labels)
        return Selector(host=rule.host or self.host, executors=executors, labels=labels, asked=asked)

    def why_not(self, host: Host, executor_type: ExecutorType | None) -> str | None:
        """Why a host is none of them, or None when it is one."""
        if self.host is not None and host.name != self.host:
            return f"the job asks for {self.host}"
        if self.executors is not None and host.executor not in self.executors:
            wanted = " or ".join(sorted(self.executors)) or "no executor that there is"
            return f"the job asks for executor {wanted}"
        missing = sorted(self.labels - _pairs(host.labels))
        if missing:
            return f"the job asks for a host labelled {'='.join(missing[0])}"
        if not self.asked and executor_type is not None and not executor_type.automatic:
            return f"{host.executor} runs only jobs that ask for it"
        return None

    @property
    def text(self) -> str:
        """What is asked for, in words; empty when nothing is."""
        parts = [f"host {self.host!r}"] if self.host else []
        if self.executors is not None:
            parts.append(f"executor {' or '.join(map(repr, sorted(self.executors))) or 'none'}")
        parts += [f"label {name}={value}" for name, value in sorted(self.labels)]
        return ", ".join(parts)
