"""What goes wrong on Cloud Run: which kind of failure it is, in whose words, with what remedy, and no secret."""

from pathlib import Path
from typing import Any

import attrs
import pytest
from local_clouds.cloudrun import Account, Accounts, Faults, LocalCloudRun

from container_manager_core.errors import CapacityError, ExecutorError, PermanentError, TransientError
from container_manager_core.executor import ExecutionStatus
from container_manager_core.failure import FailureKind
from support.engine import Engine

SECRET = "correct-horse-battery-staple"
READER = Account(email="reader@local-project.iam.example", permissions=frozenset({"run.executions.list"}))
RUNNER = Account(email="runner@local-project.iam.example")
STRANGER = Account(email="stranger@local-project.iam.example")
STORED = "projects/local-project/secrets/token"


@pytest.fixture(scope="module")
def strict_cloud(engine: Engine) -> Any:
    """A local cloud that lets only known accounts in, with a secret in its store."""
    with LocalCloudRun(
        engine_url=engine.base_url,
        accounts=Accounts(known=[READER, RUNNER], anonymous=False),
        secrets={STORED: ["old", SECRET]},
        grace_seconds=1.0,
    ) as opened:
        yield opened


def refusal(executor: Any, request: Any) -> ExecutorError:
    with pytest.raises(ExecutorError) as caught:
        executor.launch_job(request)
    assert SECRET not in f"{caught.value} {caught.value.__cause__} {caught.value.args}"
    assert caught.value.hint, "the remedy"
    return caught.value


def test_a_key_file_lets_its_account_in(strict_cloud: LocalCloudRun, make_executor: Any, prepare: Any) -> None:
    executor = make_executor(strict_cloud, credentials=str(strict_cloud.key_file(RUNNER)))
    assert executor.check_health().ok
    execution_id = executor.launch_job(prepare("true")).execution_id
    executor.cleanup(execution_id)


@pytest.mark.parametrize("who", ["nobody", "a stranger"])
def test_wrong_credentials(strict_cloud: LocalCloudRun, make_executor: Any, prepare: Any, who: str) -> None:
    credentials = "anonymous" if who == "nobody" else str(strict_cloud.key_file(STRANGER))
    executor = make_executor(strict_cloud, credentials=credentials)
    error = refusal(executor, prepare("true", secrets={"TOKEN": SECRET}))
    assert (type(error), error.kind) == (PermanentError, FailureKind.CREDENTIALS)
    assert "invalid authentication credentials" in error.message
    assert "credentials" in error.hint
    health = executor.check_health()
    assert not health.ok
    assert "invalid authentication credentials" in health.message


def test_credentials_that_expired_are_renewed(strict_cloud: LocalCloudRun, make_executor: Any) -> None:
    executor = make_executor(strict_cloud, credentials=str(strict_cloud.key_file(RUNNER)))
    assert list(executor.list_owned()) == []
    strict_cloud.faults.expire()
    assert list(executor.list_owned()) == []


@pytest.mark.parametrize(
    ("content", "words"), [(None, "cannot be read"), ('{"private_key": "correct-horse"}', "no key file")]
)
def test_a_key_file_that_cannot_be_used(
    make_executor: Any, prepare: Any, tmp_path: Path, content: str | None, words: str
) -> None:
    path = tmp_path / "key.json"
    if content is not None:
        path.write_text(content)
    error = refusal(make_executor(credentials=str(path)), prepare("true"))
    assert (type(error), error.kind) == (PermanentError, FailureKind.CREDENTIALS)
    assert words in error.message
    assert "key.json" in error.message
    assert "correct-horse" not in f"{error}{error.__cause__}"


def test_a_missing_permission_is_named(strict_cloud: LocalCloudRun, make_executor: Any, prepare: Any) -> None:
    executor = make_executor(strict_cloud, credentials=str(strict_cloud.key_file(READER)))
    error = refusal(executor, prepare("true", secrets={"TOKEN": SECRET}))
    assert (type(error), error.kind) == (PermanentError, FailureKind.CREDENTIALS)
    assert "'run.jobs.run' denied" in error.message
    assert "roles" in error.hint


def test_no_credentials_at_all(
    strict_cloud: LocalCloudRun, make_executor: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Application Default Credentials that lead nowhere."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "absent.json"))
    health = make_executor(strict_cloud, credentials="adc").check_health()
    assert not health.ok
    assert "absent.json" in health.message
    assert "gcloud auth application-default login" in health.hint


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"project": "another-project"}, "Permission denied on resource project another-project"),
        ({"region": "atlantis-west1"}, "Permission denied on 'locations/atlantis-west1'"),
    ],
)
def test_an_unknown_project_or_region(make_executor: Any, prepare: Any, option: dict[str, str], words: str) -> None:
    error = refusal(make_executor(**option), prepare("true", secrets={"TOKEN": SECRET}))
    assert (type(error), error.kind) == (PermanentError, FailureKind.CREDENTIALS)
    assert words in error.message
    assert "project and region" in error.hint


def test_an_image_that_cannot_be_pulled_fails_each_time_it_is_tried(
    cloud: LocalCloudRun, make_executor: Any, prepare: Any
) -> None:
    executor = make_executor()
    for _ in range(2):
        error = refusal(executor, prepare("true", image="localhost:1/absent:1", secrets={"TOKEN": SECRET}))
        assert (type(error), error.kind) == (PermanentError, FailureKind.IMAGE)
        assert "'localhost:1/absent:1' not found" in error.message
    assert not [name for name in cloud.cloud.job_names() if "absent" in name]


def test_a_quota_that_is_reached_leads_elsewhere(engine: Engine, make_executor: Any, prepare: Any) -> None:
    with LocalCloudRun(engine_url=engine.base_url, grace_seconds=0.0) as cloud:
        cloud.cloud.most_running = 1
        executor = make_executor(cloud, settle_seconds=0.0)
        executor.launch_job(prepare("sleep", "600"))
        error = refusal(executor, prepare("sleep", "600", secrets={"TOKEN": SECRET}))
        assert (type(error), error.kind) == (CapacityError, FailureKind.QUOTA)
        assert "the limit is 1" in error.message
        assert not error.may_have_started


def test_a_run_that_started_although_there_was_no_capacity_is_the_launch(
    engine: Engine, make_executor: Any, prepare: Any
) -> None:
    with LocalCloudRun(engine_url=engine.base_url, faults=Faults(hidden_seconds=0.5), grace_seconds=0.0) as cloud:
        cloud.faults.phantom()
        request = prepare("sleep", "600")
        executor = make_executor(cloud)
        launched = executor.launch_job(request).execution_id
        assert [execution.name for execution in cloud.cloud.executions()] == [launched]


def test_a_run_that_may_have_started_is_not_given_up_when_the_look_for_it_fails(
    engine: Engine, make_executor: Any, prepare: Any
) -> None:
    """Else another attempt would run beside it."""
    with LocalCloudRun(engine_url=engine.base_url, grace_seconds=0.0) as cloud:
        executor = make_executor(cloud)
        executor.cleanup(executor.launch_job(prepare("sleep", "600")).execution_id)
        cloud.faults.phantom()

        def confirm() -> float:
            cloud.faults.refuse("ListExecutions", times=5)
            return 30.0

        request = prepare("sleep", "600", confirm_lease=confirm)
        with pytest.raises(TransientError, match="list executions") as caught:
            executor.launch_job(request)
        assert caught.value.may_have_started
        assert [executor.find_execution(request)] == [execution.name for execution in cloud.cloud.executions()]


def test_of_two_executions_of_one_attempt_the_older_stays(engine: Engine, make_executor: Any, prepare: Any) -> None:
    """A worker that stalled before its run, while another took over, takes its own back."""
    with LocalCloudRun(engine_url=engine.base_url, grace_seconds=0.0) as cloud:
        first, late = make_executor(cloud), make_executor(cloud)
        launched: list[str] = []

        def stall() -> float:
            if not launched:
                launched.append("")
                launched[0] = first.launch_job(prepare("sleep", "600", job_id=request.job_id)).execution_id
            return 30.0

        request = prepare("sleep", "600", confirm_lease=stall)
        assert late.launch_job(request).execution_id == launched[0]
        assert [execution.name for execution in cloud.cloud.executions()] == launched


def test_what_somebody_else_cancels_is_cancelled(cloud: LocalCloudRun, make_executor: Any, prepare: Any) -> None:
    executor, somebody = make_executor(), make_executor()
    execution_id = executor.launch_job(prepare("sleep", "600")).execution_id
    somebody.cancel(execution_id, 1.0)
    state = executor.check_status(execution_id)
    assert state.status is ExecutionStatus.FAILED
    assert state.failure is not None
    assert state.failure.kind is FailureKind.CANCELLED
    executor.cleanup(execution_id)


def test_an_execution_that_cannot_be_seen_yet_is_cancelled_all_the_same(
    engine: Engine, make_executor: Any, prepare: Any
) -> None:
    with LocalCloudRun(engine_url=engine.base_url, faults=Faults(hidden_seconds=0.7), grace_seconds=0.0) as cloud:
        executor = make_executor(cloud)
        execution_id = executor.launch_job(prepare("sleep", "600")).execution_id
        executor.cancel(execution_id, 1.0)
        assert executor.check_status(execution_id).has_ended


def test_a_throttled_call_is_made_again(cloud: LocalCloudRun, make_executor: Any, prepare: Any) -> None:
    executor = make_executor()
    cloud.faults.refuse("RunJob", 2)
    execution_id = executor.launch_job(prepare("true")).execution_id
    executor.cleanup(execution_id)


def test_a_run_that_is_not_answered_is_not_made_again(cloud: LocalCloudRun, make_executor: Any, prepare: Any) -> None:
    executor, request = make_executor(), prepare("true")
    executor.cleanup(executor.launch_job(prepare("true")).execution_id)
    cloud.counted()
    cloud.faults.lose_answer("RunJob")
    with pytest.raises(TransientError, match="did not answer") as caught:
        executor.launch_job(request)
    assert caught.value.may_have_started
    assert cloud.counted()["RunJob"] == 1
    found = executor.find_execution(request)
    assert found is not None
    executor.cleanup(found)


def test_plain_secrets_are_refused_unless_allowed(make_executor: Any, prepare: Any) -> None:
    executor = make_executor(allow_plain_secrets=False)
    request = prepare("true", secrets={"TOKEN": SECRET})
    error = refusal(executor, request)
    assert (type(error), error.kind) == (PermanentError, FailureKind.SPEC)
    assert "secrets['TOKEN']" in error.message
    assert "secret://gcp-secretmanager/" in error.hint
    assert "allow_plain_secrets" in error.hint


def test_a_secret_of_the_platforms_own_store_never_leaves_it(
    strict_cloud: LocalCloudRun, make_executor: Any, prepare: Any, wait: Any
) -> None:
    executor = make_executor(strict_cloud, allow_plain_secrets=False, credentials=str(strict_cloud.key_file(RUNNER)))
    reference = {
        "TOKEN": f"secret://gcp-secretmanager/{STORED}",
        "OLD": f"secret://gcp-secretmanager/{STORED}/versions/1",
    }
    request = prepare("sh", "-c", "echo $OLD; echo $TOKEN | wc -c", secrets={"TOKEN": SECRET, "OLD": "old"})
    request = attrs.evolve(request, spec=attrs.evolve(request.spec, secrets=reference))
    execution_id = executor.launch_job(request).execution_id
    assert wait(executor, execution_id).exit_code == 0
    assert executor.get_logs(execution_id).stdout.split() == [b"old", str(len(SECRET) + 1).encode()]
    (execution,) = strict_cloud.cloud.executions()
    assert SECRET not in str(execution)
    executor.cleanup(execution_id)


def test_a_secret_that_does_not_exist_is_told(strict_cloud: LocalCloudRun, make_executor: Any, prepare: Any) -> None:
    executor = make_executor(strict_cloud, credentials=str(strict_cloud.key_file(RUNNER)))
    request = prepare("true")
    reference = {"TOKEN": "secret://gcp-secretmanager/projects/local-project/secrets/absent"}
    error = refusal(executor, attrs.evolve(request, spec=attrs.evolve(request.spec, secrets=reference)))
    assert (type(error), error.kind) == (PermanentError, FailureKind.CREDENTIALS)
    assert "secrets/absent" in error.message
