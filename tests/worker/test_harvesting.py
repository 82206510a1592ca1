"""Harvesting one job from a process that is no worker."""

import attrs

from container_manager_core import Config, ContainerManager, ContainerSpec, Host, JobStatus
from container_manager_core.store.protocol import Record


def test_a_job_whose_end_is_stored_is_cleaned_up_after_too() -> None:
    """Who stored its end was stopped before the cleanup: nobody would remove its container before a worker comes."""
    config = Config(store="memory:", hosts={"mock": Host(name="mock", executor="mock")})
    with ContainerManager(config) as manager:
        job = manager.submit(ContainerSpec(image="any"), host="mock")
        manager.worker().run(once=True)
        ended = manager.get(job.id)
        assert ended.execution is not None
        left = attrs.evolve(ended, execution=attrs.evolve(ended.execution, cleaned=False))
        manager.store.record_many([Record(job=left, expect=JobStatus.COMPLETED)])
        assert manager.get(job.id).needs_attention
        harvested = manager.harvest(job.id)
        assert harvested.status is JobStatus.COMPLETED
        assert not manager.get(job.id).needs_attention
        manager.restart(job.id)
        assert manager.cancel(job.id).status is JobStatus.CANCELLED
