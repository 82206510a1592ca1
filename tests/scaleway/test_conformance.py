"""The Scaleway executor keeps the contract, on a local cloud that runs real containers."""

from typing import Any

import pytest

from container_manager_core.errors import PermanentError
from container_manager_core.executor import ContainerExecutor, ExecutorType
from container_manager_core.resources import Resources
from container_manager_core.spec import ContainerSpec
from container_manager_core.testing import ExecutorConformance, FaultInjector, PrintFolder, overrides
from container_manager_core.testing.executor_kit import Prepare
from container_manager_scaleway.plugin import container_manager_executors
from local_clouds.scaleway import Cloud
from support.engine import Engine

SCALEWAY: ExecutorType = container_manager_executors()[0]

_OPERATIONS = {"launch_job": "StartJobDefinition", "cancel": "StopJobRun", "cleanup": "StopJobRun", "*": "*"}
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
        before = dict(vars(usual_cloud.faults))
        injector: FaultInjector = CloudFaults(usual_cloud)
        yield injector
        usual_cloud.faults.hide_seconds = before["hide_seconds"]
        usual_cloud.faults.least_late_seconds = before["least_late_seconds"]

    @overrides(reason="Serverless Jobs have no working directory: asking for one is refused before anything starts")
    def test_working_directory_is_honoured(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        request = prepare(PrintFolder(), working_directory=self.working_directory)
        assert [problem.place for problem in executor.plan(request.spec).problems] == ["working_directory"]
        with pytest.raises(PermanentError, match="cannot choose the working directory; leave it out"):
            executor.launch_job(request)
