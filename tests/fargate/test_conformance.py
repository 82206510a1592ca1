"""The Fargate executor keeps the contract, on the local cloud."""

import time
from typing import Any, ClassVar

import pytest
from local_clouds.fargate import Faults, LocalFargate

from container_manager_core.executor import ContainerExecutor, ExecutorType
from container_manager_core.resources import Resources
from container_manager_core.spec import ContainerSpec
from container_manager_core.testing import ExecutorConformance, FaultInjector, Flood, overrides
from container_manager_core.testing.executor_kit import Prepare
from container_manager_core.testing.program import FLOOD_LINE
from container_manager_fargate.plugin import container_manager_executors
from support.engine import Engine
from support.fargate import Injector, options_for

FARGATE: ExecutorType = container_manager_executors()[0]


class TestFargate(ExecutorConformance):
    executor_type = FARGATE
    largest_environment_bytes: ClassVar[int] = 40_000
    impossible_spec = ContainerSpec(image="alpine", resources=Resources(cpus=64))

    @pytest.fixture(autouse=True)
    def _engine(self, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(type(self), "image", engine.image)

    @pytest.fixture
    def options(self, cloud: LocalFargate) -> Any:
        return options_for(cloud, allow_plain_secrets=True)

    @pytest.fixture
    def unreachable_options(self, cloud: LocalFargate) -> Any:
        return options_for(cloud, endpoint_url="http://127.0.0.1:9")

    @pytest.fixture
    def faults(self, faults: Faults) -> FaultInjector:
        return Injector(faults)

    @overrides(reason="the platform's log driver drops empty lines, so the values are compared as numbers of bytes")
    def test_environment_arrives_unchanged(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        environment = {
            "PLAIN": "value",
            "EMPTY": "",
            "SPACES": "  two  words ",
            "QUOTES": 'it\'s "quoted" `here` $HOME \\n',
            "EQUALS": "a=b=c",
            "LINES": "first\nsecond\n\nlast",
            "UNICODE": "Grüße, 世界 🚢",
        }
        script = "; ".join(f'printf %s "${{{name}-unset}}" | od -An -v -tx1; echo .' for name in environment)
        execution_id = self.run(executor, prepare(command=self.shell(script), environment=environment))
        printed = executor.get_logs(execution_id).stdout.split(b".")[:-1]
        assert [bytes.fromhex(each.decode()).decode() for each in printed] == list(environment.values())

    @overrides(reason="the platform shows live output line by line, and the suite's child never ends its line")
    def test_children_of_the_command_end_too(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        child = "( while :; do echo .; sleep 0.1; done ) & wait"
        execution_id = executor.launch_job(prepare(command=self.shell(child))).execution_id
        self.wait_for_output(executor, execution_id, b".")
        executor.cancel(execution_id, 1.0)
        before = executor.get_logs(execution_id).stdout
        time.sleep(0.5)
        assert executor.get_logs(execution_id).stdout == before, "something of it still writes"

    @overrides(reason="the platform has lines, and gives the last one a line end; so the flood ends with one")
    def test_a_page_holds_about_its_limit(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        flood = Flood(8000 * len(FLOOD_LINE))
        execution_id = self.run(executor, prepare(flood))
        limit, cursor, seen = 64 * 1024, "", b""
        for _ in range(100):
            page = executor.read_logs(execution_id, cursor, limit=limit)
            assert len(page.stdout) <= 2 * limit
            seen, cursor = seen + page.stdout, page.cursor
            if not page.more:
                break
        assert seen == flood.data
