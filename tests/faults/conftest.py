"""Options of the fault suite."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("faults")
    group.addoption("--storm-jobs", type=int, default=24, help="jobs in a storm of kills (the long run: 200)")
    group.addoption("--storm-kills", type=int, default=16, help="workers killed in it (the long run: 200)")
    group.addoption("--storm-seed", type=int, default=1, help="seed of the storm")
    group.addoption("--proxy-jobs", type=int, default=15, help="jobs over connections that fail (the long run: 100)")
    group.addoption("--flood-mib", type=int, default=200, help="MiB that one job prints (the long run: 1024)")
    group.addoption("--chaos-kills", type=int, default=30, help="workers killed without containers (the long run: 300)")
