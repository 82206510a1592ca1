"""Operations on many jobs go through all of them, whatever was done to their rows."""

from datetime import timedelta

from django.utils import timezone


def test_jobs_whose_creation_was_changed_by_hand_are_found_once() -> None:
    from container_manager.manager import get_manager
    from container_manager.models import ContainerJob
    from container_manager_core.store.protocol import JobQuery

    jobs = [ContainerJob.objects.create(image="app", name=f"job {number}") for number in range(3)]
    ContainerJob.objects.filter(id=jobs[0].id).update(created_at=timezone.now() + timedelta(days=1))
    done = get_manager().bulk.cancel(JobQuery(limit=1)).done
    assert sorted(done) == sorted(job.id for job in jobs)
