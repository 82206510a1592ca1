"""Putting a worker together from its parts."""

import threading
from collections.abc import Callable, Sequence
from uuid import UUID

from container_manager_core.budgeting import Budgeting
from container_manager_core.clock import Clock
from container_manager_core.compliance import Compliance
from container_manager_core.config import WorkerSettings
from container_manager_core.costs.budget import Budget
from container_manager_core.fleet import Fleet
from container_manager_core.lanes import Lanes, ThreadLanes
from container_manager_core.leases import Lease
from container_manager_core.listening import Listeners
from container_manager_core.operations import Operations
from container_manager_core.placement import Placement
from container_manager_core.plugins import Plugins
from container_manager_core.policy import Policy
from container_manager_core.reconciler import Reconciler
from container_manager_core.recorder import Recorder
from container_manager_core.routing import FactsOf, Obstacle, Router
from container_manager_core.rules import Rule
from container_manager_core.secrets import SecretSource
from container_manager_core.store.protocol import JobStore
from container_manager_core.worker import Worker, new_worker_id


def assemble_worker(
    *,
    store: JobStore,
    fleet: Fleet,
    plugins: Plugins,
    secrets: SecretSource,
    settings: WorkerSettings,
    clock: Clock,
    lanes: Lanes | None = None,
    only_hosts: frozenset[str] | None = None,
    only_jobs: frozenset[UUID] | None = None,
    impatient: bool = False,
    budgets: Sequence[Budget] = (),
    policy: Policy | None = None,
    obstacles: Sequence[Obstacle] = (),
    rules: Sequence[Rule] = (),
    facts_of: FactsOf | None = None,
    on_progress: Callable[[str], None] | None = None,
) -> Worker:
    """A worker with an id of its own, ready to run.

    Args:
        budgets: what may be spent.
        policy: what every job has to keep to.
        obstacles: what may keep a job from a host, beside budgets.
        rules, facts_of: send jobs to hosts, and tell what rules are to know of a job.
        lanes: threads unless told otherwise; `InlineLanes` for a test that calls ``step`` itself.
        on_progress: takes lines on image pulls and the like.
    """
    give_up = threading.Event()
    budgeting = Budgeting(budgets, store, fleet)
    operations = Operations(
        store=store,
        recorder=Recorder(store, plugins, give_up),
        fleet=fleet,
        budgeting=budgeting,
        secrets=secrets,
        lease=Lease(store, new_worker_id(), settings.lease_seconds, clock),
        settings=settings,
        clock=clock,
        report=(lambda job_id, line: on_progress(line)) if on_progress else (lambda job_id, line: None),
    )
    placement = Placement(
        worker=operations.lease.worker,
        store=store,
        recorder=operations.recorder,
        fleet=fleet,
        router=Router(fleet, (*obstacles, budgeting.obstacle), rules, facts_of),
        budgeting=budgeting,
        compliance=Compliance(policy or Policy(), plugins),
        settings=settings,
        clock=clock,
        only_hosts=only_hosts,
        only_jobs=only_jobs,
        impatient=impatient,
    )
    reconciler = Reconciler(
        store=store,
        fleet=fleet,
        settings=settings,
        clock=clock,
        leftovers=settings.immediate_cleanup,
        kept=False,
        lost=False,  # it watches over its own jobs, and nobody reads what it finds
    )
    return Worker(
        operations,
        placement,
        lanes or ThreadLanes(settings.calls_per_host),
        Listeners(fleet) if lanes is None else None,
        reconciler if only_jobs is None else None,
    )
