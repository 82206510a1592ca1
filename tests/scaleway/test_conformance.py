"""The Scaleway executor keeps the contract, on a local cloud that runs real containers."""

import time
from typing import Any

import pytest
from local_clouds.scaleway import Cloud

from container_manager_core.errors import PermanentError, TransientError
from container_manager_core.executor import ContainerExecutor, ExecutionStatus, ExecutorType
from container_manager_core.resources import Resources
from container_manager_core.spec import ContainerSpec
from container_manager_core.testing import ExecutorConformance, Exit, FaultInjector, Flood, PrintFolder, overrides
from container_manager_core.testing.executor_kit import Prepare
from container_manager_core.testing.program import FLOOD_LINE
from container_manager_scaleway.plugin import container_manager_executors
from support.engine import Engine

SCALEWAY: ExecutorType = container_manager_executors()[0]

_OPERATIONS = {"launch_job": "StartJobDefinition", "cancel": "StopJobRun", "cleanup": "GetJobRun", "*": "*"}
_TRIES = 2


class CloudFaults:
    """The suite's faults as the local cloud's."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def refuse(self, method: str, times: int) -> None:
        tries = _TRIES if method != "*" else 1  # each call of a method is tried so often
        self._cloud.faults.refuse(_OPERATIONS[method], times * tries)

    def lose_answer(self, method: str) -> None:
        self._cloud.faults.lose_answer(_OPERATIONS[method])

    def hide_new(self, seconds: float) -> None:
        self._cloud.faults.hide_seconds = seconds

    def delay_output(self, seconds: float) -> None:
        self._cloud.faults.least_late_seconds = seconds


class TestScaleway(ExecutorConformance):
    executor_type = SCALEWAY
    memory_limit_mib = 128
    impossible_spec = ContainerSpec(image="alpine", resources=Resources(memory_mib=20_000))

    @pytest.fixture(autouse=True)
    def _engine(self, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(type(self), "image", engine.image)

    @pytest.fixture
    def options(self, usual_cloud: Cloud, make_options: Any) -> Any:
        return make_options(usual_cloud)

    @pytest.fixture
    def unreachable_options(self, usual_cloud: Cloud, make_options: Any) -> Any:
        return make_options(usual_cloud, api_url="http://127.0.0.1:9", cockpit_url="http://127.0.0.1:9")

    @pytest.fixture
    def faults(self, usual_cloud: Cloud) -> Any:
        injector: FaultInjector = CloudFaults(usual_cloud)
        yield injector
        usual_cloud.faults.clear()

    @overrides(reason="Serverless Jobs have no working directory: asking for one is refused before anything starts")
    def test_working_directory_is_honoured(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        request = prepare(PrintFolder(), working_directory=self.working_directory)
        assert [problem.place for problem in executor.plan(request.spec).problems] == ["working_directory"]
        with pytest.raises(PermanentError, match="cannot choose the working directory; leave it out"):
            executor.launch_job(request)

    @overrides(reason="Cockpit shows output line by line, and the suite's child never ends its line")
    def test_children_of_the_command_end_too(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        child = "( while :; do echo .; sleep 0.1; done ) & wait"
        execution_id = executor.launch_job(prepare(command=self.shell(child))).execution_id
        self.wait_for_output(executor, execution_id, b".")
        executor.cancel(execution_id, 1.0)
        before = executor.get_logs(execution_id).stdout
        time.sleep(0.5)
        assert executor.get_logs(execution_id).stdout == before, "something of it still writes"

    @overrides(reason="a log of lines ends its last line too, and the suite's flood stops within one")
    def test_a_page_holds_about_its_limit(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        flood = Flood(28_000 * len(FLOOD_LINE))
        execution_id = self.run(executor, prepare(flood))
        limit, cursor, output = 64 * 1024, "", b""
        while True:
            page = executor.read_logs(execution_id, cursor, limit=limit)
            assert len(page.stdout) <= 2 * limit
            output, cursor = output + page.stdout, page.cursor
            if not page.more:
                break
        assert output == flood.data

    @overrides(reason="who has seen that a run ended asks Scaleway nothing to clean it up, so no answer can be lost")
    def test_a_cleanup_whose_answer_was_lost_can_be_repeated(
        self,
        executor: ContainerExecutor,
        prepare: Prepare,
        faults: FaultInjector,
        other_executor: ContainerExecutor,
    ) -> None:
        execution_id = self.run(executor, prepare(Exit(0)))
        faults.lose_answer("cleanup")
        with pytest.raises(TransientError):
            other_executor.cleanup(execution_id)
        other_executor.cleanup(execution_id)
        assert other_executor.check_status(execution_id).status is ExecutionStatus.NOT_FOUND
