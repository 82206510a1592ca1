"""The hooks that plugins implement. Entry point group and project name: ``container_manager``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

    from container_manager_core.costs.budget import Budget
    from container_manager_core.executor_type import ExecutorType
    from container_manager_core.host import Host
    from container_manager_core.job import Job, JobStatus
    from container_manager_core.secrets import SecretResolver

PROJECT = "container_manager"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a plugin's implementation of a hook."""


@hookspec
def container_manager_executors() -> Sequence[ExecutorType]:  # type: ignore[empty-body]
    """The executor types this plugin brings. Called once, when plugins are loaded; imports no SDK."""


@hookspec
def container_manager_secret_resolvers() -> Mapping[str, SecretResolver]:  # type: ignore[empty-body]
    """Resolvers of ``secret://<name>/...`` references, by name."""


@hookspec
def container_manager_job_changed(job: Job, previous: JobStatus | None) -> None:
    """A job moved to another status; the move is stored already.

    Called in the process that made the move, once per move, in order for one job. ``previous`` is None
    for a job that was just submitted. Must be quick and may not raise: an error is logged and passed over.
    """


@hookspec(firstresult=True)
def container_manager_route(job: Job, candidates: Sequence[Host]) -> Host | str | None:
    """The host for a job, one of the candidates or its name; None leaves the choice to others."""


@hookspec
def container_manager_policy(job: Job) -> str | None:
    """Why a job may not run, naming the rule that it breaks, or None when it may.

    Asked beside the configured policy, when a job is submitted (it is not stored yet then) and again before
    each launch. Must be quick. Every plugin is asked; one that raises keeps the job from being accepted or launched.
    """


@hookspec
def container_manager_budget_warning(budget: Budget, spent: Decimal, job: Job) -> None:
    """A budget is nearly used: what is spent and held back has come to its ``warn_at``.

    Called by the process whose launch of ``job`` brought it there, or found it there; once for each period
    and process. Must be quick and may not raise: an error is logged and passed over.
    """
