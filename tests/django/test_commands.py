"""The commands: each parses, calls the core, prints; a mistake is one sentence and changes nothing."""

import json
from collections.abc import Iterator
from contextlib import closing
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.test import override_settings

from container_manager import manager
from container_manager.management.commands import process_container_jobs
from container_manager.manager import DjangoManager, get_manager, reset
from container_manager.models import ContainerJob, ContainerTemplate, ExecutorHost
from container_manager_core.errors import StoreUnavailable
from support.django_jobs import run_to
from support.endings import containers, left_over
from support.engine import Engine

HOSTS = {"mock": {"hosts": {"good": {"stdout": "said\n", "stderr": "told\n"}, "bad": {"exit_code": 3}}}}


@pytest.fixture(autouse=True)
def _hosts() -> Iterator[None]:
    """Two pretended hosts; the first one is the default."""
    with override_settings(CONTAINER_EXECUTORS=HOSTS):
        reset()
        yield
        reset()


class Ran:
    """What a command printed, and its exit code."""

    def __init__(self, *words: str, command: str = "manage_container_job") -> None:
        out, err = StringIO(), StringIO()
        self.code: Any = 0
        try:
            call_command(command, *words, stdout=out, stderr=err)
        except SystemExit as ended:
            self.code = ended.code
        self.out, self.err = out.getvalue(), err.getvalue()

    @property
    def facts(self) -> Any:
        return json.loads(self.out)


def refusal(*words: str, command: str = "manage_container_job") -> str:
    """The one sentence of a command that refuses."""
    before = list(ContainerJob.objects.values_list("id", "status").order_by("id"))
    with pytest.raises(CommandError) as refused:
        call_command(command, *words, stdout=StringIO(), stderr=StringIO())
    assert list(ContainerJob.objects.values_list("id", "status").order_by("id")) == before
    assert "\n" not in str(refused.value)
    return str(refused.value)


def template(**facts: Any) -> ContainerTemplate:
    return ContainerTemplate.objects.create(**{"name": "nightly", "docker_image": "any", "command": "work", **facts})


def test_create_stores_a_job_of_a_template_and_prints_its_id() -> None:
    template(memory_limit=128)
    words = ("--name", "N", "--command", "echo 'two words'", "--env", "A=1", "--env", "B=x=y", "--image", "other:1")
    printed = Ran("create", "nightly", "bad", *words).out.strip()
    job = ContainerJob.objects.get()
    assert str(job.id) == printed
    assert (job.name, job.docker_host_id, job.status) == ("N", "bad", "pending")
    spec = job.as_value().spec
    assert (spec.image, spec.command, spec.environment) == ("other:1", ("echo", "two words"), {"A": "1", "B": "x=y"})
    assert spec.resources.memory_mib == 128


def test_create_needs_no_template_where_there_is_an_image() -> None:
    facts = Ran("create", "--image", "any", "--memory", "64", "--cpus", "0.5", "--timeout", "9", "--json").facts
    assert (facts["image"], facts["host"], facts["status"]) == ("any", "good", "pending")
    assert (facts["resources"]["memory_mib"], facts["resources"]["cpus"], facts["timeout_seconds"]) == (64, 0.5, 9)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "image: there is neither an image nor a template; give one of them"),
        (("nope",), "template: no template is called 'nope'; known are: nightly"),
        (("nightly", "nowhere"), "docker_host: no host is called 'nowhere'; configured are: bad, good"),
        (("nightly", "--env", "A"), "--env: 'A' has no '='; write it as NAME=value"),
        (("nightly", "--memory", "1"), "memory_limit: Ensure this value is greater than or equal to 64."),
        (("nightly", "--cpus", "99"), "cpu_limit: Ensure this value is less than or equal to 32.0."),
        (("nightly", "--priority", "101"), "priority: Ensure this value is less than or equal to 100."),
        (("nightly", "--executor", "nope"), "preferred_executor: no executor is called 'nope'; known are: "),
        (("nightly", "good", "--executor", "docker"), "preferred_executor: the host 'good' runs 'mock', not 'docker'"),
        (("nightly", "--command", "a 'b"), "override_command: "),
        (("nightly", "--command", "a | b"), "override_command: the shell operator '|' at column 3 of 'a | b'"),
    ],
)
@pytest.mark.parametrize("action", ["create", "run"])
def test_a_mistake_in_a_new_job_is_told_at_its_argument(action: str, words: tuple[str, ...], message: str) -> None:
    template()
    assert refusal(action, *words).startswith(message)


def test_run_works_on_the_job_here_and_ends_with_its_code() -> None:
    template()
    good, bad = Ran("run", "nightly"), Ran("run", "nightly", "bad")
    assert (good.out, good.err, good.code) == ("said\n", "told\n", 0)
    assert bad.code == 3
    assert list(ContainerJob.objects.order_by("created_at").values_list("status", flat=True)) == ["completed", "failed"]


def test_run_with_json_prints_the_facts_and_the_output_beside_them() -> None:
    ran = Ran("run", "--image", "any", "--json")
    assert (ran.facts["status"], ran.facts["exit_code"], ran.facts["host"]) == ("completed", 0, "good")
    assert sorted(ran.err.splitlines()) == ["said", "told"]


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        ({"failure": "timeout"}, 124, "timed out"),
        ({"failure": "image"}, 125, "its image cannot be used"),
        ({"failure": "out-of-memory"}, 137, "ran out of memory"),
        ({"failure": "cancelled"}, 130, ""),
    ],
)
def test_run_ends_with_a_code_of_its_own_where_the_command_has_none(
    options: dict[str, Any], code: int, told: str
) -> None:
    with override_settings(CONTAINER_EXECUTORS={"mock": {"hosts": {"one": options}}}):
        reset()
        ran = Ran("run", "--image", "any")
    assert ran.code == code
    assert told in ran.err


@pytest.mark.parametrize("failures", [1, 4, 5])
def test_a_worker_begins_although_its_database_goes_away_meanwhile(
    failures: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ContainerJob.objects.create(name="first", image="any", docker_host_id="good")
    troubles: list[Exception] = [StoreUnavailable("django:default", "gone", "wait"), OperationalError("gone")] * 3
    left = troubles[:failures]

    def become_worker() -> DjangoManager:
        if left:
            raise left.pop()
        return manager.become_worker()

    monkeypatch.setattr(process_container_jobs, "become_worker", become_worker)
    monkeypatch.setattr(process_container_jobs, "PAUSE_SECONDS", 0.0)
    if failures == 5:
        with pytest.raises(CommandError, match="gone"):
            call_command("process_container_jobs", "--once")
    else:
        call_command("process_container_jobs", "--once")
    assert ContainerJob.objects.get().status == ("pending" if failures == 5 else "completed")


def test_list_shows_the_newest_first_and_can_be_narrowed_down() -> None:
    for name, host in (("first", "good"), ("second", "bad"), ("third", "good")):
        ContainerJob.objects.create(name=name, image="any", docker_host_id=host)
    Ran("cancel", str(ContainerJob.objects.get(name="third").id))
    titles, *lines = Ran("list").out.splitlines()
    assert titles.split()[:3] == ["ID", "STATUS", "EXIT"]
    assert [line.split()[-1] for line in lines] == ["third", "second", "first"]

    def names(*words: str) -> list[str]:
        return [job["name"] for job in Ran("list", "--json", *words).facts]

    assert names("--status", "pending") == ["second", "first"]
    assert names("--status", "pending", "--status", "cancelled") == ["third", "second", "first"]
    assert names("--host", "good") == ["third", "first"]
    assert names("--limit", "1") == ["third"]
    assert names("--host", "nowhere") == []
    assert Ran("list", "--host", "nowhere").out == "no jobs\n"


def test_list_refuses_a_status_that_there_is_not_and_a_limit_below_one() -> None:
    assert refusal("list", "--status", "done").startswith("--status: 'done' is no status; use one of: pending, ")
    assert refusal("list", "--limit", "0") == "--limit: 0 is out of range; use 1 or more"


def test_show_tells_all_of_one_job_and_its_output_if_asked() -> None:
    Ran("run", "--image", "any", "--command", "a b", "--env", "TOKEN=secret://env/HOME")
    job = ContainerJob.objects.get()
    page = Ran("show", str(job.id)[:8]).out
    for line in (f"job         {job.id}", "status      completed", "exit code   0", "variables   TOKEN (secret)"):
        assert line in page.splitlines()
    assert "attempt 1: completed, on good, exit code 0" in page
    assert "said" not in page
    assert Ran("show", str(job.id), "--logs").out.endswith("--- stdout\nsaid\n--- stderr\ntold\n")
    facts = Ran("show", str(job.id), "--logs", "--json").facts
    assert (facts["stdout"], facts["stderr"], len(facts["attempts"])) == ("said\n", "told\n", 1)


def test_logs_prints_each_stream_on_its_own_or_one_of_them() -> None:
    Ran("run", "--image", "any")
    job_id = str(ContainerJob.objects.get().id)
    both, one = Ran("logs", job_id), Ran("logs", job_id, "--stream", "stderr")
    assert (both.out, both.err) == ("said\n", "told\n")
    assert (one.out, one.err) == ("told\n", "")
    followed = Ran("logs", job_id, "--follow")
    assert (followed.out, followed.err) == ("said\n", "told\n")


def test_cancel_and_restart_move_jobs_and_say_so() -> None:
    jobs = [ContainerJob.objects.create(image="any") for _ in range(2)]
    ids = [str(job.id) for job in jobs]
    assert Ran("cancel", *ids).out.splitlines() == [f"{job_id} cancelled" for job_id in ids]
    assert [job["status"] for job in Ran("restart", *ids, "--json").facts] == ["pending", "pending"]


def test_move_sends_jobs_to_another_host_and_says_what_follows() -> None:
    waiting, running = (ContainerJob.objects.create(image="any") for _ in range(2))
    run_to(running, "running")
    assert Ran("move", str(waiting.id), str(running.id), "--to", "bad").out.splitlines() == [
        f"{waiting.id} pending",
        f"{running.id} running, to be moved to bad by its worker",
    ]
    assert get_manager().get(waiting.id).requested_host == "bad"
    assert [job["id"] for job in Ran("move", str(waiting.id), "--to", "good", "--json").facts] == [str(waiting.id)]


def test_move_refuses_a_host_that_there_is_not_and_a_job_that_has_ended() -> None:
    job = ContainerJob.objects.create(image="any")
    told = refusal("move", str(job.id), "--to", "moon")
    assert told == "--to: no host is called 'moon'; known are: bad, good"
    Ran("cancel", str(job.id))
    assert refusal("move", str(job.id), "--to", "bad").endswith("it has ended; restart it")
    assert "--to" in refusal("move", str(job.id))
    missing = str(uuid4())
    assert refusal("move", missing, "--to", "bad").startswith(f"job id: there is no job {missing!r}")


def test_budgets_tells_what_is_left_and_how_to_set_one() -> None:
    assert Ran("budgets").out.strip() == 'no budgets; add "BUDGETS" to the setting CONTAINER_MANAGER'
    assert Ran("budgets", "--json").facts == []
    with override_settings(CONTAINER_MANAGER={"BUDGETS": [{"cap": "50", "period": "total", "host": "good"}]}):
        reset()
        titles, line = Ran("budgets").out.splitlines()
        assert titles.split() == ["PERIOD", "LIMIT", "SPENT", "RESERVED", "LEFT", "BEGINS", "ANEW", "FOR"]
        assert line.split() == ["total", "50.00", "0.00", "0.00", "50.00", "never", "host", "good"]
        [facts] = Ran("budgets", "--json").facts
    assert (facts["cap"], facts["left"], facts["scope"]) == ("50.00", "50.00", {"host": "good"})


@pytest.mark.parametrize("action", ["show", "cancel", "restart", "logs", "explain"])
def test_a_job_that_is_not_there_is_told_by_every_action(action: str) -> None:
    missing = str(uuid4())
    assert refusal(action, missing) == f"job id: there is no job {missing!r}; list the jobs to see their ids"
    assert refusal(action, "x!").startswith("job id: 'x!' is no job id; ")


def test_a_finished_job_is_not_cancelled_and_a_pending_one_not_restarted() -> None:
    job = ContainerJob.objects.create(image="any")
    assert refusal("restart", str(job.id)).startswith(f"job {job.id} is pending and cannot become pending")
    Ran("cancel", str(job.id))
    told = refusal("cancel", str(job.id))
    assert told == f"job {job.id} is cancelled and cannot become cancelled: it has ended already"


def test_explain_tells_why_a_job_went_where_it_went_and_what_the_others_had() -> None:
    Ran("run", "--image", "any")
    job_id = str(ContainerJob.objects.get().id)
    lines = Ran("explain", job_id).out.splitlines()
    assert lines[0] == f"job {job_id}  completed on good"
    assert lines[1].startswith("decision: host good: the job asks for it (20")
    assert "  > good  the job asks for it" in lines
    assert "  - bad   the job asks for good" in lines
    facts = Ran("explain", job_id, "--json").facts
    assert (facts["host"], facts["route"]["host"], facts["route"]["reason"]) == ("good", "good", "the job asks for it")


def test_explain_of_a_job_that_waits_says_so() -> None:
    job = ContainerJob.objects.create(image="any")
    assert "no decision yet: no worker has looked at it" in Ran("explain", str(job.id)).out


def worker(*words: str) -> Ran:
    return Ran("--once", *words, command="process_container_jobs")


def test_the_worker_works_off_what_is_there() -> None:
    jobs = [ContainerJob.objects.create(image="any", docker_host_id=host) for host in ("good", "bad")]
    worker("--poll-interval", "0.1", "--max-jobs", "1")
    assert [job.get_status() for job in jobs] == ["completed", "failed"]


def test_the_worker_can_be_kept_to_hosts_by_their_names_or_their_executor() -> None:
    ExecutorHost.objects.create(name="engine")
    jobs = {host: ContainerJob.objects.create(image="any", docker_host_id=host) for host in ("good", "bad", "engine")}
    worker("--host", "bad")
    assert {host: job.get_status() for host, job in jobs.items()} == {
        "good": "pending",
        "bad": "failed",
        "engine": "pending",
    }
    worker("--executor", "mock")
    assert (jobs["good"].get_status(), jobs["engine"].get_status()) == ("completed", "pending")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--host", "nope"), "--host: no host is called 'nope'; configured are: good (mock), bad (mock)"),
        (("--executor", "nope"), "--executor: no executor is called 'nope'; known are: "),
        (("--executor", "docker"), "--executor: none of these hosts is of executor 'docker'; configured are: good"),
        (("--max-jobs", "0"), "--max-jobs: 0 is out of range; use a whole number from 1"),
        (("--poll-interval", "0"), "--poll-interval: 0.0 is out of range; use a number from 0.01 to 3600"),
        (("--cleanup", "--cleanup-hours", "-1"), "--cleanup-hours: -1 is out of range; use 0 or more"),
    ],
)
def test_the_worker_refuses_what_it_cannot_do(words: tuple[str, ...], message: str) -> None:
    ContainerJob.objects.create(image="any")
    assert refusal("--once", *words, command="process_container_jobs").startswith(message)


def test_once_and_drain_exclude_each_other() -> None:
    with pytest.raises(CommandError, match="not allowed with argument"):
        call_command("process_container_jobs", "--once", "--drain")


@pytest.fixture
def keeping(engine: Engine) -> Iterator[Engine]:
    """A project whose jobs leave their containers on the tests' engine."""
    hosts = {"docker": {"hosts": {"engine": {"base_url": engine.base_url}}}}
    with override_settings(CONTAINER_EXECUTORS=hosts, CONTAINER_MANAGER={"IMMEDIATE_CLEANUP": False}):
        reset()
        yield engine
        with closing(engine.client()) as client:
            for container in containers(client, get_manager().store.installation_id()):
                container.remove(force=True)
        reset()


def left(engine: Engine) -> set[str]:
    return {name.removeprefix("/") for name in left_over(engine, get_manager().store.installation_id())}


def test_cleanup_removes_what_finished_jobs_left_and_keeps_the_jobs(keeping: Engine) -> None:
    Ran("run", "--image", keeping.image, "--command", "echo kept")
    job = ContainerJob.objects.get()
    name = f"cm-{job.id}-1"
    assert left(keeping) == {name}
    young = Ran("--older-than-hours", "1", command="cleanup_containers")
    assert (young.out, left(keeping)) == ("Nothing is left over.\n", {name})
    dry = Ran("--dry-run", command="cleanup_containers")
    assert dry.out == f"leftover: engine {name}: job {job.id} is completed (would be removed)\n"
    assert left(keeping) == {name}
    done = Ran(command="cleanup_containers")
    assert done.out == f"leftover: engine {name}: job {job.id} is completed (removed)\n"
    assert left(keeping) == set()
    assert job.get_logs().stdout == b"kept\n"


def test_what_belongs_to_no_job_is_found_and_removed_only_if_asked(keeping: Engine) -> None:
    job = ContainerJob.objects.create(image=keeping.image, command="true")
    worker()
    job.restart()
    worker()
    name = f"cm-{job.id}-1"
    assert left(keeping) == {name, f"cm-{job.id}-2"}
    labels = {"installation": get_manager().store.installation_id(), "job": str(job.id), "attempt": "1"}
    with closing(keeping.client()) as client:
        client.containers.get(name).remove()
        labels = {f"container-manager.{key}": value for key, value in labels.items()}
        client.containers.run(keeping.image, "sleep 60", name=name, labels=labels, detach=True)
    found = Ran(command="cleanup_containers").out
    assert f"double: engine {name}: job {job.id} has gone on to attempt 2 on engine (left; remove it with" in found
    assert left(keeping) == {name}
    assert "(removed)" in Ran("--orphans", command="cleanup_containers").out
    assert left(keeping) == set()


def test_cleanup_before_the_worker_begins_removes_old_leftovers(keeping: Engine) -> None:
    Ran("run", "--image", keeping.image, "--command", "true")
    worker("--cleanup")
    assert len(left(keeping)) == 1, "it ended less than 24 hours ago"
    worker("--cleanup", "--cleanup-hours", "0")
    assert left(keeping) == set()


def test_cleanup_that_is_not_enabled_removes_nothing_and_says_so(keeping: Engine) -> None:
    with override_settings(CONTAINER_MANAGER={"CLEANUP_ENABLED": False}):
        reset()
        Ran("run", "--image", keeping.image, "--command", "true")
        told = Ran(command="cleanup_containers").out
        assert told == "CLEANUP_ENABLED is False: what finished jobs left stays.\n"
        assert len(left(keeping)) == 1


def test_a_host_that_does_not_answer_is_told_and_ends_cleanup_with_a_code() -> None:
    with override_settings(CONTAINER_EXECUTORS={"docker": {"hosts": {"gone": {"base_url": "unix:///nowhere.sock"}}}}):
        reset()
        ran = Ran(command="cleanup_containers")
    assert ran.code == 1
    assert ran.out.startswith("unreachable: gone: ")


def test_cleanup_refuses_hours_below_zero() -> None:
    told = refusal("--older-than-hours", "-1", command="cleanup_containers")
    assert told == "--older-than-hours: -1 is out of range; use 0 or more"
