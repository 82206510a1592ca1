"""The same facts in the text format of Prometheus. Needs prometheus-client, the extra ``metrics``."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeHistogramMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from container_manager import conf
from container_manager.monitoring.readings import (
    HostReading,
    Outcome,
    count_workers,
    read_hosts,
    read_outcomes,
    read_queue,
)
from container_manager_core.job import LIVE

_PREFIX = "container_manager"


def exposition() -> bytes:
    """Every metric as it is now, as a scrape reads it: a handful of statements, none of them over all jobs."""
    registry = CollectorRegistry()
    registry.register(JobsCollector())
    return generate_latest(registry)


class JobsCollector(Collector):
    """Reads everything anew at each collection; may be registered with a registry of the project's own."""

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering it asks no database."""
        return []

    def collect(self) -> Iterator[Metric]:
        given = conf.manager_settings()
        queue = read_queue(given.database)
        waiting = _gauge("jobs_waiting", "Jobs that wait, by whether they could start now.", "state")
        waiting.add_metric(["ready"], queue.ready)
        waiting.add_metric(["scheduled"], queue.scheduled)
        yield waiting
        oldest = _gauge("oldest_waiting_seconds", "How long the oldest job that could start has been waiting.")
        oldest.add_metric([], queue.oldest_seconds or 0.0)
        yield oldest
        workers = _gauge("workers", "Workers that live.")
        workers.add_metric([], count_workers(given.database))
        yield workers
        yield from _of_hosts(read_hosts(given.database))
        yield from _of_outcomes(read_outcomes(given.database, timedelta(seconds=given.metrics_window_seconds)))


def _of_hosts(hosts: Sequence[HostReading]) -> Iterator[Metric]:
    live = _gauge("jobs_live", "Jobs that are launching or running.", "host", "executor", "status")
    capacity = _gauge("host_capacity", "Most jobs that a host runs at once.", "host", "executor")
    healthy = _gauge("host_healthy", "1 where the latest checks of a host were good, 0 where not.", "host", "executor")
    for host in hosts:
        labels = [host.name, host.executor]
        for status in sorted(LIVE):
            live.add_metric([*labels, status.value], host.live.get(status.value, 0))
        capacity.add_metric(labels, host.capacity if host.is_active else 0)
        if host.is_healthy is not None:
            healthy.add_metric(labels, int(host.is_healthy))
    return iter((live, capacity, healthy))


def _of_outcomes(outcomes: Sequence[Outcome]) -> Iterator[Metric]:
    ended = _gauge("recent_executions", "Executions that ended recently.", "host", "executor", "status", "failure")
    for outcome in outcomes:
        ended.add_metric([outcome.host, outcome.executor, outcome.status, outcome.failure], outcome.count)
    by_host: dict[tuple[str, str], list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        by_host[outcome.host, outcome.executor].append(outcome)
    cost = _gauge("recent_cost", "What those cost, in the currency of the hosts' prices.", "host", "executor")
    ran = GaugeHistogramMetricFamily(
        f"{_PREFIX}_recent_duration_seconds", "How long those ran.", labels=["host", "executor"]
    )
    for labels, group in sorted(by_host.items()):
        cost.add_metric(labels, float(sum(outcome.cost for outcome in group)))
        ran.add_metric(labels, _buckets(group), sum(outcome.seconds for outcome in group))
    return iter((ended, cost, ran))


def _buckets(outcomes: Sequence[Outcome]) -> list[tuple[str, float]]:
    bounds = sorted({bound for outcome in outcomes for bound in outcome.within})
    return [(_written(bound), float(sum(outcome.within[bound] for outcome in outcomes))) for bound in bounds]


def _written(bound: float) -> str:
    text: str = floatToGoString(bound)  # type: ignore[no-untyped-call]
    return text


def _gauge(name: str, documentation: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{_PREFIX}_{name}", documentation, labels=labels)
