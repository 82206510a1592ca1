"""Events reach Python's logging with their facts, and cost nothing where nobody sees them."""

import logging
import subprocess
import sys

import pytest

from container_manager_core.log import NAME, get_logger


def test_an_event_is_a_record_with_its_facts(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger=NAME)
    get_logger().info("job.launched", job_id="7", share="50%")
    (record,) = caplog.records
    assert (record.name, record.levelname) == (NAME, "INFO")
    assert record.getMessage() == "job.launched job_id='7' share='50%'"
    assert record.facts == {"job_id": "7", "share": "50%"}


def test_an_exception_is_told_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        get_logger().exception("job.step_broken", job_id="7")
    assert caplog.records[0].levelname == "ERROR"
    assert "ValueError: broken" in caplog.text


def test_events_below_the_level_are_not_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, logger=NAME)
    log = get_logger()
    for tell in (log.debug, log.info, log.warning):
        tell("job.launched")
    log.error("job.lost")
    assert [record.message for record in caplog.records] == ["job.lost"]


@pytest.mark.parametrize(
    ("told", "imported"),
    [("info", "False"), ("warning", "True")],
)
def test_structlog_is_imported_with_the_first_event_that_is_seen(told: str, imported: str) -> None:
    """Its import takes longer than that of all of the core."""
    program = (
        "import sys; from container_manager_core import ContainerManager;"
        "from container_manager_core.log import get_logger;"
        f"get_logger().{told}('job.launched'); print('structlog' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == imported


def test_importing_the_facade_imports_no_machinery() -> None:
    program = "import sys; from container_manager_core import ContainerManager; print(*sys.modules, sep='\\n')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    machinery = {"asyncio", "cattrs", "cryptography", "hashlib", "rich", "sqlite3", "ssl", "structlog", "tomllib"}
    assert not machinery & set(done.stdout.split())
