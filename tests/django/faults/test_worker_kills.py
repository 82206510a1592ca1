"""Workers of a Django project die at random moments, on each database: nothing is lost, doubled or refused."""

import random
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from container_manager_core import ContainerManager
from support.endings import assert_completed, assert_whole_output, left_over, numbered, wait_until_ended
from support.engine import Engine
from support.manage import DjangoProject
from support.starts import StartCounter

Seen = Callable[[DjangoProject], AbstractContextManager[ContainerManager]]

# What a web process does meanwhile: it submits, edits and looks.
_WEB = """
import time
from container_manager.models import ContainerJob, ContainerTemplate
template = ContainerTemplate.objects.create(name="web", docker_image="{image}", command="echo web")
for number in range({count}):
    job = ContainerJob.objects.create(template=template, name=f"web {{number}}", priority=1)
    job.name = f"web {{number}} edited"
    try:
        job.save()
    except Exception as error:
        assert "taken the job on" in str(error), error
    ContainerJob.objects.active().count()
    time.sleep(0.05)
print("web is done")
"""


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql", "mariadb"], indirect=True)
def test_one_of_several_workers_killed_while_the_site_writes_doubles_and_loses_nothing(
    project_on: Callable[..., DjangoProject], seen: Seen, engine: Engine, workers: int, request: pytest.FixtureRequest
) -> None:
    count = request.config.getoption("--django-jobs")
    chance = random.Random(workers)
    project = project_on()
    with seen(project) as manager, StartCounter(engine, manager.store.installation_id()) as starts:
        specs = [numbered(engine.image, number, chance.uniform(0, 1)) for number in range(count)]
        jobs = [job.id for job in manager.submit_many(specs)]
        running = [project.start("process_container_jobs") for _ in range(workers)]
        web = project.start("shell", "--command", _WEB.format(image=engine.image, count=1 + count // 4), log="web.log")
        time.sleep(chance.uniform(2, 5))
        project.kill(chance.choice(running))
        assert web.wait(120) == 0, project.told("web.log")
        wait_until_ended(manager, seconds=60 + 3 * count)
        every = [job.id for job in manager.list()] if count < 50 else jobs
        assert_completed(manager, every)
        assert_whole_output(manager, jobs)
        assert {manager.get(job_id).attempt for job_id in every} == {1}
        assert starts.twice == []
        assert {f"cm-{job_id}-1" for job_id in every} <= set(starts.by_name)
        assert starts.most_running <= 6
        assert left_over(engine, manager.store.installation_id()) == []
    for log in ("web.log", "processes.log"):
        assert "locked" not in project.told(log)
        assert "Traceback" not in project.told(log)


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql", "mariadb"], indirect=True)
def test_a_storm_of_kills_doubles_and_loses_nothing(
    project_on: Callable[..., DjangoProject], seen: Seen, engine: Engine, request: pytest.FixtureRequest
) -> None:
    count, kills = request.config.getoption("--django-jobs"), request.config.getoption("--django-kills")
    chance = random.Random(kills)
    project = project_on()
    with seen(project) as manager, StartCounter(engine, manager.store.installation_id()) as starts:
        specs = [numbered(engine.image, number, chance.uniform(0, 1.5)) for number in range(count)]
        jobs = [job.id for job in manager.submit_many(specs)]
        for _ in range(3):
            project.start("process_container_jobs")
        for _ in range(kills):
            time.sleep(chance.uniform(0.5, 3))
            project.kill(chance.choice(project.running))
            project.start("process_container_jobs")
        wait_until_ended(manager, seconds=60 + 3 * count)
        assert_completed(manager, jobs)
        assert_whole_output(manager, jobs)
        assert starts.by_name == {f"cm-{job_id}-1": 1 for job_id in jobs}
        assert left_over(engine, manager.store.installation_id()) == []
    assert "locked" not in project.told()
    assert "Traceback" not in project.told()
