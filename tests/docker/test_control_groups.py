"""Where the machine's own figures of a container are found."""

from pathlib import Path

import pytest

from container_manager_docker.usage import ControlGroups

ONE, OTHER, NONE = "1" * 64, "2" * 64, "3" * 64
GROUPS = (
    "docker/{id}",
    "system.slice/docker-{id}.scope",
    "machine.slice/libpod-{id}.scope",
    "libpod_parent/libpod-{id}",
)


def _write(files: dict[str, str], root: Path) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("group", GROUPS)
def test_usage_is_found_for_every_container_wherever_an_engine_keeps_it(
    group: str, version: int, tmp_path: Path
) -> None:
    for number, container_id in enumerate((ONE, OTHER), 1):
        path = group.format(id=container_id)
        split = {
            f"memory/{path}/memory.max_usage_in_bytes": f"{number}000\n",
            f"cpuacct/{path}/cpuacct.usage": f"{number}500000000\n",
        }
        unified = {
            f"{path}/memory.peak": f"{number}000\n",
            f"{path}/cpu.stat": f"usage_usec {number}500000\nuser_usec 1\n",
        }
        _write(split if version == 1 else unified, tmp_path)
    groups = ControlGroups(tmp_path)
    for _ in range(2):
        for number, container_id in enumerate((ONE, OTHER), 1):
            usage = groups.read(container_id)
            assert usage is not None
            assert (usage.peak_memory_bytes, usage.cpu_seconds) == (1000 * number, number + 0.5)
        assert groups.read(NONE) is None
