"""What an attempt costs the engine in requests."""

from typing import Any

import attrs

from container_manager_core.attachments import Port


def test_an_attempt_costs_few_requests(make_executor: Any, proxy: Any, prepare: Any, wait: Any) -> None:
    """Launch to cleanup: create, start, inspect, logs, remove; the first of an image also an image's inspection."""
    executor = make_executor(base_url=proxy.base_url)
    for expected in (
        ["POST create", "POST start", "GET list", "GET json", "GET json", "GET logs", "DELETE"],
        ["POST create", "POST start", "GET list", "GET json", "GET logs", "DELETE"],
    ):
        executor.check_health()
        proxy.counted()
        request = prepare("sh", "-c", "echo out; sleep 0.3")
        launch = executor.launch_job(request)
        while not executor.check_statuses([launch.execution_id])[launch.execution_id].has_ended:
            proxy.requests = [line for line in proxy.requests if "containers/json" not in line]
        executor.get_usage(launch.execution_id)
        harvest = executor.harvest_job(attrs.evolve(request, execution_id=launch.execution_id))
        assert b"".join(page.stdout for page in harvest.pages) == b"out\n"
        executor.cleanup(launch.execution_id)
        assert [_short(line) for line in proxy.counted()] == expected


def test_the_version_is_settled_once(make_executor: Any, proxy: Any) -> None:
    executor = make_executor(base_url=proxy.base_url)
    executor.list_owned()
    executor.list_owned()
    assert proxy.counted() == ["GET /version", "GET /containers/json", "GET /containers/json"]


def test_ports_cost_one_request_more_and_are_known_at_launch(make_executor: Any, proxy: Any, prepare: Any) -> None:
    executor = make_executor(base_url=proxy.base_url)
    executor.check_health()
    proxy.counted()
    launch = executor.launch_job(prepare("sleep", "60", ports=(Port(container_port=80),)))
    assert [_short(line) for line in proxy.counted()] == ["POST create", "POST start", "GET json"]
    (port,) = launch.metadata["ports"]
    assert port["container_port"] == "80/tcp"
    assert port["host_address"] == "127.0.0.1"
    assert port["host_port"] > 0
    executor.cleanup(launch.execution_id)


def _short(line: str) -> str:
    method, path = line.split()
    if path == "/containers/json":
        return "GET list"
    last = path.rsplit("/", 1)[1]
    return f"{method} {last}" if len(last) < 20 else method
